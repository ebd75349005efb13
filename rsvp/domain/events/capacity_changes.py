"""Capacity changes: an organizer changes caps and reserved seats.

An event file says all of this as well, and the next one that is imported wins.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rsvp import errors
from rsvp.db import current_session
from rsvp.domain import audit, capacity, edit_versions, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.events import publish
from rsvp.models import Admission
from rsvp.models.audit import EventVerb
from rsvp.models.event import Phase


def set_admission_capacity(
    event_id: int,
    admission_id: int,
    seats: int | None,
    *,
    version: str | None = None,
    actor: str,
    now: datetime,
) -> list[int]:
    """Set an admission's cap (None: no limit). Return the ids of those who move up.

    Nobody is dropped. `version` is that of `seat_values` as the form was filled. Raises
    EditConflict where the number was changed meanwhile, WrongAdmission,
    TooFewToReserve, EventCancelled and EventOver.
    """
    locked = lock_running_event(event_id, now)
    admission = locked.admissions.get(admission_id)
    if admission is None:
        raise errors.WrongAdmission
    if not is_seats_edit(version, admission.capacity, seats):
        return []

    def apply() -> None:
        capacity.set_capacity(admission, seats)

    return apply_capacity_change(
        locked, EventVerb.SET_CAPACITY, apply, admission, seats, actor, now
    )


def set_room_capacity(
    event_id: int,
    seats: int | None,
    *,
    version: str | None = None,
    actor: str,
    now: datetime,
) -> list[int]:
    """Set the cap over all in-person seats (None: no such cap). Return the ids of those
    who move up. Raises what `set_admission_capacity` does."""
    locked = lock_running_event(event_id, now)
    if not locked.event.is_in_person:
        raise errors.WrongAdmission
    if not is_seats_edit(version, locked.event.room_capacity, seats):
        return []

    def apply() -> None:
        capacity.set_room_capacity(locked.event, seats)

    return apply_capacity_change(
        locked, EventVerb.SET_ROOM, apply, None, seats, actor, now
    )


def set_reserved_seats(
    event_id: int,
    seats: int,
    *,
    version: str | None = None,
    actor: str,
    now: datetime,
) -> list[int]:
    """Reserve so many seats for the event's own people. Return the ids of those who
    move up where they are fewer now. Raises what `set_admission_capacity` does."""
    locked = lock_running_event(event_id, now)
    if not is_seats_edit(version, locked.event.reserved_seats, seats):
        return []

    def apply() -> None:
        locked.event.reserved_seats = seats

    return apply_capacity_change(
        locked, EventVerb.RESERVE, apply, None, seats, actor, now
    )


def seat_values(seats: int | None) -> dict[str, int | None]:
    """Return the value that a form of seats is filled from."""
    return {"seats": seats}


def is_seats_edit(version: str | None, current: int | None, typed: int | None) -> bool:
    return edit_versions.is_edited(
        version, current=seat_values(current), typed=seat_values(typed)
    )


def lock_running_event(event_id: int, now: datetime) -> LockedEvent:
    locked = waitlist.lock_and_expire(event_id, now)
    phase = locked.event.phase(now)
    if phase == Phase.CANCELLED:
        raise errors.EventCancelled(title=locked.event.title)
    if phase == Phase.OVER:
        raise errors.EventOver(title=locked.event.title)
    return locked


def apply_capacity_change(
    locked: LockedEvent,
    verb: EventVerb,
    apply_change: Callable[[], None],
    admission: Admission | None,
    seats: int | None,
    actor: str,
    now: datetime,
) -> list[int]:
    """Make the change, count what is reserved anew, and promote from the waitlist."""
    event = locked.event
    old_caps = current_caps(locked)
    apply_change()
    refuse_too_many_reserved(locked)
    capacity.apply_reserved_seats(event)
    if current_caps(locked) == old_caps:
        return []
    publish.bump_version(event, now)
    details: dict[str, Any] = {"seats": seats}
    if admission is not None:
        details["admission"] = admission.key
    current_session().flush()
    audit.record(verb, actor=actor, now=now, event_id=event.id, details=details)
    return waitlist.promote(capacity.lock_event(event.id), actor=actor, now=now)


def current_caps(locked: LockedEvent) -> tuple[int | None, ...]:
    caps = (admission.capacity for admission in locked.admissions.values())
    return (locked.event.room_capacity, locked.event.reserved_seats, *caps)


def refuse_too_many_reserved(locked: LockedEvent) -> None:
    """Refuse to reserve seats where there is no cap, or more than it has."""
    event = locked.event
    if not event.reserved_seats:
        return
    admission = capacity.admission_with_reserved(event)
    cap = event.room_capacity if admission is None else admission.capacity
    if cap is None or event.reserved_seats > cap:
        raise errors.TooFewToReserve(seats=cap)
