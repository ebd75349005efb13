"""Claiming: a worker leases the messages that it may send, and notes how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, or_, select, update
from sqlalchemy.orm import aliased

from rsvp.db import current_session, writing
from rsvp.models import Message
from rsvp.models.ledger import MessageState

LEASE = timedelta(minutes=10)
BATCH = 20
"""How many messages a worker claims at once: at most what it can send within half the
lease at usual speed; what is left when half has passed goes back."""


@dataclass(frozen=True)
class Claim:
    """A message this worker may send until its lease ends: the `attempt`-th try."""

    id: int
    attempt: int


def claim(now: datetime, limit: int) -> list[Claim]:
    """Lease the messages that are due, oldest first, one for each registration."""
    session = current_session()
    # Most of the time there is nothing: that takes one read and no write lock.
    due = session.scalars(due_messages(now).limit(1)).first()
    session.rollback()
    if due is None:
        return []
    with writing() as session:
        wanted = due_messages(now).limit(limit).with_for_update(skip_locked=True)
        ids = session.scalars(wanted).all()
        # Workers that were killed while sending it each time count as tries too.
        claimed = session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(lease_until=now + LEASE, attempts=Message.attempts + 1)
            .returning(Message.id, Message.attempts)
        )
        return sorted((Claim(*row) for row in claimed), key=lambda c: ids.index(c.id))


def due_messages(now: datetime) -> Select[Any]:
    """Ids of what may be sent: a registration's messages go out in order, so one waits
    while an earlier one is queued (or being sent)."""
    earlier = aliased(Message)
    waits = exists().where(
        earlier.registration_id == Message.registration_id,
        # Who had it before may be out of reach: nobody else's mails wait for that.
        earlier.recipient_key == Message.recipient_key,
        earlier.id < Message.id,
        earlier.state == MessageState.QUEUED,
    )
    return (
        select(Message.id)
        .where(
            Message.state == MessageState.QUEUED,
            Message.due_at <= now,
            or_(Message.lease_until.is_(None), Message.lease_until <= now),
            ~waits,
        )
        .order_by(Message.due_at, Message.id)
    )


# --- noting how it went -------------------------------------------------------------


def note_sent(claim: Claim, now: datetime) -> None:
    with writing() as session:
        session.execute(
            update(Message)
            .where(
                Message.id == claim.id,
                # One that was superseded while it went out has gone out all the same.
                Message.state.in_((MessageState.QUEUED, MessageState.SUPERSEDED)),
            )
            .values(
                state=MessageState.SENT, sent_at=now, lease_until=None, last_error=None
            )
        )


def note(claim: Claim, **values: object) -> None:
    """Change the message, unless another worker took it over after our lease."""
    with writing() as session:
        session.execute(
            update(Message)
            .where(
                Message.id == claim.id,
                Message.state == MessageState.QUEUED,
                Message.attempts == claim.attempt,
            )
            .values(**values)
        )


def give_back(claims: list[Claim]) -> None:
    """Leave messages that were not tried to whoever comes next."""
    for claim in claims:
        note(claim, lease_until=None, attempts=claim.attempt - 1)
