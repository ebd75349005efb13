"""Results: what a door shows of a scan, and the counts of attendance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select

from rsvp.db import current_connection
from rsvp.domain.checkin.attendance import Stay, inside_in_rehearsal, is_inside
from rsvp.domain.checkin.lookup import ScannedAttendee
from rsvp.models import Admission, Attendee, CheckIn, Registration
from rsvp.models.checkin import Verdict
from rsvp.models.event import Mode
from rsvp.models.registration import AttendeeState


@dataclass(frozen=True)
class PartyMember:
    name: str | None
    position: int
    is_in: bool
    is_this: bool


@dataclass(frozen=True)
class ScanResult:
    """What a door shows of a scan. Names are there only for codes of this event.

    `at` is when the scan was made, or when somebody who is already in came in, at the
    door `door`. `party` are all who come on the same registration; `party_key` is the
    same for each of them, and for nobody else.
    """

    scan_id: UUID
    verdict: Verdict
    at: datetime
    door: str | None
    is_rehearsal: bool
    name: str | None = None
    position: int | None = None
    admission: str | None = None
    party: list[PartyMember] = field(default_factory=list)
    party_key: str | None = None


HAS_OPEN_CHECK_IN = exists().where(
    CheckIn.attendee_id == Attendee.id, CheckIn.out_at.is_(None)
)
SELECT_PARTY = (
    select(Attendee.id, Attendee.name, Attendee.position, HAS_OPEN_CHECK_IN)
    .where(
        Attendee.registration_id == bindparam("registration"),
        Attendee.state == AttendeeState.COMING,
    )
    .order_by(Attendee.position)
)


def build_result(
    scan_id: UUID,
    verdict: Verdict,
    at: datetime,
    door: str | None,
    is_rehearsal: bool,
    attendee: ScannedAttendee | None,
    stays: Sequence[Stay],
    after: Sequence[Stay],
) -> ScanResult:
    if verdict == Verdict.ALREADY_IN and is_inside(stays):
        entry = stays[-1].entry
        at, door = entry.at, entry.door
    # An older code may be in a stranger's hands by now; another event's surely is.
    hidden = (Verdict.UNKNOWN, Verdict.WRONG_EVENT, Verdict.REPLACED)
    if attendee is None or verdict in hidden:
        return ScanResult(scan_id, verdict, at, door, is_rehearsal)
    return ScanResult(
        scan_id,
        verdict,
        at,
        door,
        is_rehearsal,
        name=attendee.name,
        position=attendee.position,
        admission=attendee.admission,
        party=party_members(attendee, is_inside(after), is_rehearsal),
        party_key=attendee.party_key,
    )


def party_members(
    attendee: ScannedAttendee, is_in: bool, is_rehearsal: bool
) -> list[PartyMember]:
    """Return all who come on the same registration, and who of them is in: in a
    rehearsal, by what it has seen so far."""
    values = {"registration": attendee.registration_id}
    party = current_connection().execute(SELECT_PARTY, values).all()
    ids_inside = {
        attendee_id
        for attendee_id, _, _, has_open_check_in in party
        if has_open_check_in
    }
    if is_rehearsal:
        ids_inside = inside_in_rehearsal([row.id for row in party])
    return [
        PartyMember(
            name=name,
            position=position,
            is_in=is_in
            if attendee_id == attendee.attendee_id
            else attendee_id in ids_inside,
            is_this=attendee_id == attendee.attendee_id,
        )
        for attendee_id, name, position, _ in party
    ]


# --- counts -------------------------------------------------------------------------


@dataclass(frozen=True)
class AttendanceCounts:
    """How many people are in, and how many are expected in the hall: places that are
    given, not those that are reserved or kept for an answer."""

    inside: int
    expected: int


INSIDE_COUNT = (
    select(func.count())
    .select_from(CheckIn)
    .where(CheckIn.event_id == bindparam("event"), CheckIn.out_at.is_(None))
    .scalar_subquery()
)
GIVEN_SEATS = (
    select(func.coalesce(func.sum(Admission.seats_taken - Admission.reserved), 0))
    .where(Admission.event_id == bindparam("event"), Admission.mode == Mode.IN_PERSON)
    .scalar_subquery()
)
# A handful at most: counting whoever is confirmed would look at every registration.
KEPT_SEATS = (
    select(
        func.coalesce(
            func.sum(func.coalesce(Registration.offered_seats, Registration.seats)), 0
        )
    )
    .join(Admission, Admission.id == Registration.admission_id)
    .where(
        Registration.event_id == bindparam("event"),
        Registration.decide_by.is_not(None),
        Admission.mode == Mode.IN_PERSON,
    )
    .scalar_subquery()
)
SELECT_COUNTS = select(INSIDE_COUNT, GIVEN_SEATS - KEPT_SEATS)


def count_attendance(event_id: int) -> AttendanceCounts:
    return AttendanceCounts(
        *current_connection().execute(SELECT_COUNTS, {"event": event_id}).one()
    )
