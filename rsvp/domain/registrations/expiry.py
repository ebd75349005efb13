"""Expiry: offers and held places whose time is over are ended by the worker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select

from rsvp.db import current_session
from rsvp.domain import capacity, waitlist
from rsvp.models import Event, Registration
from rsvp.models.event import Status
from rsvp.models.registration import State


def events_to_expire(now: datetime) -> list[int]:
    """Return the ids of the events in which an offer or a held place has ended, or
    somebody still waits although the event is over."""
    is_past = and_(Registration.decide_by.is_not(None), Registration.decide_by <= now)
    is_waiting = Registration.state.in_((State.WAITLISTED, State.REQUESTED))
    query = (
        select(Event.id)
        .join(Registration, Registration.event_id == Event.id)
        .where(
            Event.status == Status.PUBLISHED,
            Event.erased_at.is_(None),
            or_(is_past, and_(is_waiting, Event.ends_at <= now)),
        )
        .distinct()
        .order_by(Event.id)
    )
    return list(current_session().scalars(query))


def expire_due(event_id: int, *, now: datetime) -> int:
    """Expire what has ended in one event and promote. Return how many expired.
    Safe to repeat, and at once in several workers."""
    return waitlist.expire_due(capacity.lock_event(event_id), now)
