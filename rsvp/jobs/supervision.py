"""Worker supervision: records in the database how a worker fares.

Whoever started it starts it again. Without this a worker that dies each time would look
as if it worked. What the database doesn't take stands in the log.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from rsvp.database import outages
from rsvp.db import changed_one, current_session, table_of, write
from rsvp.domain import workers
from rsvp.jobs import error_summary
from rsvp.jobs.scheduler import LIVE_HOLDERS, is_holder_gone, new_holder_name
from rsvp.models import Job, Worker
from rsvp.models.jobs import CRASHES_TO_REPORT

log = logging.getLogger("rsvp.jobs")

T = TypeVar("T")

HEALTHY_AFTER = 180.0
"""Seconds that a worker runs before what ended those before it is forgotten."""
UNKNOWN_EXIT = "it was killed, or ended without a word"

INSERT_BY_ENGINE: dict[str, Callable[[Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class SupervisedWorker:
    """A worker of this machine, from its start to its end."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.host = socket.gethostname()[:40]
        self.holder = new_holder_name()
        self.began = time.monotonic()
        self.is_marked_healthy = False

    def begin(self, ended: str | None) -> None:
        """Record the start. `ended`: how the previous worker ended, where whoever
        started this one knows."""
        LIVE_HOLDERS.add(self.holder)

        def change() -> Worker:
            previous_holder = workers.find_running_worker(self.host)
            has_gone = previous_holder is not None and is_holder_gone(previous_holder)
            reason = (ended or UNKNOWN_EXIT) if has_gone else None
            return workers.record_start(
                self.host, self.holder, reason, now=self.clock()
            )

        self.log_frequent_ends(self.record(change))

    def end(self, error: BaseException | None) -> None:
        """Record the end: because of this error, or (None) as it was told to."""
        LIVE_HOLDERS.discard(self.holder)
        reason = error_summary.error_summary(error) if error is not None else None
        if error is not None:
            log.error(
                "the worker ends: %s\n%s", reason, error_summary.error_traceback(error)
            )
        self.log_frequent_ends(
            self.record(
                lambda: workers.record_end(
                    self.host, self.holder, reason, now=self.clock()
                )
            )
        )

    def mark_running(self) -> None:
        """Record that it runs; after some minutes earlier crashes are forgotten."""
        if self.is_marked_healthy or time.monotonic() - self.began < HEALTHY_AFTER:
            return
        self.record(lambda: workers.clear_crashes(self.host, now=self.clock()))
        self.is_marked_healthy = True

    def record(self, change: Callable[[], Worker | None]) -> tuple[int, str] | None:
        """Change the worker's row; return how many ended shortly after one another, and
        why the last did."""

        def changed() -> tuple[int, str] | None:
            row = change()
            return (row.ends, row.why) if row and row.why else None

        return write_if_possible("how the worker fares", changed)

    def log_frequent_ends(self, ends: tuple[int, str] | None) -> None:
        if ends and ends[0] >= CRASHES_TO_REPORT:
            template = "workers of this machine ended %d times within a short time: %s"
            log.error(template, *ends)


def write_if_possible(what: str, change: Callable[[], T]) -> T | None:
    """Write a change, or log that the database does not take it and return None."""
    try:
        return write(change)
    except Exception as error:
        outage = outages.find(error)
        if outage is None and not isinstance(error, SQLAlchemyError):
            raise
        current_session().rollback()
        log.error("%s is not noted: %s", what, outage or type(error).__name__)
        return None


class WorkerLoop:
    """A task that a worker repeats. While it fails it has a row among the jobs, so that
    it is shown like one of them."""

    def __init__(
        self, name: str, run: Callable[[], bool], clock: Callable[[], datetime]
    ) -> None:
        self.name, self.run, self.clock = name, run, clock
        self.failures = 0
        # Whoever was there before may have left a row.
        self.may_have_row = True

    def mark_succeeded(self) -> None:
        self.failures = 0
        if not self.may_have_row:
            return
        row = delete(table_of(Job)).where(Job.name == self.name)
        if current_session().get(Job, self.name) is not None:
            write_if_possible(f"that {self.name} goes on", lambda: changed_one(row))
        current_session().rollback()
        self.may_have_row = False

    def mark_failed(self, error: Exception, pauses: list[timedelta]) -> timedelta:
        """Record and log a failure; return after which pause it is tried again."""
        pause = pauses[min(self.failures, len(pauses) - 1)]
        self.failures += 1
        reason = error_summary.error_summary(error)
        template = "%s failed, to be tried again in %s: %s\n%s"
        log.error(
            template, self.name, pause, reason, error_summary.error_traceback(error)
        )
        now = self.clock()
        values = {
            "due_at": now + pause,
            "started_at": now,
            "finished_at": now,
            "failures": self.failures,
            "last_error": reason,
        }
        fresh = {"name": self.name, "runs": 0, "done": 0} | values

        def change() -> None:
            session = current_session()
            row = INSERT_BY_ENGINE[session.get_bind().dialect.name](
                table_of(Job)
            ).values(fresh)
            known = row.on_conflict_do_update(index_elements=["name"], set_=values)
            session.execute(known)

        write_if_possible(f"that {self.name} failed", change)
        self.may_have_row = True
        return pause
