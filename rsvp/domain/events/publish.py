"""Publishing: an event is created or updated as its definition says.

A file is the whole truth about its event: what it leaves out is set to its default.
Registrations stay as they are; where a change would pull something from under people
who already use it, the file is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import select

from rsvp.db import current_session, lock_rows
from rsvp.domain import audit, capacity, mailings, reconfirmation, waitlist
from rsvp.domain.events import change_notices, in_use, mapping
from rsvp.domain.messages import outbox
from rsvp.errors import OtherTeam
from rsvp.event_definition import EventDefinition, SeriesData
from rsvp.models import Event, Series, Team
from rsvp.models.audit import EventVerb
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.models.team import DEFAULT_TEAM

# A calendar that holds the event is told of these (RFC 5545, 3.8.7.4).
CALENDAR_KEYS = {
    "title",
    "starts",
    "ends",
    "timezone",
    "fold",
    "venue",
    "online",
    "status",
}


@dataclass(frozen=True)
class PublishResult:
    """What publishing did: `changed` names its top-level keys that differ now,
    `notified` is how many are mailed about it."""

    event_id: int
    created: bool
    changed: list[str]
    notified: int = 0


def publish_definition(
    definition: EventDefinition, *, actor: str, now: datetime
) -> PublishResult:
    """Create the event with this slug, or update it to its definition; nothing changed,
    no new version. Seats that a larger capacity frees go to the line at once, and
    whoever is registered is told of what is another time, place or way to join.

    Raises InUse (it would remove or bend what people use) and OtherTeam (the event or
    its series belongs to another team); then nothing has changed.
    """
    team = get_or_create_team(definition.team)
    event_id = current_session().scalar(
        select(Event.id).where(Event.slug == definition.slug)
    )
    if event_id is None:
        return create_event(definition, team, actor=actor, now=now)
    return update_event(event_id, definition, team, actor=actor, now=now)


def create_event(
    definition: EventDefinition, team: Team, *, actor: str, now: datetime
) -> PublishResult:
    session = current_session()
    event = Event(
        slug=definition.slug, team=team, created_at=now, updated_at=now, version=1
    )
    event.series = save_series(definition.series, team)
    mapping.set_columns(event, definition)
    capacity.set_room_capacity(event, definition.room)
    mapping.set_admissions(event, definition.admissions)
    capacity.apply_reserved_seats(event)
    mapping.set_questions(event, definition.questions)
    mapping.set_reminders(event, definition.reminders, now)
    session.add(event)
    session.flush()
    mapping.set_consents(event, definition.consents)
    audit.record(
        EventVerb.IMPORT,
        actor=actor,
        now=now,
        event_id=event.id,
        states=(None, definition.status),
    )
    return PublishResult(event.id, created=True, changed=[])


def update_event(
    event_id: int, definition: EventDefinition, team: Team, *, actor: str, now: datetime
) -> PublishResult:
    session = current_session()
    event = waitlist.lock_and_expire(event_id, now).event
    if event.team_id != team.id:
        raise OtherTeam(kind="event", slug=event.slug, team=event.team.slug)
    session.expire(event, ["series", "admissions", "questions", "reminders"])
    before = mapping.to_definition(event)
    series = save_series(definition.series, team, except_event_id=event_id)
    changed = changed_keys(before, definition, event)
    if not changed:
        return PublishResult(event_id, created=False, changed=[])
    in_use.refuse_removing_used(event, definition)
    day_before = reconfirmation.event_day(event)
    snapshot = change_notices.take_snapshot(event)

    event.series = series
    mapping.set_columns(event, definition)
    if definition.room != before.room:
        capacity.set_room_capacity(event, definition.room)
    mapping.set_admissions(event, definition.admissions)
    capacity.apply_reserved_seats(event)
    mapping.set_questions(event, definition.questions)
    mapping.set_reminders(event, definition.reminders, now)
    mapping.set_consents(event, definition.consents)
    event.sequence += bool(CALENDAR_KEYS.intersection(changed))
    reconfirmation.follow_event_change(event, day_before)
    # What calendars hold of those who come by it says where.
    event.sequence += change_notices.modes_changed(event, snapshot)
    bump_version(event, now)
    session.flush()
    if (before.status, definition.status) == (Status.PUBLISHED, Status.CANCELLED):
        mailings.stop_scheduled(event_id, actor=actor, now=now)
        notified = outbox.enqueue_for_event(
            event_id, MessageKind.EVENT_CANCELLED, now=now
        )
    else:
        notified = change_notices.notify_registrations(event, snapshot, now=now)
    audit.record(
        EventVerb.UPDATE,
        actor=actor,
        now=now,
        event_id=event_id,
        states=(before.status, definition.status)
        if "status" in changed
        else (None, None),
        details={"changed": changed} | ({"told": notified} if notified else {}),
    )
    waitlist.promote(capacity.lock_event(event_id), actor=actor, now=now)
    return PublishResult(event_id, created=False, changed=changed, notified=notified)


def changed_keys(
    before: EventDefinition, definition: EventDefinition, event: Event
) -> list[str]:
    """Return the top-level keys whose values differ, or whose instants zone rules
    moved."""
    moved = {
        name if name in ("starts", "ends", "doors") else "registration"
        for name, at in mapping.event_instants(definition).items()
        if at != getattr(event, f"{name}_at")
    }
    return [
        key
        for key in (field.name for field in fields(EventDefinition))
        if getattr(before, key) != getattr(definition, key) or key in moved
    ]


def bump_version(event: Event, now: datetime) -> None:
    """Give the event its next version; its admissions follow, so that no seat is
    claimed under the rules of before. Needs the event's lock."""
    event.version += 1
    event.updated_at = now
    for admission in event.admissions:
        admission.event_version = event.version


# --- team and series ----------------------------------------------------------------


def get_or_create_team(slug: str) -> Team:
    """Return the team with this slug, made if there is none.

    Publishing goes in turn, by the default team's lock: two files can't both make the
    same event, series or team.
    """
    session = current_session()
    for team_slug in (DEFAULT_TEAM, slug):
        query = select(Team).where(Team.slug == team_slug)
        team = session.scalar(lock_rows(query))
    if team is None:
        team = Team(slug=slug, name=slug.replace("-", " ").capitalize())
        session.add(team)
        session.flush()
    return team


def save_series(
    data: SeriesData | None, team: Team, except_event_id: int | None = None
) -> Series | None:
    """Create or update the series with this slug to what the definition says.

    Its other events, all `except_event_id` the one at hand, then show something new,
    too.
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
        bump_series_events(series, except_event_id)
    series.title, series.summary = data.title, data.summary
    return series


def bump_series_events(series: Series, except_event_id: int | None) -> None:
    for event_id in current_session().scalars(
        select(Event.id).where(Event.series_id == series.id).order_by(Event.id)
    ):
        if event_id != except_event_id:
            event = capacity.lock_event(event_id).event
            bump_version(event, event.updated_at)


# --- when zone rules change ---------------------------------------------------------
