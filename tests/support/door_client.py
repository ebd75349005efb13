"""The door's pages in tests: an event that is on, its phones, and what they send."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from rsvp import tokens
from rsvp.db import utcnow
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import Attendee, Event, Scan
from tests.support.door import code_of, make_pass
from tests.support.factories import CODE_KEY, make_event


def make_event_today(
    *admissions: dict[str, Any], begins_in: float = 0.5, **values: Any
) -> Event:
    """An event that begins in so many hours, by the clock on the wall of this test."""
    starts = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=begins_in)
    return make_event(*admissions, starts=starts, timezone="UTC", **values)


def pass_link(event: Event, **values: Any) -> str:
    made = make_pass(event, utcnow(), **values)
    return f"/door/{passes.pass_token(made, CODE_KEY)}"


def enrol_phone(
    client: FlaskClient, event: Event, name: str = "Main entrance", **values: Any
):
    answer = client.post(pass_link(event, **values), data={"name": name})
    assert answer.status_code == 303, answer.text
    return answer


def printed_code(attendee: Attendee) -> str:
    return tokens.code_text(code_of(attendee))


def scan_json(code: Any = None, direction: str = "in", **values: Any) -> dict[str, Any]:
    """One scan as the page's script sends it."""
    if isinstance(code, Attendee):
        code = printed_code(code)
    return {
        "id": str(uuid4()),
        "code": code,
        "index": None,
        "seq": 1,
        "epoch": 0,
        "at": datetime.now(UTC).isoformat(),
        "offset_ms": 0,
        "direction": direction,
        "of": None,
    } | values


def send_scans(
    client: FlaskClient, *scans: Any, headers: Any = None, **batch: Any
) -> TestResponse:
    """A batch of scans, with what else it says (`sent_at`)."""
    sent = {"scans": list(scans)} | batch
    return client.post("/door/api/scans", json=sent, headers=headers)


def scan_verdicts(
    client: FlaskClient, *scans: Any, **batch: Any
) -> list[dict[str, Any]]:
    answer = send_scans(client, *scans, **batch)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["verdicts"]


def stored_scans() -> list[Scan]:
    db.session.rollback()
    return list(db.session.scalars(select(Scan).order_by(Scan.received_at)))


def hidden_field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, html
    return found[1]


def type_code(client: FlaskClient, code: str, **values: str) -> TestResponse:
    """Type a code into the form that works without script."""
    page = client.get("/door/").text
    form = {"id": hidden_field(page, "id"), "direction": "in", "code": code}
    return client.post("/door/scans", data=form | values)
