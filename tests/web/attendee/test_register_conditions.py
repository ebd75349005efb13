"""Ways in: asking for a place, confirming an address, being invited, coming fewer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.models import Event, Invitation, Registration
from tests.support.for_each import for_each
from tests.support.pages.registration_form import (
    HALL,
    WEBINAR,
    all_rows,
    mails_sent,
    make_upcoming_event,
    register_as,
    states_by_name,
    submit_form,
)

pytestmark = pytest.mark.one_engine


def the_only_one() -> Registration:
    db.session.rollback()
    return db.session.scalars(select(Registration)).one()


def page(client: FlaskClient, event: Event) -> str:
    return client.get(f"/events/{event.slug}").text


# --- asking for a place -------------------------------------------------------------


def test_where_an_organizer_decides_people_ask_for_a_place(client: FlaskClient):
    event = make_upcoming_event(
        {"capacity": 1, "waitlist": False}, allocation="approval"
    )

    shown = page(client, event)
    assert "Ask for a place" in shown
    assert "The organizer decides who can come" in shown

    for who in ("ada", "bo"):
        answer = client.get(register_as(client, event, who))
        assert "You have asked for a place" in answer.text
    assert states_by_name() == {"Ada": "requested", "Bo": "requested"}
    assert mails_sent() == [
        ("requested", "ada@example.org"),
        ("requested", "bo@example.org"),
    ]
    assert "Ask for a place" in page(client, event)


# --- confirming an address ----------------------------------------------------------


def test_an_address_is_confirmed_from_its_mail_before_the_place_is_anyones(
    client: FlaskClient,
):
    event = make_upcoming_event({"capacity": 1}, confirm_address=True)
    assert "within two hours" not in page(client, event)
    assert "kept for two hours" in page(client, event)

    answer = submit_form(client, event)

    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "/r/" not in answer.text
    assert "within two hours" in answer.text
    assert the_only_one().state == "held"
    assert mails_sent() == [("confirm_address", "ada@example.org")]


def test_what_waits_for_a_mail_is_answered_alike_for_any_address(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1}, confirm_address=True)
    fresh = submit_form(client, event)
    answers = {
        "again": submit_form(client, event),
        "in line": submit_form(client, event, email="bo@example.org"),
        "too many": [submit_form(client, event) for _ in range(4)][-1],
    }

    for why, answer in answers.items():
        assert (answer.status_code, answer.data) == (200, fresh.data), why


def test_without_a_line_a_full_event_says_so_to_any_address(client: FlaskClient):
    event = make_upcoming_event(
        {"capacity": 1, "waitlist": False}, confirm_address=True
    )
    submit_form(client, event)

    registered, other = (
        submit_form(client, event),
        submit_form(client, event, email="bo@example.org"),
    )

    assert registered.status_code == other.status_code == 409
    assert registered.text.replace("ada@", "bo@") == other.text


# --- invitations --------------------------------------------------------------------


def invite(app: Flask, event: Event, **values: Any) -> str:
    with writing() as session:
        one = Invitation(
            event_id=event.id,
            code_id=b"",
            created_at=utcnow(),
            created_by="command",
            **values,
        )
        one.uuid = uuid4()
        code = tokens.invitation_code(app.config["CODE_KEY"], one.uuid)
        one.code_id = tokens.invitation_id(code)
        session.add(one)
    return code


def test_an_invitation_opens_the_form(app: Flask, client: FlaskClient):
    event = make_upcoming_event(visibility="invitation")
    code = invite(app, event)

    assert 'name="invitation"' in page(client, event)
    assert submit_form(client, event, invitation=f" {code.lower()} ").status_code == 303
    assert the_only_one().invitation_id is not None


@for_each(
    ("why", "values", "words"),
    [
        ("missing", None, "Enter the code from your invitation."),
        ("unknown", None, "We don’t know this code."),
        ("ended", {"expires_at": utcnow() - timedelta(days=1)}, "This code has ended."),
        ("revoked", {"revoked_at": utcnow()}, "This code has ended."),
        ("used_up", {"uses_max": 1}, "used as often as it may be"),
    ],
)
def test_without_a_working_code_nobody_registers(
    app: Flask, client: FlaskClient, why, values, words
):
    event, other = (
        make_upcoming_event(visibility="invitation"),
        make_upcoming_event(visibility="invitation"),
    )
    code = invite(app, event, **values) if values else invite(app, other)
    if why == "used_up":
        assert submit_form(
            client, event, invitation=code, email="cy@example.org"
        ).location
    before = all_rows()
    sent = "" if why == "missing" else code
    answer = submit_form(client, event, invitation=sent)

    assert answer.status_code == 422
    assert words in answer.text
    assert 'id="invitation-mistake"' in answer.text
    assert "Ada Bell" in answer.text
    assert all_rows() == before


@for_each("code", ["x" * 10_000, "\0", "1" * 29, "💌" * 50])
def test_nothing_odd_is_a_code(client: FlaskClient, code):
    event = make_upcoming_event(visibility="invitation")

    assert submit_form(client, event, invitation=code).status_code == 422
    assert states_by_name() == {}


def test_only_invited_events_ask_for_a_code(client: FlaskClient):
    event = make_upcoming_event()

    assert 'name="invitation"' not in page(client, event)
    assert submit_form(client, event, invitation="1ABC").status_code == 303


# --- fewer of a party ---------------------------------------------------------------


@for_each(
    ("admissions", "party_max", "asked"),
    [
        (({},), 4, True),
        (({},), 1, False),
        (({"waitlist": False},), 4, False),
        ((HALL | {"waitlist": False}, WEBINAR), 4, False),
        ((HALL, WEBINAR), 4, True),
    ],
)
def test_a_party_that_may_have_to_wait_is_asked_if_fewer_is_fine(
    client: FlaskClient, admissions, party_max, asked
):
    event = make_upcoming_event(*admissions, party_max=party_max)

    assert ('name="fewer_ok"' in page(client, event)) is asked


@for_each(
    ("party", "ticked", "kept"),
    [("2", "yes", True), ("2", "", False), ("1", "yes", False)],
    fresh=True,
)
def test_fewer_is_kept_of_parties_that_ticked_it(
    client: FlaskClient, party, ticked, kept
):
    register_as(client, make_upcoming_event(), "ada", party=party, fewer_ok=ticked)

    assert the_only_one().fewer_ok is kept


# --- a line with an end -------------------------------------------------------------


def test_a_line_that_is_full_takes_nobody_more(client: FlaskClient):
    event = make_upcoming_event(HALL | {"capacity": 1, "waitlist_max": 1}, WEBINAR)
    for who in ("ada", "bo"):
        register_as(client, event, who, admission="hall")
    before = all_rows()
    cy = {"name": "Cy Onwudiwe", "email": "cy@example.org"}
    answer = submit_form(client, event, admission="hall", **cy)

    assert answer.status_code == 409
    assert "the waitlist is full" in answer.text
    assert "Cy Onwudiwe" in answer.text
    assert all_rows() == before


def test_the_page_of_a_full_line_has_no_form(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1, "waitlist_max": 2})
    register_as(client, event, "ada")
    register_as(client, event, "bo")
    assert "Join the waitlist (2nd in line)" in page(client, event)
    register_as(client, event, "cy")

    shown = page(client, event)
    assert "The waitlist is full." in shown
    assert "nobody more can wait" in shown
    assert "<form" not in shown


def test_a_full_line_says_so_to_any_address_where_mail_alone_answers(
    client: FlaskClient,
):
    event = make_upcoming_event({"capacity": 1, "waitlist_max": 1}, discreet=True)
    submit_form(client, event)
    submit_form(client, event, email="bo@example.org")

    registered, other = (
        submit_form(client, event),
        submit_form(client, event, email="cy@example.org"),
    )

    assert registered.status_code == other.status_code == 409
    assert "the waitlist is full" in other.text
    assert registered.text.replace("ada@", "cy@") == other.text


def test_where_mail_alone_answers_a_wrong_code_tells_nothing_of_an_address(
    app: Flask, client: FlaskClient
):
    event = make_upcoming_event(visibility="invitation", discreet=True)
    assert submit_form(client, event, invitation=invite(app, event)).status_code == 200
    wrong = invite(app, make_upcoming_event(visibility="invitation"))

    registered = submit_form(client, event, invitation=wrong)
    other = submit_form(client, event, invitation=wrong, email="bo@example.org")

    assert registered.status_code == other.status_code == 422
    assert registered.text.replace("ada@", "bo@") == other.text
