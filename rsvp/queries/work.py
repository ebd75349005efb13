"""Work: what is due, running and failed of all that goes on in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from rsvp.db import current_session
from rsvp.models import Job, MailDomain, Mailing, Message
from rsvp.models.ledger import MessageState
from rsvp.models.mailing import MailingState

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mails:
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


@dataclass(frozen=True)
class Work:
    """It names nobody: counts, jobs, and the domains that get a pause."""

    jobs: Sequence[Job]
    mails: Mails
    mailings_sending: int
    paused: Sequence[MailDomain]

    @property
    def last_ran_at(self) -> datetime | None:
        """When a worker last began or finished a job."""
        instants = [i for j in self.jobs for i in (j.started_at, j.finished_at) if i]
        return max(instants, default=None)


def background_work(now: datetime) -> Work:
    session = current_session()
    return Work(
        jobs=session.scalars(select(Job).order_by(Job.name)).all(),
        mails=mails(now),
        mailings_sending=session.scalar(
            select(func.count())
            .select_from(Mailing)
            .where(Mailing.state == MailingState.SENDING)
        )
        or 0,
        paused=session.scalars(
            select(MailDomain)
            .where(MailDomain.pause_until > now)
            .order_by(MailDomain.pause_until.desc(), MailDomain.domain)
        ).all(),
    )


def mails(now: datetime) -> Mails:
    is_held = Message.lease_until > now
    is_free = or_(Message.lease_until.is_(None), Message.lease_until <= now)
    tried = Message.attempts > 0

    def how_many(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    session = current_session()
    counts = session.execute(
        select(
            func.count(),
            how_many(is_free, Message.due_at <= now),
            how_many(is_free, tried, Message.due_at > now),
            how_many(is_held),
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
    return Mails(queued, due, retrying, being_sent, of_mailings, failed or 0)
