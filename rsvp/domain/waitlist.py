"""The waitlist: one per event, served from its head whenever seats come free.

Whoever frees seats calls `promote` in the same transaction, under the event's lock, so
that no free seat is left behind and none is given to a newcomer instead. Whoever locks
an event for a change does it by `lock_and_expire`, which first lets lapse what has
ended: a late worker changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select, true

from rsvp import errors
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import capacity, deadlines
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.transitions import transition
from rsvp.models import Admission, Event, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import Mode, Promotion, Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import SEATED_STATES, State

# --- under the lock, up to date -----------------------------------------------------


def lock_and_expire(event_id: int, now: datetime) -> LockedEvent:
    """Lock the event, and expire all that has ended by `now`."""
    locked = capacity.lock_event(event_id)
    if expire_due(locked, now):
        # Read again what the lapses changed.
        locked = capacity.lock_event(event_id)
    return locked


def expire_due(locked: LockedEvent, now: datetime) -> int:
    """Expire what has ended: offers and held places past their time, and, once the
    event is over, whoever still waits. What comes free goes to the line. Return how
    many.

    Nobody is told anything of an event that is cancelled, or whose data is erased.
    """
    event = locked.event
    if event.status != Status.PUBLISHED or event.erased_at is not None:
        return 0
    is_expired = has_expired(event, now)
    query = (
        select(Registration)
        .where(Registration.event_id == event.id, is_expired)
        .order_by(Registration.decide_by, Registration.id)
    )
    registrations = current_session().scalars(fresh(lock_rows(query))).all()
    for registration in registrations:
        expire_registration(locked, registration, now)
    if registrations:
        promote(locked, actor="worker", now=now)
    return len(registrations)


def has_expired(event: Event, now: datetime) -> ColumnElement[bool]:
    is_past = and_(Registration.decide_by.is_not(None), Registration.decide_by <= now)
    is_waiting = Registration.state.in_((State.WAITLISTED, State.REQUESTED))
    return or_(is_past, is_waiting if now >= event.ends_at else false())


def has_due_expiry(event: Event, now: datetime) -> bool:
    """Whether something has ended by `now` that nobody has expired yet."""
    query = select(Registration.id).where(
        Registration.event_id == event.id, has_expired(event, now)
    )
    return current_session().scalar(query.limit(1)) is not None


def expire_registration(
    locked: LockedEvent, registration: Registration, now: datetime
) -> None:
    admission = locked.admissions[registration.admission_id]
    release_place(locked, admission, registration)
    old_state = transition(
        registration, State.LAPSED, verb=Verb.LAPSE, actor="worker", now=now
    )
    outbox.enqueue(
        registration, MessageKind.LAPSED, cause=Cause.RULE, now=now, was=old_state
    )


def release_place(
    locked: LockedEvent, admission: Admission, registration: Registration
) -> None:
    """Release the seats it holds, or its place in line; before its state moves."""
    if registration.state in SEATED_STATES:
        capacity.release_seats(locked, admission, registration.held_seats)
    elif registration.state == State.WAITLISTED:
        capacity.leave_waitlist(locked, admission, registration.seats)


# --- promotion ----------------------------------------------------------------------


def promote(
    locked: LockedEvent, *, actor: str, now: datetime, except_id: int | None = None
) -> list[int]:
    """Seat the waitlist from its head while seats are free. Return the promoted ids.

    A party is seated whole: one too large for what is free is passed over and keeps its
    place, or is offered what there is where fewer are fine with it. Nothing moves while
    the line does not run (paused, from doors on, …). `except_id` is who put an offer
    off just now: its seats go to others.
    """
    if not locked.event.is_waitlist_running(now):
        return []
    free = capacity.free_seats(locked)
    promoted = []
    for registration in waiting_registrations(locked, free):
        admission = locked.admissions[registration.admission_id]
        seats = seats_for_party(registration, free[admission.id])
        if not seats or registration.id == except_id:
            continue
        if not capacity.claim_seats(locked, admission, seats):
            continue
        capacity.leave_waitlist(locked, admission, registration.seats)
        seat_or_offer(locked, registration, seats, actor=actor, now=now)
        promoted.append(registration.id)
        free = capacity.free_seats(locked)
        if not any(
            free[admission_id] != 0 for admission_id in awaited_admissions(locked)
        ):
            break
    return promoted


def seats_for_party(registration: Registration, seats_left: int | None) -> int:
    """Return how many of the seats left a party in line would get: all of its own,
    fewer where that is fine, or none."""
    if seats_left is None or registration.seats <= seats_left:
        return registration.seats
    return seats_left if registration.fewer_ok else 0


def seat_or_offer(
    locked: LockedEvent,
    registration: Registration,
    seats: int,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Confirm a party that waited, or offer it the seats claimed for it. Where they are
    not all of its own its holder has to say who comes, so they are offered in any
    case."""
    is_whole = seats == registration.seats
    if is_whole and locked.event.promotion == Promotion.CONFIRM:
        confirm_place(registration, actor=actor, now=now)
    else:
        make_offer(locked.event, registration, seats, actor=actor, now=now)


def waiting_registrations(
    locked: LockedEvent, free: dict[int, int | None]
) -> list[Registration]:
    """Lock and return those who wait for an admission with free seats, by place."""
    admission_ids = [
        admission_id for admission_id, seats_left in free.items() if seats_left != 0
    ]
    if not admission_ids:
        return []
    query = (
        select(Registration)
        .where(
            Registration.event_id == locked.event.id,
            Registration.state == State.WAITLISTED,
            Registration.admission_id.in_(admission_ids),
        )
        .order_by(Registration.line_number)
    )
    return list(current_session().scalars(fresh(lock_rows(query))))


def awaited_admissions(locked: LockedEvent) -> list[int]:
    """Return the ids of the admissions that somebody still waits for."""
    return list(
        current_session().scalars(
            select(Admission.id).where(
                Admission.event_id == locked.event.id, Admission.waiting > 0
            )
        )
    )


def confirm_place(
    registration: Registration,
    *,
    actor: str,
    now: datetime,
    verb: Verb = Verb.PROMOTE,
    why: str | None = None,
) -> None:
    """Confirm the place of one who waited, and mail them. `why` is kept of one who was
    seated above the cap. The seats are taken by whoever calls this."""
    transition(
        registration,
        State.CONFIRMED,
        verb=verb,
        actor=actor,
        now=now,
        exception_why=why,
    )
    outbox.enqueue(
        registration, MessageKind.PROMOTED, cause=Cause.RULE, now=now, what=verb
    )


def make_offer(
    event: Event,
    registration: Registration,
    seats: int,
    *,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Offer claimed seats to one in line until a deadline, and mail them. It keeps its
    place, to put the offer off."""
    until = deadlines.offer_deadline(event, now)
    transition(
        registration,
        State.OFFERED,
        verb=Verb.OFFER,
        actor=actor,
        now=now,
        details={"seats": seats, "what": reason},
        decide_by=until,
        offered_seats=seats,
    )
    outbox.enqueue(
        registration,
        MessageKind.OFFER,
        cause=Cause.RULE,
        now=now,
        until=until.isoformat(),
        offered=seats,
        what=reason,
    )


# --- newcomers ----------------------------------------------------------------------


def has_seats_for_newcomer(
    locked: LockedEvent,
    admission: Admission,
    seats: int,
    releasing: tuple[Admission, int] | None = None,
    except_id: int | None = None,
) -> bool:
    """Whether so many are free that nobody waiting for the same seats could use: else a
    newcomer goes to the end of the line, and a party does not grow or move.

    `releasing` is what a party that moves leaves behind: free for itself alone. Who
    put an offer off stands in nobody's way: it is asked again when seats come free.
    `except_id` is who asks, where it waits itself: it is no rival of its own.
    """
    free = capacity.free_seats(locked)
    if not party_fits(locked, admission, seats, free, releasing):
        return False
    admission_ids = [
        sharing.id for sharing in admissions_sharing_seats(locked, admission)
    ]
    needs = case((Registration.fewer_ok, 1), else_=Registration.seats)
    smallest = current_session().execute(
        select(Registration.admission_id, func.min(needs))
        .where(
            Registration.event_id == locked.event.id,
            Registration.state == State.WAITLISTED,
            Registration.was_put_off.is_(False),
            Registration.admission_id.in_(admission_ids),
            Registration.id != except_id if except_id is not None else true(),
        )
        .group_by(Registration.admission_id)
    )
    for admission_id, smallest_party in smallest:
        seats_left = free[admission_id]
        if seats_left is None or smallest_party <= seats_left:
            return False
    return True


def party_fits(
    locked: LockedEvent,
    admission: Admission,
    seats: int,
    free: dict[int, int | None],
    releasing: tuple[Admission, int] | None,
) -> bool:
    seats_left = free[admission.id]
    if seats_left is None or seats <= seats_left:
        return True
    if releasing is None:
        return False
    source, returned = releasing
    shares_room = capacity.under_room_cap(
        locked.event, admission
    ) and capacity.under_room_cap(locked.event, source)
    if not shares_room:
        return False
    admission_cap = admission.capacity
    # Both were read under the lock, and nothing was claimed since.
    fits_admission = (
        admission_cap is None or admission.seats_taken + seats <= admission_cap
    )
    room_cap = locked.event.room_capacity
    assert room_cap is not None
    return fits_admission and locked.event.room_taken - returned + seats <= room_cap


def admissions_sharing_seats(
    locked: LockedEvent, admission: Admission
) -> Iterable[Admission]:
    """Return the admissions whose line waits for the same seats."""
    event = locked.event
    for other in locked.admissions.values():
        shares_room = capacity.under_room_cap(
            event, admission
        ) and capacity.under_room_cap(event, other)
        if other.id == admission.id or shares_room:
            yield other


def join(locked: LockedEvent, admission: Admission, seats: int) -> int:
    """Join the end of the line for so many seats. Return the number in it.

    Raises AdmissionFull where there is no line, WaitlistFull where it is full.
    """
    if not admission.waitlist:
        raise errors.AdmissionFull(admission=admission.name)
    number = capacity.join_waitlist(locked, admission, seats)
    if number is None:
        raise errors.WaitlistFull(admission=admission.name)
    return number


# --- places in line -----------------------------------------------------------------


def position(event: Event, admission: Admission, line_number: int | None = None) -> int:
    """Return the place in line of a number (None: of who joins next), counted from
    1."""
    waiting = waiting_for_same_seats(event, admission)
    ahead = select(func.count(Registration.id)).where(*waiting)
    if line_number is not None:
        ahead = ahead.where(Registration.line_number < line_number)
    return current_session().scalars(ahead).one() + 1


def position_of(registration: Registration) -> int | None:
    """Return its place in line, from 1; None where it does not wait."""
    if registration.state != State.WAITLISTED:
        return None
    return position(
        registration.event, registration.admission, registration.line_number
    )


def waiting_for_same_seats(
    event: Event, admission: Admission
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of waiting for the same seats: the same admission, or any
    in-person one where the event has a room cap. Places in line are counted among
    them."""
    same = Registration.admission_id == admission.id
    if capacity.under_room_cap(event, admission):
        in_room = Admission.event_id == event.id, Admission.mode == Mode.IN_PERSON
        same = Registration.admission_id.in_(select(Admission.id).where(*in_room))
    return (
        Registration.event_id == event.id,
        Registration.state == State.WAITLISTED,
        same,
    )


def admissions_sharing_line(event: Event, admission: Admission) -> list[Admission]:
    """Return the admissions that `waiting_for_same_seats` counts together."""
    if not capacity.under_room_cap(event, admission):
        return [admission]
    return [sharing for sharing in event.admissions if sharing.counts_in_room]


def positions_of(event: Event, registrations: Sequence[Registration]) -> dict[int, int]:
    """Return the place in line of each of them that waits, by id."""
    admission_ids = {
        registration.admission_id
        for registration in registrations
        if registration.state == State.WAITLISTED
    }
    places: dict[int, int] = {}
    for admission in event.admissions:
        if admission.id in admission_ids:
            places |= positions(event, admission)
    return places


def positions(event: Event, admission: Admission) -> dict[int, int]:
    """Return the places, from 1, of all who wait for an admission, by id."""
    rows = current_session().execute(
        select(Registration.id, Registration.admission_id)
        .where(*waiting_for_same_seats(event, admission))
        .order_by(Registration.line_number)
    )
    return {
        registration_id: place
        for place, (registration_id, admission_id) in enumerate(rows, start=1)
        if admission_id == admission.id
    }
