"""Zone rules: instants derived again after a time zone's rules have changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp import walltime
from rsvp.db import current_session
from rsvp.domain import audit, capacity, reconfirmation, reminders
from rsvp.domain.events.publish import bump_version
from rsvp.models import Event
from rsvp.models.audit import EventVerb


@dataclass(frozen=True)
class MovedEvent:
    """An event whose instants no longer were what its wall times mean."""

    event_id: int
    slug: str
    before: datetime
    after: datetime


def find_moved_events(now: datetime) -> list[Event]:
    """Return the events to come whose stored instants differ from what their wall times
    mean by the zone rules of today."""
    query = select(Event).where(Event.ends_at > now).order_by(Event.id)
    return [
        event for event in current_session().scalars(query) if corrected_instants(event)
    ]


def corrected_instants(event: Event) -> dict[str, datetime]:
    """Return the right instants of those that are wrong.

    The rules may have put a wall time into a gap, or made it exist twice: the nearest
    instant is taken, since an event must have one.
    """
    zone = ZoneInfo(event.timezone)
    corrected = {}
    for name in ("starts", "ends", "doors", "opens", "closes", "change_until"):
        wall = getattr(event, f"{name}_local")
        at = wall and walltime.nearest_instant(wall, zone, event.fold)
        if at != getattr(event, f"{name}_at"):
            corrected[f"{name}_at"] = at
    return corrected


def rederive_instants(event_id: int, *, actor: str, now: datetime) -> MovedEvent | None:
    """Derive an event's instants again; None if they were right."""
    event = capacity.lock_event(event_id).event
    corrected, before = corrected_instants(event), event.starts_at
    if not corrected:
        return None
    for name, at in corrected.items():
        setattr(event, name, at)
    reconfirmation.follow_event_change(event, reconfirmation.event_day(event))
    event.sequence += 1
    reminders.reschedule(event, now)
    bump_version(event, now)
    audit.record(
        EventVerb.REDERIVE,
        actor=actor,
        now=now,
        event_id=event_id,
        details={"changed": sorted(corrected)},
    )
    return MovedEvent(event_id, event.slug, before, event.starts_at)
