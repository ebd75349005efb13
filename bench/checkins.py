"""Check-ins for `make bench`: doors that scan, beside the floor of their own SQL."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask

from bench import sql_baseline
from bench.load import Timing, median_timing
from rsvp import create_app, tokens
from rsvp.db import utcnow, writing
from rsvp.domain.checkin import passes, scans
from rsvp.domain.checkin.scans import ScanInput
from rsvp.domain.registrations import create
from rsvp.extensions import db
from rsvp.models import Attendee, CheckIn, Device, Event, Scan
from rsvp.models.checkin import Direction
from rsvp.queries import events as event_queries
from tests.support.factories import make_event
from tests.support.http_client import Connection
from tests.support.live_site import Site

PER_DOOR = {1: 400, 8: 100}
"""How many tickets each door scans in one run, by the number of doors."""


@dataclass
class Evening:
    """An event whose door is open, with its tickets' codes and its phones' secrets."""

    event_id: int
    codes: list[str]
    phones: list[str]


def open_evening(app: Flask, people: int, phones: int) -> Evening:
    """An event that begins within the hour, with its people and its phones."""
    now = utcnow()
    starts = (datetime.now(UTC) + timedelta(minutes=40)).replace(tzinfo=None)
    key = app.config["CODE_KEY"]
    with app.app_context():
        event = make_event({"capacity": None}, starts=starts, timezone="UTC")
        page = event_queries.load_detached_event(event.slug)
        assert page is not None
        plans = [plan_for(page, now, key) for _ in range(people)]
        with writing():
            for plan in plans:
                create.register(plan)
        secrets = [tokens.new_device_secret() for _ in range(phones)]
        with writing():
            door_pass = passes.create_pass(
                event.id, code_key=key, actor="command", now=now, phones_max=phones
            )
            for number, secret in enumerate(secrets):
                passes.enrol_device(door_pass.id, f"Door {number}", secret, now=now)
        rows = sa.select(Attendee.uuid, Attendee.code_version).where(
            Attendee.event_id == event.id
        )
        codes = [
            tokens.code_text(tokens.attendee_code(key, uuid, version))
            for uuid, version in db.session.execute(rows)
        ]
        evening = Evening(event.id, codes, secrets)
        db.session.remove()
        db.engine.dispose()
    return evening


def plan_for(page: Event, now: datetime, key: bytes) -> create.PreparedRegistration:
    address = f"{uuid4().hex}@example.org"
    wanted = create.RegistrationRequest(
        admission_id=page.admissions[0].id,
        email=address,
        email_key=address,
        party=(create.RequestedAttendee("Ada Example"),),
    )
    return create.prepare(page, wanted, code_key=key, now=now)


# --- through the site ---------------------------------------------------------------


def measure(here: Site, times: int) -> dict[str, Any]:
    """Figures of 1 and of 8 doors, each of them scanning one ticket after the other."""
    people = times * sum(number * each for number, each in PER_DOOR.items())
    evening = open_evening(create_app(here.settings), people, max(PER_DOOR))
    codes = iter(evening.codes)
    figures = {}
    for number, each in PER_DOOR.items():
        word = "door" if number == 1 else "doors"
        runs = [
            scan_all(
                here.port,
                evening.phones[:number],
                [[next(codes) for _ in range(each)] for _ in range(number)],
            )
            for _ in range(times)
        ]
        figures[f"check-ins, {number} {word}"] = median_timing(runs).figures()
    return figures


def scan_all(port: int, phones: list[str], codes: list[list[str]]) -> Timing:
    timing, lock = Timing(), threading.Lock()
    ready = threading.Barrier(len(phones) + 1)

    def door(secret: str, mine: list[str]) -> None:
        connection, latencies, failures = Connection(port), [], 0
        ready.wait()
        for seq, code in enumerate(mine):
            begin = time.perf_counter()
            failures += not is_welcome(connection, secret, code, seq)
            latencies.append(time.perf_counter() - begin)
        with lock:
            timing.latencies += latencies
            timing.failures += failures

    threads = [
        threading.Thread(target=door, args=pair)
        for pair in zip(phones, codes, strict=True)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    timing.seconds = time.perf_counter() - begin
    return timing


def is_welcome(connection: Connection, secret: str, code: str, seq: int) -> bool:
    now = datetime.now(UTC).isoformat()
    scan = {
        "id": str(uuid4()),
        "shown": None,
        "code": code,
        "index": None,
        "seq": seq,
        "epoch": 0,
        "at": now,
        "offset_ms": 0,
        "direction": "in",
        "of": None,
    }
    body = json.dumps({"sent_at": now, "scans": [scan]})
    answer = connection.ask(
        "POST /door/api/scans HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/json\r\n"
        f"Cookie: rsvp_door={secret}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    if answer.status != 200:
        return False
    [verdict] = json.loads(answer.body)["verdicts"]
    return bool(verdict["verdict"] == "welcome")


# --- the floor ----------------------------------------------------------------------


def measure_floor(app: Flask, count: int, times: int, replay: Any) -> list[Timing]:
    """Send the SQL of that many check-ins again through the bare driver; `replay` takes
    the transactions. The timings of each time."""
    evening = open_evening(app, count, 1)
    with app.app_context():
        recorded = sql_baseline.RecordedConnection()
        recorded.watch(db.engine)
        for code in evening.codes:
            check_in(evening, code)
        recorded.forget(db.engine)
        db.session.remove()
    timings = []
    for _ in range(times):
        with app.app_context():
            with writing() as session:
                session.execute(sa.delete(CheckIn))
                session.execute(sa.delete(Scan))
            db.session.remove()
            db.engine.dispose()
        timings.append(replay(recorded.transactions))
    return timings


def check_in(evening: Evening, code: str) -> None:
    now = utcnow()
    reading = ScanInput(
        id=uuid4(),
        code=tokens.read_code(code),
        direction=Direction.IN,
        undone_scan_id=None,
        seq=0,
        epoch=0,
        phone_at=now,
        offset_ms=0,
        sent_at=now,
    )
    device = passes.find_device_by_secret(evening.phones[0])
    assert device is not None
    device_id = device.id
    with writing() as session:
        [answer] = scans.record_scans(
            [reading], session.get_one(Device, device_id), now=now
        )
    assert answer is not None
    assert answer.verdict == "welcome"
