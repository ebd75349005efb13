"""Giving up: a guest's place or all of them; what comes free goes to the line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import changed_one, current_session
from rsvp.domain import audit, capacity, messages, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.models import Admission, Attendee, Registration
from rsvp.models.event import Phase
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import LIVE, AttendeeState, State


def cancel(
    registration_id: int, *, actor: str, now: datetime, why: str | None = None
) -> None:
    """Give up all places of a registration, or its place in line; the line moves up.

    Raises AlreadyOver, TooLateToCancel (the event has begun) or EventCancelled.
    """
    locked, registration = lock(registration_id, now)
    admission = locked.admissions[registration.admission_id]
    was = registration.state
    seats = registration.seats
    changed = changed_one(
        update(Registration)
        .where(Registration.id == registration.id, Registration.state == was)
        .values(
            state=State.CANCELLED,
            line_number=None,
            state_since=now,
            ended_by=actor,
            ended_why=why,
        )
    )
    if not changed:
        raise errors.AlreadyOver
    audit.record(
        "cancel",
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(was, State.CANCELLED),
        details={"seats": seats},
    )
    messages.tell(registration, MessageKind.CANCELLED, now=now, was=was)
    give_back(locked, admission, was, seats)
    waitlist.promote(locked, actor=actor, now=now)


def cancel_guest(
    registration_id: int, position: int, *, actor: str, now: datetime
) -> None:
    """Give up one guest's place (`position` from 1); the others keep theirs.

    Raises AlreadyOver (also where there is no such guest), TooLateToCancel or
    EventCancelled. Whoever registered gives up with `cancel`, for the whole party.
    """
    locked, registration = lock(registration_id, now)
    guest = current_session().scalar(
        select(Attendee).where(
            Attendee.registration_id == registration.id,
            Attendee.position == position,
            Attendee.position > 0,
        )
    )
    if guest is None:
        raise errors.AlreadyOver
    changed = changed_one(
        update(Attendee)
        .where(Attendee.id == guest.id, Attendee.state == AttendeeState.COMING)
        .values(state=AttendeeState.CANCELLED)
    )
    if not changed:
        raise errors.AlreadyOver
    current_session().execute(
        update(Registration)
        .where(Registration.id == registration.id)
        .values(seats=Registration.seats - 1)
    )
    audit.record(
        "cancel_guest",
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(registration.state, registration.state),
        details={"position": position},
    )
    place = None
    if registration.state == State.WAITLISTED:
        admission = locked.admissions[registration.admission_id]
        place = waitlist.place(locked.event, admission, registration.line_number)
    messages.tell(
        registration,
        MessageKind.CHANGED,
        now=now,
        place=place,
        what="guest_cancelled",
        who=guest.name,
    )
    give_back(
        locked, locked.admissions[registration.admission_id], registration.state, 1
    )
    waitlist.promote(locked, actor=actor, now=now)


def lock(registration_id: int, now: datetime) -> tuple[LockedEvent, Registration]:
    """The event's lock, then the registration's; raises where it is too late."""
    session = current_session()
    event_id = session.scalars(
        select(Registration.event_id).where(Registration.id == registration_id)
    ).one()
    locked = capacity.lock_event(event_id)
    registration = session.scalars(
        select(Registration)
        .where(Registration.id == registration_id)
        .with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()
    if registration.state not in LIVE:
        raise errors.AlreadyOver
    if locked.event.phase(now) == Phase.CANCELLED:
        raise errors.EventCancelled(title=locked.event.title)
    if now >= locked.event.starts_at:
        raise errors.TooLateToCancel(title=locked.event.title)
    return locked, registration


def give_back(locked: LockedEvent, admission: Admission, was: str, seats: int) -> None:
    if was == State.WAITLISTED:
        capacity.leave_line(locked, admission, seats)
    else:
        capacity.release(locked, admission, seats)
