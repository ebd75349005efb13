"""Offers: seats kept for a waitlisted party, which accepts, declines or puts it off."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update

from rsvp import errors
from rsvp.db import current_session
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.cancellation import cancel_locked
from rsvp.domain.registrations.create import claim_for_newcomer
from rsvp.domain.registrations.locking import lock_registration
from rsvp.domain.transitions import transition
from rsvp.models import Attendee, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import Phase
from rsvp.models.message import MessageKind
from rsvp.models.registration import AttendeeState, State


def accept_offer(
    registration_id: int,
    *,
    coming: Collection[int] | None = None,
    actor: str,
    now: datetime,
) -> State:
    """Accept the offered seats; late as well, if they are still free by the rules.

    `coming` are the positions of those who come: all of them by default. It is needed
    where fewer seats are offered than the party has people; the others are cancelled,
    and what is left over goes to the line. Raises WrongParty, NotOffered (never was, or
    answered before), OfferEnded (late, and nothing is free), AlreadyOver, AddressInUse,
    EventCancelled and EventOver.
    """
    answered = (State.OFFERED, State.CONFIRMED, State.WAITLISTED, State.LAPSED)
    locked, registration = lock_registration(registration_id, now, answered)
    is_late = registration.state == State.LAPSED
    if registration.state in (State.CONFIRMED, State.WAITLISTED):
        raise errors.NotOffered
    if is_late:
        refuse_late_acceptance(locked, registration, now)
    offered = registration.seats
    if registration.offered_seats is not None:
        offered = registration.offered_seats
    chosen = chosen_positions(registration, coming, offered)
    admission = locked.admissions[registration.admission_id]
    if is_late:
        if not claim_for_newcomer(locked, admission, len(chosen)):
            raise errors.OfferEnded(ended_at=registration.state_since)
    else:
        capacity.release_seats(locked, admission, offered - len(chosen))
    cancel_not_chosen(registration, chosen)
    transition(
        registration,
        State.CONFIRMED,
        verb=Verb.ACCEPT,
        actor=actor,
        now=now,
        details={"seats": len(chosen)},
        seats=len(chosen),
    )
    outbox.enqueue(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what="accepted",
    )
    waitlist.promote(locked, actor=actor, now=now)
    return State.CONFIRMED


def refuse_late_acceptance(
    locked: LockedEvent, registration: Registration, now: datetime
) -> None:
    """Refuse a late acceptance of what was not offered, or after doors: then presence
    decides."""
    if registration.ended_from != State.OFFERED:
        raise errors.NotOffered
    if now >= locked.event.doors_open_at:
        raise errors.OfferEnded(ended_at=registration.state_since)


def chosen_positions(
    registration: Registration, coming: Collection[int] | None, offered: int
) -> set[int]:
    party = {attendee.position for attendee in registration.coming_attendees}
    chosen = party if coming is None else set(coming)
    if not chosen or not chosen <= party or len(chosen) > offered:
        raise errors.WrongParty(seats=offered)
    if len(chosen) < len(party) and not registration.fewer_ok:
        raise errors.WrongParty(seats=offered)
    return chosen


def cancel_not_chosen(registration: Registration, chosen: set[int]) -> None:
    """Cancel those of the party who were not chosen to come."""
    current_session().execute(
        update(Attendee)
        .where(
            Attendee.registration_id == registration.id,
            Attendee.state == AttendeeState.COMING,
            Attendee.position.not_in(chosen),
        )
        .values(state=AttendeeState.CANCELLED)
    )


def decline_offer(registration_id: int, *, actor: str, now: datetime) -> None:
    """Decline the offered seats and leave the line; they go to the next in it.

    Raises NotOffered, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_offered(registration_id, now)
    cancel_locked(locked, registration, Verb.DECLINE_OFFER, actor=actor, now=now)
    waitlist.promote(locked, actor=actor, now=now)


def put_off_offer(registration_id: int, *, actor: str, now: datetime) -> None:
    """Put the offer off: the seats go to the next, the place in line is kept. Works
    once.

    Raises AlreadyPutOff, and what `decline_offer` does.
    """
    locked, registration = lock_offered(registration_id, now)
    if registration.was_put_off:
        raise errors.AlreadyPutOff
    admission = locked.admissions[registration.admission_id]
    waitlist.release_place(locked, admission, registration)
    capacity.rejoin_waitlist(locked, admission, registration.seats)
    transition(
        registration,
        State.WAITLISTED,
        verb=Verb.KEEP_PLACE,
        actor=actor,
        now=now,
        was_put_off=True,
        line_number=registration.line_number,
    )
    place = waitlist.position_of(registration)
    outbox.enqueue(
        registration,
        MessageKind.WAITLISTED,
        cause=cause_of(actor, registration),
        now=now,
        place=place,
        what="put_off",
    )
    waitlist.promote(locked, actor=actor, now=now, except_id=registration.id)


def offer_free_seats(registration_id: int, *, actor: str, now: datetime) -> None:
    """Offer a party in line what is free, out of turn; an organizer does.

    Raises NoSeatFree, NotWaiting, AlreadyOver, EventCancelled, and EventOver from doors
    on: then presence decides.
    """
    locked, registration = lock_registration(registration_id, now)
    if registration.state != State.WAITLISTED:
        raise errors.NotWaiting
    if now >= locked.event.doors_open_at or locked.event.phase(now) == Phase.OVER:
        raise errors.EventOver(title=locked.event.title)
    admission = locked.admissions[registration.admission_id]
    seats_left = capacity.free_seats(locked)[admission.id]
    seats = waitlist.seats_for_party(registration, seats_left)
    if not seats or not capacity.claim_seats(locked, admission, seats):
        raise errors.NoSeatFree
    capacity.leave_waitlist(locked, admission, registration.seats)
    waitlist.make_offer(
        locked.event, registration, seats, actor=actor, now=now, reason="by_hand"
    )


def lock_offered(
    registration_id: int, now: datetime
) -> tuple[LockedEvent, Registration]:
    locked, registration = lock_registration(registration_id, now)
    if registration.state != State.OFFERED:
        raise errors.NotOffered
    return locked, registration
