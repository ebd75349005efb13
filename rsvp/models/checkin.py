"""Check-in: door passes, the phones they enrol, scans, and who is in."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, UtcDateTime
from rsvp.models.event import Event
from rsvp.models.registration import Attendee
from rsvp.models.types import Line, Word, enum_check

PASS_STARTS_BEFORE_DOORS = timedelta(hours=24)
PASS_ENDS_AFTER_EVENT = timedelta(hours=12)
"""When a door pass works: from a day before doors until half a day after the end."""

DEFAULT_PHONES_MAX = 10
"""How many phones a pass enrols unless it says otherwise."""


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    UNDO = "undo"  # of another scan
    LOOK = "look"  # what `in` would be answered; never stored


STORED_DIRECTIONS = (Direction.IN, Direction.OUT, Direction.UNDO)
"""The directions of scans that are kept."""


class Verdict(StrEnum):
    """What a scan is answered. The last three answer scans that let nobody in."""

    WELCOME = "welcome"
    ALREADY_IN = "already_in"
    LEFT_AND_BACK = "left_and_back"
    UNKNOWN = "unknown"
    WRONG_EVENT = "wrong_event"
    NOT_IN_PERSON = "not_in_person"
    WAITLISTED = "waitlisted"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    RELEASED = "released"
    TOO_EARLY = "too_early"
    OVER = "over"
    LEFT = "left"
    NOT_IN = "not_in"
    UNDONE = "undone"


def check_in_starts_at(event: Event) -> datetime:
    """Return when a door begins to count; what is scanned before is a rehearsal."""
    return event.doors_open_at - PASS_STARTS_BEFORE_DOORS


def check_in_ends_at(event: Event) -> datetime:
    return event.ends_at + PASS_ENDS_AFTER_EVENT


class DoorPass(Base):
    """A link that lets up to `phones_max` phones scan for one event, without account.

    It works from 24 hours before doors, or at once (`at_once`, for a rehearsal), until
    12 hours after the event's end. Its token is derived, never stored; a new `version`
    has another one, and the link before opens nothing any more.
    """

    __tablename__ = "door_passes"
    __table_args__ = (CheckConstraint("phones_max >= 1", name="phones_max"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    version: Mapped[int] = mapped_column(default=0)
    link_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    phones_max: Mapped[int] = mapped_column(default=DEFAULT_PHONES_MAX)
    at_once: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # An audit actor: `user:<id>` or `command`.
    created_by: Mapped[str] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    event: Mapped[Event] = relationship()
    devices: Mapped[list[Device]] = relationship(
        back_populates="door_pass", order_by="Device.id"
    )

    def works_at(self, now: datetime) -> bool:
        """Whether phones may enrol and scan with it at `now`."""
        if self.revoked_at is not None or now >= check_in_ends_at(self.event):
            return False
        return self.at_once or now >= check_in_starts_at(self.event)


class Device(Base):
    """A phone at a door, enrolled by a pass; its cookie holds the secret."""

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    pass_id: Mapped[int] = mapped_column(ForeignKey("door_passes.id"), index=True)
    # What the volunteer calls this door, as in `Main entrance`.
    name: Mapped[str] = mapped_column(Line)
    secret_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When it first came with a cookie of ours: until then it takes no place, since a
    # browser that keeps none never comes back.
    came_back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    door_pass: Mapped[DoorPass] = relationship(back_populates="devices")


class Scan(Base):
    """One reading of a code, as it was made; never changed afterwards.

    The phone makes its `id`, so that sending it twice stores it once. `at` is when it
    arrived less its age by the phone, where it was judged at once; else the phone's
    time (`phone_at`) corrected by what it knows of its clock (`offset_ms`). What is
    unknown keeps the hash of its code, and no attendee. Without a device somebody
    checked in by hand (`actor`).
    """

    __tablename__ = "scans"
    __table_args__ = (
        enum_check("direction", STORED_DIRECTIONS),
        enum_check("verdict", Verdict),
        Index("ix_scans_attendee", "attendee_id", "at", "id"),
        Index("ix_scans_event", "event_id", "received_at", "id"),
        Index("ix_scans_undoes", "undoes"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"), index=True)
    # An audit actor: `door:<device id>` or `user:<id>`.
    actor: Mapped[str] = mapped_column(String(64))
    attendee_id: Mapped[int | None] = mapped_column(
        ForeignKey("attendees.id", ondelete="SET NULL")
    )
    code_id: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    direction: Mapped[str] = mapped_column(Word)
    undoes: Mapped[UUID | None]
    seq: Mapped[int]
    epoch: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    phone_at: Mapped[datetime] = mapped_column(UtcDateTime)
    offset_ms: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Made before the door began to count: kept, but nobody is in by it.
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    verdict: Mapped[str] = mapped_column(Word)

    device: Mapped[Device | None] = relationship()


class CheckIn(Base):
    """One stay of an attendee, from being let in until leaving: what their scans come
    to. domain.checkin alone writes it, by folding the scans anew."""

    __tablename__ = "check_ins"
    __table_args__ = (
        CheckConstraint("(out_at IS NULL) = (out_scan_id IS NULL)", name="out"),
        Index(
            "uq_check_ins_open",
            "attendee_id",
            unique=True,
            sqlite_where=text("out_at IS NULL"),
            postgresql_where=text("out_at IS NULL"),
        ),
        Index("ix_check_ins_attendee", "attendee_id", "in_at"),
        Index("ix_check_ins_event", "event_id", "in_at", "id"),
        Index(
            "ix_check_ins_event_open",
            "event_id",
            sqlite_where=text("out_at IS NULL"),
            postgresql_where=text("out_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    attendee_id: Mapped[int] = mapped_column(
        ForeignKey("attendees.id", ondelete="CASCADE")
    )
    in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    in_scan_id: Mapped[UUID] = mapped_column(ForeignKey("scans.id"))
    out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_scan_id: Mapped[UUID | None] = mapped_column(ForeignKey("scans.id"))

    attendee: Mapped[Attendee] = relationship()
    in_scan: Mapped[Scan] = relationship(foreign_keys=[in_scan_id])


class RetiredCode(Base):
    """A code that a newer one has replaced: the door says so instead of `unknown`."""

    __tablename__ = "retired_codes"

    code_id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    attendee_id: Mapped[int] = mapped_column(
        ForeignKey("attendees.id", ondelete="CASCADE"), index=True
    )
    retired_at: Mapped[datetime] = mapped_column(UtcDateTime)
