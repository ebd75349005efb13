"""Events: publishing what a file says, writing it out again, following zone rules.

A file is the whole truth about its event: what it leaves out is set to its default.
Registrations are never touched; where a change would pull something from under people
who already use it, the file is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp import walltime
from rsvp.db import current_session
from rsvp.domain import audit, capacity, messages, uses, waitlist
from rsvp.errors import OtherTeam
from rsvp.eventdata import (
    AdmissionData,
    AgendaItem,
    ConsentData,
    Contributor,
    EventFile,
    Link,
    Online,
    Organization,
    QuestionData,
    RegistrationRules,
    SeriesData,
    Venue,
)
from rsvp.models import Admission, Consent, Event, Question, Series, Team
from rsvp.models.event import Mode, Per, QuestionType, Status, Visibility
from rsvp.models.ledger import MessageKind
from rsvp.models.team import DEFAULT_TEAM

# A calendar that holds the event is told of these (RFC 5545, 3.8.7.4).
IN_CALENDARS = {
    "title",
    "starts",
    "ends",
    "timezone",
    "fold",
    "venue",
    "online",
    "status",
}

SAME_NAME = (
    *("title", "summary", "description", "language", "status", "visibility"),
    *("discreet", "timezone", "fold", "contact", "retention_days"),
)


@dataclass(frozen=True)
class Published:
    """What became of a file: `changed` names its top-level keys that differ now."""

    event_id: int
    created: bool
    changed: list[str]


def publish(file: EventFile, *, actor: str, now: datetime) -> Published:
    """Create the event with this slug, or make it as the file says; nothing changed, no
    new version. Seats that a larger capacity frees go to the line at once.

    Raises InUse (it would remove or bend what people use) and OtherTeam (the event or
    its series belongs to another team); then nothing has changed.
    """
    team = team_of(file.team)
    event_id = current_session().scalar(select(Event.id).where(Event.slug == file.slug))
    if event_id is None:
        return create(file, team, actor=actor, now=now)
    return change(event_id, file, team, actor=actor, now=now)


def create(file: EventFile, team: Team, *, actor: str, now: datetime) -> Published:
    session = current_session()
    event = Event(slug=file.slug, team=team, created_at=now, updated_at=now, version=1)
    event.series = series_of(file.series, team)
    set_columns(event, file)
    capacity.set_room(event, file.room)
    set_admissions(event, file.admissions)
    set_questions(event, file.questions)
    session.add(event)
    session.flush()
    set_consents(event, file.consents)
    audit.record(
        "import", actor=actor, now=now, event_id=event.id, states=(None, file.status)
    )
    return Published(event.id, created=True, changed=[])


def change(
    event_id: int, file: EventFile, team: Team, *, actor: str, now: datetime
) -> Published:
    session = current_session()
    event = capacity.lock_event(event_id).event
    if event.team_id != team.id:
        raise OtherTeam(kind="event", slug=event.slug, team=event.team.slug)
    session.expire(event, ["series", "admissions", "questions"])
    before = to_file(event)
    series = series_of(file.series, team, but=event_id)
    changed = differences(before, file, event)
    if not changed:
        return Published(event_id, created=False, changed=[])
    uses.refuse_taking_away(event, file)

    event.series = series
    set_columns(event, file)
    if file.room != before.room:
        capacity.set_room(event, file.room)
    set_admissions(event, file.admissions)
    set_questions(event, file.questions)
    set_consents(event, file.consents)
    event.sequence += bool(IN_CALENDARS.intersection(changed))
    new_version(event, now)
    session.flush()
    audit.record(
        "update",
        actor=actor,
        now=now,
        event_id=event_id,
        states=(before.status, file.status) if "status" in changed else (None, None),
        details={"changed": changed},
    )
    if (before.status, file.status) == (Status.PUBLISHED, Status.CANCELLED):
        messages.tell_all(event_id, MessageKind.EVENT_CANCELLED, now=now)
    waitlist.promote(capacity.lock_event(event_id), actor=actor, now=now)
    return Published(event_id, created=False, changed=changed)


def differences(before: EventFile, file: EventFile, event: Event) -> list[str]:
    """The top-level keys whose values differ, or whose instants zone rules moved."""
    moved = {
        name if name in ("starts", "ends", "doors") else "registration"
        for name, at in instants(file).items()
        if at != getattr(event, f"{name}_at")
    }
    return [
        key
        for key in (field.name for field in fields(EventFile))
        if getattr(before, key) != getattr(file, key) or key in moved
    ]


def new_version(event: Event, now: datetime) -> None:
    """Count the event on; its admissions follow, so that no seat is claimed under the
    rules of before. Needs the event's lock."""
    event.version += 1
    event.updated_at = now
    for admission in event.admissions:
        admission.event_version = event.version


# --- team and series ----------------------------------------------------------------


def team_of(slug: str) -> Team:
    """The team with this slug, made if there is none.

    Publishing goes in turn, by the default team's lock: two files can't both make the
    same event, series or team.
    """
    session = current_session()
    for wanted in (DEFAULT_TEAM, slug):
        lock = select(Team).where(Team.slug == wanted).with_for_update(key_share=True)
        team = session.scalar(lock)
    if team is None:
        team = Team(slug=slug, name=slug.replace("-", " ").capitalize())
        session.add(team)
        session.flush()
    return team


def series_of(
    data: SeriesData | None, team: Team, but: int | None = None
) -> Series | None:
    """The series with this slug, made or changed to say what the file says.

    Its other events, all `but` the one at hand, then show something new, too.
    """
    if data is None:
        return None
    session = current_session()
    series = session.scalar(select(Series).where(Series.slug == data.slug))
    if series is None:
        series = Series(slug=data.slug, team_id=team.id)
        session.add(series)
    elif series.team_id != team.id:
        owner = session.get_one(Team, series.team_id)
        raise OtherTeam(kind="series", slug=series.slug, team=owner.slug)
    elif (series.title, series.summary) != (data.title, data.summary):
        renew(series, but)
    series.title, series.summary = data.title, data.summary
    return series


def renew(series: Series, but: int | None) -> None:
    for event_id in current_session().scalars(
        select(Event.id).where(Event.series_id == series.id).order_by(Event.id)
    ):
        if event_id != but:
            event = capacity.lock_event(event_id).event
            new_version(event, event.updated_at)


# --- rows from the file -------------------------------------------------------------


def set_columns(event: Event, file: EventFile) -> None:
    for name in SAME_NAME:
        setattr(event, name, getattr(file, name))
    event.also_show = list(file.also_show)
    for name in ("hosts", "sponsors", "people", "agenda", "links"):
        setattr(event, name, [given(item) for item in getattr(file, name)])
    for name, wall in file.wall_times.items():
        setattr(event, f"{name}_local", wall)
    for name, at in instants(file).items():
        setattr(event, f"{name}_at", at)
    venue, online, rules = file.venue, file.online, file.registration
    event.venue_name = venue.name if venue else None
    event.venue_address = venue.address if venue else None
    event.venue_access = venue.access if venue else None
    event.join_url = online.join_url if online else None
    event.online_note = online.note if online else None
    event.registration_required = rules.required
    event.party_max = rules.party_max
    event.paused = rules.paused
    event.several = rules.several


def instants(file: EventFile) -> dict[str, datetime | None]:
    """The instant of each wall time. Raises walltime's errors."""
    zone = ZoneInfo(file.timezone)
    return {
        name: wall and walltime.instant(wall, zone, file.fold)
        for name, wall in file.wall_times.items()
    }


def given(item: Any) -> dict[str, Any]:
    """A dataclass as a mapping of what it says."""
    pairs = ((field.name, getattr(item, field.name)) for field in fields(item))
    return {name: value for name, value in pairs if value is not None}


def set_admissions(event: Event, wanted: Sequence[AdmissionData]) -> None:
    old = {admission.key: admission for admission in event.admissions}
    for position, data in enumerate(wanted):
        admission = old.pop(data.key, None)
        if admission is None:
            admission = Admission(key=data.key, event_version=event.version)
            event.admissions.append(admission)
        admission.position = position
        admission.name, admission.mode = data.name, data.mode
        admission.waitlist = data.waitlist
        capacity.set_capacity(admission, data.capacity)
    remove(event.admissions, old.values())


def set_questions(event: Event, wanted: Sequence[QuestionData]) -> None:
    old = {question.key: question for question in event.questions}
    for position, data in enumerate(wanted):
        question = old.pop(data.key, None)
        if question is None:
            question = Question(key=data.key)
            event.questions.append(question)
        question.position = position
        for name in ("ask", "hint", "type", "required", "per", "keep_days"):
            setattr(question, name, getattr(data, name))
        question.options, question.only_for = list(data.options), list(data.only_for)
    remove(event.questions, old.values())


def remove(rows: list[Any], unwanted: Iterable[Admission | Question]) -> None:
    for row in list(unwanted):
        rows.remove(row)
        current_session().delete(row)


def set_consents(event: Event, wanted: Sequence[ConsentData]) -> None:
    """A new wording becomes a new version; the old one stays, no longer current."""
    session = current_session()
    newest: dict[str, Consent] = {}
    for consent in session.scalars(
        select(Consent).where(Consent.event_id == event.id).order_by(Consent.version)
    ):
        consent.is_current = False
        newest[consent.key] = consent
    for position, data in enumerate(wanted):
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


def to_file(event: Event) -> EventFile:
    """What a file would have to say to make this event."""
    series = event.series
    return EventFile(
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
        venue=venue_of(event),
        online=online_of(event),
        hosts=tuple(Organization(**host) for host in event.hosts),
        sponsors=tuple(Organization(**sponsor) for sponsor in event.sponsors),
        people=tuple(Contributor(**person) for person in event.people),
        agenda=tuple(AgendaItem(**item) for item in event.agenda),
        links=tuple(Link(**link) for link in event.links),
        room=event.room_capacity,
        admissions=tuple(map(admission_of, event.admissions)),
        registration=RegistrationRules(
            required=event.registration_required,
            party_max=event.party_max,
            opens=event.opens_local,
            closes=event.closes_local,
            paused=event.paused,
            several=event.several,
        ),
        questions=tuple(map(question_of, event.questions)),
        consents=tuple(
            ConsentData(key=consent.key, text=consent.text, required=consent.required)
            for consent in event.consents
        ),
        contact=event.contact,
        retention_days=event.retention_days,
    )


def venue_of(event: Event) -> Venue | None:
    if event.venue_name is None:
        return None
    return Venue(
        name=event.venue_name, address=event.venue_address, access=event.venue_access
    )


def online_of(event: Event) -> Online | None:
    online = Online(join_url=event.join_url, note=event.online_note)
    return None if online == Online() else online


def admission_of(admission: Admission) -> AdmissionData:
    return AdmissionData(
        key=admission.key,
        name=admission.name,
        mode=Mode(admission.mode),
        capacity=admission.capacity,
        waitlist=admission.waitlist,
    )


def question_of(question: Question) -> QuestionData:
    return QuestionData(
        key=question.key,
        ask=question.ask,
        type=QuestionType(question.type),
        hint=question.hint,
        options=tuple(question.options),
        required=question.required,
        per=Per(question.per),
        only_for=tuple(question.only_for),
        keep_days=question.keep_days,
    )


# --- when zone rules change ---------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """An event whose instants no longer were what its wall times mean."""

    event_id: int
    slug: str
    before: datetime
    after: datetime


def find_moved(now: datetime) -> list[Event]:
    """The events to come whose stored instants differ from what their wall times mean
    by the zone rules of today."""
    coming = select(Event).where(Event.ends_at > now).order_by(Event.id)
    return [event for event in current_session().scalars(coming) if right(event)]


def right(event: Event) -> dict[str, datetime]:
    """The instants that should stand there, of those that are wrong.

    The rules may have put a wall time into a gap, or made it exist twice: the nearest
    instant is taken, since an event must have one.
    """
    zone = ZoneInfo(event.timezone)
    wrong = {}
    for name in ("starts", "ends", "doors", "opens", "closes"):
        wall = getattr(event, f"{name}_local")
        at = wall and walltime.nearest_instant(wall, zone, event.fold)
        if at != getattr(event, f"{name}_at"):
            wrong[f"{name}_at"] = at
    return wrong


def rederive(event_id: int, *, actor: str, now: datetime) -> Moved | None:
    """Derive an event's instants again; None if they were right."""
    event = capacity.lock_event(event_id).event
    wrong, before = right(event), event.starts_at
    if not wrong:
        return None
    for name, at in wrong.items():
        setattr(event, name, at)
    event.sequence += 1
    new_version(event, now)
    audit.record(
        "rederive",
        actor=actor,
        now=now,
        event_id=event_id,
        details={"changed": sorted(wrong)},
    )
    return Moved(event_id, event.slug, before, event.starts_at)
