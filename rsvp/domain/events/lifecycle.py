"""Lifecycle: an event is published, unpublished, paused, resumed or cancelled.

An event file says all of this as well, and the next one that is imported wins.
"""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import audit, capacity, mailings, waitlist
from rsvp.domain.events import in_use
from rsvp.domain.events import publish as event_publish
from rsvp.domain.messages import outbox
from rsvp.models import Event
from rsvp.models.audit import EventVerb
from rsvp.models.event import Phase, Status
from rsvp.models.message import MessageKind


def publish_event(event_id: int, *, actor: str, now: datetime) -> None:
    """Publish a draft. Raises EventCancelled: everybody was told that it is off."""
    event = lock_uncancelled(event_id, now)
    if event.status == Status.DRAFT:
        change_status(event, Status.PUBLISHED, EventVerb.PUBLISH, actor, now)


def unpublish_event(event_id: int, *, actor: str, now: datetime) -> None:
    """Make an event a draft again, which nobody sees. Raises InUse where people have a
    place or wait for one, since their tickets would lead nowhere, and
    EventCancelled."""
    event = lock_uncancelled(event_id, now)
    if event.status == Status.PUBLISHED:
        in_use.refuse_status_change(event, Status.DRAFT)
        change_status(event, Status.DRAFT, EventVerb.UNPUBLISH, actor, now)


def pause_registrations(event_id: int, *, actor: str, now: datetime) -> None:
    """Take no registrations for the moment; the line stands still as well.

    Raises EventCancelled and EventOver.
    """
    set_paused(event_id, True, EventVerb.PAUSE, actor, now)


def resume_registrations(event_id: int, *, actor: str, now: datetime) -> None:
    """Take registrations again; seats that came free meanwhile go to the line first.

    Raises EventCancelled and EventOver.
    """
    set_paused(event_id, False, EventVerb.RESUME, actor, now)


def cancel_event(
    event_id: int, *, why: str | None = None, actor: str, now: datetime
) -> int:
    """Cancel the event, for good, and mail everybody who has a place or waits for one,
    with `why` if there is a line of text. Return how many are mailed. What organizers
    have written for later is not sent.

    Raises EventCancelled (it is off already) and EventOver.
    """
    event = lock_uncancelled(event_id, now)
    if event.phase(now) == Phase.OVER:
        raise errors.EventOver(title=event.title)
    was_published = event.status == Status.PUBLISHED
    change_status(event, Status.CANCELLED, EventVerb.CANCEL_EVENT, actor, now)
    mailings.stop_scheduled(event_id, actor=actor, now=now)
    if not was_published:
        return 0
    return outbox.enqueue_for_event(
        event_id, MessageKind.EVENT_CANCELLED, now=now, why=why
    )


# --- under the event's lock ---------------------------------------------------------


def lock_uncancelled(event_id: int, now: datetime) -> Event:
    event = waitlist.lock_and_expire(event_id, now).event
    if event.phase(now) == Phase.CANCELLED:
        raise errors.EventCancelled(title=event.title)
    return event


def change_status(
    event: Event, status: Status, verb: EventVerb, actor: str, now: datetime
) -> None:
    before, event.status = event.status, status
    # Calendars are told by this number (RFC 5545, 3.8.7.4).
    event.sequence += 1
    finish_change(event, verb, (before, status), actor, now)


def set_paused(
    event_id: int, paused: bool, verb: EventVerb, actor: str, now: datetime
) -> None:
    event = lock_uncancelled(event_id, now)
    if event.phase(now) == Phase.OVER:
        raise errors.EventOver(title=event.title)
    if event.paused != paused:
        event.paused = paused
        finish_change(event, verb, (None, None), actor, now)


def finish_change(
    event: Event,
    verb: EventVerb,
    states: tuple[str | None, str | None],
    actor: str,
    now: datetime,
) -> None:
    """Finish any such change: a new version, an audit entry, and promotion."""
    event_publish.bump_version(event, now)
    audit.record(verb, actor=actor, now=now, event_id=event.id, states=states)
    # Locking again writes what was changed, and reads it as it is now.
    waitlist.promote(capacity.lock_event(event.id), actor=actor, now=now)
