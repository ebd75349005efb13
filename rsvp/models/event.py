"""Events: event, admissions, questions, reminders, consents and series."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, Json, UtcDateTime, utcnow
from rsvp.models.team import Team
from rsvp.models.types import Key, Line, Url, Word, enum_check


class Status(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


class Visibility(StrEnum):
    PUBLIC = "public"
    UNLISTED = "unlisted"  # whoever has the link
    INVITATION = "invitation"  # whoever has the link may look; a code registers


class Allocation(StrEnum):
    """How places are given: by form alone, or by approval."""

    FIRST_COME = "first_come"
    APPROVAL = "approval"


class Promotion(StrEnum):
    """What a seat that comes free means for the head of the line."""

    OFFER = "offer"  # kept for them until a deadline
    CONFIRM = "confirm"  # theirs at once


class NoAnswer(StrEnum):
    """What becomes of the seats of those who don't say whether they still come."""

    RELEASE = "release"  # given on to the line
    FLAG = "flag"  # shown to the organizer, who decides


class Mode(StrEnum):
    IN_PERSON = "in_person"
    ONLINE = "online"


class QuestionType(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    CHOICES = "choices"  # several of the options
    YES_NO = "yes_no"


class QuestionScope(StrEnum):
    REGISTRATION = "registration"
    ATTENDEE = "attendee"


class Phase(StrEnum):
    """What a visitor finds at a given instant; it follows from status and clock."""

    DRAFT = "draft"
    CANCELLED = "cancelled"
    OVER = "over"
    NOT_OPEN = "not_open"
    PAUSED = "paused"
    CLOSED = "closed"
    OPEN = "open"


DOORS_BEFORE_START = timedelta(minutes=30)
DEFAULT_STANDBY_MINUTES = 15
RECENT_CONFIRMATION = timedelta(hours=24)
"""Who has had a place for less than this said yes, they come, by taking it."""


class Series(Base):
    """Several events under one heading, with a page of their own."""

    __tablename__ = "series"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    slug: Mapped[str] = mapped_column(Key, unique=True)
    title: Mapped[str] = mapped_column(Line)
    summary: Mapped[str | None] = mapped_column(String(500))

    events: Mapped[list[Event]] = relationship(back_populates="series")


class Event(Base):
    """A free event with limited places.

    The wall times (`…_local`, naive) and the IANA `timezone` are the truth; the `…_at`
    instants (UTC) are derived from them and kept for ordering. `fold` says which one is
    meant by a wall time that exists twice. `version` grows with every change of what
    the page shows or the rules say; each admission carries the same number, so that a
    seat can be claimed only under the rules it was decided by.
    """

    __tablename__ = "events"
    __table_args__ = (
        enum_check("status", Status),
        enum_check("visibility", Visibility),
        enum_check("allocation", Allocation),
        enum_check("promotion", Promotion),
        enum_check("no_answer", NoAnswer),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint(
            "doors_at IS NULL OR doors_at <= starts_at", name="doors_first"
        ),
        CheckConstraint("party_max >= 1", name="party_max"),
        CheckConstraint("room_capacity >= 0", name="room_capacity"),
        CheckConstraint("room_taken >= 0", name="room_taken"),
        CheckConstraint("retention_days >= 0", name="retention_days"),
        CheckConstraint("reserved_seats >= 0", name="reserved_seats"),
        CheckConstraint("standby_minutes >= 0", name="standby_minutes"),
        CheckConstraint("fold IN (0, 1)", name="fold"),
        CheckConstraint(
            "(ask_hours IS NULL) = (answer_hours IS NULL) "
            "AND (ask_hours IS NULL OR ask_hours > answer_hours)",
            name="answer_hours",
        ),
        Index("ix_events_listing", "status", "visibility", "ends_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"), index=True)
    slug: Mapped[str] = mapped_column(Key, unique=True)
    status: Mapped[str] = mapped_column(Word, default=Status.DRAFT)
    visibility: Mapped[str] = mapped_column(Word, default=Visibility.PUBLIC)
    discreet: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(35), default="en")

    title: Mapped[str] = mapped_column(Line)
    summary: Mapped[str | None] = mapped_column(String(500))
    description: Mapped[str | None] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(String(320))

    timezone: Mapped[str] = mapped_column(String(64))
    fold: Mapped[int | None]
    starts_local: Mapped[datetime] = mapped_column(DateTime)
    ends_local: Mapped[datetime] = mapped_column(DateTime)
    doors_local: Mapped[datetime | None] = mapped_column(DateTime)
    opens_local: Mapped[datetime | None] = mapped_column(DateTime)
    closes_local: Mapped[datetime | None] = mapped_column(DateTime)
    change_until_local: Mapped[datetime | None] = mapped_column(DateTime)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    doors_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opens_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    change_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    also_show: Mapped[list[str]] = mapped_column(Json, default=list)

    venue_name: Mapped[str | None] = mapped_column(Line)
    venue_address: Mapped[str | None] = mapped_column(Text)
    venue_access: Mapped[str | None] = mapped_column(Text)
    join_url: Mapped[str | None] = mapped_column(Url)
    online_note: Mapped[str | None] = mapped_column(Text)

    # Lists of plain mappings, as in the event file (docs/event-file.md).
    hosts: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    sponsors: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    people: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    agenda: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    links: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)

    registration_required: Mapped[bool] = mapped_column(default=True)
    paused: Mapped[bool] = mapped_column(default=False)
    allocation: Mapped[str] = mapped_column(Word, default=Allocation.FIRST_COME)
    promotion: Mapped[str] = mapped_column(Word, default=Promotion.CONFIRM)
    # Whether an address must be confirmed by mail before its place counts as taken up.
    confirm_address: Mapped[bool] = mapped_column(default=False)
    # Seats kept for speakers and helpers; domain.capacity counts them as taken.
    reserved_seats: Mapped[int] = mapped_column(default=0)
    # Minutes after the start from which seats of those not in count as free; None: off.
    standby_minutes: Mapped[int | None] = mapped_column(
        Integer().evaluates_none(), default=DEFAULT_STANDBY_MINUTES
    )
    # Hours before the start at which people are asked whether they still come, and at
    # which the time to answer ends; None: nobody is asked.
    ask_hours: Mapped[int | None]
    answer_hours: Mapped[int | None]
    no_answer: Mapped[str] = mapped_column(Word, default=NoAnswer.RELEASE)
    # The day of the start for which everybody was asked, and for which those who did
    # not answer were dealt with.
    asked_for: Mapped[date | None]
    settled_for: Mapped[date | None]
    # The organizers' own words, by kind of mail (rsvp/text/placeholders.py):
    # `{kind: {"subject": …, "headline": …, "text": …}}`.
    wording: Mapped[dict[str, dict[str, str]]] = mapped_column(Json, default=dict)
    party_max: Mapped[int] = mapped_column(default=1)
    # Whether one address may hold several registrations for one admission.
    several: Mapped[bool] = mapped_column(default=False)
    # Days after the end until attendees' data is erased, and when that was done.
    retention_days: Mapped[int] = mapped_column(default=30)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # All in-person seats together; domain.capacity alone changes what is taken.
    room_capacity: Mapped[int | None]
    room_ceiling: Mapped[int | None]
    room_taken: Mapped[int] = mapped_column(default=0)
    room_waiting: Mapped[int] = mapped_column(default=0)
    # The last number given in the line; handed out under the event's lock.
    last_line_number: Mapped[int] = mapped_column(default=0)
    # How often the event's lock was taken by a change that stayed: the order of all
    # that happened under it.
    lock_number: Mapped[int] = mapped_column(default=0)

    version: Mapped[int] = mapped_column(default=1)
    # iCalendar's SEQUENCE: grows when time, place or status change (RFC 5545, 3.8.7.4).
    sequence: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    team: Mapped[Team] = relationship()
    series: Mapped[Series | None] = relationship(back_populates="events")
    admissions: Mapped[list[Admission]] = relationship(
        back_populates="event", order_by="Admission.position, Admission.id"
    )
    questions: Mapped[list[Question]] = relationship(
        back_populates="event", order_by="Question.position, Question.id"
    )
    reminders: Mapped[list[Reminder]] = relationship(
        back_populates="event", order_by="Reminder.position, Reminder.id"
    )
    consents: Mapped[list[Consent]] = relationship(
        back_populates="event",
        order_by="Consent.position, Consent.id",
        primaryjoin="and_(Consent.event_id == Event.id, Consent.is_current)",
        viewonly=True,
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def registration_closes_at(self) -> datetime:
        """When the form closes: as set, else at the start."""
        return self.closes_at or self.starts_at

    @property
    def doors_open_at(self) -> datetime:
        """When presence begins to decide: as set, else 30 minutes before the start."""
        return self.doors_at or self.starts_at - DOORS_BEFORE_START

    @property
    def changes_end_at(self) -> datetime:
        """Until when people change or give up their own: as set, else the start."""
        return self.change_until_at or self.starts_at

    @property
    def standby_at(self) -> datetime | None:
        """When seats of those not in begin to count as free; None: never."""
        if self.standby_minutes is None:
            return None
        return self.starts_at + timedelta(minutes=self.standby_minutes)

    @property
    def ask_at(self) -> datetime | None:
        """When people are asked whether they still come; None: never."""
        if self.ask_hours is None:
            return None
        return self.starts_at - timedelta(hours=self.ask_hours)

    @property
    def answer_by(self) -> datetime | None:
        """Until when those who are asked may answer; None: nobody is asked."""
        if self.answer_hours is None:
            return None
        return self.starts_at - timedelta(hours=self.answer_hours)

    def will_ask_to_reconfirm(self, admission: Admission, since: datetime) -> bool:
        """Whether who has a place since then will be asked whether they still come: it
        is one of a limited number, and they did not take it just before."""
        if self.ask_at is None or since > self.ask_at - RECENT_CONFIRMATION:
            return False
        return self.is_limited(admission)

    def is_limited(self, admission: Admission) -> bool:
        """Whether this way of attending has one of a limited number of seats."""
        in_room = self.room_capacity is not None and admission.counts_in_room
        return in_room or admission.capacity is not None

    @property
    def is_by_approval(self) -> bool:
        return self.allocation == Allocation.APPROVAL

    @property
    def needs_invitation(self) -> bool:
        return self.visibility == Visibility.INVITATION

    @property
    def answers_by_mail_only(self) -> bool:
        """Whether the outcome of the form is told by mail alone: the page's answer is
        then the same for any address, or the address is still to be confirmed."""
        return self.discreet or self.confirm_address

    @property
    def is_online(self) -> bool:
        return any(admission.mode == Mode.ONLINE for admission in self.admissions)

    @property
    def is_in_person(self) -> bool:
        return any(admission.mode == Mode.IN_PERSON for admission in self.admissions)

    def phase(self, now: datetime) -> Phase:
        """What a visitor finds at `now`."""
        if self.status != Status.PUBLISHED:
            return Phase(self.status)
        if now >= self.ends_at:
            return Phase.OVER
        if self.opens_at and now < self.opens_at:
            return Phase.NOT_OPEN
        if now >= self.registration_closes_at:
            return Phase.CLOSED
        return Phase.PAUSED if self.paused else Phase.OPEN

    def next_phase_at(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which the clock alone changes the phase."""
        times = (self.opens_at, self.registration_closes_at, self.ends_at)
        return min((at for at in times if at and at > now), default=None)

    def is_waitlist_running(self, now: datetime) -> bool:
        """Whether free seats go to the head of the line: until doors open."""
        return (
            self.status == Status.PUBLISHED
            and not self.paused
            and now < self.doors_open_at
        )


class Admission(Base):
    """A way of attending, with its own capacity; null means unlimited.

    `seats_taken` and `waiting` count seats, and domain.capacity alone changes them;
    `reserved` is the part of `seats_taken` that the event keeps for its own people.
    `ceiling` is set while more seats are taken than the capacity allows, which lowering
    it causes: nobody is dropped, and it falls as seats come free.
    """

    __tablename__ = "admissions"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        enum_check("mode", Mode),
        CheckConstraint("capacity >= 0", name="capacity"),
        CheckConstraint("seats_taken >= 0", name="seats_taken"),
        CheckConstraint("waiting >= 0", name="waiting"),
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("waitlist_max >= 0", name="waitlist_max"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Key)
    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(Line)
    mode: Mapped[str] = mapped_column(Word)
    capacity: Mapped[int | None]
    waitlist: Mapped[bool] = mapped_column(default=False)
    # The most seats that may wait for it; None: as many as come.
    waitlist_max: Mapped[int | None]
    ceiling: Mapped[int | None]
    seats_taken: Mapped[int] = mapped_column(default=0)
    waiting: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)
    event_version: Mapped[int] = mapped_column(default=1)

    event: Mapped[Event] = relationship(back_populates="admissions")

    @property
    def counts_in_room(self) -> bool:
        return self.mode == Mode.IN_PERSON


class Question(Base):
    """What the form asks: once per registration, or of each attendee."""

    __tablename__ = "questions"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        enum_check("type", QuestionType),
        enum_check("per", QuestionScope),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Key)
    position: Mapped[int] = mapped_column(default=0)
    ask: Mapped[str] = mapped_column(String(500))
    hint: Mapped[str | None] = mapped_column(String(500))
    type: Mapped[str] = mapped_column(Word)
    options: Mapped[list[str]] = mapped_column(Json, default=list)
    required: Mapped[bool] = mapped_column(default=False)
    per: Mapped[str] = mapped_column(Word, default=QuestionScope.REGISTRATION)
    # Keys of the admissions it is asked for; empty: all of them.
    only_for: Mapped[list[str]] = mapped_column(Json, default=list)
    # Days after the end until its answers are erased, where sooner than the rest.
    keep_days: Mapped[int | None]
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    event: Mapped[Event] = relationship(back_populates="questions")

    def is_for(self, admission: Admission) -> bool:
        return not self.only_for or admission.key in self.only_for


class Anchor(StrEnum):
    """What a reminder's time is counted from."""

    START = "start"  # so long before it
    END = "end"  # so long after it


class Reminder(Base):
    """A mail that goes to whoever has a place at a time before the start or after the
    end; domain.reminders sends it.

    `admissions` are keys, `states` those of registrations; no admissions: all of them.
    `due_at` follows from the event's times. `done_for` is the day of the anchor for
    which it went out; `reached_id` the last registration it reached until then.
    """

    __tablename__ = "reminders"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        enum_check("anchor", Anchor),
        CheckConstraint("minutes >= 0", name="minutes"),
        Index("ix_reminders_due_at", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Key)
    position: Mapped[int] = mapped_column(default=0)
    anchor: Mapped[str] = mapped_column(Word)
    minutes: Mapped[int]
    admissions: Mapped[list[str]] = mapped_column(Json, default=list)
    states: Mapped[list[str]] = mapped_column(Json, default=list)
    # In the organizers' own words, where they have some.
    subject: Mapped[str | None] = mapped_column(Line)
    text: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_for: Mapped[date | None]
    reached_id: Mapped[int] = mapped_column(BigId, default=0)

    event: Mapped[Event] = relationship(back_populates="reminders")


class Consent(Base):
    """A box to tick. A new wording is a new version; the old one stays on record."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("event_id", "key", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Key)
    version: Mapped[int] = mapped_column(default=1)
    is_current: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(Text)
    required: Mapped[bool] = mapped_column(default=False)

    event: Mapped[Event] = relationship()
