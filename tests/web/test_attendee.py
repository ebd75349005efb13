"""What attendees do: register, come back, look at their tickets, give places up."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask, current_app, template_rendered
from flask.testing import FlaskClient
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from rsvp import queries, tokens
from rsvp.db import Base, utcnow, writing
from rsvp.extensions import db
from rsvp.models import Admission, Attendee, Event, GivenConsent, Message, Registration
from rsvp.web import attendee as view
from rsvp.web import pages
from tests.factories import make_event

TODAY = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
IN_TWO_WEEKS, YESTERDAY = TODAY + timedelta(days=14), TODAY - timedelta(days=1)
NEXT_WEEK = IN_TWO_WEEKS - timedelta(days=7)

HALL = {"key": "hall", "name": "In person"}
WEBINAR = {"key": "webinar", "name": "Webinar", "mode": "online", "capacity": None}
JOIN_URL = "https://meet.example.org/evening"


@pytest.fixture(autouse=True)
def _nothing_held(app: Flask) -> None:
    app.extensions.get(pages.EXTENSION, {}).clear()


def soon(*admissions: dict[str, Any], **values: Any) -> Event:
    """An event that takes registrations at the real present, which views go by."""
    return make_event(*admissions, **{"starts": IN_TWO_WEEKS} | values)


def typed(event: Event, **values: str | list[str]) -> dict[str, Any]:
    return {
        "name": "Ada Bell",
        "email": "ada@example.org",
        "form_token": pages.form_token(event, utcnow()),
    } | values


def send(client: FlaskClient, event: Event, **values: Any) -> TestResponse:
    return client.post(
        f"/events/{event.slug}/registrations", data=typed(event, **values)
    )


def send_as(client: FlaskClient, event: Event, who: str, **values: Any) -> str:
    """Register somebody and say the path of their ticket page."""
    answer = send(client, event, name=who.title(), email=f"{who}@example.org", **values)
    assert answer.status_code == 303, answer.text
    return answer.location


def messages() -> list[tuple[str, str]]:
    rows = select(Message.kind, Message.recipient).order_by(Message.id)
    return [tuple(row) for row in db.session.execute(rows)]


def states() -> dict[str, str]:
    db.session.rollback()
    return {r.name: r.state for r in db.session.scalars(select(Registration))}


def change_event(**values: Any) -> None:
    """Change the event the way the domain does: with a new version."""
    with writing() as session:
        session.execute(update(Event).values(version=Event.version + 1, **values))
        session.execute(
            update(Admission).values(event_version=Admission.event_version + 1)
        )


def everything() -> dict[str, list[Any]]:
    """All rows of all tables."""
    db.session.rollback()
    found = {
        table.name: sorted(map(repr, db.session.execute(select(table))))
        for table in Base.metadata.sorted_tables
    }
    db.session.rollback()
    return found


def codes_on(page: TestResponse) -> list[str]:
    """The printed codes on a page, in their groups."""
    return re.findall(r"1[0-9A-Z]{4}(?: [0-9A-Z]{4}){6}", page.text)


def ticket_path(name: str | None) -> str:
    """The path of the view-only ticket of somebody by this name."""
    who = db.session.scalars(select(Attendee).where(Attendee.name == name)).one()
    token = tokens.ticket_token(
        current_app.config["CODE_KEY"], who.uuid, who.code_version
    )
    return f"/t/{token}"


# --- registering --------------------------------------------------------------------


def test_registering_leads_to_the_ticket(client: FlaskClient):
    event = soon()
    answer = send(client, event)

    assert answer.status_code == 303
    assert re.fullmatch(r"/r/[\w-]{22}", answer.location)
    ticket = client.get(answer.location)
    assert ticket.status_code == 200
    assert "Ada Bell" in ticket.text
    registration = db.session.scalars(select(Registration)).one()
    assert registration.reference in ticket.text
    attendee = registration.attendees[0]
    code = tokens.attendee_code(client.application.config["CODE_KEY"], attendee.uuid, 0)
    assert codes_on(ticket) == [tokens.grouped(tokens.code_text(code))]
    assert messages() == [("confirmation", "ada@example.org")]


def test_a_party_has_a_code_and_a_ticket_to_share_each(client: FlaskClient):
    event = soon(questions=({"key": "diet", "per": "attendee"},))
    path = send_as(
        client,
        event,
        "ada",
        **{
            "party": "3",
            "guests-0-name": "Bo",
            "answers-diet": "no nuts",
            "guests-0-answers-diet": "vegan",
        },
    )
    ticket = client.get(path)

    assert len(set(codes_on(ticket))) == 3
    people = db.session.scalars(select(Attendee).order_by(Attendee.position)).all()
    assert [person.name for person in people] == ["Ada", "Bo", None]
    assert [p.answers for p in people] == [{"diet": "no nuts"}, {"diet": "vegan"}, {}]
    for number, name in enumerate(["Ada", "Bo", None]):
        shared = ticket_path(name)
        assert codes_on(client.get(shared)) == [codes_on(ticket)[number]]
        assert (f"https://rsvp.example.org{shared}" in ticket.text) == (number > 0)


def test_consents_are_kept_with_their_wording(client: FlaskClient):
    event = soon(consents=({"key": "photos"}, {"key": "rules", "required": True}))
    send_as(client, event, "ada", **{"consent-rules": "on"})

    given = db.session.scalars(select(GivenConsent).order_by(GivenConsent.id)).all()
    assert [(g.consent.key, g.given) for g in given] == [
        ("photos", False),
        ("rules", True),
    ]


def test_the_same_form_sent_twice_lands_on_the_same_ticket(client: FlaskClient):
    event, submission = soon(), str(uuid4())
    first = send(client, event, submission=submission)
    second = send(client, event, submission=submission)

    assert second.status_code == 303
    assert second.location == first.location
    assert messages() == [("confirmation", "ada@example.org")]


def test_a_repeated_address_makes_nothing_and_is_mailed_its_ticket(client: FlaskClient):
    event = soon()
    send(client, event)
    before = everything()
    answer = send(client, event, name="Somebody Else", email="ADA@example.org")

    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert not re.search(r"/[rt]/[\w-]{22}", answer.text)
    after = everything()
    assert messages() == [
        ("confirmation", "ada@example.org"),
        ("ticket_again", "ada@example.org"),
    ]
    del before["messages"], after["messages"]
    assert after == before


def test_when_all_is_taken_people_join_the_line(client: FlaskClient):
    event = soon({"capacity": 1})
    send_as(client, event, "ada")
    send_as(client, event, "bo")
    ticket = client.get(send_as(client, event, "cy"))

    assert states() == {"Ada": "confirmed", "Bo": "waitlisted", "Cy": "waitlisted"}
    assert re.search(r"\b2(nd)?\b", ticket.text)
    assert codes_on(ticket) == []
    assert messages()[-1] == ("waitlisted", "cy@example.org")


def test_without_a_line_full_is_said_and_what_was_typed_is_kept(client: FlaskClient):
    event = soon(HALL | {"capacity": 1, "waitlist": False}, WEBINAR)
    send_as(client, event, "ada", admission="hall")
    before = everything()
    answer = send(
        client, event, name="Bo Adeyemi", email="bo@example.org", admission="hall"
    )

    assert answer.status_code == 409
    assert "Bo Adeyemi" in answer.text
    assert "All places are taken here" in answer.text
    assert everything() == before
    assert send_as(client, event, "bo", admission="webinar")


def test_more_people_than_could_ever_sit_there_are_told_the_limit(client: FlaskClient):
    event = soon({"capacity": 2}, party_max=4)
    before = everything()
    answer = send(client, event, party="3")

    assert answer.status_code == 409
    assert "At most 2 people" in answer.text
    assert everything() == before


def test_an_address_gets_a_few_mails_an_hour_and_no_more(client: FlaskClient):
    event = soon(several=True)
    for _ in range(3):
        assert send(client, event).status_code == 303
    before = everything()
    answer = send(client, event)

    assert answer.status_code == 429
    assert "ada@example.org" in answer.text
    assert everything() == before
    assert send(client, event, email="bo@example.org").status_code == 303


CLOSED = [
    ({"status": "cancelled"}, "event_cancelled"),
    ({"starts": YESTERDAY - timedelta(days=1)}, "event_over"),
    ({"starts": YESTERDAY, "hours": 72}, "registration_closed"),
    ({"closes_local": YESTERDAY}, "registration_closed"),
    ({"opens_local": NEXT_WEEK}, "registration_not_open"),
    ({"paused": True}, "registration_paused"),
]


@pytest.mark.parametrize(("values", "code"), CLOSED)
@pytest.mark.parametrize("name", ["Ada Bell", ""])
def test_a_closed_form_says_why(client: FlaskClient, values, code, name):
    event = soon(**values)
    before = everything()
    page = send(client, event, name=name)
    problem = client.post(
        f"/events/{event.slug}/registrations",
        data=typed(event, name=name),
        headers={"Accept": "application/json"},
    )

    assert page.status_code == problem.status_code == 409
    assert f"/events/{event.slug}" in page.text
    assert problem.content_type == "application/problem+json"
    assert problem.get_json()["code"] == code
    assert problem.get_json()["title"] in page.text
    assert everything() == before


@pytest.mark.parametrize("slug", ["evening-draft", "no-such-event", "%00", "x" * 500])
def test_a_draft_is_as_unknown_as_what_does_not_exist(client: FlaskClient, slug):
    event = soon(slug="evening-draft", status="draft")
    answer = client.post(f"/events/{slug}/registrations", data=typed(event))

    assert answer.status_code == 404
    assert answer.text == client.get("/events/no-such-event").text


MISTAKES = [
    {"name": ""},
    {"name": "Win at prizes.com"},
    {"name": "x" * 201},
    {"email": ""},
    {"email": "ada"},
    {"email": "ada@example.org\nBcc: bo@example.org"},
    {"admission": ""},
    {"admission": "balcony"},
    {"party": "0"},
    {"party": "99"},
    {"party": "many"},
    {"guests-0-name": "http://prizes.example.org"},
    {"answers-group": ""},
    {"answers-group": "Zeppelins"},
    {"answers-diet": "x" * 501},
    {"consent-rules": ""},
    {"form_token": ""},
    {"nickname": "Win now"},
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_come_back_with_what_was_typed_and_nothing_changed(
    client: FlaskClient, mistake
):
    event = soon(
        HALL,
        WEBINAR,
        questions=(
            {"key": "group", "type": "choice", "options": ["Fares"], "required": True},
            {"key": "diet", "per": "attendee"},
        ),
        consents=({"key": "rules", "required": True},),
    )
    right = {
        "admission": "hall",
        "answers-group": "Fares",
        "answers-diet": "no nuts",
        "consent-rules": "on",
        "guests-2-name": "Cy Onwudiwe",
    }
    before = everything()
    answer = send(client, event, **right | mistake)

    assert answer.status_code == 422
    assert "Cy Onwudiwe" in answer.text
    assert everything() == before
    assert send(client, event, **right).status_code == 303


def test_a_name_may_not_break_out_of_the_page(client: FlaskClient):
    answer = send(client, soon(), name='"><script>x</script>', email="ada")

    assert answer.status_code == 422
    assert "<script>x" not in answer.text


def test_the_event_may_change_while_its_form_is_on_the_way(
    client: FlaskClient, monkeypatch
):
    event = soon({"capacity": 5})
    register, calls = view.register, []

    def change_first(*given: Any) -> Any:
        calls.append(given[0].version)
        if len(calls) == 1:
            change_event()
        return register(*given)

    monkeypatch.setattr(view, "register", change_first)

    assert send(client, event).status_code == 303
    assert calls == [1, 2]


def test_an_event_that_changes_all_the_time_asks_to_look_again(
    client: FlaskClient, monkeypatch
):
    event = soon({"capacity": 5})
    register = view.register

    def change_first(*given: Any) -> Any:
        change_event()
        return register(*given)

    monkeypatch.setattr(view, "register", change_first)
    answer = send(client, event, name="Ada Bell")

    assert answer.status_code == 409
    assert "Ada Bell" in answer.text
    assert states() == {}


# --- discreet events ----------------------------------------------------------------


def test_a_discreet_event_answers_any_address_alike(client: FlaskClient):
    event = soon({"capacity": 1}, discreet=True, several=False)
    fresh = send(client, event)
    assert states() == {"Ada Bell": "confirmed"}
    answers = {
        "again": send(client, event),
        "in line": send(client, event, email="bo@example.org"),
        "same form": send(client, event, submission=str(uuid4())),
        "too many": [send(client, event) for _ in range(4)][-1],
    }

    assert fresh.status_code == 200
    assert "Location" not in fresh.headers
    assert "Ada" not in fresh.text
    assert "ada@" not in fresh.text
    for why, answer in answers.items():
        assert answer.status_code == fresh.status_code, why
        assert answer.data == fresh.data, why
        assert dict(answer.headers) == dict(fresh.headers), why


def test_a_full_discreet_event_says_so_to_any_address_alike(client: FlaskClient):
    event = soon({"capacity": 1, "waitlist": False}, discreet=True)
    assert send(client, event).status_code == 200

    registered, other = send(client, event), send(client, event, email="bo@example.org")

    assert registered.status_code == other.status_code == 409
    assert "All places are taken" in other.text
    assert registered.text.replace("ada@", "bo@") == other.text
    assert len(states()) == 1


def test_a_discreet_event_says_what_concerns_no_address(client: FlaskClient):
    event = soon({"capacity": 2}, discreet=True)

    answer = send(client, event, party="3")

    assert answer.status_code == 409
    assert states() == {}


# --- one's own registration ---------------------------------------------------------


def test_a_ticket_page_is_for_its_holder_alone(client: FlaskClient):
    path = send_as(client, soon(), "ada")
    shared = ticket_path("Ada")
    for page in (path, f"{path}/calendar.ics", shared, f"{shared}/calendar.ics"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert "Set-Cookie" not in answer.headers


def test_giving_up_seats_the_next_in_line(client: FlaskClient):
    event = soon({"capacity": 1})
    ada, bo = send_as(client, event, "ada"), send_as(client, event, "bo")
    answer = client.post(f"{ada}/cancellation")

    assert (answer.status_code, answer.location) == (303, ada)
    assert states() == {"Ada": "cancelled", "Bo": "confirmed"}
    assert codes_on(client.get(ada)) == []
    assert len(codes_on(client.get(bo))) == 1
    assert ("promoted", "bo@example.org") in messages()
    assert ("cancelled", "ada@example.org") in messages()


def test_a_guest_can_be_given_up_and_the_others_come(client: FlaskClient):
    event = soon({"capacity": 3})
    path = send_as(
        client, event, "ada", **{"guests-0-name": "Bo", "guests-1-name": "Cy"}
    )
    bo = ticket_path("Bo")
    answer = client.post(f"{path}/guests/1/cancellation")

    assert (answer.status_code, answer.location) == (303, path)
    ticket = client.get(path)
    assert len(codes_on(ticket)) == 2
    assert "Bo" in ticket.text
    assert codes_on(client.get(bo)) == []
    assert db.session.scalars(select(Admission.seats_taken)).one() == 2


@pytest.mark.parametrize("position", ["0", "3", "99", "-1", "x", "9" * 30])
def test_only_a_guest_who_is_there_can_be_given_up(client: FlaskClient, position):
    path = send_as(client, soon(), "ada", **{"guests-0-name": "Bo"})
    before = everything()

    assert client.post(f"{path}/guests/{position}/cancellation").status_code == 404
    assert everything() == before


def test_giving_up_twice_changes_nothing_and_says_so(client: FlaskClient):
    path = send_as(client, soon(), "ada", **{"guests-0-name": "Bo"})
    client.post(f"{path}/guests/1/cancellation")
    client.post(f"{path}/cancellation")
    before = everything()

    for what in ("guests/1/cancellation", "cancellation"):
        answer = client.post(f"{path}/{what}")
        assert answer.status_code == 409
        assert path in answer.text
        assert everything() == before


def test_nobody_gives_up_by_link_once_it_has_begun(client: FlaskClient):
    path = send_as(client, soon(), "ada")
    change_event(starts_at=utcnow() - timedelta(hours=1))
    before = everything()
    answer = client.post(f"{path}/cancellation", headers={"Accept": "application/json"})

    assert answer.status_code == 409
    assert answer.get_json()["code"] == "too_late_to_cancel"
    assert everything() == before
    assert "/cancellation" not in client.get(path).text


def test_the_address_of_a_button_leads_to_its_page(client: FlaskClient):
    event = soon()
    path = send_as(client, event, "ada")
    before = everything()

    assert client.get(f"{path}/cancellation").location == path
    assert client.get(f"{path}/guests/1/cancellation").location == path
    form = client.get(f"/events/{event.slug}/registrations")
    assert form.location == f"/events/{event.slug}"
    assert everything() == before


def test_who_may_join_online_finds_the_link_and_nobody_else(client: FlaskClient):
    online = WEBINAR | {"capacity": 1, "waitlist": True}
    event = soon(HALL, online, join_url=JOIN_URL)
    joins = send_as(client, event, "ada", admission="webinar")
    waits = send_as(client, event, "bo", admission="webinar")
    comes = send_as(client, event, "cy", admission="hall")
    shared = {
        joins: ticket_path("Ada"),
        waits: ticket_path("Bo"),
        comes: ticket_path("Cy"),
    }

    for path in (joins, shared[joins]):
        assert JOIN_URL in client.get(path).text
        assert codes_on(client.get(path)) == []
    for path in (waits, comes, shared[waits], shared[comes]):
        assert JOIN_URL not in client.get(path).text
        assert JOIN_URL not in client.get(f"{path}/calendar.ics").text
    client.post(f"{joins}/cancellation")
    for path in (joins, shared[joins]):
        assert JOIN_URL not in client.get(path).text
    assert JOIN_URL in client.get(waits).text


def test_a_cancelled_event_has_no_valid_tickets(client: FlaskClient):
    path = send_as(client, soon(), "ada")
    shared = ticket_path("Ada")
    change_event(status="cancelled")

    for page in (path, shared):
        answer = client.get(page)
        assert answer.status_code == 200
        assert codes_on(answer) == []
        assert "cancelled" in answer.text.lower()


def test_a_view_only_ticket_manages_nothing(client: FlaskClient):
    path = send_as(client, soon(), "ada", **{"guests-0-name": "Bo"})
    shared = ticket_path("Bo")
    page = client.get(shared)

    assert "Bo" in page.text
    assert "Ada" not in page.text
    assert "<form" not in page.text
    assert path not in page.text
    token = shared.removeprefix("/t/")
    assert client.get(f"/r/{token}").status_code == 404
    assert client.post(f"/r/{token}/cancellation").status_code == 404
    assert client.post(f"{shared}/cancellation").status_code == 404


def test_the_calendar_entry_points_at_the_view_only_ticket(client: FlaskClient):
    path = send_as(client, soon(), "ada")
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


@pytest.mark.parametrize("token", WRONG_TOKENS)
def test_every_wrong_link_gets_the_same_answer(client: FlaskClient, token):
    send_as(client, soon(), "ada")
    unknown = client.get(f"/r/{'x' * 21}Q")
    before = everything()

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
    assert everything() == before


# --- looking changes nothing --------------------------------------------------------


def test_looking_changes_nothing_anywhere(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    event = soon({"capacity": 2}, slug="the-evening", join_url=JOIN_URL)
    path = send_as(client, event, "ada", **{"guests-0-name": "Bo"})
    send_as(client, event, "cy")
    fillings = {
        "/r/": {"token": path.removeprefix("/r/"), "position": "1"},
        "/t/": {"token": ticket_path("Bo").removeprefix("/t/")},
        "/": {"slug": event.slug},
    }

    def no_writing(*_: Any) -> None:
        raise AssertionError("a page that is looked at began to write")

    monkeypatch.setattr("rsvp.db.writing", no_writing)
    monkeypatch.setattr("rsvp.db.write", no_writing)
    before, visited = everything(), 0
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
    assert everything() == before


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
    event = soon()
    slug = event.slug
    send_as(client, event, "ada")
    rendered: list[Any] = []
    form = typed(event, name="Bo", email="bo@example.org")
    monkeypatch.setattr(queries, "event_page", None)
    with (
        template_rendered.connected_to(
            lambda _app, template, **_: rendered.append(template.name), app
        ),
        Statements() as sent,
    ):
        client.post(f"/events/{slug}/registrations", data=form)

    assert states() == {"Ada": "confirmed", "Bo": "confirmed"}
    assert rendered == []
    reads = [text for text in sent if text.startswith("SELECT")]
    # The event's state; mails to this address.
    assert len(reads) <= 2, reads
    # Registration, attendees, audit entry, message, seats.
    assert len(sent) - len(reads) <= 5, sent


def test_a_ticket_page_takes_a_few_reads(client: FlaskClient):
    event = soon({"capacity": 1}, HALL, WEBINAR)
    seated = send_as(client, event, "ada", admission="in-person")
    waits = send_as(client, event, "bo", admission="in-person")
    client.get(seated)

    for path, most in ((seated, 2), (waits, 3)):
        with Statements() as sent:
            client.get(path)
        assert len(sent) <= most, sent


def test_registrations_are_counted_right(client: FlaskClient):
    event = soon({"capacity": 3})
    send_as(client, event, "ada", party="2")
    send_as(client, event, "bo", party="2")

    assert states() == {"Ada": "confirmed", "Bo": "waitlisted"}
    assert db.session.scalar(select(func.sum(Registration.seats))) == 4
    state = queries.event_state(event.slug)
    assert state is not None
    assert state.left(event.admissions[0].id) == 1
