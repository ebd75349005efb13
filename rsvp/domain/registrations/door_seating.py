"""Door seating: from doors on, free seats go to waitlisted parties that are there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists, select

from rsvp import errors, tokens
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.registrations.locking import (
    lock_registration,
    refuse_if_checked_in,
    refuse_if_event_over,
)
from rsvp.domain.transitions import transition
from rsvp.models import Admission, Attendee, CheckIn, Registration
from rsvp.models.audit import Verb
from rsvp.models.message import MessageKind
from rsvp.models.registration import State

NOT_THERE = "not_there"
NO_ANSWER = "no_answer"
NOT_REACHED = "not_reached"
"""Why a seat was given on."""


def seat_present(registration_id: int, *, actor: str, now: datetime) -> None:
    """Seat a waitlisted party that stands at the door.

    Free ones at first; from `standby_at` on the seats of parties none of whom is in
    count as free, too: as many as it takes are released, latest registered first.
    Raises NoSeatFree, NotWaiting, DoorsNotOpen (too early), AlreadyOver, EventCancelled
    and EventOver.
    """
    locked, registration = lock_registration(registration_id, now)
    event = locked.event
    refuse_if_event_over(locked, now)
    if registration.state != State.WAITLISTED:
        raise errors.NotWaiting
    if now < event.doors_open_at:
        raise errors.DoorsNotOpen(opens_at=event.doors_open_at)
    admission = locked.admissions[registration.admission_id]
    if not claim_at_door(locked, admission, registration.seats, actor, now):
        raise errors.NoSeatFree
    capacity.leave_waitlist(locked, admission, registration.seats)
    waitlist.confirm_place(registration, actor=actor, now=now, verb=Verb.SEAT_PRESENT)


def find_latecomers(event_id: int, codes: Iterable[bytes]) -> list[int]:
    """Return the ids of the registrations of this event whose seats were released, of
    those who hold up these codes."""
    code_ids = [tokens.code_id(code) for code in codes]
    query = (
        select(Registration.id)
        .join(Attendee, Attendee.registration_id == Registration.id)
        .where(
            Attendee.code_id.in_(code_ids),
            Registration.event_id == event_id,
            Registration.state == State.RELEASED,
        )
        .distinct()
    )
    return list(current_session().scalars(query)) if code_ids else []


def reseat_latecomer(registration_id: int, *, actor: str, now: datetime) -> None:
    """Seat a party that comes late, after its seats were released, while there are
    some; nobody is mailed, since they stand there.

    Else a host decides, with `reinstate`, and it is on record. Raises NoSeatFree,
    DoorsNotOpen, AlreadyOver, AddressInUse, EventCancelled and EventOver.
    """
    locked, registration = lock_registration(registration_id, now, (State.RELEASED,))
    event = locked.event
    refuse_if_event_over(locked, now)
    if now < event.doors_open_at:
        raise errors.DoorsNotOpen(opens_at=event.doors_open_at)
    admission = locked.admissions[registration.admission_id]
    if not claim_at_door(locked, admission, registration.seats, actor, now):
        raise errors.NoSeatFree
    transition(registration, State.CONFIRMED, verb=Verb.LET_BACK, actor=actor, now=now)


def claim_at_door(
    locked: LockedEvent, admission: Admission, seats: int, actor: str, now: datetime
) -> bool:
    """Claim seats that are free, or that nobody has come for."""
    if capacity.claim_seats(locked, admission, seats):
        return True
    standby = locked.event.standby_at
    if standby is None or now < standby or not admission.counts_in_room:
        return False
    for absent in absent_registrations(locked, admission):
        release_seat(locked, absent, NOT_THERE, actor, now)
        if capacity.claim_seats(locked, admission, seats):
            return True
    return False


def absent_registrations(
    locked: LockedEvent, admission: Admission
) -> list[Registration]:
    """Return confirmed parties none of whom is in, whose seats would serve this
    admission: those of the same one first, then of the same room; the latest registered
    first."""
    admission_ids = [
        sharing.id for sharing in waitlist.admissions_sharing_seats(locked, admission)
    ]
    is_checked_in = exists().where(
        CheckIn.attendee_id == Attendee.id,
        Attendee.registration_id == Registration.id,
    )
    query = (
        select(Registration)
        .where(
            Registration.event_id == locked.event.id,
            Registration.state == State.CONFIRMED,
            Registration.admission_id.in_(admission_ids),
            ~is_checked_in,
        )
        .order_by(Registration.admission_id != admission.id, Registration.id.desc())
    )
    # The door locks them as well, so nobody is let in while given on.
    return list(current_session().scalars(fresh(lock_rows(query))))


def release_registration(
    registration_id: int, *, reason: str, actor: str, now: datetime
) -> None:
    """Release the seats of a confirmed party, by rule or, where nobody could ask them
    whether they still come (`not_reached`), by an organizer.

    What comes free goes to the line, as long as it runs. Raises AlreadyCheckedIn where
    one of them is in, NotConfirmed, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_registration(registration_id, now)
    if registration.state != State.CONFIRMED:
        raise errors.NotConfirmed
    refuse_if_checked_in(Attendee.registration_id == registration.id)
    release_seat(locked, registration, reason, actor, now)
    waitlist.promote(locked, actor=actor, now=now)


def release_seat(
    locked: LockedEvent,
    registration: Registration,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    admission = locked.admissions[registration.admission_id]
    waitlist.release_place(locked, admission, registration)
    transition(
        registration,
        State.RELEASED,
        verb=Verb.RELEASE,
        actor=actor,
        now=now,
        details={"what": reason},
    )
    outbox.enqueue(
        registration, MessageKind.RELEASED, cause=Cause.RULE, now=now, what=reason
    )
