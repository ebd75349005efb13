"""Workers: which one runs on each machine, and how often the last ones crashed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from rsvp.db import current_session, fresh, insert_or_ignore
from rsvp.models import Worker
from rsvp.models.jobs import CRASHES_TO_REPORT

CRASH_WINDOW = timedelta(minutes=1)
"""One that ends so soon after another ends for the same reason, most likely."""
FORGET_AFTER = timedelta(days=1)
"""After how long an end is forgotten of a machine that is heard of no more."""

# A conflict means that a worker has run there before.
INSERT_IGNORE = insert_or_ignore(Worker)


def find_running_worker(host: str) -> str | None:
    """Return the worker that was the last to start there, unless it said that it
    ended."""
    return current_session().scalar(select(Worker.holder).where(Worker.host == host))


def record_start(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note who runs there; `why`: the one before ended without a word, and so."""
    worker = lock_worker(host)
    if why is not None:
        count_crash(worker, why, now)
    worker.holder, worker.began_at = holder, now
    return worker


def record_end(host: str, holder: str, why: str | None, *, now: datetime) -> Worker:
    """Note that it ends: as it was told to (None), or why."""
    worker = lock_worker(host)
    if why is not None:
        count_crash(worker, why, now)
    if worker.holder == holder:
        worker.holder = None
    return worker


def count_crash(worker: Worker, why: str, now: datetime) -> None:
    """Count a crash. Once there were two it goes on counting, however long the pauses
    get, until one has run well."""
    is_soon = worker.ended_at is not None and abs(now - worker.ended_at) <= CRASH_WINDOW
    worker.ends = worker.ends + 1 if is_soon or worker.ends >= CRASHES_TO_REPORT else 1
    worker.ended_at, worker.why = now, why


def clear_crashes(host: str, *, now: datetime) -> None:
    """Forget the crashes of a machine whose worker runs well."""
    worker = lock_worker(host)
    worker.ends, worker.ended_at, worker.why = 0, None, None
    long_ago = now - FORGET_AFTER
    current_session().execute(delete(Worker).where(Worker.ended_at < long_ago))


def lock_worker(host: str) -> Worker:
    session = current_session()
    session.execute(INSERT_IGNORE[session.get_bind().dialect.name], {"host": host})
    query = select(Worker).where(Worker.host == host).with_for_update()
    return session.scalars(fresh(query)).one()
