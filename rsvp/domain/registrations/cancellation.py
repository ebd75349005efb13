"""Cancellation: of one guest or the whole party; the waitlist gets the seats."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import changed_one, current_session
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.locking import (
    lock_registration,
    refuse_after_deadline,
    refuse_if_checked_in,
)
from rsvp.domain.transitions import reconfirm_by_change, record_change, transition
from rsvp.models import Attendee, Registration
from rsvp.models.audit import Verb
from rsvp.models.message import MessageKind
from rsvp.models.registration import LIVE_STATES, SEATED_STATES, AttendeeState, State


def cancel(
    registration_id: int, *, actor: str, now: datetime, why: str | None = None
) -> None:
    """Cancel a registration, or its place in line; the line moves up.

    Its holder can do so until the organizer's deadline, an organizer later as well.
    Raises AlreadyOver, AlreadyCheckedIn, TooLateToCancel, EventCancelled, EventOver
    (erased).
    """
    locked, registration = lock_registration(
        registration_id, now, (*LIVE_STATES, State.RELEASED)
    )
    refuse_after_deadline(locked, actor, now)
    refuse_if_checked_in(Attendee.registration_id == registration.id)
    cancel_locked(locked, registration, Verb.CANCEL, actor=actor, now=now, why=why)
    waitlist.promote(locked, actor=actor, now=now)


def cancel_locked(
    locked: LockedEvent,
    registration: Registration,
    verb: Verb,
    *,
    actor: str,
    now: datetime,
    why: str | None = None,
) -> None:
    """Cancel it, release what it holds, and mail that; promotion is the caller's."""
    admission = locked.admissions[registration.admission_id]
    waitlist.release_place(locked, admission, registration)
    old_state = transition(
        registration,
        State.CANCELLED,
        verb=verb,
        actor=actor,
        now=now,
        why=why,
        details={"seats": registration.seats},
    )
    cause = cause_of(actor, registration)
    outbox.enqueue(
        registration, MessageKind.CANCELLED, cause=cause, now=now, was=old_state
    )


def cancel_guest(
    registration_id: int, position: int, *, actor: str, now: datetime
) -> None:
    """Cancel one guest's place (`position` from 1); the others keep theirs.

    Raises what `cancel` does, AlreadyOver also where there is no such guest, and
    AnswerFirst while an offer waits. Whoever registered gives up with `cancel`, for the
    whole party.
    """
    locked, registration = lock_registration(registration_id, now)
    refuse_after_deadline(locked, actor, now)
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
    refuse_if_checked_in(Attendee.id == guest.id)
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
    reconfirm_by_change(registration, actor=actor, now=now)
    record_change(
        Verb.CANCEL_GUEST, registration, {"position": position}, actor=actor, now=now
    )
    admission = locked.admissions[registration.admission_id]
    outbox.enqueue(
        registration,
        MessageKind.CHANGED,
        cause=cause_of(actor, registration),
        now=now,
        place=waitlist.position_of(registration),
        what="guest_cancelled",
        who=guest.name,
    )
    if registration.state == State.WAITLISTED:
        capacity.leave_waitlist(locked, admission, 1)
    elif registration.state in SEATED_STATES:
        capacity.release_seats(locked, admission, 1)
    waitlist.promote(locked, actor=actor, now=now)
