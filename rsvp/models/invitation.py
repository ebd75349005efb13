"""Invitations: codes that open registration for an event, with a limit and an end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, UtcDateTime
from rsvp.models.event import Event
from rsvp.models.types import Line


class Invitation(Base):
    """A code that lets people register for one event.

    The code itself is derived from the code key and `uuid`; `code_id` finds it. Its
    uses are the registrations that name it and are not over (`uses_max` None: any
    number of them). Revoked or expired, it lets nobody in any more; who is registered
    stays.
    """

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("uses_max >= 1", name="uses_max"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    code_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    # For whom it is, in the organizer's words.
    label: Mapped[str | None] = mapped_column(Line)
    uses_max: Mapped[int | None]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Line)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    event: Mapped[Event] = relationship()

    def works_at(self, now: datetime) -> bool:
        """Whether it lets anybody in at `now`, uses aside."""
        has_ended = self.expires_at is not None and now >= self.expires_at
        return self.revoked_at is None and not has_ended
