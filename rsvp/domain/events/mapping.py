"""Mapping: an event definition as database rows, and rows as a definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp import walltime
from rsvp.db import current_session
from rsvp.domain import capacity, reminders
from rsvp.event_definition import (
    AdmissionData,
    AgendaItem,
    ConsentData,
    Contributor,
    CustomTextData,
    EventDefinition,
    Link,
    Online,
    Organization,
    QuestionData,
    ReconfirmationRules,
    RegistrationRules,
    ReminderData,
    SeriesData,
    Venue,
)
from rsvp.models import Admission, Consent, Event, Question, Reminder
from rsvp.models.event import (
    DEFAULT_STANDBY_MINUTES,
    Allocation,
    Anchor,
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
from rsvp.text import durations

COPIED_COLUMNS = (
    "title",
    "summary",
    "description",
    "language",
    "status",
    "visibility",
    "discreet",
    "timezone",
    "fold",
    "contact",
    "retention_days",
)

# --- rows from the file -------------------------------------------------------------


def set_columns(event: Event, definition: EventDefinition) -> None:
    for name in COPIED_COLUMNS:
        setattr(event, name, getattr(definition, name))
    event.also_show = list(definition.also_show)
    for name in ("hosts", "sponsors", "people", "agenda", "links"):
        setattr(event, name, [as_mapping(item) for item in getattr(definition, name)])
    for name, wall in definition.wall_times.items():
        setattr(event, f"{name}_local", wall)
    for name, at in event_instants(definition).items():
        setattr(event, f"{name}_at", at)
    venue, online, rules = definition.venue, definition.online, definition.registration
    event.venue_name = venue.name if venue else None
    event.venue_address = venue.address if venue else None
    event.venue_access = venue.access if venue else None
    event.join_url = online.join_url if online else None
    event.online_note = online.note if online else None
    event.registration_required = rules.required
    event.party_max = rules.party_max
    event.paused = rules.paused
    event.several = rules.several
    event.allocation = rules.allocation
    event.promotion = rules.promote
    event.confirm_address = rules.confirm_address
    event.reserved_seats = definition.reserved_seats
    reconfirmation = definition.still_coming
    event.ask_hours = reconfirmation.ask_hours if reconfirmation else None
    event.answer_hours = reconfirmation.answer_hours if reconfirmation else None
    event.no_answer = reconfirmation.no_answer if reconfirmation else NoAnswer.RELEASE
    event.wording = {
        custom_text.message: as_mapping(custom_text, without="message")
        for custom_text in definition.wording
    }
    event.standby_minutes = definition.standby_minutes if definition.standby else None


def event_instants(definition: EventDefinition) -> dict[str, datetime | None]:
    """Return the instant of each wall time. Raises walltime's errors."""
    zone = ZoneInfo(definition.timezone)
    return {
        name: wall and walltime.instant(wall, zone, definition.fold)
        for name, wall in definition.wall_times.items()
    }


def as_mapping(item: Any, without: str = "") -> dict[str, Any]:
    """Return a dataclass as a mapping of the fields that have a value."""
    names = (field.name for field in fields(item) if field.name != without)
    pairs = ((name, getattr(item, name)) for name in names)
    return {name: value for name, value in pairs if value is not None}


def set_admissions(event: Event, admissions: Sequence[AdmissionData]) -> None:
    old = {admission.key: admission for admission in event.admissions}
    for position, data in enumerate(admissions):
        admission = old.pop(data.key, None)
        if admission is None:
            admission = Admission(key=data.key, event_version=event.version)
            event.admissions.append(admission)
        admission.position = position
        admission.name, admission.mode = data.name, data.mode
        admission.waitlist = data.waitlist
        admission.waitlist_max = data.waitlist_max
        capacity.set_capacity(admission, data.capacity)
    delete_rows(event.admissions, old.values())
    event.admissions.sort(key=lambda admission: admission.position)


def set_questions(event: Event, questions: Sequence[QuestionData]) -> None:
    old = {question.key: question for question in event.questions}
    for position, data in enumerate(questions):
        question = old.pop(data.key, None)
        if question is None:
            question = Question(key=data.key)
            event.questions.append(question)
        question.position = position
        for name in ("ask", "hint", "type", "required", "per", "keep_days"):
            setattr(question, name, getattr(data, name))
        question.options, question.only_for = list(data.options), list(data.only_for)
    delete_rows(event.questions, old.values())


def set_reminders(
    event: Event, definitions: Sequence[ReminderData], now: datetime
) -> None:
    old = {reminder.key: reminder for reminder in event.reminders}
    for position, data in enumerate(definitions):
        reminder = old.pop(data.key, None)
        if reminder is None:
            reminder = Reminder(key=data.key, made_at=now)
            event.reminders.append(reminder)
        reminder.position = position
        reminder.anchor = Anchor.END if data.before is None else Anchor.START
        reminder.minutes = durations.parse_duration(data.before or data.after or "")
        reminder.admissions, reminder.states = list(data.admissions), list(data.states)
        reminder.subject, reminder.text = data.subject, data.text
    delete_rows(event.reminders, old.values())
    reminders.reschedule(event, now)


def delete_rows(
    rows: list[Any], unwanted: Iterable[Admission | Question | Reminder]
) -> None:
    for row in list(unwanted):
        rows.remove(row)
        current_session().delete(row)


def set_consents(event: Event, consents: Sequence[ConsentData]) -> None:
    """Set the consents; a new wording becomes a new version, the old one stays."""
    session = current_session()
    newest: dict[str, Consent] = {}
    for consent in session.scalars(
        select(Consent).where(Consent.event_id == event.id).order_by(Consent.version)
    ):
        consent.is_current = False
        newest[consent.key] = consent
    for position, data in enumerate(consents):
        current = newest.get(data.key)
        if current is None or current.text != data.text:
            version = current.version + 1 if current else 1
            current = Consent(
                event_id=event.id, key=data.key, version=version, text=data.text
            )
            session.add(current)
        current.is_current = True
        current.position, current.required = position, data.required
    session.flush()
    session.expire(event, ["consents"])


# --- the file from rows -------------------------------------------------------------


def to_definition(event: Event) -> EventDefinition:
    """Return the definition that would make this event."""
    series = event.series
    return EventDefinition(
        slug=event.slug,
        title=event.title,
        summary=event.summary,
        description=event.description,
        language=event.language,
        status=Status(event.status),
        visibility=Visibility(event.visibility),
        discreet=event.discreet,
        team=event.team.slug,
        series=SeriesData(slug=series.slug, title=series.title, summary=series.summary)
        if series
        else None,
        timezone=event.timezone,
        starts=event.starts_local,
        ends=event.ends_local,
        doors=event.doors_local,
        fold=event.fold,
        also_show=tuple(event.also_show),
        venue=venue_data(event),
        online=online_data(event),
        hosts=tuple(Organization(**host) for host in event.hosts),
        sponsors=tuple(Organization(**sponsor) for sponsor in event.sponsors),
        people=tuple(Contributor(**person) for person in event.people),
        agenda=tuple(AgendaItem(**item) for item in event.agenda),
        links=tuple(Link(**link) for link in event.links),
        room=event.room_capacity,
        reserved_seats=event.reserved_seats,
        standby=event.standby_minutes is not None,
        standby_minutes=DEFAULT_STANDBY_MINUTES
        if event.standby_minutes is None
        else event.standby_minutes,
        admissions=tuple(map(admission_data, event.admissions)),
        registration=RegistrationRules(
            required=event.registration_required,
            party_max=event.party_max,
            opens=event.opens_local,
            closes=event.closes_local,
            paused=event.paused,
            several=event.several,
            allocation=Allocation(event.allocation),
            promote=Promotion(event.promotion),
            confirm_address=event.confirm_address,
            change_until=event.change_until_local,
        ),
        still_coming=ReconfirmationRules(
            ask_hours=event.ask_hours,
            answer_hours=event.answer_hours or 0,
            no_answer=NoAnswer(event.no_answer),
        )
        if event.ask_hours is not None
        else None,
        reminders=tuple(map(reminder_data, event.reminders)),
        wording=tuple(
            CustomTextData(message=MessageKind(kind), **custom_text)
            for kind, custom_text in sorted(event.wording.items())
        ),
        questions=tuple(map(question_data, event.questions)),
        consents=tuple(
            ConsentData(key=consent.key, text=consent.text, required=consent.required)
            for consent in event.consents
        ),
        contact=event.contact,
        retention_days=event.retention_days,
    )


def venue_data(event: Event) -> Venue | None:
    if event.venue_name is None:
        return None
    return Venue(
        name=event.venue_name, address=event.venue_address, access=event.venue_access
    )


def online_data(event: Event) -> Online | None:
    online = Online(join_url=event.join_url, note=event.online_note)
    return None if online == Online() else online


def admission_data(admission: Admission) -> AdmissionData:
    return AdmissionData(
        key=admission.key,
        name=admission.name,
        mode=Mode(admission.mode),
        capacity=admission.capacity,
        waitlist=admission.waitlist,
        waitlist_max=admission.waitlist_max,
    )


def reminder_data(reminder: Reminder) -> ReminderData:
    span = durations.format_duration(reminder.minutes)
    is_before = reminder.anchor == Anchor.START
    return ReminderData(
        key=reminder.key,
        before=span if is_before else None,
        after=None if is_before else span,
        admissions=tuple(reminder.admissions),
        states=tuple(map(State, reminder.states)),
        subject=reminder.subject,
        text=reminder.text,
    )


def question_data(question: Question) -> QuestionData:
    return QuestionData(
        key=question.key,
        ask=question.ask,
        type=QuestionType(question.type),
        hint=question.hint,
        options=tuple(question.options),
        required=question.required,
        per=QuestionScope(question.per),
        only_for=tuple(question.only_for),
        keep_days=question.keep_days,
    )
