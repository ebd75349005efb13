"""Queries about jobs: what is due, running or failed in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto

from sqlalchemy import ColumnElement, and_, case, func, select

from rsvp.clocks import MAX_CLOCK_SKEW
from rsvp.db import current_session
from rsvp.domain import trusted_clock
from rsvp.models import Job, MailDomain, Mailing, Message, Worker
from rsvp.models.jobs import (
    BEHIND_AFTER,
    CRASHES_TO_REPORT,
    DELIVERY_JOB,
    IRREVERSIBLE_JOBS,
    SCHEDULER_JOB,
)
from rsvp.models.mailing import MailingState
from rsvp.models.message import (
    MessageState,
    has_come_due,
    is_being_sent,
    is_not_being_sent,
)

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class MessageCounts:
    """How many mails are where: `queued` are all that have not gone out, of which `due`
    may go now, `retrying` wait after a try that failed, and `being_sent` are in a
    worker's hands; `of_mailings` were written by organizers. `failed` were given up
    within a day."""

    queued: int
    due: int
    retrying: int
    being_sent: int
    of_mailings: int
    failed: int


NO_MESSAGES = MessageCounts(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class UntrustedClock:
    """A clock of a worker that stood `at` an instant more than a day from the last run
    (`last_run_at`), so that it is not trusted yet."""

    at: datetime
    last_run_at: datetime

    @property
    def difference(self) -> timedelta:
        return abs(self.at - self.last_run_at)


@dataclass(frozen=True)
class BackgroundWork:
    """The state of background work: counts, jobs and paused domains; it names
    nobody."""

    jobs: Sequence[Job]
    mails: MessageCounts
    mailings_sending: int
    paused: Sequence[MailDomain]
    untrusted_clock: UntrustedClock | None = None
    crashing_workers: Sequence[Worker] = ()

    def last_ran_at(self, now: datetime) -> datetime | None:
        """Return when a worker last began or finished a job, as far as that is known:
        what a clock that ran ahead has noted of it is not so."""
        noted = [i for j in self.jobs for i in (j.started_at, j.finished_at) if i]
        return max((i for i in noted if i <= now + MAX_CLOCK_SKEW), default=None)

    @property
    def has_run(self) -> bool:
        """Whether any worker ever has."""
        return any(job.started_at for job in self.jobs)

    def is_at_work(self, now: datetime) -> bool:
        """Whether a worker is at a job, or was lately: some job is due every few
        seconds."""
        last = self.last_ran_at(now)
        was_lately = last is not None and now - last < BEHIND_AFTER
        return was_lately or any(job.is_running(now) for job in self.jobs)

    def find_trouble(self, now: datetime, *, may_begin: bool = False) -> str | None:
        """Return why it can't be said that a worker works, for the log; with
        `may_begin` none needs to have run yet."""
        for worker in self.crashing_workers:
            return (
                f"workers ended {worker.ends} times within a short time: {worker.why}"
            )
        for job in self.jobs:
            if job.name in (DELIVERY_JOB, SCHEDULER_JOB) and job.failures > 1:
                return f"{job.name} failed {job.failures} times: {job.last_error}"
        if may_begin or self.is_at_work(now):
            return None
        last = self.last_ran_at(now)
        return f"none has run since {last:%Y-%m-%d %H:%M} UTC" if last else "none ran"

    def is_on_hold(self, name: str) -> bool:
        """Whether a job waits until the clock is trusted."""
        return self.untrusted_clock is not None and name in IRREVERSIBLE_JOBS

    def state_of(self, job: Job, now: datetime) -> JobState:
        if job.is_running(now):
            return JobState.RUNNING
        if self.is_on_hold(job.name):
            return JobState.ON_HOLD
        if job.failures:
            return JobState.FAILED
        if job.is_due_too_far_ahead(now):
            return JobState.AHEAD
        if job.is_behind(now):
            return JobState.BEHIND
        return JobState.DUE if job.due_at <= now else JobState.WAITING


class JobState(StrEnum):
    """The state of a job, the first that applies."""

    RUNNING = auto()
    ON_HOLD = auto()  # until the clock is trusted
    FAILED = auto()
    AHEAD = auto()  # due at a time that a clock which ran ahead has written: now
    BEHIND = auto()
    DUE = auto()
    WAITING = auto()


def load_background_work(now: datetime) -> BackgroundWork:
    session = current_session()
    return BackgroundWork(
        jobs=session.scalars(select(Job).order_by(Job.name)).all(),
        mails=count_messages(now),
        mailings_sending=session.scalar(
            select(func.count())
            .select_from(Mailing)
            .where(Mailing.state == MailingState.SENDING)
        )
        or 0,
        paused=session.scalars(
            select(MailDomain)
            .where(MailDomain.is_paused(now))
            .order_by(MailDomain.pause_until.desc(), MailDomain.domain)
        ).all(),
        untrusted_clock=find_untrusted_clock(),
        crashing_workers=crashing_workers(),
    )


def crashing_workers() -> Sequence[Worker]:
    """List machines whose workers ended shortly after one another."""
    query = select(Worker).where(Worker.ends >= CRASHES_TO_REPORT)
    latest = query.order_by(Worker.ended_at.desc(), Worker.host)
    return current_session().scalars(latest).all()


def worker_trouble(now: datetime, *, may_begin: bool) -> str | None:
    """Return `BackgroundWork.find_trouble`, without counting mails."""
    jobs = current_session().scalars(select(Job)).all()
    return BackgroundWork(
        jobs, NO_MESSAGES, 0, (), crashing_workers=crashing_workers()
    ).find_trouble(now, may_begin=may_begin)


def find_untrusted_clock() -> UntrustedClock | None:
    """Return the clock that is not trusted yet, as it was first seen."""
    trusted, looks = (
        trusted_clock.find_trusted_clock(),
        trusted_clock.untrusted_clocks(),
    )
    return (
        UntrustedClock(looks[0].at, trusted.trusted_at) if trusted and looks else None
    )


def count_messages(now: datetime) -> MessageCounts:
    is_free, tried = is_not_being_sent(now), Message.attempts > 0

    def how_many(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    session = current_session()
    counts = session.execute(
        select(
            func.count(),
            how_many(is_free, has_come_due(now)),
            how_many(is_free, tried, ~has_come_due(now)),
            how_many(is_being_sent(now)),
            how_many(Message.mailing_id.is_not(None)),
        ).where(Message.state == MessageState.QUEUED)
    ).one()
    failed = session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.state == MessageState.FAILED,
            # Of one that failed: when it was given up.
            Message.due_at > now - A_DAY,
        )
    )
    queued, due, retrying, being_sent, of_mailings = map(int, counts)
    return MessageCounts(queued, due, retrying, being_sent, of_mailings, failed or 0)
