"""Organizer actions: seat above the cap, move in the waitlist, resend, new codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import current_session, lock_rows
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.registrations.locking import lock_registration, refuse_if_event_over
from rsvp.domain.registrations.updates import renew_codes
from rsvp.domain.transitions import record_change
from rsvp.models import Registration
from rsvp.models.audit import Verb
from rsvp.models.registration import State


def seat_waiting(registration_id: int, *, why: str, actor: str, now: datetime) -> bool:
    """Seat a waitlisted party, above the caps where it must be. Return whether it was:
    then `why` is kept. Nobody else in line loses or gains by it.

    Raises NotWaiting, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_waiting(registration_id, now)
    admission = locked.admissions[registration.admission_id]
    is_above = capacity.claim_seats_above_caps(locked, admission, registration.seats)
    capacity.leave_waitlist(locked, admission, registration.seats)
    waitlist.confirm_place(
        registration,
        actor=actor,
        now=now,
        verb=Verb.CONFIRM_ABOVE if is_above else Verb.CONFIRM,
        why=why if is_above else None,
    )
    return is_above


def move_in_waitlist(
    registration_id: int, place: int, *, actor: str, now: datetime
) -> None:
    """Move a waitlisted party to this place (from 1) among those who wait for the same
    seats; whoever stands between gives way by one. Whom free seats then fit is seated.

    Raises NoSuchPosition, and what `seat_waiting` does.
    """
    locked, registration = lock_waiting(registration_id, now)
    admission = locked.admissions[registration.admission_id]
    query = (
        select(Registration.id, Registration.line_number)
        .where(*waitlist.waiting_for_same_seats(locked.event, admission))
        .order_by(Registration.line_number)
    )
    waiting = list(current_session().execute(lock_rows(query)))
    if not 1 <= place <= len(waiting):
        raise errors.NoSuchPosition(last=len(waiting))
    ids, numbers = [row.id for row in waiting], [row.line_number for row in waiting]
    old_place = ids.index(registration.id) + 1
    ids.insert(place - 1, ids.pop(old_place - 1))
    moved = [
        {"id": row_id, "line_number": line_number}
        for row_id, line_number, row in zip(ids, numbers, waiting, strict=True)
        if row_id != row.id
    ]
    if not moved:
        return
    current_session().execute(update(Registration), moved)
    record_change(
        Verb.MOVE_IN_LINE,
        registration,
        {"from": old_place, "to": place},
        actor=actor,
        now=now,
    )
    waitlist.promote(locked, actor=actor, now=now)


def resend_mail(registration_id: int, *, actor: str, now: datetime) -> None:
    """Mail the ticket, or the place in line, once more.

    Raises AlreadyOver, EventCancelled and EventOver (erased).
    """
    _, registration = lock_registration(registration_id, now)
    record_change(Verb.SEND_AGAIN, registration, actor=actor, now=now)
    enqueue_resend(registration, "sent_again", now)


def replace_codes(
    registration_id: int, *, code_key: bytes, actor: str, now: datetime
) -> None:
    """Make new codes, ticket links and manage link, and mail them: the old ones are
    worth nothing any more, and the door says of the codes that they were replaced.

    Raises what `resend_mail` does.
    """
    _, registration = lock_registration(registration_id, now)
    renew_codes(registration, code_key, now)
    record_change(
        Verb.REPLACE_CODES,
        registration,
        {"seats": registration.seats},
        actor=actor,
        now=now,
    )
    enqueue_resend(registration, outbox.NEW_CODES, now)


# --- what they share ----------------------------------------------------------------


def lock_waiting(
    registration_id: int, now: datetime
) -> tuple[LockedEvent, Registration]:
    locked, registration = lock_registration(registration_id, now)
    if registration.state != State.WAITLISTED:
        raise errors.NotWaiting
    refuse_if_event_over(locked, now)
    return locked, registration


def enqueue_resend(registration: Registration, reason: str, now: datetime) -> None:
    """Queue the ticket again, with what the organizer did as the `reason`."""
    place = waitlist.position_of(registration)
    cause = Cause.ORGANIZER
    outbox.enqueue_again(registration, cause=cause, now=now, place=place, what=reason)
