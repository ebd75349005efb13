"""The audit log: who did what, when, and from which state to which."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from rsvp.db import Base, BigId, Json, UtcDateTime
from rsvp.models.types import Word


class AuditEntry(Base):
    """Who did what, when, and from which state to which; never changed afterwards.

    `actor` is `attendee`, `worker`, `command`, `user:<id>` or `door:<device id>`.
    `details` name nobody. `lock_number` is the event's own at that moment, where its
    lock was held: what happened under it happened in that order.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_registration", "registration_id", "id"),
        Index("ix_audit_entries_event", "event_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    verb: Mapped[str] = mapped_column(Word)
    from_state: Mapped[str | None] = mapped_column(Word)
    to_state: Mapped[str | None] = mapped_column(Word)
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    lock_number: Mapped[int | None]
