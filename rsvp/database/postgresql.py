"""PostgreSQL connections: options, session settings, timeouts, dead ones.

What a server's, a database's or a role's settings say otherwise is set right here, and
no wait for a server is without an end.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

T = TypeVar("T")

CONNECT_OPTIONS = {
    "connect_timeout": 5,  # seconds, for each of the server's addresses
    # A machine that has vanished says nothing: after 20 seconds it is given up.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
    "application_name": "rsvp",
}
"""What is asked of libpq, unless the address of the database says otherwise."""

SESSION_SETTINGS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    # What is decided by one statement, or under a lock, is decided by what is there.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A web thread waits for a colleague, and for a statement, so long at most.
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    # Whoever vanished in the middle of a transaction keeps its locks so long at most.
    "idle_in_transaction_session_timeout": "5min",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""What every connection is set up with. Left as they are: `search_path`, by which an
operator gives us a schema of our own, and `default_transaction_read_only`, which says
that a database must not be changed now."""

# A commit that was answered survives a power cut; waiting for a standby, too, is the
# operator's choice.
MAKE_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)

MAX_ANSWER_SECONDS = 75.0
"""Seconds to wait for a server that does not even say that a statement takes long."""

RETRY_SECONDS = 2.0
"""Seconds in which nobody tries again, after a connection that did not come about."""


def prepare_engine(engine: Engine) -> None:
    """Set up how this engine makes and keeps its connections."""
    gate = CircuitBreaker()

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _entry: Any, args: Any, values: Any) -> TimedConnection:
        options = CONNECT_OPTIONS | values
        return gate.through(
            lambda: set_up_connection(TimedConnection.connect(*args, **options))
        )

    event.listen(engine, "checkout", refuse_dead_connection)


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose server answers within some time, or is given up.

    `statement_timeout` is the server's own clock; a server that hangs has none.
    """

    patience: float | None = MAX_ANSWER_SECONDS

    def wait(self, gen: Any, *args: Any, **values: Any) -> Any:
        if "timeout" in values:
            return super().wait(gen, *args, **values)
        values["timeout"] = self.patience
        try:
            return super().wait(gen, *args, **values)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from None


class CircuitBreaker:
    """Lets all connect while that works; where it took long in vain, one tries again
    after a rest, and the others hear at once that there is no server."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_broken = self.is_tried = False
        self.rests_until = 0.0

    def through(self, connect: Callable[[], T]) -> T:
        began = time.monotonic()
        with self.lock:
            if self.is_broken:
                if self.is_tried or began < self.rests_until:
                    raise psycopg.OperationalError("no server a moment ago")
                self.is_tried = True
        try:
            connection = connect()
        except BaseException:
            now = time.monotonic()
            # A server that refuses says so at once, and may be back at once.
            self.note(is_broken=now - began > 1.0, rests_until=now + RETRY_SECONDS)
            raise
        self.note(is_broken=False, rests_until=0.0)
        return connection

    def note(self, *, is_broken: bool, rests_until: float) -> None:
        with self.lock:
            self.is_broken, self.rests_until = is_broken, rests_until
            self.is_tried = False


def set_up_connection(connection: TimedConnection) -> TimedConnection:
    """Set up a connection, before SQLAlchemy asks it the first thing: of a database in
    SQL_ASCII it would not understand the answer."""
    # Outside of a transaction: a rollback would take them back.
    connection.autocommit = True
    statements = [
        sql.SQL("SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in SESSION_SETTINGS.items()
    ]
    connection.execute(sql.SQL("; ").join([*statements, sql.SQL(MAKE_DURABLE)]))
    connection.autocommit = False
    return connection


def refuse_dead_connection(connection: Any, _entry: Any, _fairy: Any) -> None:
    """Detect that the server has closed a connection that nobody used meanwhile, as at
    a restart; the pool then makes another. Costs no query."""
    # While nothing was asked a server has nothing to say but its end.
    if connection.closed or is_readable(connection.pgconn.socket):
        raise DisconnectionError
    connection.patience = MAX_ANSWER_SECONDS


def is_readable(socket: int) -> bool:
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def disable_timeouts(connection: SqlConnection) -> None:
    """Let statements and locks of this transaction take as long as they take: tables
    are changed, or somebody waits until another has changed them."""
    driver: Any = connection.connection.driver_connection
    driver.patience = None
    for name in (
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
    ):
        connection.exec_driver_sql(f"SELECT set_config('{name}', '0', true)")
