"""Migrate the database, also while a site is running on it.

All migrations that are missing run in one transaction, so one that is killed or fails
leaves what was there. How a site waits meanwhile is told in docs/operators.md.
"""

from __future__ import annotations

import logging
import random
import time

import flask_migrate
from sqlalchemy import bindparam, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from rsvp.config import UnsafeStart
from rsvp.database import outages
from rsvp.db import Base
from rsvp.errors import WriteLockUnavailable

log = logging.getLogger("rsvp.migrating")

LOCK_TIMEOUT = 60.0
"""Seconds for which tables that others use are tried for."""
MIN_TRY_MS, MAX_TRY_MS = 50, 400
"""Milliseconds that a try may take, and that the site waits behind it; each is longer
than the one before. Between two the site works off what had to wait, for as long."""
LOCKED_FIRST = ("events", "registrations")
"""What requests begin with: whoever comes while a try waits for these has nothing yet
that the try would wait for in turn."""

# PostgreSQL's words for: cancelled by our own limit, a lock not had, a deadlock.
IN_USE_CODES = {"57014", "55P03", "40P01"}

LONGEST_USER_QUERY = text(
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a"
    " USING (pid) WHERE l.granted AND l.relation IN (SELECT c.oid FROM pg_class c"
    " WHERE c.relkind = 'r' AND c.relname IN :names)"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND a.pid <> pg_backend_pid() ORDER BY a.xact_start NULLS LAST LIMIT 1"
).bindparams(bindparam("names", expanding=True))


def upgrade() -> None:
    """Run the migrations that are missing.

    Raises UnsafeStart where others use the tables without a break for LOCK_TIMEOUT;
    nothing has changed then.
    """
    try:
        flask_migrate.upgrade()
    except (OperationalError, WriteLockUnavailable) as error:
        outage = outages.find(error)
        if outage and outage.kind == outages.OutageKind.BUSY:
            raise in_use_error("others write to the database") from error
        raise


def lock_tables(connection: Connection) -> None:
    """Lock all tables in this transaction, before its first change.

    On PostgreSQL a change waits until nobody reads the table, and whoever comes later
    waits behind it. One that has a table while somebody who reads another wants that
    one would be a deadlock, and people would be told of an error. So it has everything
    before it changes anything, and lets go of what it has long before PostgreSQL looks
    for deadlocks (`deadlock_timeout`). Raises UnsafeStart as `upgrade` does.
    """
    existing = inspect(connection).get_table_names()
    tables = sorted(
        Base.metadata.tables.keys() & set(existing),
        key=lambda name: (name not in LOCKED_FIRST, name),
    )
    if connection.dialect.name != "postgresql" or not tables:
        return
    run = connection.exec_driver_sql
    looks_after = run(
        "SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'"
    ).scalar_one()
    longest = max(1, min(looks_after // 2, MAX_TRY_MS))
    wait, until = min(MIN_TRY_MS, longest), time.monotonic() + LOCK_TIMEOUT
    has_warned = False
    while not try_lock(connection, tables, wait):
        if time.monotonic() >= until:
            run("SET LOCAL statement_timeout = 0")
            raise in_use_error(describe_users(connection, tables))
        if not has_warned:
            log.warning("the tables are in use; trying for up to %.0f s", LOCK_TIMEOUT)
            has_warned = True
        sleep_about(wait)
        wait = min(wait * 2, longest)
    # From here on it has what it needs, and takes the time it takes.
    run("SET LOCAL statement_timeout = 0")


def try_lock(connection: Connection, tables: list[str], milliseconds: int) -> bool:
    """Try to lock all tables in that time; if not all were had, none of them is
    held."""
    run = connection.exec_driver_sql
    run(f"SET LOCAL statement_timeout = {milliseconds}")
    try:
        with connection.begin_nested():
            run(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in IN_USE_CODES:
            raise
        return False
    return True


def sleep_about(milliseconds: int) -> None:
    # About: not in step with anything else that comes again and again.
    time.sleep(milliseconds / 1000 * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def describe_users(connection: Connection, tables: list[str]) -> str:
    row = connection.execute(LONGEST_USER_QUERY, {"names": tables}).first()
    if row is None:
        return "the tables are in use"
    name = row.application_name or "without a name"
    return f"the tables are in use, longest by process {row.pid} ({name})"


def in_use_error(what: str) -> UnsafeStart:
    return UnsafeStart(
        f"{what} without a break; nothing was changed: run `rsvp init` again when "
        "that has ended"
    )
