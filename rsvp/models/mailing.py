"""Mailings: mails that organizers write themselves, and to whom they go."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, Json, UtcDateTime
from rsvp.models.event import Event
from rsvp.models.types import Line, Word, enum_check


class MailingState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"  # its time has not come
    SENDING = "sending"  # its messages are being written
    SENT = "sent"  # all of them are in the outbox, or out
    STOPPED = "stopped"


class Mailing(Base):
    """One mail of the organizers to a part of the list.

    `wanted` says to whom, as plain values: `{"states": […], "admission": key,
    "question": key, "answer": …, "checked_in": bool, "coming": "asked", "yes" or
    "flagged"}`, each left out for all. Whoever is on that list when it is sent gets it.
    `reached_id` is the last registration it was written for, `total` how many those
    were.
    """

    __tablename__ = "mailings"
    __table_args__ = (
        enum_check("state", MailingState),
        Index(
            "ix_mailings_due",
            "send_at",
            sqlite_where=text("state IN ('scheduled', 'sending')"),
            postgresql_where=text("state IN ('scheduled', 'sending')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    subject: Mapped[str] = mapped_column(Line)
    text: Mapped[str] = mapped_column(Text)
    wanted: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(Word, default=MailingState.DRAFT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Line)
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reached_id: Mapped[int] = mapped_column(BigId, default=0)
    total: Mapped[int] = mapped_column(default=0)

    event: Mapped[Event] = relationship()
