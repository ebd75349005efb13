"""What attendees see: their registration, each ticket, and what looking costs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select

from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.models import Admission, Registration
from rsvp.queries import events as event_queries
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.registration_form import (
    HALL,
    JOIN_URL,
    WEBINAR,
    all_rows,
    change_event,
    form_data,
    mails_sent,
    make_upcoming_event,
    printed_codes,
    register_as,
    states_by_name,
    ticket_path,
)

pytestmark = pytest.mark.one_engine

# --- one's own registration ---------------------------------------------------------


def test_a_ticket_page_is_for_its_holder_alone(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")
    shared = ticket_path("Ada")
    for page in (path, f"{path}/calendar.ics", shared, f"{shared}/calendar.ics"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert "Set-Cookie" not in answer.headers


def test_giving_up_seats_the_next_in_line(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1})
    ada, bo = register_as(client, event, "ada"), register_as(client, event, "bo")
    answer = client.post(f"{ada}/cancellation")

    assert (answer.status_code, answer.location) == (303, ada)
    assert states_by_name() == {"Ada": "cancelled", "Bo": "confirmed"}
    assert printed_codes(client.get(ada)) == []
    assert len(printed_codes(client.get(bo))) == 1
    assert ("promoted", "bo@example.org") in mails_sent()
    assert ("cancelled", "ada@example.org") in mails_sent()


def test_a_guest_can_be_given_up_and_the_others_come(client: FlaskClient):
    event = make_upcoming_event({"capacity": 3})
    path = register_as(
        client, event, "ada", **{"guests-0-name": "Bo", "guests-1-name": "Cy"}
    )
    bo = ticket_path("Bo")
    answer = client.post(f"{path}/guests/1/cancellation")

    assert (answer.status_code, answer.location) == (303, path)
    ticket = client.get(path)
    assert len(printed_codes(ticket)) == 2
    assert "Bo" in ticket.text
    assert printed_codes(client.get(bo)) == []
    assert db.session.scalars(select(Admission.seats_taken)).one() == 2


@for_each("position", ["0", "3", "99", "-1", "x", "9" * 30])
def test_only_a_guest_who_is_there_can_be_given_up(client: FlaskClient, position):
    path = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    before = all_rows()

    assert client.post(f"{path}/guests/{position}/cancellation").status_code == 404
    assert all_rows() == before


def test_giving_up_twice_changes_nothing_and_says_so(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    client.post(f"{path}/guests/1/cancellation")
    client.post(f"{path}/cancellation")
    before = all_rows()

    for what in ("guests/1/cancellation", "cancellation"):
        answer = client.post(f"{path}/{what}")
        assert answer.status_code == 409
        assert path in answer.text
        assert all_rows() == before


def test_nobody_gives_up_by_link_once_it_has_begun(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")
    change_event(starts_at=utcnow() - timedelta(hours=1))
    before = all_rows()
    answer = client.post(f"{path}/cancellation", headers={"Accept": "application/json"})

    assert answer.status_code == 409
    assert answer.get_json()["code"] == "too_late_to_cancel"
    assert all_rows() == before
    assert "/cancellation" not in client.get(path).text


def test_the_address_of_a_button_leads_to_its_page(client: FlaskClient):
    event = make_upcoming_event()
    path = register_as(client, event, "ada")
    before = all_rows()

    assert client.get(f"{path}/cancellation").location == path
    assert client.get(f"{path}/guests/1/cancellation").location == path
    form = client.get(f"/events/{event.slug}/registrations")
    assert form.location == f"/events/{event.slug}"
    assert all_rows() == before


def test_who_may_join_online_finds_the_link_and_nobody_else(client: FlaskClient):
    online = WEBINAR | {"capacity": 1, "waitlist": True}
    event = make_upcoming_event(HALL, online, join_url=JOIN_URL)
    joins = register_as(client, event, "ada", admission="webinar")
    waits = register_as(client, event, "bo", admission="webinar")
    comes = register_as(client, event, "cy", admission="hall")
    shared = {
        joins: ticket_path("Ada"),
        waits: ticket_path("Bo"),
        comes: ticket_path("Cy"),
    }

    for path in (joins, shared[joins]):
        assert JOIN_URL in client.get(path).text
        assert printed_codes(client.get(path)) == []
    for path in (waits, comes, shared[waits], shared[comes]):
        assert JOIN_URL not in client.get(path).text
        assert JOIN_URL not in client.get(f"{path}/calendar.ics").text
    client.post(f"{joins}/cancellation")
    for path in (joins, shared[joins]):
        assert JOIN_URL not in client.get(path).text
    assert JOIN_URL in client.get(waits).text


def test_a_cancelled_event_has_no_valid_tickets(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")
    shared = ticket_path("Ada")
    change_event(status="cancelled")

    for page in (path, shared):
        answer = client.get(page)
        assert answer.status_code == 200
        assert printed_codes(answer) == []
        assert "cancelled" in answer.text.lower()


def test_a_view_only_ticket_manages_nothing(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    shared = ticket_path("Bo")
    page = client.get(shared)

    assert "Bo" in page.text
    assert not has_word(page.text, "Ada")
    assert "<form" not in page.text
    assert path not in page.text
    token = shared.removeprefix("/t/")
    assert client.get(f"/r/{token}").status_code == 404
    assert client.post(f"/r/{token}/cancellation").status_code == 404
    assert client.post(f"{shared}/cancellation").status_code == 404


def test_the_calendar_entry_points_at_the_view_only_ticket(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")
    answer = client.get(f"{path}/calendar.ics")

    assert answer.mimetype == "text/calendar"
    text = answer.text.replace("\r\n ", "")
    assert "BEGIN:VEVENT" in text
    assert urlsplit(path).path not in text
    assert ticket_path("Ada") in text


WRONG_TOKENS = [
    "A" * 22,
    "A" * 21,
    "A" * 23,
    "A" * 21 + "B",
    "ä" * 22,
    "../../etc/passwd",
    "%00" * 22,
    "A" * 3000,
]


@for_each("token", WRONG_TOKENS)
def test_every_wrong_link_gets_the_same_answer(client: FlaskClient, token):
    register_as(client, make_upcoming_event(), "ada")
    unknown = client.get(f"/r/{'x' * 21}Q")
    before = all_rows()

    for path in (
        f"/r/{token}",
        f"/t/{token}",
        f"/r/{token}/calendar.ics",
        f"/t/{token}/calendar.ics",
        f"/r/{token}/cancellation",
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.text == unknown.text
    for path in (f"/r/{token}/cancellation", f"/r/{token}/guests/1/cancellation"):
        assert client.post(path).status_code == 404
    assert all_rows() == before


# --- looking changes nothing --------------------------------------------------------


def test_looking_changes_nothing_anywhere(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    event = make_upcoming_event({"capacity": 2}, slug="the-evening", join_url=JOIN_URL)
    path = register_as(client, event, "ada", **{"guests-0-name": "Bo"})
    register_as(client, event, "cy")
    fillings = {
        "/r/": {"token": path.removeprefix("/r/"), "position": "1"},
        "/t/": {"token": ticket_path("Bo").removeprefix("/t/")},
        "/": {"slug": event.slug},
    }

    def no_writing(*_: Any) -> None:
        raise AssertionError("a page that is looked at began to write")

    monkeypatch.setattr("rsvp.db.writing", no_writing)
    monkeypatch.setattr("rsvp.db.write", no_writing)
    before, visited = all_rows(), 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        place = next(values for start, values in fillings.items() if start in rule.rule)
        address = re.sub(
            r"<(?:[^:>]+:)?(\w+)>", lambda n, p=place: p.get(n[1], "1"), rule.rule
        )
        for method in ("GET", "HEAD"):
            answer = client.open(address, method=method)
            assert answer.status_code < 500, address
            visited += answer.status_code == 200
    assert visited > 10
    assert all_rows() == before


# --- what it costs ------------------------------------------------------------------


class Statements(list[str]):
    """The statements sent while it is used as a context, without BEGIN and the like."""

    def __enter__(self) -> Statements:
        sqlalchemy_event.listen(db.engine, "before_cursor_execute", self.note)
        return self

    def __exit__(self, *_: object) -> None:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", self.note)

    def note(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.append(statement)


def test_registering_reads_the_definition_from_memory_and_renders_nothing(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    event = make_upcoming_event()
    slug = event.slug
    register_as(client, event, "ada")
    rendered: list[Any] = []
    form = form_data(event, name="Bo", email="bo@example.org")
    monkeypatch.setattr(event_queries, "load_detached_event", None)
    with (
        template_rendered.connected_to(
            lambda _app, template, **_: rendered.append(template.name), app
        ),
        Statements() as sent,
    ):
        client.post(f"/events/{slug}/registrations", data=form)

    assert states_by_name() == {"Ada": "confirmed", "Bo": "confirmed"}
    assert rendered == []
    reads = [text for text in sent if text.startswith("SELECT")]
    # The event's state; mails to this address.
    assert len(reads) <= 2, reads
    # Registration, attendees, audit entry, message, seats.
    assert len(sent) - len(reads) <= 5, sent


def test_a_ticket_page_takes_a_few_reads(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1}, HALL, WEBINAR)
    seated = register_as(client, event, "ada", admission="in-person")
    waits = register_as(client, event, "bo", admission="in-person")
    client.get(seated)

    for path, most in ((seated, 2), (waits, 3)):
        with Statements() as sent:
            client.get(path)
        assert len(sent) <= most, sent


def test_registrations_are_counted_right(client: FlaskClient):
    event = make_upcoming_event({"capacity": 3})
    register_as(client, event, "ada", party="2")
    register_as(client, event, "bo", party="2")

    assert states_by_name() == {"Ada": "confirmed", "Bo": "waitlisted"}
    assert db.session.scalar(select(func.sum(Registration.seats))) == 4
    state = event_queries.find_event_state(event.slug)
    assert state is not None
    assert state.seats_left(event.admissions[0].id) == 1
