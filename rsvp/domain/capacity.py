"""Capacity: the only module that changes how many seats are taken and how many wait.

Where one cap applies a single UPDATE decides (`claim_seats_without_lock`). Everything
else holds the event's lock (`lock_event`): event row, then admissions by id, then
registrations. The room's counts are kept while the event has a room cap.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from rsvp.db import (
    changed_one,
    current_connection,
    current_session,
    fresh,
    lock_rows,
    table_of,
)
from rsvp.domain import audit
from rsvp.models import Admission, Event, Registration
from rsvp.models.event import Mode
from rsvp.models.registration import SEATED_STATES, State

HELD_SEATS = func.coalesce(Registration.offered_seats, Registration.seats)
"""The seats a registration holds, or waits for: an offer may be of a part of them."""


@dataclass(frozen=True)
class LockedEvent:
    """An event whose lock this transaction holds, as it stands under the lock."""

    event: Event
    admissions: dict[int, Admission]


# --- deciding -----------------------------------------------------------------------


def claim_seats_without_lock(admission_id: int, seats: int, event_version: int) -> bool:
    """Take the seats where one cap applies, and say whether they were taken.

    One UPDATE decides: they must fit, nobody may be waiting, and the event must still
    be as it was when the rules were looked up. It takes no other lock.
    """
    values = {"admission": admission_id, "seats": seats, "version": event_version}
    claimed = current_connection().execute(CLAIM_WITHOUT_LOCK, values)
    return claimed.rowcount == 1


def claim_seats(locked: LockedEvent, admission: Admission, seats: int) -> bool:
    """Take the seats under every cap that applies, or none of them. Needs the lock."""
    update_admission = (
        update(Admission)
        .where(Admission.id == admission.id, seats_fit(seats))
        .values(seats_taken=Admission.seats_taken + seats)
    )
    if not under_room_cap(locked.event, admission):
        return changed_one(update_admission)
    savepoint = current_session().begin_nested()
    taken = changed_one(
        update(Event)
        .where(
            Event.id == locked.event.id,
            Event.room_taken + seats <= Event.room_capacity,
        )
        .values(room_taken=Event.room_taken + seats)
    ) and changed_one(update_admission)
    if taken:
        savepoint.commit()
    else:
        savepoint.rollback()
    return taken


def claim_seats_above_caps(
    locked: LockedEvent, admission: Admission, seats: int
) -> bool:
    """Take the seats whatever the caps say, and say whether any was exceeded: what is
    taken beyond one becomes its ceiling, which falls again as seats come free. Needs
    the lock."""
    if claim_seats(locked, admission, seats):
        return False
    take_seats(locked, admission, seats)
    return True


def claim_statement() -> Update:
    """Build the UPDATE of `claim_seats_without_lock`; its values are admission, seats,
    version."""
    seats = bindparam("seats", type_=Integer)
    return (
        update(table_of(Admission))
        .where(
            Admission.id == bindparam("admission"),
            seats_fit(seats),
            nobody_waits(),
            Admission.event_version == bindparam("version"),
        )
        .values(seats_taken=Admission.seats_taken + seats)
    )


def seats_fit(seats: int | BindParameter[int]) -> ColumnElement[bool]:
    return or_(
        Admission.capacity.is_(None),
        Admission.seats_taken + seats <= Admission.capacity,
    )


def nobody_waits() -> ColumnElement[bool]:
    return Admission.waiting == 0


# Built once: building it took longer than sending it.
CLAIM_WITHOUT_LOCK = claim_statement()


def under_room_cap(event: Event, admission: Admission) -> bool:
    """Whether this admission's seats count against the room as well."""
    return event.room_capacity is not None and admission.counts_in_room


# --- the lock -----------------------------------------------------------------------


def lock_event(event_id: int) -> LockedEvent:
    """Lock the event, then its admissions by id, and read them again under the lock.

    Counting the lock takes it, and puts all that happens under it in order: the audit
    log notes the number. An UPDATE of no key, like FOR NO KEY UPDATE, leaves the
    foreign keys of new rows alone; plain FOR UPDATE deadlocks with them.
    """
    session = current_session()
    if event_id not in audit.held_lock_numbers():
        lock_number = session.execute(LOCK_EVENT, {"event": event_id}).scalar_one()
        audit.held_lock_numbers()[event_id] = lock_number
    event = session.scalars(fresh(select(Event).where(Event.id == event_id))).one()
    query = (
        select(Admission).where(Admission.event_id == event_id).order_by(Admission.id)
    )
    admissions = session.scalars(fresh(lock_rows(query)))
    return LockedEvent(event, {admission.id: admission for admission in admissions})


LOCK_EVENT = (
    update(table_of(Event))
    .where(Event.id == bindparam("event"))
    .values(lock_number=Event.lock_number + 1)
    .returning(Event.lock_number)
)


def free_seats(locked: LockedEvent) -> dict[int, int | None]:
    """Return the seats free now, by admission id; None: without limit. Never below
    zero."""
    rows = current_session().execute(
        select(
            Admission.id,
            Admission.mode,
            Admission.capacity - Admission.seats_taken,
            Event.room_capacity - Event.room_taken,
        )
        .join(Event, Event.id == Admission.event_id)
        .where(Event.id == locked.event.id)
    )
    free: dict[int, int | None] = {}
    for admission_id, mode, admission_left, room_left in rows:
        caps = [admission_left, room_left if mode == Mode.IN_PERSON else None]
        limits = [cap for cap in caps if cap is not None]
        free[admission_id] = max(0, min(limits)) if limits else None
    return free


# --- giving back, and the line ------------------------------------------------------


def release_seats(locked: LockedEvent, admission: Admission, seats: int) -> None:
    """Give taken seats back; a ceiling falls with them. Needs the lock."""
    take_seats(locked, admission, -seats)


def take_seats(locked: LockedEvent, admission: Admission, seats: int) -> None:
    taken = Admission.seats_taken + seats
    changed_one(
        update(Admission)
        .where(Admission.id == admission.id)
        .values(seats_taken=taken, ceiling=ceiling_for(taken, Admission.capacity))
    )
    if under_room_cap(locked.event, admission):
        taken = Event.room_taken + seats
        changed_one(
            update(Event)
            .where(Event.id == locked.event.id)
            .values(
                room_taken=taken, room_ceiling=ceiling_for(taken, Event.room_capacity)
            )
        )


def join_waitlist(locked: LockedEvent, admission: Admission, seats: int) -> int | None:
    """Count the seats as waiting and return the next number in line; None, and nothing
    changes, where more would wait than may. Needs the lock."""
    if not change_waiting_count(locked, admission, seats, waitlist_has_room(seats)):
        return None
    values = {"event": locked.event.id}
    number: int = current_connection().execute(NEXT_LINE_NUMBER, values).scalar_one()
    return number


NEXT_LINE_NUMBER = (
    update(table_of(Event))
    .where(Event.id == bindparam("event"))
    .values(last_line_number=Event.last_line_number + 1)
    .returning(Event.last_line_number)
)


def rejoin_waitlist(locked: LockedEvent, admission: Admission, seats: int) -> None:
    """Count the seats as waiting again, for one who kept a place. Needs the lock."""
    change_waiting_count(locked, admission, seats)


def leave_waitlist(locked: LockedEvent, admission: Admission, seats: int) -> None:
    """Count the seats as waiting no longer. Needs the lock."""
    change_waiting_count(locked, admission, -seats)


def change_waiting_count(
    locked: LockedEvent,
    admission: Admission,
    seats: int,
    *where: ColumnElement[bool],
) -> bool:
    changed = changed_one(
        update(Admission)
        .where(Admission.id == admission.id, *where)
        .values(waiting=Admission.waiting + seats)
    )
    if changed and under_room_cap(locked.event, admission):
        changed_one(
            update(Event)
            .where(Event.id == locked.event.id)
            .values(room_waiting=Event.room_waiting + seats)
        )
    return changed


def waitlist_has_room(seats: int) -> ColumnElement[bool]:
    return or_(
        Admission.waitlist_max.is_(None),
        Admission.waiting + seats <= Admission.waitlist_max,
    )


# --- the caps themselves ------------------------------------------------------------


def set_capacity(admission: Admission, capacity: int | None) -> None:
    """Set an admission's cap (None: no limit). Nobody is dropped: what is taken beyond
    it is kept as the ceiling. Needs the lock; afterwards the line may move up.
    """
    admission.capacity = capacity
    update_ceiling(admission)


def update_ceiling(admission: Admission) -> None:
    cap, taken = admission.capacity, admission.seats_taken or 0
    admission.ceiling = taken if cap is not None and taken > cap else None


def set_room_capacity(event: Event, capacity: int | None) -> None:
    """Set the cap over all in-person seats (None: no such cap) and count them anew,
    reserved ones among them.

    Needs the lock, like `set_capacity`; `apply_reserved_seats` has to follow.
    """
    event.room_capacity = capacity
    event.room_taken = event.room_waiting = 0
    if capacity is not None:
        event.room_taken = event.reserved_seats or 0
        if event.id is not None:
            event.room_taken += seats_in_room(event.id, SEATED_STATES)
            event.room_waiting = seats_in_room(event.id, (State.WAITLISTED,))
    over = capacity is not None and event.room_taken > capacity
    event.room_ceiling = event.room_taken if over else None


def apply_reserved_seats(event: Event) -> None:
    """Count the seats that an event keeps for its own people (`reserved_seats`) as
    taken: of its room, or of one admission where it has no room cap.

    Needs the lock. Nobody is dropped: what is taken beyond a cap becomes its ceiling.
    """
    if event.room_capacity is not None:
        set_room_capacity(event, event.room_capacity)
    reserving_admission = admission_with_reserved(event)
    for admission in event.admissions:
        reserved = (
            (event.reserved_seats or 0) if admission is reserving_admission else 0
        )
        taken = (admission.seats_taken or 0) - (admission.reserved or 0)
        admission.seats_taken, admission.reserved = taken + reserved, reserved
        update_ceiling(admission)


def admission_with_reserved(event: Event) -> Admission | None:
    """Return the admission whose seats are reserved: none where the room's are, else
    the first in-person one with a cap, else the first with one."""
    if event.room_capacity is not None:
        return None
    capped = [a for a in event.admissions if a.capacity is not None]
    capped.sort(key=lambda a: not a.counts_in_room)
    return capped[0] if capped else None


def seats_in_room(event_id: int, states: tuple[State, ...]) -> int:
    seats = (
        select(func.coalesce(func.sum(HELD_SEATS), 0))
        .join(Admission, Admission.id == Registration.admission_id)
        .where(
            Registration.event_id == event_id,
            Registration.state.in_(states),
            Admission.mode == Mode.IN_PERSON,
        )
    )
    return int(current_session().scalars(seats).one())


def ceiling_for(
    taken: ColumnElement[int], capacity: InstrumentedAttribute[int | None]
) -> ColumnElement[int]:
    """Return the ceiling once so many seats are taken: none when they fit the
    capacity."""
    return case((and_(capacity.is_not(None), taken > capacity), taken), else_=None)
