"""The registration form in tests: filled, sent, and what came of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from rsvp import tokens
from rsvp.db import Base, utcnow, writing
from rsvp.extensions import db
from rsvp.models import Admission, Attendee, Event, Message, Registration
from rsvp.web.presentation import event_page as cached_events
from tests.support.factories import make_event

TODAY = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
IN_TWO_WEEKS, YESTERDAY = TODAY + timedelta(days=14), TODAY - timedelta(days=1)
NEXT_WEEK = IN_TWO_WEEKS - timedelta(days=7)

HALL = {"key": "hall", "name": "In person"}
WEBINAR = {"key": "webinar", "name": "Webinar", "mode": "online", "capacity": None}
JOIN_URL = "https://meet.example.org/evening"


def make_upcoming_event(*admissions: dict[str, Any], **values: Any) -> Event:
    """An event that takes registrations at the real present, which views go by."""
    return make_event(*admissions, **{"starts": IN_TWO_WEEKS} | values)


def form_data(event: Event, **values: str | list[str]) -> dict[str, Any]:
    return {
        "name": "Ada Bell",
        "email": "ada@example.org",
        "form_token": cached_events.form_token(event, utcnow()),
    } | values


def submit_form(client: FlaskClient, event: Event, **values: Any) -> TestResponse:
    return client.post(
        f"/events/{event.slug}/registrations", data=form_data(event, **values)
    )


def register_as(client: FlaskClient, event: Event, who: str, **values: Any) -> str:
    """Register somebody and say the path of their ticket page."""
    answer = submit_form(
        client, event, name=who.title(), email=f"{who}@example.org", **values
    )
    assert answer.status_code == 303, answer.text
    return answer.location


def mails_sent() -> list[tuple[str, str]]:
    rows = select(Message.kind, Message.recipient).order_by(Message.id)
    return [tuple(row) for row in db.session.execute(rows)]


def states_by_name() -> dict[str, str]:
    db.session.rollback()
    return {r.name: r.state for r in db.session.scalars(select(Registration))}


def change_event(**values: Any) -> None:
    """Change the event the way the domain does: with a new version."""
    with writing() as session:
        session.execute(update(Event).values(version=Event.version + 1, **values))
        session.execute(
            update(Admission).values(event_version=Admission.event_version + 1)
        )


def change_registration(who: str, **values: Any) -> None:
    """Change somebody's row past all rules, as time or another hand would."""
    with writing() as session:
        session.execute(
            update(Registration).where(Registration.name == who).values(**values)
        )


def all_rows() -> dict[str, list[Any]]:
    """All rows of all tables."""
    db.session.rollback()
    found = {
        table.name: sorted(map(repr, db.session.execute(select(table))))
        for table in Base.metadata.sorted_tables
    }
    db.session.rollback()
    return found


def printed_codes(page: TestResponse) -> list[str]:
    """The printed codes on a page, in their groups."""
    return re.findall(r"1[0-9A-Z]{4}(?: [0-9A-Z]{4}){6}", page.text)


def ticket_path(name: str | None) -> str:
    """The path of the view-only ticket of somebody by this name."""
    who = db.session.scalars(select(Attendee).where(Attendee.name == name)).one()
    token = tokens.ticket_token(
        current_app.config["CODE_KEY"], who.uuid, who.code_version
    )
    return f"/t/{token}"
