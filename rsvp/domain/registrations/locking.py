"""Locking: the locks and the checks that each change of a registration begins with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from rsvp import errors
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import audit, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.models import Attendee, CheckIn, Registration
from rsvp.models.event import Phase
from rsvp.models.registration import LIVE_STATES, State


def lock_registration(
    registration_id: int, now: datetime, states: Collection[State] = LIVE_STATES
) -> tuple[LockedEvent, Registration]:
    """Lock the event, then a registration that is in one of these states, for a change;
    by then what has ended has lapsed.

    Raises AlreadyOver, EventCancelled, and EventOver where the event's data is erased.
    """
    locked, registration = lock_in_any_state(registration_id, now)
    if registration.state not in states:
        if registration.state == State.LAPSED and now >= locked.event.ends_at:
            raise errors.EventOver(title=locked.event.title)
        raise errors.AlreadyOver
    if locked.event.phase(now) == Phase.CANCELLED:
        raise errors.EventCancelled(title=locked.event.title)
    if locked.event.erased_at is not None:
        raise errors.EventOver(title=locked.event.title)
    if registration.is_erased:
        # Nobody is left to tell, or to do it for.
        raise errors.AlreadyOver
    return locked, registration


def lock_in_any_state(
    registration_id: int, now: datetime
) -> tuple[LockedEvent, Registration]:
    """Lock the event, then the registration, in whatever state it is."""
    session = current_session()
    event_id = session.scalars(
        select(Registration.event_id).where(Registration.id == registration_id)
    ).one()
    locked = waitlist.lock_and_expire(event_id, now)
    query = select(Registration).where(Registration.id == registration_id)
    registration = session.scalars(fresh(lock_rows(query))).one()
    return locked, registration


def refuse_after_deadline(locked: LockedEvent, actor: str, now: datetime) -> None:
    """Refuse a change by link after the organizer's deadline; an organizer may."""
    if actor == audit.ATTENDEE and now >= locked.event.changes_end_at:
        raise errors.TooLateToCancel(title=locked.event.title)


def refuse_if_event_over(locked: LockedEvent, now: datetime) -> None:
    if locked.event.phase(now) == Phase.OVER:
        raise errors.EventOver(title=locked.event.title)


def refuse_if_checked_in(whom: ColumnElement[bool]) -> None:
    """Raise AlreadyCheckedIn if one of these attendees is in. The door locks the
    registration as well, so nobody is let in while being cancelled."""
    rows = current_session().execute(
        checked_in_names(whom).order_by(Attendee.position).limit(1)
    )
    if row := rows.one_or_none():
        raise errors.AlreadyCheckedIn(name=row[0])


def is_checked_in(whom: ColumnElement[bool]) -> bool:
    """Whether one of these attendees is in."""
    return (
        current_session().execute(checked_in_names(whom).limit(1)).first() is not None
    )


def checked_in_names(whom: ColumnElement[bool]) -> Select[Any]:
    return (
        select(Attendee.name)
        .join(CheckIn, CheckIn.attendee_id == Attendee.id)
        .where(whom, CheckIn.out_at.is_(None))
    )
