"""Deciding: requests approved or declined, alone or together, and who may do it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from rsvp.db import utcnow
from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.models import Event, Message
from rsvp.models.team import Role
from tests.support.factories import cancel, load_registration, make_user
from tests.support.for_each import for_each
from tests.support.pages.organizer import (
    detail_text,
    list_path,
    post_action,
    register_now,
    registration_path,
)
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

ALONE = ["approval", "decline", "reinstatement", "offer", "presence", "admission"]


def by_approval(*admissions, **values) -> Event:
    return make_upcoming_event(*admissions, allocation="approval", **values)


def decide(client, event, decision, /, *outcomes, **typed):
    path = f"{list_path(event)}?state=requested"
    return client.post(
        f"{list_path(event)}/decisions?state=requested",
        data={
            "csrf_token": csrf_token(client, path),
            "decision": decision,
            "reference": [load_registration(one).reference for one in outcomes],
        }
        | typed,
    )


def last_mail(outcome) -> Message:
    mine = Message.registration_id == outcome.registration_id
    return db.session.scalars(
        select(Message).where(mine).order_by(Message.id.desc())
    ).first()


# --- one request --------------------------------------------------------------------


def test_a_request_is_approved_with_a_line_of_text(client, ada):
    event = by_approval({"capacity": 1})
    first = register_now(event, "Cleo Winter")
    second = register_now(event, "Dora Quill")
    text = detail_text(client, first)
    assert "Requested Cleo Winter Asks for 1 place, In person." in text
    assert "Approve" in text
    assert "Move in line" not in text

    answer = post_action(client, first, "approval", why=" See you \n there ")

    assert (answer.status_code, load_registration(first).state) == (303, "confirmed")
    assert answer.location == f"{registration_path(first)}?done=approved"
    assert "they have a place" in visible_text(client.get(answer.location).text)
    mail = last_mail(first)
    assert (mail.kind, mail.facts["why"]) == ("confirmation", "See you there")
    assert "Approved · by ada@example.org" in detail_text(client, first)
    answer = post_action(client, second, "approval")
    assert load_registration(second).state == "waitlisted"
    assert "so they wait in line" in visible_text(client.get(answer.location).text)
    assert "Approved, and waits in line" in detail_text(client, second)
    assert post_action(client, first, "approval").status_code == 409
    assert invariants.find_problems(utcnow()) == []


def test_a_request_is_declined_with_a_line_of_text(client, ada):
    one = register_now(by_approval(), "Cleo Winter")

    answer = post_action(client, one, "decline", why="We are too many")

    assert answer.status_code == 303
    text = detail_text(client, one)
    assert load_registration(one).ended_why == "We are too many"
    assert "Declined Cleo Winter" in text
    assert "Before that Requested Ended by ada@example.org Why We are too many" in text
    assert "Declined: We are too many · by ada@example.org" in text
    refused = post_action(client, one, "decline")
    assert refused.status_code == 409
    assert "decided already" in refused.text
    assert registration_path(one) in refused.text


@for_each("noun", ["approval", "decline"])
def test_a_line_that_is_too_long_is_answered_beside_its_field(client, ada, noun):
    one = register_now(by_approval(), "Cleo Winter")
    before = all_rows()

    answer = post_action(client, one, noun, why="x" * 201)

    assert answer.status_code == 422
    assert "Please use at most 200 characters." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert all_rows() == before


def test_without_a_line_a_request_that_finds_no_place_stays(client, ada):
    event = by_approval({"capacity": 1, "waitlist": False})
    one, first = register_now(event, "Cleo Winter"), register_now(event)
    post_action(client, first, "approval")

    answer = post_action(client, one, "approval")

    assert answer.status_code == 409
    assert "No place is free, and there is no line" in answer.text
    assert load_registration(one).state == "requested"


# --- several at once ----------------------------------------------------------------


def test_requests_are_approved_together_in_the_order_they_came(client, ada):
    event = by_approval({"capacity": 2})
    made = [register_now(event, f"Guest {name}") for name in "ABCD"]
    path = f"{list_path(event)}?state=requested"
    html = client.get(path).text
    assert html.index("Guest A") < html.index("Guest D")
    assert html.count('name="reference"') == 4
    assert client.get(f"{path}&ticked=all").text.count(" checked") == 4

    # Whatever order they are sent in.
    answer = decide(client, event, "approve", *reversed(made[:3]), why="Welcome")

    assert answer.status_code == 303
    states = [load_registration(one).state for one in made]
    assert states == ["confirmed", "confirmed", "waitlisted", "requested"]
    text = visible_text(client.get(answer.location).text)
    assert "2 are approved and have a place." in text
    assert "1 is approved and waits in line, since no place is free." in text
    assert last_mail(made[2]).facts["why"] == "Welcome"
    assert invariants.find_problems(utcnow()) == []


def test_one_that_changed_meanwhile_keeps_nobody_from_an_answer(client, ada):
    event = by_approval()
    gone, stays = register_now(event, "Cleo Winter"), register_now(event, "Dora Quill")
    cancel(gone, now=utcnow())

    answer = decide(client, event, "decline", gone, stays)

    assert [load_registration(gone).state, load_registration(stays).state] == [
        "cancelled",
        "declined",
    ]
    text = visible_text(client.get(answer.location).text)
    assert "1 is declined. Each was mailed." in text
    assert "These had changed meanwhile, so they are as they were: Cleo Winter" in text


def test_those_for_whom_nothing_is_free_are_named(client, ada):
    event = by_approval({"capacity": 1, "waitlist": False})
    first, second = register_now(event, "Cleo"), register_now(event, "Dora Quill")

    answer = decide(client, event, "approve", first, second)

    assert [load_registration(first).state, load_registration(second).state] == [
        "confirmed",
        "requested",
    ]
    text = visible_text(client.get(answer.location).text)
    assert "there is no line for them to wait in: Dora Quill" in text


def test_a_decision_that_makes_no_sense_changes_nothing(client, ada):
    event = by_approval()
    one = register_now(event, "Cleo Winter")
    elsewhere = register_now(by_approval(), "Dora Quill")
    reference = load_registration(one).reference
    before = all_rows()

    for typed, status, words in (
        ({"reference": []}, 422, "Please tick at least one request."),
        ({"reference": ["x", "%00", "\0", "x" * 9000]}, 422, "at least one"),
        ({"why": "x" * 201}, 422, "at most 200 characters"),
        ({"decision": "approved"}, 400, ""),
        ({"decision": ""}, 400, ""),
        ({"reference": [load_registration(elsewhere).reference]}, 303, ""),
        (
            {"reference": [f"{number:08}" for number in range(101)]},
            422,
            "tick at most 100 at a time",
        ),
    ):
        answer = decide(client, event, "approve", one, **typed)
        assert answer.status_code == status, typed
        assert words in answer.text
    assert all_rows() == before
    html = decide(client, event, "approve", one, why="x" * 201).text
    assert f'value="{reference}" checked' in html


@for_each(
    "query",
    [
        "approved=x",
        "approved=-1",
        "approved=999999999",
        "changed=%00",
        "changed=<b>.x",
        "full=" + "A" * 5000,
    ],
)
def test_the_address_of_a_list_writes_no_words(client, ada, query):
    event = by_approval()

    answer = client.get(f"{list_path(event)}?{query}")

    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_only_who_manages_registrations_decides(client, app):
    event = by_approval()
    one = register_now(event, "Cleo Winter")
    paths = [f"{registration_path(one)}/{noun}" for noun in ALONE]
    paths += [f"{list_path(event)}/decisions"]
    sent = {
        "decision": "approve",
        "reference": load_registration(one).reference,
        "why": "x",
    }
    before = all_rows()
    for path in paths:
        for answer in (client.get(path), client.post(path, data=sent)):
            assert urlsplit(answer.location).path == SIGN_IN_PATH, path
    for team, role in (("default", Role.DOOR_HOST), ("bakers", Role.OWNER)):
        someone = app.test_client()
        make_user(f"{role}@example.org", team=team, role=role)
        sign_in(someone, f"{role}@example.org")
        token = csrf_token(someone, "/organize/")
        for path in paths:
            answer = someone.post(path, data=sent | {"csrf_token": token})
            assert answer.status_code == 404, path
            assert someone.post(path, data=sent).status_code == 400, path
    assert all_rows()["registrations"] == before["registrations"]
    make_user("host@example.org", role=Role.DOOR_HOST)
    host = app.test_client()
    sign_in(host, "host@example.org")
    html = host.get(f"{list_path(event)}?state=requested").text
    assert "Cleo Winter" in html
    assert 'name="reference"' not in html


def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada):
    event = by_approval()
    one = register_now(event)

    for noun in ALONE:
        answer = client.get(f"{registration_path(one)}/{noun}")
        assert (answer.status_code, answer.location) == (303, registration_path(one)), (
            noun
        )
    answer = client.get(f"{list_path(event)}/decisions")
    assert (answer.status_code, answer.location) == (
        303,
        f"{list_path(event)}?state=requested",
    )
