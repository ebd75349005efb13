"""Jobs: the state of background jobs, workers, clocks and mail domains."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, ColumnElement, Double, String, Text, and_
from sqlalchemy.orm import Mapped, mapped_column

from rsvp import clocks
from rsvp.db import Base, UtcDateTime

JOB_INTERVALS = {
    "settle": 5,
    "close": 10,
    "ask": 20,
    "remind": 20,
    "mailings": 10,
    "erase": 3600,
    "domains": 3600,
    "counts": 3600,
}
"""How many seconds after its last run each job is due again; in the order in which they
run when several are due."""
JOB_LEASE = timedelta(minutes=10)
JOB_RETRY_DELAYS = [
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600)
]
"""How long after a failure the next try comes; the last stands for all that follow."""
JOB_CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much the clocks of two workers may differ, and neither runs a job early."""
BEHIND_AFTER = timedelta(minutes=2)
"""One that is due for longer is behind: some job is due every few seconds."""

IRREVERSIBLE_JOBS = ("close", "erase")
"""The jobs that wait until a clock is trusted (domain.trusted_clock)."""

DELIVERY_JOB, SCHEDULER_JOB = "deliver", "rounds"
"""What a worker does besides: while one of them fails, it has a row among the jobs."""
CRASHES_TO_REPORT = 2
"""So many workers that ended shortly after one another are told of."""

MAX_DOMAIN_PAUSE = timedelta(minutes=30)
"""For how long a domain is left alone at the most."""


class Job(Base):
    """A background job that runs again and again. Whoever runs it holds a lease, so
    that of many workers one does; `done` is how many things its last run did,
    `failures` how often it failed since it last went well.
    """

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    runs: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)

    def is_running(self, now: datetime) -> bool:
        """Whether a worker runs the job at `now`."""
        return clocks.is_lasting(self.lease_until, now, JOB_LEASE)

    def is_due_too_far_ahead(self, now: datetime, every: float | None = None) -> bool:
        """Whether it is due later than its own interval (`every` so many seconds) or
        pause can account for: a clock that ran ahead wrote that, and it is due now."""
        seconds = JOB_INTERVALS.get(self.name) if every is None else every
        if seconds is None:  # a job of another version
            return False
        return self.due_at > latest_due_at(seconds, self.failures, now)

    def is_due(self, now: datetime, every: float | None = None) -> bool:
        return self.due_at <= now or self.is_due_too_far_ahead(now, every)

    def is_behind(self, now: datetime) -> bool:
        """Whether it is due for so long that no worker can be at work, or each has
        more to do than it can."""
        return self.due_at <= now - BEHIND_AFTER and not self.is_running(now)


def latest_due_at(every: float, failures: int, now: datetime) -> datetime:
    """When a job that has run by now is due again at the latest."""
    wait = timedelta(seconds=every)
    if failures:
        wait = JOB_RETRY_DELAYS[min(failures, len(JOB_RETRY_DELAYS)) - 1]
    return now + wait + JOB_CLOCK_TOLERANCE


class Clock(Base):
    """The clock that jobs ran by last, where that was trusted: the instant, and the
    reading of that machine's steady clock, in seconds since the start `boot`. One row;
    none before the first run.
    """

    __tablename__ = "clock"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    trusted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    steady: Mapped[float | None] = mapped_column(Double)
    boot: Mapped[str | None] = mapped_column(String(64))


class ClockLook(Base):
    """The first look of a machine whose clock stands apart from the trusted one: what
    its clock and its steady clock said then."""

    __tablename__ = "clock_looks"

    boot: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    steady: Mapped[float] = mapped_column(Double)


class Worker(Base):
    """The workers of a machine: who runs now (the last to start), and of those
    that ended without being told to, when and why the last did. `ends` counts them, as
    long as one soon follows the other.
    """

    __tablename__ = "workers"

    host: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str | None] = mapped_column(String(64))
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends: Mapped[int] = mapped_column(default=0)
    why: Mapped[str | None] = mapped_column(Text)


class MailDomain(Base):
    """A domain that mails go to: it may want a pause, or no more than so many a minute.

    `troubles` counts the failures in a row; `window_count` the mails since `window_at`.
    """

    __tablename__ = "mail_domains"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    pause_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    troubles: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    window_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    window_count: Mapped[int] = mapped_column(default=0)

    @classmethod
    def is_paused(cls, now: datetime) -> ColumnElement[bool]:
        """The condition that no mail goes to the domain at `now`."""
        latest = clocks.latest_end(now, MAX_DOMAIN_PAUSE)
        return and_(cls.pause_until > now, cls.pause_until <= latest)
