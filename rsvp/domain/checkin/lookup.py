"""Lookup: the attendee that a scanned code, or an earlier scan, belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from rsvp.db import current_connection, lock_rows
from rsvp.domain.checkin.verdicts import TicketFacts
from rsvp.models import Admission, Attendee, Registration, RetiredCode
from rsvp.models.registration import AttendeeState

PARTY_KEY_SALT = b"rsvp/door-party/v1"


@dataclass(frozen=True)
class ScannedAttendee:
    """The attendee whose code was scanned, with all that verdict and result need."""

    attendee_id: int
    event_id: int
    registration_id: int
    registration_uuid: UUID
    name: str | None
    position: int
    attendee_state: str
    registration_state: str
    admission: str
    mode: str
    is_current: bool = True

    def ticket_facts(self, event_id: int) -> TicketFacts:
        return TicketFacts(
            is_of_this_event=self.event_id == event_id,
            is_current=self.is_current,
            mode=self.mode,
            registration_state=self.registration_state,
            is_coming=self.attendee_state == AttendeeState.COMING,
        )

    @property
    def party_key(self) -> str:
        """A key that is the same for all who come on one registration, by which a phone
        knows that the codes in a picture belong together; it finds nothing anywhere."""
        return hashlib.sha256(
            PARTY_KEY_SALT + self.registration_uuid.bytes
        ).hexdigest()[:16]


def select_attendees() -> Select[Any]:
    return cast(
        "Select[Any]",
        select(
            Attendee.id,
            Attendee.event_id,
            Attendee.registration_id,
            Registration.uuid,
            Attendee.name,
            Attendee.position,
            Attendee.state,
            Registration.state,
            Admission.name,
            Admission.mode,
        )
        .join(Registration, Registration.id == Attendee.registration_id)
        .join(Admission, Admission.id == Registration.admission_id),
    )


def with_row_lock(query: Select[Any]) -> Select[Any]:
    """Add the locks of what the verdict rests on: nobody is let in while being
    cancelled, and the scans of one attendee are judged one after the other, each by all
    before it.

    The registration first, as everybody does: else one who scans and one who cancels
    would wait for each other, for a second."""
    return lock_rows(query, Registration, Attendee)


BY_CODE = select_attendees().where(Attendee.code_id == bindparam("code_id"))
BY_OLD_CODE = (
    select_attendees()
    .join(RetiredCode, RetiredCode.attendee_id == Attendee.id)
    .where(RetiredCode.code_id == bindparam("code_id"))
)
BY_ID = select_attendees().where(Attendee.id == bindparam("attendee"))

LOCKED_BY_CODE = with_row_lock(BY_CODE)
LOCKED_BY_OLD_CODE = with_row_lock(BY_OLD_CODE)
LOCKED_BY_ID = with_row_lock(BY_ID)
LOCKED_TOGETHER = with_row_lock(
    select_attendees()
    .where(Attendee.code_id.in_(bindparam("code_ids", expanding=True)))
    .order_by(Registration.id, Attendee.id)
)


def lock_by_codes(code_ids: Sequence[bytes]) -> None:
    """Lock the attendees whose codes a batch has, in an order that all batches keep:
    two that lock each other's people one by one would be given up, and begun anew a
    second later."""
    connection = current_connection()
    if len(code_ids) > 1 and connection.dialect.name == "postgresql":
        connection.execute(LOCKED_TOGETHER, {"code_ids": code_ids}).all()


def lock_by_id(attendee_id: int) -> ScannedAttendee | None:
    return load_attendee(LOCKED_BY_ID, True, attendee=attendee_id)


def lock_by_code(code_id: bytes) -> ScannedAttendee | None:
    """Lock the attendee who has the code, or had it before a newer one replaced it."""
    return load_attendee(LOCKED_BY_CODE, True, code_id=code_id) or load_attendee(
        LOCKED_BY_OLD_CODE, False, code_id=code_id
    )


def find_by_code(code_id: bytes) -> ScannedAttendee | None:
    """Return the attendee who has or had the code, without a lock."""
    return load_attendee(BY_CODE, True, code_id=code_id) or load_attendee(
        BY_OLD_CODE, False, code_id=code_id
    )


def load_attendee(
    query: Select[Any], is_current: bool, **values: Any
) -> ScannedAttendee | None:
    row: Any = current_connection().execute(query, values).one_or_none()
    return replace(ScannedAttendee(*row), is_current=is_current) if row else None
