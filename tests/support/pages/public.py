"""Public pages in tests: events to come, and what their pages say."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as hooks
from sqlalchemy import update

from rsvp.db import write_optimistic, writing
from rsvp.domain.registrations import create
from rsvp.extensions import db
from rsvp.models import Admission, Event
from rsvp.queries import events as event_queries
from tests.support.factories import make_event

ZONE = ZoneInfo("Europe/Amsterdam")


def in_days(days: float, hour: int = 18) -> datetime:
    """A wall time in Amsterdam, `days` from now."""
    day = datetime.now(ZONE).replace(tzinfo=None) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def make_upcoming_event(*admissions: dict[str, Any], **values: Any) -> Event:
    return make_event(*admissions, **{"starts": in_days(14)} | values)


def event_html(client: FlaskClient, event: Event) -> str:
    response = client.get(f"/events/{event.slug}")
    assert response.status_code == 200
    return response.text


def visible_text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def register_party(app: Flask, slug: str, email: str, party: int = 1) -> None:
    now = datetime.now(UTC)
    event = event_queries.load_detached_event(slug)
    assert event is not None
    wanted = create.RegistrationRequest(
        admission_id=event.admissions[0].id,
        email=email,
        email_key=email,
        party=tuple(create.RequestedAttendee("Ada Bell") for _ in range(party)),
    )
    plan = create.prepare(event, wanted, code_key=app.config["CODE_KEY"], now=now)
    write_optimistic(create.register, plan)


@contextmanager
def record_statements():
    """The statements sent to the database inside the block."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    hooks.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        hooks.remove(db.engine, "before_cursor_execute", note)


def update_event(event: Event, **values: Any) -> None:
    """As a new event file does: the version goes up with every change."""
    version = event.version + 1
    with writing() as session:
        session.execute(
            update(Event).where(Event.id == event.id).values(version=version, **values)
        )
        session.execute(
            update(Admission)
            .where(Admission.event_id == event.id)
            .values(event_version=version)
        )
