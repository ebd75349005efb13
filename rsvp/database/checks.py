"""Database checks before a start: encoding, permissions, writable folder.

Each raises UnsafeStart, with one line for the operator, where it can't.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from rsvp.config import UnsafeStart
from rsvp.database import outages
from rsvp.db import Base, writing
from rsvp.errors import WriteLockUnavailable
from rsvp.extensions import db

log = logging.getLogger("rsvp.database")


@contextlib.contextmanager
def errors_as_unsafe_start() -> Iterator[None]:
    """Raise the database's errors inside as UnsafeStart."""
    try:
        yield
    except SQLAlchemyError as error:
        db.session.rollback()
        raise UnsafeStart(error_text(error)) from error
    except WriteLockUnavailable as error:
        raise UnsafeStart(str(outages.find(error))) from error


def error_text(error: SQLAlchemyError) -> str:
    """Return what is wrong with the database: what it means, where we know, and what it
    said itself."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    outage = outages.find(error)
    if outage and outage.kind == outages.OutageKind.AWAY:
        # SQLite says no more than that it can't open the file.
        try:
            refuse_unwritable_place()
        except UnsafeStart as plainer:
            return str(plainer)
    return f"{outage.kind if outage else 'the database says'}: {lines[0]}"


def refuse_other_encoding() -> None:
    """Refuse PostgreSQL's other encodings: they lack most of people's names, or
    (SQL_ASCII) keep whatever bytes they are sent."""
    if db.engine.dialect.name != "postgresql":
        return
    with db.engine.connect() as connection:
        name = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if name != "UTF8":
        raise UnsafeStart(
            f"the database's encoding is {name} and must be UTF8: make another with "
            "`createdb --encoding=UTF8 --template=template0`"
        )


def refuse_unwritable_place() -> None:
    """Refuse a folder that can't be written to: SQLite makes its file itself, and two
    more beside it."""
    file = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not file or file == ":memory:":
        return
    path = Path(file)
    if path.is_dir():
        raise UnsafeStart(f"the database {path} is a folder and must be a file")
    for place in (path, path.resolve().parent):
        if not place.exists():
            continue
        if not os.access(place, os.W_OK):
            raise UnsafeStart(
                f"{outages.OutageKind.READ_ONLY}: {place} can't be written"
            )


def refuse_read_only() -> None:
    """Refuse a read-only database: change something and take it back, since the
    database alone knows whether it may.

    A disk that is full is no reason not to start: what is there can be read.
    """
    refuse_unwritable_place()
    try:
        with writing() as session:
            session.execute(text("UPDATE code_keys SET id = id"))
            if db.engine.dialect.name == "postgresql":
                refuse_missing_rights(session.connection())
            raise DiscardChanges
    except DiscardChanges:
        return
    except SQLAlchemyError as error:
        outage = outages.find(error)
        if outage is None or outage.kind != outages.OutageKind.FULL:
            raise
        log.error("nothing can be stored: %s", outage)


class DiscardChanges(Exception):
    """Ends a block without keeping what was written in it."""


RIGHTS_QUERY = """
SELECT c.relname FROM pg_class c
WHERE c.relname = ANY(:names) AND c.relnamespace = (
    SELECT relnamespace FROM pg_class WHERE oid = to_regclass('code_keys')
)
AND NOT CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE')
    ELSE has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
    AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
    END
ORDER BY c.relname LIMIT 1
"""
"""The first of our tables, and of the sequences that number their rows, that the role
may not write to."""


def refuse_missing_rights(connection: Connection) -> None:
    tables = [table.name for table in Base.metadata.sorted_tables]
    names = [*tables, *(f"{name}_id_seq" for name in tables)]
    missing = connection.execute(text(RIGHTS_QUERY), {"names": names}).scalar()
    if missing is not None:
        raise UnsafeStart(
            f"{outages.OutageKind.READ_ONLY}: the role may not read, insert, update"
            f" and delete in {missing}"
        )
