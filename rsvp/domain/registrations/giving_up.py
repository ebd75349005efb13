"""Giving up: a guest's place or all of them; what comes free goes to the line."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from rsvp import errors
from rsvp.db import changed_one, current_session
from rsvp.domain import audit, capacity, messages, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.steps import step
from rsvp.models import Attendee, CheckIn, Registration
from rsvp.models.event import Phase
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import LIVE, SEATED, AttendeeState, State


def cancel(
    registration_id: int, *, actor: str, now: datetime, why: str | None = None
) -> None:
    """Give up all places of a registration, or its place in line; the line moves up.

    Its holder can do so until the organizer's deadline, an organizer later as well.
    Raises AlreadyOver, AlreadyIn, TooLateToCancel, EventCancelled, EventOver (erased).
    """
    locked, registration = lock(registration_id, now, (*LIVE, State.RELEASED))
    refuse_late(locked, actor, now)
    refuse_if_in(Attendee.registration_id == registration.id)
    end(locked, registration, "cancel", actor=actor, now=now, why=why)
    waitlist.promote(locked, actor=actor, now=now)


def end(
    locked: LockedEvent,
    registration: Registration,
    verb: str,
    *,
    actor: str,
    now: datetime,
    why: str | None = None,
) -> None:
    """Cancel it, give back what it holds, and say so; promotion is the caller's."""
    admission = locked.admissions[registration.admission_id]
    waitlist.give_back(locked, admission, registration)
    was = step(
        registration,
        State.CANCELLED,
        verb=verb,
        actor=actor,
        now=now,
        why=why,
        details={"seats": registration.seats},
    )
    messages.tell(registration, MessageKind.CANCELLED, now=now, was=was)


def cancel_guest(
    registration_id: int, position: int, *, actor: str, now: datetime
) -> None:
    """Give up one guest's place (`position` from 1); the others keep theirs.

    Raises what `cancel` does, AlreadyOver also where there is no such guest, and
    AnswerFirst while an offer waits. Whoever registered gives up with `cancel`, for the
    whole party.
    """
    locked, registration = lock(registration_id, now)
    refuse_late(locked, actor, now)
    if registration.state == State.OFFERED:
        raise errors.AnswerFirst
    guest = current_session().scalar(
        select(Attendee).where(
            Attendee.registration_id == registration.id,
            Attendee.position == position,
            Attendee.position > 0,
        )
    )
    if guest is None:
        raise errors.AlreadyOver
    refuse_if_in(Attendee.id == guest.id)
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
    admission = locked.admissions[registration.admission_id]
    messages.tell(
        registration,
        MessageKind.CHANGED,
        now=now,
        place=place_of(locked, registration),
        what="guest_cancelled",
        who=guest.name,
    )
    if registration.state == State.WAITLISTED:
        capacity.leave_line(locked, admission, 1)
    elif registration.state in SEATED:
        capacity.release(locked, admission, 1)
    waitlist.promote(locked, actor=actor, now=now)


def place_of(locked: LockedEvent, registration: Registration) -> int | None:
    """Which place in line it has now; None where it does not wait."""
    if registration.state != State.WAITLISTED:
        return None
    admission = locked.admissions[registration.admission_id]
    return waitlist.place(locked.event, admission, registration.line_number)


def lock(
    registration_id: int, now: datetime, states: Collection[State] = LIVE
) -> tuple[LockedEvent, Registration]:
    """The event's lock, then the registration's, for a change of one that is in one of
    these states; by then what has ended has lapsed.

    Raises AlreadyOver, EventCancelled, and EventOver where the event's data is erased.
    """
    locked, registration = lock_any(registration_id, now)
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


def lock_any(registration_id: int, now: datetime) -> tuple[LockedEvent, Registration]:
    """The event's lock, then the registration's, in whatever state it is."""
    session = current_session()
    event_id = session.scalars(
        select(Registration.event_id).where(Registration.id == registration_id)
    ).one()
    locked = waitlist.lock(event_id, now)
    registration = session.scalars(
        select(Registration)
        .where(Registration.id == registration_id)
        .with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()
    return locked, registration


def refuse_late(locked: LockedEvent, actor: str, now: datetime) -> None:
    """After the organizer's deadline a link changes nothing; an organizer may."""
    if actor == audit.ATTENDEE and now >= locked.event.changes_end_at:
        raise errors.TooLateToCancel(title=locked.event.title)


def refuse_if_in(whom: ColumnElement[bool]) -> None:
    """Raise AlreadyIn if one of these attendees is in. The door locks the registration
    as well, so nobody is let in while being cancelled."""
    found = current_session().execute(
        select(Attendee.name)
        .join(CheckIn, CheckIn.attendee_id == Attendee.id)
        .where(whom, CheckIn.out_at.is_(None))
        .order_by(Attendee.position)
        .limit(1)
    )
    if row := found.one_or_none():
        raise errors.AlreadyIn(name=row[0])
