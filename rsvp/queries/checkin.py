"""Queries about check-in: counts of attendance, arrivals, and who is not here yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_

from rsvp.db import UtcDateTime, current_connection, current_session
from rsvp.domain.checkin import results
from rsvp.models import Admission, Attendee, CheckIn, Device, Event, Registration, Scan
from rsvp.models.event import Mode
from rsvp.models.registration import AttendeeState, State
from rsvp.queries.attendees import NO_FILTER, RegistrationFilter, matching_registrations
from rsvp.queries.pagination import PAGE_SIZE, Page


@dataclass(frozen=True)
class Attendance:
    """People in the hall: `inside` now, `came` at any time, `expected` with a place,
    `free` places that nobody has or is kept for (None: without limit)."""

    inside: int
    came: int
    expected: int
    free: int | None

    @property
    def missing(self) -> int:
        """Places given to people who have not come yet."""
        return max(0, self.expected - self.came)

    @property
    def share(self) -> int:
        """How full the expected places are, per cent."""
        return min(100, 100 * self.inside // self.expected) if self.expected else 0


def attendance_of(event: Event) -> Attendance:
    counts = results.count_attendance(event.id)
    came = select(func.count(CheckIn.attendee_id.distinct())).where(
        CheckIn.event_id == event.id
    )
    return Attendance(
        inside=counts.inside,
        came=current_connection().execute(came).scalar_one(),
        expected=counts.expected,
        free=free_in_person_seats(event),
    )


def free_in_person_seats(event: Event) -> int | None:
    """Return the in-person places that nobody has, under every cap; None: no limit."""
    admissions = [a for a in event.admissions if a.mode == Mode.IN_PERSON]
    seats_left = [
        None if a.capacity is None else a.capacity - a.seats_taken for a in admissions
    ]
    caps = []
    if None not in seats_left:
        caps.append(sum(max(0, left) for left in seats_left if left is not None))
    if event.room_capacity is not None:
        caps.append(max(0, event.room_capacity - event.room_taken))
    return min(caps) if caps else None


@dataclass(frozen=True)
class Arrival:
    """Somebody who came: when, by which door (None: by hand), and when they left."""

    id: int
    attendee: UUID
    name: str | None
    position: int
    reference: str
    admission: str
    in_at: datetime
    door: str | None
    out_at: datetime | None


def list_arrivals(event_id: int, before: int | None = None) -> Page[Arrival]:
    """List who came when, latest first; `before` is the id that ended the page
    before."""
    query = (
        select(
            CheckIn.id,
            Attendee.uuid,
            Attendee.name,
            Attendee.position,
            Registration.reference,
            Admission.name,
            CheckIn.in_at,
            Device.name,
            CheckIn.out_at,
        )
        .join(Attendee, Attendee.id == CheckIn.attendee_id)
        .join(Registration, Registration.id == Attendee.registration_id)
        .join(Admission, Admission.id == Registration.admission_id)
        .join(Scan, Scan.id == CheckIn.in_scan_id)
        .outerjoin(Device, Device.id == Scan.device_id)
        .where(CheckIn.event_id == event_id)
        .order_by(CheckIn.in_at.desc(), CheckIn.id.desc())
    )
    if before is not None:
        last = current_session().get(CheckIn, before)
        if last is None or last.event_id != event_id:
            return Page([], is_last=True)
        last_key = tuple_(literal(last.in_at, UtcDateTime), literal(last.id))
        query = query.where(tuple_(CheckIn.in_at, CheckIn.id) < last_key)
    rows = current_session().execute(query.limit(PAGE_SIZE + 1)).all()
    arrivals = [Arrival(*row) for row in rows[:PAGE_SIZE]]
    return Page(arrivals, is_last=len(rows) <= PAGE_SIZE)


@dataclass(frozen=True)
class NotArrived:
    """Somebody with a place in the hall who is not in."""

    id: int
    attendee: UUID
    name: str | None
    position: int
    reference: str
    admission: str


def list_not_arrived(
    event_id: int, filter_: RegistrationFilter = NO_FILTER, after: int | None = None
) -> Page[NotArrived]:
    """List who has not come yet, of the registrations that match a filter, in the
    order they registered; `after` is the id that ended the page before."""
    registrations = matching_registrations(event_id, filter_).subquery()
    came = select(CheckIn.id).where(CheckIn.attendee_id == Attendee.id).exists()
    query = (
        select(
            Attendee.id,
            Attendee.uuid,
            Attendee.name,
            Attendee.position,
            Registration.reference,
            Admission.name,
        )
        .join(Registration, Registration.id == Attendee.registration_id)
        .join(registrations, registrations.c.id == Registration.id)
        .join(Admission, Admission.id == Registration.admission_id)
        .where(
            Attendee.event_id == event_id,
            Attendee.state == AttendeeState.COMING,
            Registration.state == State.CONFIRMED,
            Admission.mode == Mode.IN_PERSON,
            ~came,
        )
        .order_by(Attendee.id)
    )
    if after is not None:
        query = query.where(Attendee.id > after)
    rows = current_session().execute(query.limit(PAGE_SIZE + 1)).all()
    attendees = [NotArrived(*row) for row in rows[:PAGE_SIZE]]
    return Page(attendees, is_last=len(rows) <= PAGE_SIZE)


def find_attendee_id(event_id: int, uuid: UUID) -> int | None:
    """Return the id of an attendee of this event."""
    return current_session().scalar(
        select(Attendee.id).where(Attendee.uuid == uuid, Attendee.event_id == event_id)
    )


def count_scans_by_device(event_id: int) -> dict[int, int]:
    """Return how many scans each phone of an event has sent, by device id."""
    rows = current_session().execute(
        select(Scan.device_id, func.count())
        .where(Scan.event_id == event_id, Scan.device_id.is_not(None))
        .group_by(Scan.device_id)
    )
    return {device_id: count for device_id, count in rows if device_id is not None}
