"""The door in tests: passes, phones, scans and check-ins."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from rsvp import tokens
from rsvp.db import write, writing
from rsvp.domain.checkin import passes, scans
from rsvp.domain.checkin.results import ScanResult
from rsvp.domain.checkin.scans import ScanInput
from rsvp.extensions import db
from rsvp.models import Attendee, CheckIn, Device, DoorPass, Event, Scan
from rsvp.models.checkin import Direction, Verdict
from tests.support.factories import CODE_KEY

# The usual event begins on 29 January 2027 at 18:00 in Amsterdam.
DOORS_OPEN_AT = datetime(2027, 1, 29, 16, 30, tzinfo=UTC)
DURING_ENTRY = DOORS_OPEN_AT + timedelta(minutes=10)

numbers = itertools.count(1)


def make_pass(event: Event, now: datetime = DURING_ENTRY, **values: Any) -> DoorPass:
    with writing():
        made = passes.create_pass(
            event.id, code_key=CODE_KEY, actor="command", now=now, **values
        )
    return db.session.get_one(DoorPass, made.id)


def make_phone(
    event: Event,
    name: str = "Main entrance",
    now: datetime = DURING_ENTRY,
    **values: Any,
) -> Device:
    """A phone that may scan for the event, on a pass of its own; committed."""
    door_pass = make_pass(event, now, **values)
    with writing():
        device = passes.enrol_device(
            door_pass.id, name, tokens.new_device_secret(), now=now
        )
    return db.session.get_one(Device, device.id)


def code_of(attendee: Attendee) -> bytes:
    return tokens.attendee_code(CODE_KEY, attendee.uuid, attendee.code_version)


def attendees_of(event: Event) -> list[Attendee]:
    """Everybody of the event, in the order they registered."""
    people = select(Attendee).where(Attendee.event_id == event.id)
    return list(db.session.scalars(people.order_by(Attendee.id)))


def make_scan_input(
    code: bytes | None,
    direction: str = "in",
    *,
    of: UUID | None = None,
    at: datetime = DURING_ENTRY,
    id: UUID | None = None,  # noqa: A002 - the interface calls it so
    offset_ms: int = 0,
    sent_at: datetime | None = None,
    shown: Verdict | None = None,
) -> ScanInput:
    return ScanInput(
        id=id or uuid4(),
        code=code,
        direction=Direction(direction),
        undone_scan_id=of,
        seq=next(numbers),
        epoch=0,
        phone_at=at,
        offset_ms=offset_ms,
        sent_at=sent_at,
        shown_verdict=shown,
    )


def record_scan(
    phone: Device,
    whom: Attendee | bytes | None,
    direction: str = "in",
    *,
    now: datetime = DURING_ENTRY,
    **values: Any,
) -> ScanResult:
    """One scan as a phone sends it, kept; it is made a second before it arrives."""
    code = code_of(whom) if isinstance(whom, Attendee) else whom
    made = make_scan_input(
        code, direction, **{"at": now - timedelta(seconds=1)} | values
    )
    phone_id = phone.id

    def change() -> ScanResult:
        return scans.record_scan(made, db.session.get_one(Device, phone_id), now=now)

    return write(change)


def stays_of_event(event: Event) -> list[tuple[int, datetime, datetime | None]]:
    """The check-ins of an event: (attendee, in, out), by attendee and time."""
    db.session.rollback()
    rows = select(CheckIn.attendee_id, CheckIn.in_at, CheckIn.out_at).where(
        CheckIn.event_id == event.id
    )
    return [
        tuple(row)
        for row in db.session.execute(rows.order_by(CheckIn.attendee_id, CheckIn.in_at))
    ]


def count_scans() -> int:
    db.session.rollback()
    return len(db.session.scalars(select(Scan.id)).all())
