"""Giving up: a guest's place or all of them; what comes free goes to the line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import changed_one, current_session
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.locking import lock, place_of, refuse_if_in, refuse_late
from rsvp.domain.transitions import count_as_yes, record, step
from rsvp.models import Attendee, Registration
from rsvp.models.message import MessageKind
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
    cause = cause_of(actor, registration)
    outbox.tell(registration, MessageKind.CANCELLED, cause=cause, now=now, was=was)


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
    count_as_yes(registration, actor=actor, now=now)
    record("cancel_guest", registration, {"position": position}, actor=actor, now=now)
    admission = locked.admissions[registration.admission_id]
    outbox.tell(
        registration,
        MessageKind.CHANGED,
        cause=cause_of(actor, registration),
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
