"""Workers: which one runs on each machine, and how often the last ones crashed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rsvp.db import current_session, table_of
from rsvp.models import Worker
from rsvp.models.jobs import CRASHES_TO_REPORT

CRASH_WINDOW = timedelta(minutes=1)
"""One that ends so soon after another ends for the same reason, most likely."""
FORGET_AFTER = timedelta(days=1)
"""After how long an end is forgotten of a machine that is heard of no more."""

# A conflict means that a worker has run there before.
INSERT_IGNORE = {
    "sqlite": sqlite.insert(table_of(Worker)).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table_of(Worker)).on_conflict_do_nothing(),
}


def find_running_worker(host: str) -> str | None:
    """The worker that was the last to start there, unless it has said that it ended."""
    return current_session().scalar(select(Worker.holder).where(Worker.host == host))


def record_start(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note who runs there; `why`: the one before ended without a word, and so."""
    row = lock_worker(host)
    if why is not None:
        count_crash(row, why, now)
    row.holder, row.began_at = holder, now
    return row


def record_end(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note that it ends: as it was told to (None), or why."""
    row = lock_worker(host)
    if why is not None:
        count_crash(row, why, now)
    if row.holder == holder:
        row.holder = None
    return row


def count_crash(row: Worker, why: str, now: datetime) -> None:
    """Once there were two it goes on counting, however long the pauses get, until one
    has run well."""
    is_soon = row.ended_at is not None and abs(now - row.ended_at) <= CRASH_WINDOW
    row.ends = row.ends + 1 if is_soon or row.ends >= CRASHES_TO_REPORT else 1
    row.ended_at, row.why = now, why


def clear_crashes(host: str, *, now: datetime) -> None:
    """What ended before is of no interest any more."""
    row = lock_worker(host)
    row.ends, row.ended_at, row.why = 0, None, None
    long_ago = now - FORGET_AFTER
    current_session().execute(delete(Worker).where(Worker.ended_at < long_ago))


def lock_worker(host: str) -> Worker:
    session = current_session()
    session.execute(INSERT_IGNORE[session.get_bind().dialect.name], {"host": host})
    fresh = {"populate_existing": True}
    wanted = select(Worker).where(Worker.host == host).with_for_update()
    return session.scalars(wanted, execution_options=fresh).one()
