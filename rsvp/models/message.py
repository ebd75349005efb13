"""Messages: the mails of the outbox, their kinds and states."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    and_,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp import clocks
from rsvp.db import Base, BigId, Json, UtcDateTime, utcnow
from rsvp.models.event import Event
from rsvp.models.mailing import Mailing
from rsvp.models.registration import Registration
from rsvp.models.team import User
from rsvp.models.types import Word, enum_check


class MessageKind(StrEnum):
    CONFIRM_ADDRESS = "confirm_address"
    REQUESTED = "requested"
    CONFIRMATION = "confirmation"
    WAITLISTED = "waitlisted"
    OFFER = "offer"
    PROMOTED = "promoted"
    CHANGED = "changed"
    PASSED_ON = "passed_on"  # to the address that had it before
    CANCELLED = "cancelled"
    DECLINED = "declined"
    LAPSED = "lapsed"
    RELEASED = "released"
    TICKET_AGAIN = "ticket_again"
    EVENT_CHANGED = "event_changed"  # another time or place
    EVENT_CANCELLED = "event_cancelled"
    REMINDER = "reminder"
    STILL_COMING = "still_coming"
    THANK_YOU = "thank_you"
    NOTE = "note"  # the organizers' own
    UNDELIVERED = "undelivered"  # to organizers: mail to somebody does not arrive
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a mail


ACCOUNT_KINDS = (MessageKind.PASSWORD_RESET, MessageKind.UNDELIVERED)
ATTENDEE_KINDS = tuple(kind for kind in MessageKind if kind not in ACCOUNT_KINDS)
"""The kinds of mail about a registration; the others are about an account."""

OPTIONAL_KINDS = (
    MessageKind.REMINDER,
    MessageKind.STILL_COMING,
    MessageKind.THANK_YOU,
    MessageKind.NOTE,
)
"""The mails that people may ask not to get: all but tickets and changes."""

EVENT_NOTICE_KINDS = (MessageKind.EVENT_CHANGED, MessageKind.EVENT_CANCELLED)
RANK_BY_KIND = dict.fromkeys(EVENT_NOTICE_KINDS, 1) | dict.fromkeys(OPTIONAL_KINDS, 2)
"""What goes to many at once waits for what one person waits for, which has rank 0."""

MESSAGE_LEASE = timedelta(minutes=5)
"""For how long a worker has a message to itself that it is to send."""
MAX_RETRY_DELAY = timedelta(hours=12)
"""How long after it is put off a message goes out at the latest: the next try comes
after eight hours at most, and a night ends after ten."""


class MessageState(StrEnum):
    QUEUED = "queued"  # also while it waits for its next try
    SENT = "sent"
    FAILED = "failed"  # for good; `last_error` says why
    SUPERSEDED = "superseded"  # a newer one of its kind told the same and more


class Message(Base):
    """One mail in the outbox, written in the commit of what it tells.

    `facts` are frozen when it is written and hold no secrets: links and codes are
    derived when the worker renders it. The worker claims a row by a lease, so a worker
    that dies keeps nobody waiting. `message_id` is the mail's Message-ID for all tries.
    A mail about an account has a `user` instead of an event and a registration, and is
    never shown to anybody. `occasion` is what a mail that many get is sent for: a
    registration gets one mail for each. `domain` is the recipient's. What a stranger
    may have caused has a `mailbox`, and where it came by a link a `network`: keyed
    hashes to count by (`messages.mail_limits`), gone after a day.
    """

    __tablename__ = "messages"
    __table_args__ = (
        enum_check("kind", MessageKind),
        enum_check("state", MessageState),
        CheckConstraint(
            "(user_id IS NULL) = (registration_id IS NOT NULL)", name="about"
        ),
        CheckConstraint(
            "event_id IS NOT NULL OR registration_id IS NULL", name="event_id"
        ),
        Index(
            "ix_messages_due",
            "rank",
            "due_at",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_messages_registration", "registration_id", "id"),
        Index("ix_messages_recipient", "recipient_key", "created_at"),
        Index("ix_messages_event", "event_id", "id"),
        Index("ix_messages_mailing", "mailing_id", "state"),
        Index(
            "ix_messages_mailbox",
            "mailbox",
            "created_at",
            sqlite_where=text("mailbox IS NOT NULL"),
            postgresql_where=text("mailbox IS NOT NULL"),
        ),
        Index(
            "ix_messages_network",
            "network",
            "created_at",
            sqlite_where=text("network IS NOT NULL"),
            postgresql_where=text("network IS NOT NULL"),
        ),
        Index(
            "ix_messages_leased",
            "lease_until",
            "domain",
            sqlite_where=text("lease_until IS NOT NULL"),
            postgresql_where=text("lease_until IS NOT NULL"),
        ),
        Index(
            "uq_messages_occasion",
            "registration_id",
            "occasion",
            unique=True,
            sqlite_where=text("occasion IS NOT NULL"),
            postgresql_where=text("occasion IS NOT NULL"),
        ),
        Index(
            "ix_messages_failed",
            "event_id",
            sqlite_where=text("state = 'failed'"),
            postgresql_where=text("state = 'failed'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailings.id"))
    kind: Mapped[str] = mapped_column(Word)
    occasion: Mapped[str | None] = mapped_column(String(100))
    rank: Mapped[int] = mapped_column(default=0)
    domain: Mapped[str] = mapped_column(String(255), default="")
    recipient: Mapped[str] = mapped_column(String(320))
    recipient_key: Mapped[str] = mapped_column(String(320))
    # Whether somebody caused it who has not shown that the address is theirs; such
    # mails are counted against abuse.
    from_form: Mapped[bool] = mapped_column(default=False)
    mailbox: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    network: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(Word, default=MessageState.QUEUED)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)

    # Typed as what they are in a mail to an attendee; None in one about an account.
    event: Mapped[Event] = relationship()
    registration: Mapped[Registration] = relationship()
    user: Mapped[User | None] = relationship()
    mailing: Mapped[Mailing | None] = relationship()

    def is_being_sent(self, now: datetime) -> bool:
        """Whether a worker is sending it at `now`."""
        return clocks.is_lasting(self.lease_until, now, MESSAGE_LEASE)

    def is_due(self, now: datetime) -> bool:
        return not now < self.due_at <= now + MAX_RETRY_DELAY


def is_being_sent(now: datetime) -> ColumnElement[bool]:
    """The condition that a worker is sending a message at `now`."""
    latest = clocks.latest_end(now, MESSAGE_LEASE)
    return and_(Message.lease_until > now, Message.lease_until <= latest)


def is_not_being_sent(now: datetime) -> ColumnElement[bool]:
    """The contrary of `is_being_sent`."""
    latest = clocks.latest_end(now, MESSAGE_LEASE)
    is_over = or_(Message.lease_until <= now, Message.lease_until > latest)
    return or_(Message.lease_until.is_(None), is_over)


def has_come_due(now: datetime) -> ColumnElement[bool]:
    """That the time of a message has come; one that waits for longer than any may was
    put off by a clock that ran ahead."""
    return or_(Message.due_at <= now, Message.due_at > now + MAX_RETRY_DELAY)
