"""Event definition: an event as plain values; formats read it, domain publishes it.

Each class mirrors a mapping of the file (docs/event-file.md). A value left out of the
file stands here as its default, so two files that mean the same are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rsvp.models.event import (
    DEFAULT_STANDBY_MINUTES,
    Allocation,
    Mode,
    NoAnswer,
    Promotion,
    QuestionScope,
    QuestionType,
    Status,
    Visibility,
)
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.models.team import DEFAULT_TEAM

RETENTION_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Venue:
    name: str
    address: str | None = None
    access: str | None = None


@dataclass(frozen=True, kw_only=True)
class Online:
    join_url: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Organization:
    """A host or a sponsor."""

    name: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contributor:
    """One of the people on stage; `role` is free text, such as `speaker`."""

    name: str
    role: str | None = None


@dataclass(frozen=True, kw_only=True)
class AgendaItem:
    at: str  # wall time of day, as in 18:00
    title: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class SeriesData:
    slug: str
    title: str
    summary: str | None = None


@dataclass(frozen=True, kw_only=True)
class AdmissionData:
    key: str
    name: str
    mode: Mode
    capacity: int | None
    waitlist: bool = False
    waitlist_max: int | None = None


@dataclass(frozen=True, kw_only=True)
class QuestionData:
    key: str
    ask: str
    type: QuestionType
    hint: str | None = None
    options: tuple[str, ...] = ()
    required: bool = False
    per: QuestionScope = QuestionScope.REGISTRATION
    only_for: tuple[str, ...] = ()
    keep_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class ConsentData:
    key: str
    text: str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class ReminderData:
    """A mail some time `before` the start or `after` the end, one of them, as
    `durations.format_duration` has it; no `admissions`: all of them."""

    key: str
    before: str | None = None
    after: str | None = None
    admissions: tuple[str, ...] = ()
    states: tuple[State, ...] = (State.CONFIRMED,)
    subject: str | None = None
    text: str | None = None


DEFAULT_REMINDERS = (
    ReminderData(key="two-days", before="2 days"),
    ReminderData(key="two-hours", before="2 hours"),
    ReminderData(key="thanks", after="12 hours"),
)


@dataclass(frozen=True, kw_only=True)
class ReconfirmationRules:
    """When people are asked whether they still come, and until when they may answer,
    in hours before the start."""

    # A day before the first of the usual reminders, or both would come at once.
    ask_hours: int = 72
    answer_hours: int = 24
    no_answer: NoAnswer = NoAnswer.RELEASE


@dataclass(frozen=True, kw_only=True)
class CustomTextData:
    """Words of the organizers' own in one kind of mail."""

    message: MessageKind
    subject: str | None = None
    headline: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class RegistrationRules:
    required: bool = True
    party_max: int = 1
    opens: datetime | None = None
    closes: datetime | None = None
    paused: bool = False
    several: bool = False
    allocation: Allocation = Allocation.FIRST_COME
    promote: Promotion = Promotion.OFFER
    confirm_address: bool = False
    change_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """One event. Times are naive wall times in `timezone`; `fold` says which one is
    meant by a wall time that exists twice."""

    slug: str
    title: str
    summary: str | None = None
    description: str | None = None
    language: str = "en"
    status: Status = Status.PUBLISHED
    visibility: Visibility = Visibility.PUBLIC
    discreet: bool = False
    team: str = DEFAULT_TEAM
    series: SeriesData | None = None
    timezone: str
    starts: datetime
    ends: datetime
    doors: datetime | None = None
    fold: int | None = None
    also_show: tuple[str, ...] = ()
    venue: Venue | None = None
    online: Online | None = None
    hosts: tuple[Organization, ...] = ()
    sponsors: tuple[Organization, ...] = ()
    people: tuple[Contributor, ...] = ()
    agenda: tuple[AgendaItem, ...] = ()
    links: tuple[Link, ...] = ()
    room: int | None = None
    reserved_seats: int = 0
    standby: bool = True
    standby_minutes: int = DEFAULT_STANDBY_MINUTES
    admissions: tuple[AdmissionData, ...]
    registration: RegistrationRules = RegistrationRules()
    still_coming: ReconfirmationRules | None = None
    reminders: tuple[ReminderData, ...] = DEFAULT_REMINDERS
    wording: tuple[CustomTextData, ...] = ()
    questions: tuple[QuestionData, ...] = ()
    consents: tuple[ConsentData, ...] = ()
    contact: str | None = None
    retention_days: int = RETENTION_DAYS

    @property
    def wall_times(self) -> dict[str, datetime | None]:
        """Each wall time by the name of its columns in `Event`."""
        return {
            "starts": self.starts,
            "ends": self.ends,
            "doors": self.doors,
            "opens": self.registration.opens,
            "closes": self.registration.closes,
            "change_until": self.registration.change_until,
        }
