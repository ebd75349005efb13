"""Registrations: one booking, its party, answers and consents."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, Json, UtcDateTime
from rsvp.models.event import Admission, Consent, Event
from rsvp.models.types import Line, Word, enum_check


class State(StrEnum):
    HELD = "held"  # the address must be confirmed by mail first
    REQUESTED = "requested"  # waits for approval
    WAITLISTED = "waitlisted"
    OFFERED = "offered"  # seats are kept until a deadline
    CONFIRMED = "confirmed"
    RELEASED = "released"  # the seat was given on by rule
    CANCELLED = "cancelled"
    DECLINED = "declined"
    LAPSED = "lapsed"


SEATED_STATES = (State.HELD, State.OFFERED, State.CONFIRMED)
"""The states that hold seats."""
WAITLIST_STATES = (State.WAITLISTED, State.OFFERED)
"""The states that have a place in line: an offer can be put off, and keeps it."""
DEADLINE_STATES = (State.HELD, State.OFFERED)
"""The states that end by themselves, at `decide_by`."""
LIVE_STATES = (*SEATED_STATES, State.REQUESTED, State.WAITLISTED)
"""The states in which an address has its one registration."""
ENDED_STATES = (State.CANCELLED, State.DECLINED, State.LAPSED)
"""The states from which only an organizer, or being late, leads back."""


class AskedAbout(StrEnum):
    """What people were asked about when they were asked whether they still come."""

    COMING = "coming"
    CHANGE = "change"  # the event moved to another place, or online


class AttendeeState(StrEnum):
    COMING = "coming"
    CANCELLED = "cancelled"


REFERENCE_LENGTH = 8

IS_LIVE_AND_SINGLE = text(
    "is_single AND state IN ('held', 'requested', 'waitlisted', 'offered', 'confirmed')"
)


class Registration(Base):
    """One booking for one admission, made by one address, for a party of one or more.

    `seats` counts those of the party who are coming; an offer may be of fewer, which
    `offered_seats` says. `email` is as people wrote it, `email_key` its normalised,
    case-folded form, which look-ups and limits use. `answers` are
    `{question key: answer}` of the questions asked once per registration. `search` is
    what `text.search.search_text` makes of its reference, address and names.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        enum_check("state", State),
        CheckConstraint("seats >= 0", name="seats"),
        CheckConstraint(
            "(state IN ('waitlisted', 'offered')) = (line_number IS NOT NULL)",
            name="line_number",
        ),
        CheckConstraint(
            "(state IN ('held', 'offered')) = (decide_by IS NOT NULL)",
            name="decide_by",
        ),
        CheckConstraint(
            "(state = 'offered') = (offered_seats IS NOT NULL)", name="offered_seats"
        ),
        UniqueConstraint("event_id", "submission"),
        Index(
            "uq_registrations_live_address",
            "admission_id",
            "email_key",
            unique=True,
            sqlite_where=IS_LIVE_AND_SINGLE,
            postgresql_where=IS_LIVE_AND_SINGLE,
        ),
        Index(
            "ix_registrations_line",
            "event_id",
            "line_number",
            "admission_id",
            sqlite_where=text("state = 'waitlisted'"),
            postgresql_where=text("state = 'waitlisted'"),
        ),
        # The list, newest first, and its counts, without touching the rows.
        Index(
            "ix_registrations_event",
            "event_id",
            "id",
            "state",
            "admission_id",
            "seats",
        ),
        Index("ix_registrations_event_state", "event_id", "state", "id"),
        Index("ix_registrations_event_address", "event_id", "email_key"),
        Index(
            "ix_registrations_decide_by",
            "event_id",
            "decide_by",
            sqlite_where=text("decide_by IS NOT NULL"),
            postgresql_where=text("decide_by IS NOT NULL"),
        ),
        Index(
            "ix_registrations_answer_by",
            "event_id",
            "answer_by",
            sqlite_where=text("answer_by IS NOT NULL AND answered_at IS NULL"),
            postgresql_where=text("answer_by IS NOT NULL AND answered_at IS NULL"),
        ),
        Index("ix_registrations_address", "email_key"),
        Index("ix_registrations_invitation", "invitation_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    admission_id: Mapped[int] = mapped_column(ForeignKey("admissions.id"))
    reference: Mapped[str] = mapped_column(String(REFERENCE_LENGTH), unique=True)
    state: Mapped[str] = mapped_column(Word)
    seats: Mapped[int]
    name: Mapped[str] = mapped_column(Line)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    search: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(35))
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # The event's rule at the time: one live registration per address and admission.
    is_single: Mapped[bool] = mapped_column(default=True)
    # Made by the form's script: a double click or a reload sends the same one again.
    submission: Mapped[UUID | None]
    line_number: Mapped[int | None]
    # Whether a smaller part of the party may be seated when not all of it fits.
    fewer_ok: Mapped[bool] = mapped_column(default=False)
    # When a held place or an offer ends, and how many seats the offer is of.
    decide_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    offered_seats: Mapped[int | None]
    # Whether an offer was put off once already.
    was_put_off: Mapped[bool] = mapped_column(default=False)
    # Stays when the invitation goes: its uses are counted by it.
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"))
    # `link_id` is of the link on the page after the form; those in mails are derived
    # with the same version, and say themselves whose they are.
    link_version: Mapped[int] = mapped_column(default=0)
    link_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    # When a form was first sent from a mailed link: who did that reads the address's
    # mail, and the page's link has ended. Nothing is known of another address.
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_since: Mapped[datetime] = mapped_column(UtcDateTime)
    # Once it is over: from which state, who ended it (an audit actor) and why.
    ended_from: Mapped[str | None] = mapped_column(Word)
    ended_by: Mapped[str | None] = mapped_column(Line)
    ended_why: Mapped[str | None] = mapped_column(Line)
    # When it was last asked whether they still come, about what (the evening as it
    # is, or what has changed), until when an answer counts (None: no deadline), and
    # when they said yes. `flagged_at`: no answer came, and the organizer decides.
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_about: Mapped[str | None] = mapped_column(Word)
    answer_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    flagged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Since when mail to the address is refused for good, and the server's words.
    address_failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address_failed_why: Mapped[str | None] = mapped_column(Text)
    # When they asked for no more mails but tickets and changes.
    muted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Why an organizer seated it above the cap, where one did.
    exception_why: Mapped[str | None] = mapped_column(Line)

    event: Mapped[Event] = relationship()
    admission: Mapped[Admission] = relationship()
    attendees: Mapped[list[Attendee]] = relationship(
        back_populates="registration", order_by="Attendee.position"
    )

    @property
    def held_seats(self) -> int:
        """The seats it holds or, in line, waits for."""
        return self.seats if self.offered_seats is None else self.offered_seats

    @property
    def coming_attendees(self) -> list[Attendee]:
        return [a for a in self.attendees if a.state == AttendeeState.COMING]

    @property
    def awaits_answer(self) -> bool:
        """Whether a yes is still wanted of who has the place: asked, or flagged because
        they could not be."""
        is_wanted = self.asked_at is not None or self.flagged_at is not None
        is_open = is_wanted and self.answered_at is None
        return is_open and self.state == State.CONFIRMED

    @property
    def is_erased(self) -> bool:
        """Whether it was forgotten whose it is: any other is found by its reference."""
        return not self.search

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES


class Attendee(Base):
    """One of a party, with a code of their own; a guest's name may come later."""

    __tablename__ = "attendees"
    __table_args__ = (
        enum_check("state", AttendeeState),
        UniqueConstraint("registration_id", "position"),
        Index("ix_attendees_event", "event_id", "registration_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    registration_id: Mapped[int] = mapped_column(
        ForeignKey("registrations.id", ondelete="CASCADE")
    )
    # 0 is whoever registered; guests follow.
    position: Mapped[int]
    state: Mapped[str] = mapped_column(Word, default=AttendeeState.COMING)
    name: Mapped[str | None] = mapped_column(Line)
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    code_version: Mapped[int] = mapped_column(default=0)
    code_key_id: Mapped[str] = mapped_column(String(16))
    code_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    ticket_id: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)

    registration: Mapped[Registration] = relationship(back_populates="attendees")

    @property
    def is_coming(self) -> bool:
        return self.state == AttendeeState.COMING


class GivenConsent(Base):
    """Whether a box was ticked, with its wording (the consent's version) and when."""

    __tablename__ = "given_consents"
    __table_args__ = (UniqueConstraint("registration_id", "consent_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    registration_id: Mapped[int] = mapped_column(
        ForeignKey("registrations.id", ondelete="CASCADE")
    )
    consent_id: Mapped[int] = mapped_column(ForeignKey("consents.id"), index=True)
    given: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    consent: Mapped[Consent] = relationship()
