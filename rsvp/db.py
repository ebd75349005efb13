"""The database: column types, sessions, SQLite set-up, and who may write.

Every transaction only reads until a `writing()` block begins one that may write. On
SQLite that is `BEGIN IMMEDIATE`, entered in turn through a lock of our own, because
SQLite's busy handler sleeps and starves some of those who wait. On PostgreSQL it is a
plain transaction, and all others are read-only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Integer,
    MetaData,
    Table,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import Insert, UpdateBase
from sqlalchemy.sql.selectable import GenerativeSelect
from sqlalchemy.types import TypeDecorator

from rsvp.database.writer_queue import WriterQueue
from rsvp.errors import RetryUnderLock

P = ParamSpec("P")
T = TypeVar("T")
QueryT = TypeVar("QueryT", bound=Executable)
SelectT = TypeVar("SelectT", bound=GenerativeSelect)

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# What each SQLite connection must answer; `check_pragmas` refuses anything else.
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit that was answered survives a power cut
    "foreign_keys": 1,
    "busy_timeout": 5000,  # milliseconds
    "secure_delete": 1,
}

MAX_TRIES = 4
"""How often a change is tried that others keep getting ahead of."""

READ_STATEMENTS = (
    "SELECT",
    "WITH",
    "PRAGMA",
    "BEGIN",
    "SHOW",
    "SAVEPOINT",
    "RELEASE",
    "EXPLAIN",
)

BigId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class WriteOutsideWriting(RuntimeError):
    """A statement that writes was sent outside a `writing()` block."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        if value is None:
            return None
        return (
            value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        )


def utcnow() -> datetime:
    """The present instant, aware, in UTC. Domain functions are handed it as `now`."""
    return datetime.now(UTC)


def code_key() -> bytes:
    """Return the key of codes, links and the keyed hashes of mailboxes."""
    key: bytes = current_app.config["CODE_KEY"]
    return key


# --- who may write ------------------------------------------------------------------


def acquire_write_lock(
    engine: Engine, patience: float | None = None
) -> contextlib.AbstractContextManager[None]:
    """Return the lock that writers of a SQLite file share; on PostgreSQL nobody waits.

    Raises WriteLockUnavailable where it does not come in `patience` seconds (None: as
    for a page).
    """
    queue: WriterQueue | None = engine.__dict__.get("rsvp_queue")
    return queue.acquire(patience) if queue else contextlib.nullcontext()


def current_session() -> Session:
    """Return the session of the present application context, as Flask-SQLAlchemy keeps
    it."""
    session: Session = current_app.extensions["sqlalchemy"].session()
    return session


def current_connection() -> Connection:
    """Return the present transaction's connection, for statements on the hot path.

    Inside `writing()` it is at hand: asking the session each time costs more than a
    small statement does.
    """
    session = current_session()
    return session.info.get("connection") or session.connection()


@contextlib.contextmanager
def writing() -> Iterator[Session]:
    """Open the transaction that may write; its end commits, an error rolls it back.

    What was read before is read again inside, so decide on nothing older. Blocks do not
    nest: whoever was called from outside (view, job, command) opens the one block.
    """
    session = current_session()
    if session.in_transaction():
        if session.info.get("writing"):
            raise RuntimeError("writing() blocks do not nest")
        # Ends the read transaction: its snapshot is older than the lock.
        session.rollback()
    engine = session.get_bind().engine
    engine_hooks = engine.__dict__
    with acquire_write_lock(engine):
        try:
            session.info["writing"] = True
            connection = session.connection(execution_options={"rsvp_writing": True})
            session.info["connection"] = connection
            connection_info = connection.info
            connection_info.pop("rsvp_mails", None)
            session.info.pop("erased", None)
            yield session
            # Before the commit: what is erased is noted, see rsvp.erasure_log.
            if (erased := session.info.pop("erased", None)) and (
                log_erasures := engine_hooks.get("rsvp_erased")
            ):
                log_erasures(erased)
            session.commit()
        except BaseException as error:
            session.rollback()
            if is_sqlite_busy(error) and (queue := engine_hooks.get("rsvp_queue")):
                queue.is_stuck = True
            raise
        finally:
            session.info["writing"] = False
            session.info.pop("connection", None)
            session.info.pop("lock_numbers", None)
    if (notify_worker := engine_hooks.get("rsvp_after_mails")) and connection_info.pop(
        "rsvp_mails", False
    ):
        notify_worker()


def write(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function inside `writing()` and return what it returned.

    After PostgreSQL reported a deadlock it is called again, a few times at most, with
    the same arguments: hand over ids, and look rows up inside.
    """
    return try_again(lambda _under_lock: function(*args, **kwargs), under_lock=False)


def write_optimistic(
    function: Callable[..., T], *args: Any, locked_first: bool = False
) -> T:
    """Call `function(*args, under_lock=False)` inside `writing()`, and return what it
    returned: it decides without the event's lock, on what was read before.

    It is called again with `under_lock=True` after it raised `RetryUnderLock` (what it
    was decided on has changed), or after a deadlock; a few times at most. Whoever knows
    that the first quick try is in vain begins with the lock: `locked_first`.
    """
    return try_again(
        lambda under_lock: function(*args, under_lock=under_lock),
        under_lock=locked_first,
    )


def try_again(change: Callable[[bool], T], *, under_lock: bool) -> T:
    tries = 1
    while True:
        try:
            with writing():
                return change(under_lock)
        except (RetryUnderLock, OperationalError) as error:
            may_pass = isinstance(error, RetryUnderLock) or is_deadlock(error)
            if tries == MAX_TRIES or not may_pass:
                raise
        tries += 1
        under_lock = True


# --- statements ---------------------------------------------------------------------


def fresh(query: QueryT) -> QueryT:
    """Return the query so that rows in memory become what the database has now."""
    return query.execution_options(populate_existing=True)


def lock_rows(query: SelectT, *tables: type[Base]) -> SelectT:
    """Return the query so that it locks its rows, or those of some of its tables.

    SQLite has no such locks: there `writing()` goes in turn. FOR NO KEY UPDATE leaves
    new rows alone that refer to these; plain FOR UPDATE would deadlock with them.
    """
    return query.with_for_update(key_share=True, of=tables or None)


def insert_or_ignore(
    model: type[Base], *, returning: InstrumentedAttribute[Any] | None = None
) -> dict[str, Insert]:
    """Return an INSERT for each engine, by its dialect's name, that does nothing where
    a row of the same key is there: it then returns none.

    A module makes its own once, as it is imported, so it is compiled once.
    """
    table = table_of(model)
    statements: dict[str, Insert] = {
        "sqlite": sqlite_insert(table).on_conflict_do_nothing(),
        "postgresql": postgresql_insert(table).on_conflict_do_nothing(),
    }
    if returning is not None:
        column = table.c[returning.key]
        statements = {name: s.returning(column) for name, s in statements.items()}
    return statements


def changed_one(statement: UpdateBase) -> bool:
    """Whether the statement changed exactly one row.

    Rows in memory are left as they are: whoever needs a count reads it anew.
    """
    unsynced = statement.execution_options(synchronize_session=False)
    result = cast("CursorResult[Any]", current_session().execute(unsynced))
    return result.rowcount == 1


def table_of(model: type[Base]) -> Table:
    """Return the plain table behind a model, for statements on the hot path."""
    return cast(Table, model.__table__)


# --- errors -------------------------------------------------------------------------


def is_sqlite_busy(error: BaseException) -> bool:
    """Whether somebody held SQLite's lock who does not wait in our queue."""
    driver_error = getattr(error, "orig", None)
    return getattr(driver_error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_deadlock(error: OperationalError) -> bool:
    """Whether PostgreSQL gave this transaction up for another (SQLSTATE 40P01)."""
    return getattr(error.orig, "sqlstate", None) == "40P01"


# --- engines ------------------------------------------------------------------------


def prepare_engine(engine: Engine) -> None:
    """Hook the set-up of connections and transactions into an engine, once."""
    if engine.__dict__.get("rsvp_ready"):
        return
    engine.__dict__["rsvp_ready"] = True
    event.listen(engine, "before_cursor_execute", refuse_stray_writes)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", set_pragmas)
        event.listen(engine, "begin", begin_sqlite)
        file = engine.url.database
        if file and file != ":memory:":
            engine.__dict__["rsvp_queue"] = WriterQueue(Path(file + ".lock"))
            # SQLite would make it for all to read; what lies beside it follows it.
            event.listen(
                engine, "do_connect", lambda *_: create_private_file(Path(file))
            )
    else:
        # Its driver takes 30 ms to load.
        from rsvp.database import postgresql

        postgresql.prepare_engine(engine)


def create_private_file(file: Path) -> None:
    """Make a file that is not there yet, empty, and its owner's alone."""
    with contextlib.suppress(OSError):  # it is there, or whoever opens it says more
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def set_pragmas(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling is switched off; begin_sqlite does it.
    connection.isolation_level = None
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")


def begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("rsvp_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def refuse_stray_writes(
    connection: Connection,
    _cursor: Any,
    statement: str,
    _parameters: Any,
    _context: Any,
    _many: bool,
) -> None:
    if connection.get_execution_options().get("rsvp_writing"):
        return
    if not statement.lstrip().upper().startswith(READ_STATEMENTS):
        raise WriteOutsideWriting(statement.split(maxsplit=1)[0])


def check_pragmas(engine: Engine) -> list[str]:
    """Return the SQLite settings that are not as they must be, as `name is value`."""
    if engine.dialect.name != "sqlite":
        return []
    with engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in PRAGMAS
        }
    return [
        f"{name} is {values[name]!r}"
        for name, expected in PRAGMAS.items()
        if values[name] != expected
    ]
