"""Recording: scans of a phone judged and stored, latecomers reseated first."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import g

from rsvp import db, errors
from rsvp.database import outages
from rsvp.domain.checkin import passes, scans
from rsvp.domain.checkin.results import ScanResult
from rsvp.domain.checkin.scans import ScanInput
from rsvp.domain.registrations import door_seating
from rsvp.models import Event
from rsvp.models.checkin import Direction
from rsvp.web import guards

SEEN_INTERVAL = timedelta(minutes=1)


def record_scans(
    readings: Sequence[ScanInput], now: datetime
) -> list[ScanResult | None]:
    """Keep the scans of this phone and say what each is worth."""
    if all(reading.direction == Direction.LOOK for reading in readings):
        # Nothing to write: nobody waits for a turn, or for who is being let in.
        looks: list[ScanResult | None] = [
            scans.preview_scan(reading, g.phone, now=now) for reading in readings
        ]
        update_last_seen(now)
        return looks
    reseat_latecomers(readings, now)

    def change() -> list[ScanResult | None]:
        # Looked up again inside: a phone that was just sent home lets nobody in.
        g.phone = guards.current_phone()
        return scans.record_scans(readings, g.phone, now=now)

    return db.write(change)


def reseat_latecomers(readings: Sequence[ScanInput], now: datetime) -> None:
    """Give latecomers whose seat was given on a seat again while there is one. It takes
    the event's lock, which comes before those of a scan."""
    codes = [r.code for r in readings if r.code and r.direction == Direction.IN]
    latecomers = door_seating.find_latecomers(event_of_phone().id, codes)
    actor = passes.device_actor(g.phone)
    for registration_id in latecomers:
        with contextlib.suppress(errors.Refusal):
            reseat_latecomer(registration_id, actor, now)


def reseat_latecomer(registration_id: int, actor: str, now: datetime) -> None:
    db.write(door_seating.reseat_latecomer, registration_id, actor=actor, now=now)


def update_last_seen(now: datetime) -> None:
    """A phone asks for the counts every few seconds; that is not worth a write each."""
    phone_id = g.phone.id
    if abs(now - g.phone.seen_at) >= SEEN_INTERVAL:
        with outages.best_effort(f"that phone {phone_id} was seen"), db.writing():
            passes.update_seen_at(phone_id, now=now)


def event_of_phone() -> Event:
    event: Event = g.phone.door_pass.event
    return event
