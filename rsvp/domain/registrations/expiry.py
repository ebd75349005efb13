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
    """Ids of the events in which an offer or a held place has ended, or somebody still
    waits although the event is over."""
    ended = and_(Registration.decide_by.is_not(None), Registration.decide_by <= now)
    waits = Registration.state.in_((State.WAITLISTED, State.REQUESTED))
    due = (
        select(Event.id)
        .join(Registration, Registration.event_id == Event.id)
        .where(
            Event.status == Status.PUBLISHED,
            Event.erased_at.is_(None),
            or_(ended, and_(waits, Event.ends_at <= now)),
        )
        .distinct()
        .order_by(Event.id)
    )
    return list(current_session().scalars(due))


def expire_due(event_id: int, *, now: datetime) -> int:
    """End what has ended in one event, give its seats on, and say how many that were.
    Safe to repeat, and at once in several workers."""
    return waitlist.expire_due(capacity.lock_event(event_id), now)
