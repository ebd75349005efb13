"""Registering: the form sent, what comes of it, and what comes back beside it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from rsvp import tokens
from rsvp.extensions import db
from rsvp.models import Attendee, GivenConsent, Message, Registration
from rsvp.web.attendee import register as view
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.registration_form import (
    HALL,
    NEXT_WEEK,
    WEBINAR,
    YESTERDAY,
    all_rows,
    change_event,
    form_data,
    mails_sent,
    make_upcoming_event,
    printed_codes,
    register_as,
    states_by_name,
    submit_form,
    ticket_path,
)

pytestmark = pytest.mark.one_engine

# --- registering --------------------------------------------------------------------


def test_registering_leads_to_the_ticket(client: FlaskClient):
    event = make_upcoming_event()
    answer = submit_form(client, event)

    assert answer.status_code == 303
    assert re.fullmatch(r"/r/[\w-]{22}", answer.location)
    ticket = client.get(answer.location)
    assert ticket.status_code == 200
    assert "Ada Bell" in ticket.text
    registration = db.session.scalars(select(Registration)).one()
    assert registration.reference in ticket.text
    attendee = registration.attendees[0]
    code = tokens.attendee_code(client.application.config["CODE_KEY"], attendee.uuid, 0)
    assert printed_codes(ticket) == [tokens.group_code(tokens.code_text(code))]
    assert mails_sent() == [("confirmation", "ada@example.org")]


def test_a_party_has_a_code_and_a_ticket_to_share_each(client: FlaskClient):
    event = make_upcoming_event(questions=({"key": "diet", "per": "attendee"},))
    path = register_as(
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

    assert len(set(printed_codes(ticket))) == 3
    people = db.session.scalars(select(Attendee).order_by(Attendee.position)).all()
    assert [person.name for person in people] == ["Ada", "Bo", None]
    assert [p.answers for p in people] == [{"diet": "no nuts"}, {"diet": "vegan"}, {}]
    for number, name in enumerate(["Ada", "Bo", None]):
        shared = ticket_path(name)
        assert printed_codes(client.get(shared)) == [printed_codes(ticket)[number]]
        assert (f"https://rsvp.example.org{shared}" in ticket.text) == (number > 0)


def test_consents_are_kept_with_their_wording(client: FlaskClient):
    event = make_upcoming_event(
        consents=({"key": "photos"}, {"key": "rules", "required": True})
    )
    register_as(client, event, "ada", **{"consent-rules": "on"})

    given = db.session.scalars(select(GivenConsent).order_by(GivenConsent.id)).all()
    assert [(g.consent.key, g.given) for g in given] == [
        ("photos", False),
        ("rules", True),
    ]


def test_the_same_form_sent_twice_lands_on_the_same_ticket(client: FlaskClient):
    event, submission = make_upcoming_event(), str(uuid4())
    first = submit_form(client, event, submission=submission)
    second = submit_form(client, event, submission=submission)

    assert second.status_code == 303
    assert second.location == first.location
    assert mails_sent() == [("confirmation", "ada@example.org")]


def test_a_repeated_address_makes_nothing_and_is_mailed_its_ticket(client: FlaskClient):
    event = make_upcoming_event()
    submit_form(client, event)
    before = all_rows()
    answer = submit_form(client, event, name="Somebody Else", email="ADA@example.org")

    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert not re.search(r"/[rt]/[\w-]{22}", answer.text)
    after = all_rows()
    assert mails_sent() == [
        ("confirmation", "ada@example.org"),
        ("ticket_again", "ada@example.org"),
    ]
    del before["messages"], after["messages"]
    assert after == before


def test_when_all_is_taken_people_join_the_line(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1})
    register_as(client, event, "ada")
    register_as(client, event, "bo")
    ticket = client.get(register_as(client, event, "cy"))

    assert states_by_name() == {
        "Ada": "confirmed",
        "Bo": "waitlisted",
        "Cy": "waitlisted",
    }
    assert re.search(r"\b2(nd)?\b", ticket.text)
    assert printed_codes(ticket) == []
    assert mails_sent()[-1] == ("waitlisted", "cy@example.org")


def test_without_a_line_full_is_said_and_what_was_typed_is_kept(client: FlaskClient):
    event = make_upcoming_event(HALL | {"capacity": 1, "waitlist": False}, WEBINAR)
    register_as(client, event, "ada", admission="hall")
    before = all_rows()
    answer = submit_form(
        client, event, name="Bo Adeyemi", email="bo@example.org", admission="hall"
    )

    assert answer.status_code == 409
    assert "Bo Adeyemi" in answer.text
    assert "All places are taken here" in answer.text
    assert all_rows() == before
    assert register_as(client, event, "bo", admission="webinar")


def test_more_people_than_could_ever_sit_there_are_told_the_limit(client: FlaskClient):
    event = make_upcoming_event({"capacity": 2}, party_max=4)
    before = all_rows()
    answer = submit_form(client, event, party="3")

    assert answer.status_code == 409
    assert "At most 2 people" in answer.text
    assert all_rows() == before


def test_an_address_gets_a_few_mails_an_hour_and_no_more(client: FlaskClient):
    event = make_upcoming_event(several=True)
    for _ in range(3):
        assert submit_form(client, event).status_code == 303
    mails = db.session.scalar(select(func.count(Message.id)))
    answer = submit_form(client, event)

    assert answer.status_code == 303
    assert "did not mail" in client.get(answer.location).text
    assert db.session.scalar(select(func.count(Message.id))) == mails
    other = submit_form(client, event, email="bo@example.org")
    assert "did not mail" not in client.get(other.location).text


CLOSED = [
    ({"status": "cancelled"}, "event_cancelled"),
    ({"starts": YESTERDAY - timedelta(days=1)}, "event_over"),
    ({"starts": YESTERDAY, "hours": 72}, "registration_closed"),
    ({"closes_local": YESTERDAY}, "registration_closed"),
    ({"opens_local": NEXT_WEEK}, "registration_not_open"),
    ({"paused": True}, "registration_paused"),
]


@for_each(("values", "code"), CLOSED)
@for_each("name", ["Ada Bell", ""])
def test_a_closed_form_says_why(client: FlaskClient, values, code, name):
    event = make_upcoming_event(**values)
    before = all_rows()
    page = submit_form(client, event, name=name)
    problem = client.post(
        f"/events/{event.slug}/registrations",
        data=form_data(event, name=name),
        headers={"Accept": "application/json"},
    )

    assert page.status_code == problem.status_code == 409
    assert f"/events/{event.slug}" in page.text
    assert problem.content_type == "application/problem+json"
    assert problem.get_json()["code"] == code
    assert problem.get_json()["title"] in page.text
    assert all_rows() == before


@for_each("slug", ["evening-draft", "no-such-event", "%00", "x" * 500], fresh=True)
def test_a_draft_is_as_unknown_as_what_does_not_exist(client: FlaskClient, slug):
    event = make_upcoming_event(slug="evening-draft", status="draft")
    answer = client.post(f"/events/{slug}/registrations", data=form_data(event))

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


@for_each("mistake", MISTAKES)
def test_mistakes_come_back_with_what_was_typed_and_nothing_changed(
    client: FlaskClient, mistake
):
    event = make_upcoming_event(
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
    before = all_rows()
    answer = submit_form(client, event, **right | mistake)

    assert answer.status_code == 422
    assert "Cy Onwudiwe" in answer.text
    assert all_rows() == before
    assert submit_form(client, event, **right).status_code == 303


def test_a_name_may_not_break_out_of_the_page(client: FlaskClient):
    answer = submit_form(
        client, make_upcoming_event(), name='"><script>x</script>', email="ada"
    )

    assert answer.status_code == 422
    assert "<script>x" not in answer.text


def test_the_event_may_change_while_its_form_is_on_the_way(
    client: FlaskClient, monkeypatch
):
    event = make_upcoming_event({"capacity": 5})
    register, calls = view.register_from_form, []

    def change_first(*given: Any) -> Any:
        calls.append(given[0].version)
        if len(calls) == 1:
            change_event()
        return register(*given)

    monkeypatch.setattr(view, "register_from_form", change_first)

    assert submit_form(client, event).status_code == 303
    assert calls == [1, 2]


def test_an_event_that_changes_all_the_time_asks_to_look_again(
    client: FlaskClient, monkeypatch
):
    event = make_upcoming_event({"capacity": 5})
    register = view.register_from_form

    def change_first(*given: Any) -> Any:
        change_event()
        return register(*given)

    monkeypatch.setattr(view, "register_from_form", change_first)
    answer = submit_form(client, event, name="Ada Bell")

    assert answer.status_code == 409
    assert "Ada Bell" in answer.text
    assert states_by_name() == {}


# --- discreet events ----------------------------------------------------------------


def test_a_discreet_event_answers_any_address_alike(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1}, discreet=True, several=False)
    fresh = submit_form(client, event)
    assert states_by_name() == {"Ada Bell": "confirmed"}
    answers = {
        "again": submit_form(client, event),
        "in line": submit_form(client, event, email="bo@example.org"),
        "same form": submit_form(client, event, submission=str(uuid4())),
        "too many": [submit_form(client, event) for _ in range(4)][-1],
    }

    assert fresh.status_code == 200
    assert "Location" not in fresh.headers
    assert not has_word(fresh.text, "Ada")
    assert "ada@" not in fresh.text
    for why, answer in answers.items():
        assert answer.status_code == fresh.status_code, why
        assert answer.data == fresh.data, why
        assert dict(answer.headers) == dict(fresh.headers), why


def test_a_full_discreet_event_says_so_to_any_address_alike(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1, "waitlist": False}, discreet=True)
    assert submit_form(client, event).status_code == 200

    registered, other = (
        submit_form(client, event),
        submit_form(client, event, email="bo@example.org"),
    )

    assert registered.status_code == other.status_code == 409
    assert "All places are taken" in other.text
    assert registered.text.replace("ada@", "bo@") == other.text
    assert len(states_by_name()) == 1


def test_a_discreet_event_says_what_concerns_no_address(client: FlaskClient):
    event = make_upcoming_event({"capacity": 2}, discreet=True)

    answer = submit_form(client, event, party="3")

    assert answer.status_code == 409
    assert states_by_name() == {}
