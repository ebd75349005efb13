"""Scheduler: recurring jobs, each run by one worker at a time.

Each job has a row. A worker claims the row by a lease, does the job, and notes how it
went and when it is due again. One that dies or stalls keeps nobody waiting: when its
lease ends another worker takes over. So a job may come to run twice at once, and each
of them is safe to.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import or_, select, update

from rsvp.clocks import SteadyTime, latest_end
from rsvp.db import changed_one, current_session, insert_or_ignore, write, writing
from rsvp.domain import trusted_clock
from rsvp.domain.trusted_clock import ClockTrust
from rsvp.jobs import error_summary, tasks
from rsvp.jobs.delivery.domain_backoff import forget_domains
from rsvp.jobs.tasks import (
    close_reconfirmations,
    erase_expired,
    expire_registrations,
    send_mailings,
    send_reconfirmations,
    send_reminders,
)
from rsvp.models import Job
from rsvp.models.jobs import (
    IRREVERSIBLE_JOBS,
    JOB_INTERVALS,
    JOB_LEASE,
    JOB_RETRY_DELAYS,
    latest_due_at,
)

log = logging.getLogger("rsvp.jobs")


@dataclass(frozen=True)
class RecurringJob:
    """A job that is due every so many seconds: `run(now)` does what is due at `now` and
    says how many things that were. It is safe to run twice and at once."""

    name: str
    seconds: float
    run: Callable[[datetime], int]

    @property
    def can_be_undone(self) -> bool:
        return self.name not in IRREVERSIBLE_JOBS


JOB_FUNCTIONS = {
    "settle": expire_registrations,
    "close": close_reconfirmations,
    "ask": send_reconfirmations,
    "remind": send_reminders,
    "mailings": send_mailings,
    "erase": erase_expired,
    "domains": forget_domains,
    "counts": tasks.forget_mail_counts,
}
JOBS = tuple(
    RecurringJob(name, seconds, JOB_FUNCTIONS[name])
    for name, seconds in JOB_INTERVALS.items()
)
"""In the order in which they run when several are due."""

LEASE, RETRY_PAUSES = JOB_LEASE, JOB_RETRY_DELAYS

# A conflict means that another worker was quicker to write the job's first row.
INSERT_FIRST_ROW = insert_or_ignore(Job)


def run_due_jobs(
    now: datetime,
    *,
    jobs: Sequence[RecurringJob] = JOBS,
    early: bool = False,
    stop: threading.Event | None = None,
    failed: list[str] | None = None,
    waiting: list[str] | None = None,
    steady: SteadyTime | None = None,
) -> dict[str, int]:
    """Run each of `jobs` that is due at `now` and that no other worker runs; return how
    many things each did.

    With `early` also those that are not due yet. One that fails is missing in what is
    returned, and named in `failed`; the others go on. So is one that can't be undone,
    in `waiting`, while the clock that says `now` is not trusted, by what the machine's
    `steady` clock says (None: the caller knows what time it is). Must not be called
    inside `writing()`.
    """
    done: dict[str, int] = {}
    due = due_jobs(now, jobs, early=early)
    if not due:
        return done
    clock_trust = read_clock_state(now, steady) if steady else ClockTrust()
    for job in due:
        if stop is not None and stop.is_set():
            break
        if not (clock_trust.is_trusted or job.can_be_undone):
            if waiting is not None:
                waiting.append(job.name)
            continue
        claim = JobClaim.try_claim(job, now, early=early)
        if claim is not None:
            count = claim.run()
            if count is not None:
                done[job.name] = count
            elif failed is not None:
                failed.append(job.name)
    return done


def read_clock_state(now: datetime, steady: SteadyTime) -> ClockTrust:
    """Return whether the clock is trusted in this run; most of the time that takes one
    read."""
    is_up_to_date = trusted_clock.is_up_to_date(now, steady)
    current_session().rollback()
    if is_up_to_date:
        return ClockTrust()
    clock_trust = write(trusted_clock.check_clock, now, steady)
    if clock_trust.is_first_seen:
        log.warning(
            "the clock stands at %s, %s from the last run: %s wait until it has gone "
            "on like that for an hour",
            f"{now:%Y-%m-%d %H:%M} UTC",
            clock_trust.difference,
            " and ".join(IRREVERSIBLE_JOBS),
        )
    return clock_trust


def due_jobs(
    now: datetime, jobs: Sequence[RecurringJob], *, early: bool
) -> list[RecurringJob]:
    """Return the jobs that look due: one read, and most of the time there is none."""
    session = current_session()
    rows = {row.name: row for row in session.scalars(select(Job))}
    due = [job for job in jobs if is_due(job, rows.get(job.name), now, early=early)]
    session.rollback()
    return due


def is_due(job: RecurringJob, row: Job | None, now: datetime, *, early: bool) -> bool:
    if row is None:  # it never ran
        return True
    is_held = row.is_running(now) and not is_holder_gone(row.holder)
    return (early or row.is_due(now, job.seconds)) and not is_held


# --- who holds a job ----------------------------------------------------------------

LIVE_HOLDERS: set[str] = set()
"""What this process holds at present."""


def new_holder_name() -> str:
    """Return a name that nobody else has: the machine, the process, and something
    random."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


def is_holder_gone(holder: str | None) -> bool:
    """Whether it is certain that whoever holds a job has ended, so that nobody needs to
    wait for the end of the lease. Of another machine that is never certain.

    Where two machines have one name it may be wrong, which jobs are safe from.
    """
    if holder is None:
        return True
    machine, process, _ = holder.rsplit(":", 2)
    if machine != socket.gethostname()[:40] or not Path("/proc/self").exists():
        return False
    if process == str(os.getpid()):
        return holder not in LIVE_HOLDERS
    return not Path("/proc", process).exists()


@dataclass(frozen=True)
class JobClaim:
    """A job that this worker may do until its lease ends."""

    job: RecurringJob
    holder: str
    now: datetime
    clock: float

    @classmethod
    def try_claim(
        cls, job: RecurringJob, now: datetime, *, early: bool = False
    ) -> JobClaim | None:
        """Claim the job, if it is due and no other worker runs it; else return None."""
        claim = cls(job, new_holder_name(), now, time.monotonic())
        LIVE_HOLDERS.add(claim.holder)
        try:
            is_claimed = claim.claim_row(early=early)
        except BaseException:
            LIVE_HOLDERS.discard(claim.holder)
            raise
        if is_claimed:
            return claim
        LIVE_HOLDERS.discard(claim.holder)
        return None

    def claim_row(self, *, early: bool) -> bool:
        columns = (Job.due_at, Job.holder, Job.failures)
        query = select(*columns).where(Job.name == self.job.name)
        with writing() as session:
            row = session.execute(query).one_or_none()
            if row is None:
                first = INSERT_FIRST_ROW[session.get_bind().dialect.name]
                name, due = self.job.name, self.now
                session.execute(first, {"name": name, "due_at": due, **ZERO_COUNTS})
            is_free = or_(
                Job.lease_until.is_(None),
                Job.lease_until <= self.now,
                Job.lease_until > latest_end(self.now, LEASE),
            )
            if row is not None and row.holder and is_holder_gone(row.holder):
                is_free = or_(is_free, Job.holder == row.holder)
            claim = update(Job).where(Job.name == self.job.name, is_free)
            if not early:
                failures = row.failures if row is not None else 0
                at_the_latest = latest_due_at(self.job.seconds, failures, self.now)
                claim = claim.where(
                    or_(Job.due_at <= self.now, Job.due_at > at_the_latest)
                )
            return changed_one(
                claim.values(
                    lease_until=self.now + LEASE,
                    holder=self.holder,
                    started_at=self.now,
                )
            )

    def run(self) -> int | None:
        """Run the job and record the outcome; return None if it failed."""
        try:
            done = self.job.run(self.now)
        except Exception as error:
            # What is wrong with one job must not keep the others from running.
            current_session().rollback()
            self.record_failure(error)
            return None
        else:
            self.record_success(done)
            return done
        finally:
            LIVE_HOLDERS.discard(self.holder)

    def record_success(self, done: int) -> None:
        due = self.now + timedelta(seconds=self.job.seconds)
        self.update_status(
            due_at=due, done=done, runs=Job.runs + 1, failures=0, last_error=None
        )

    def record_failure(self, error: Exception) -> None:
        """Record and log a failure without the error's text, which may quote somebody's
        data."""
        name, frames = type(error).__name__, error_summary.error_traceback(error)
        log.error("job %s failed: %s\n%s", self.job.name, name, frames)
        with writing() as session:
            before = session.scalars(
                select(Job.failures).where(Job.name == self.job.name)
            ).one()
            pause = RETRY_PAUSES[min(before, len(RETRY_PAUSES) - 1)]
            self.write_status(
                due_at=self.instant() + pause,
                failures=before + 1,
                last_error=error_summary.error_summary(error),
            )

    def update_status(self, **values: object) -> None:
        with writing():
            self.write_status(**values)

    def write_status(self, **values: object) -> None:
        """Change the row, unless another worker took the job over after our lease."""
        statement = update(Job).where(
            Job.name == self.job.name, Job.holder == self.holder
        )
        free = {"lease_until": None, "holder": None, "finished_at": self.instant()}
        if not changed_one(statement.values(**values, **free)):
            log.warning("job %s took so long that another took it over", self.job.name)

    def instant(self) -> datetime:
        """The caller's instant, plus what has passed since."""
        return self.now + timedelta(seconds=time.monotonic() - self.clock)


ZERO_COUNTS = {"runs": 0, "done": 0, "failures": 0}
