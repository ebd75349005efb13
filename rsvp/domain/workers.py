"""Workers: who runs on each machine, and how those before ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rsvp.db import current_session, table_of
from rsvp.models import Worker
from rsvp.models.jobs import TOO_OFTEN

SOON = timedelta(minutes=1)
"""One that ends so soon after another ends for the same reason, most likely."""
FORGOTTEN_AFTER = timedelta(days=1)
"""After how long an end is forgotten of a machine that is heard of no more."""

# A conflict means that a worker has run there before.
FIRST_ROW = {
    "sqlite": sqlite.insert(table_of(Worker)).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table_of(Worker)).on_conflict_do_nothing(),
}


def find_holder(host: str) -> str | None:
    """The worker that was the last to start there, unless it has said that it ended."""
    return current_session().scalar(select(Worker.holder).where(Worker.host == host))


def begin(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note who runs there; `why`: the one before ended without a word, and so."""
    row = locked(host)
    if why is not None:
        count_end(row, why, now)
    row.holder, row.began_at = holder, now
    return row


def end(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note that it ends: as it was told to (None), or why."""
    row = locked(host)
    if why is not None:
        count_end(row, why, now)
    if row.holder == holder:
        row.holder = None
    return row


def count_end(row: Worker, why: str, now: datetime) -> None:
    """Once there were two it goes on counting, however long the pauses get, until one
    has run well."""
    is_soon = row.ended_at is not None and abs(now - row.ended_at) <= SOON
    row.ends = row.ends + 1 if is_soon or row.ends >= TOO_OFTEN else 1
    row.ended_at, row.why = now, why


def ran_well(host: str, *, now: datetime) -> None:
    """What ended before is of no interest any more."""
    row = locked(host)
    row.ends, row.ended_at, row.why = 0, None, None
    long_ago = now - FORGOTTEN_AFTER
    current_session().execute(delete(Worker).where(Worker.ended_at < long_ago))


def locked(host: str) -> Worker:
    session = current_session()
    session.execute(FIRST_ROW[session.get_bind().dialect.name], {"host": host})
    fresh = {"populate_existing": True}
    wanted = select(Worker).where(Worker.host == host).with_for_update()
    return session.scalars(wanted, execution_options=fresh).one()
