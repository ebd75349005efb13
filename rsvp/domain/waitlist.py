"""The waitlist: one line per event, served from its head whenever seats come free.

Whoever frees seats calls `promote` in the same transaction, under the event's lock, so
that no free seat is left behind and none is given to a newcomer instead.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

from rsvp.db import changed_one, current_session
from rsvp.domain import audit, capacity, messages
from rsvp.domain.capacity import LockedEvent
from rsvp.models import Admission, Event, Registration
from rsvp.models.event import Mode
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import State


def promote(locked: LockedEvent, *, actor: str, now: datetime) -> list[int]:
    """Seat whom the free seats allow, from the head; give the registrations' ids.

    A party is seated whole: one too large for what is free is passed over and keeps its
    place. Nothing moves while the line does not run (paused, from doors on, …).
    """
    if not locked.event.line_runs(now):
        return []
    free = capacity.free_seats(locked)
    promoted = []
    for registration in in_line(locked, free):
        admission = locked.admissions[registration.admission_id]
        left = free[admission.id]
        if left is not None and registration.seats > left:
            continue
        if not capacity.claim(locked, admission, registration.seats):
            continue
        capacity.leave_line(locked, admission, registration.seats)
        confirm(registration, actor=actor, now=now)
        promoted.append(registration.id)
        free = capacity.free_seats(locked)
        if not any(free[admission_id] != 0 for admission_id in waited_for(locked)):
            break
    return promoted


def in_line(locked: LockedEvent, free: dict[int, int | None]) -> list[Registration]:
    """Those who wait for an admission that has seats free, by their place, locked."""
    open_now = [admission_id for admission_id, left in free.items() if left != 0]
    if not open_now:
        return []
    waiting = (
        select(Registration)
        .where(
            Registration.event_id == locked.event.id,
            Registration.state == State.WAITLISTED,
            Registration.admission_id.in_(open_now),
        )
        .order_by(Registration.line_number)
        .with_for_update(key_share=True)
    )
    session = current_session()
    return list(session.scalars(waiting, execution_options={"populate_existing": True}))


def waited_for(locked: LockedEvent) -> list[int]:
    """The admissions that somebody still waits for."""
    return list(
        current_session().scalars(
            select(Admission.id).where(
                Admission.event_id == locked.event.id, Admission.waiting > 0
            )
        )
    )


def confirm(
    registration: Registration,
    *,
    actor: str,
    now: datetime,
    verb: str = "promote",
    why: str | None = None,
) -> None:
    """Note that one who waited has a place, and tell them. `why` is kept of one who was
    seated above the cap. The seats are taken by whoever calls this."""
    changed = changed_one(
        update(Registration)
        .where(
            Registration.id == registration.id, Registration.state == State.WAITLISTED
        )
        .values(
            state=State.CONFIRMED, line_number=None, state_since=now, exception_why=why
        )
    )
    assert changed, "the line was read under the lock"
    audit.record(
        verb,
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(State.WAITLISTED, State.CONFIRMED),
    )
    messages.tell(registration, MessageKind.PROMOTED, now=now, what=verb)


def has_seats_for_newcomer(
    locked: LockedEvent, admission: Admission, seats: int
) -> bool:
    """Whether so many are free that nobody waiting for the same seats could use: else a
    newcomer goes to the end of the line."""
    free = capacity.free_seats(locked)
    left = free[admission.id]
    if left is not None and seats > left:
        return False
    rivals = [
        other.id
        for other in locked.admissions.values()
        if other.id == admission.id
        or (
            capacity.under_room_cap(locked.event, admission)
            and capacity.under_room_cap(locked.event, other)
        )
    ]
    smallest = current_session().execute(
        select(Registration.admission_id, func.min(Registration.seats))
        .where(
            Registration.event_id == locked.event.id,
            Registration.state == State.WAITLISTED,
            Registration.admission_id.in_(rivals),
        )
        .group_by(Registration.admission_id)
    )
    for admission_id, smallest_party in smallest:
        left = free[admission_id]
        if left is None or smallest_party <= left:
            return False
    return True


def place(event: Event, admission: Admission, line_number: int | None = None) -> int:
    """The place in line of a number (None: of whoever joins next), counted from 1."""
    waiting = waiting_for_the_same(event, admission)
    ahead = select(func.count(Registration.id)).where(*waiting)
    if line_number is not None:
        ahead = ahead.where(Registration.line_number < line_number)
    return current_session().scalars(ahead).one() + 1


def waiting_for_the_same(
    event: Event, admission: Admission
) -> tuple[ColumnElement[bool], ...]:
    """Who waits for the same seats: the same admission, or any in-person one where the
    event has a room cap. Places in line are counted among them."""
    same = Registration.admission_id == admission.id
    if capacity.under_room_cap(event, admission):
        in_room = Admission.event_id == event.id, Admission.mode == Mode.IN_PERSON
        same = Registration.admission_id.in_(select(Admission.id).where(*in_room))
    return (
        Registration.event_id == event.id,
        Registration.state == State.WAITLISTED,
        same,
    )


def same_line(event: Event, admission: Admission) -> list[Admission]:
    """The admissions that `waiting_for_the_same` counts together."""
    if not capacity.under_room_cap(event, admission):
        return [admission]
    return [one for one in event.admissions if one.counts_in_room]
