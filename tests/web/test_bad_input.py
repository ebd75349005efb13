"""Bad input, a row each: what is wrong or made up is refused in words, as a page, and
changes nothing in the database."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp import errors
from rsvp.db import utcnow
from rsvp.models import Event
from rsvp.web.error_pages import ORGANIZER_REFUSAL_TEXTS, REFUSAL_TEXTS
from tests.support.for_each import for_each
from tests.support.pages.attendee import registration_link
from tests.support.pages.registration_form import (
    HALL,
    all_rows,
    change_event,
    change_registration,
    form_data,
    make_upcoming_event,
    register_as,
    submit_form,
    ticket_path,
)

pytestmark = pytest.mark.one_engine

HOUR = timedelta(hours=1)
HUGE = "9" * 400
LONG = "x" * 50_000
WEB = {"key": "web", "name": "Webinar", "mode": "online", "capacity": None}

Request = tuple[str, dict[str, Any]]


@dataclass
class World:
    """Two evenings. At the first Ada has a place with Bo, Cy is offered the last one,
    Di waits with a guest, and Fay gave hers up; at the other is Eva."""

    event: Event
    other: Event
    ada: str
    cy: str
    di: str
    eva: str
    fay: str

    def form(self, **values: Any) -> Request:
        path = f"/events/{self.event.slug}/registrations"
        new = {"name": "Gil", "email": "gil@example.org", "admission": "hall"}
        return path, form_data(self.event, **new | values)


@pytest.fixture
def world(client: FlaskClient) -> World:
    questions = (
        {"key": "diet"},
        {"key": "meal", "type": "choice", "options": ["Soup"]},
    )
    event = make_upcoming_event(
        HALL | {"capacity": 4}, WEB, questions=questions, promotion="offer", party_max=4
    )
    other = make_upcoming_event(HALL | {"key": "garden"}, questions=({"key": "shoes"},))
    hall = {"admission": "hall"}
    ada = register_as(client, event, "ada", **hall, **{"guests-0-name": "Bo"})
    fay = register_as(client, event, "fay", party="2", **hall)
    cy = register_as(client, event, "cy", **hall)
    di = register_as(client, event, "di", party="2", **hall)
    client.post(f"{fay}/guests/1/cancellation")
    change_registration("Fay", state="cancelled", seats=0)
    return World(event, other, ada, cy, di, register_as(client, other, "eva"), fay)


Row = tuple[str, Callable[[World], Request], int, str]

ROWS: list[Row] = [
    # The registration form.
    ("a party of none", lambda w: w.form(party="0"), 422, "as a number"),
    ("a negative party", lambda w: w.form(party="-3"), 422, "as a number"),
    ("a party in words", lambda w: w.form(party="ten"), 422, "as a number"),
    ("a broken number", lambda w: w.form(party="1.5"), 422, "as a number"),
    ("a huge party", lambda w: w.form(party=HUGE), 422, "At most 4 people"),
    ("more than may come", lambda w: w.form(party="5"), 422, "At most 4 people"),
    ("no admission", lambda w: w.form(admission=""), 422, "Choose how you would like"),
    (
        "another event's admission",
        lambda w: w.form(admission="garden"),
        422,
        "Choose how you would like",
    ),
    ("an admission's number", lambda w: w.form(admission="1"), 422, "Choose how you"),
    ("a huge admission", lambda w: w.form(admission=LONG), 422, "Choose how you would"),
    (
        "a name with an address",
        lambda w: w.form(name="Win at prizes.com"),
        422,
        "without a web address",
    ),
    ("a huge name", lambda w: w.form(name=LONG), 422, "Shorten this name"),
    ("a huge address", lambda w: w.form(email=f"{LONG}@example.org"), 422, "for typos"),
    (
        "an encoded address",
        lambda w: w.form(email="=?utf-8?q?abc?=@example.org"),
        422,
        "for typos",
    ),
    (
        "a guest with an address",
        lambda w: w.form(**{"guests-0-name": "https://prizes.example"}),
        422,
        "without a web address",
    ),
    (
        "a huge answer",
        lambda w: w.form(**{"answers-diet": LONG}),
        422,
        "Shorten this to 500",
    ),
    (
        "no such option",
        lambda w: w.form(**{"answers-meal": "Steak"}),
        422,
        "Choose one of the options.",
    ),
    # An offer.
    (
        "an offer of somebody else's party",
        lambda w: (f"{w.ada}/offer/acceptance", {"coming": ["0"]}),
        409,
        "There is no offer to answer",
    ),
    (
        "an offer that is none",
        lambda w: (f"{w.di}/offer/acceptance", {}),
        409,
        "There is no offer to answer",
    ),
    ("none to put off", lambda w: (f"{w.di}/offer/later", {}), 409, "no offer to"),
    ("none to decline", lambda w: (f"{w.ada}/offer/refusal", {}), 409, "no offer to"),
    (
        "what was given up, accepted",
        lambda w: (f"{w.fay}/offer/acceptance", {}),
        409,
        "This was given up before",
    ),
    # A registration that is over.
    ("given up twice", lambda w: (f"{w.fay}/cancellation", {}), 409, "given up before"),
    (
        "a guest given up twice",
        lambda w: (f"{w.fay}/guests/1/cancellation", {}),
        409,
        "given up before",
    ),
    (
        "names on a cancelled ticket",
        lambda w: (f"{w.fay}/details", {"name": "Fay Else"}),
        409,
        "given up before",
    ),
    ("a guest on it", lambda w: (f"{w.fay}/guests", {}), 409, "given up before"),
    (
        "another way for it",
        lambda w: (f"{w.fay}/admission", {"admission": "web"}),
        409,
        "given up before",
    ),
    (
        "another address for it",
        lambda w: (f"{w.fay}/address", {"email": "gil@example.org"}),
        409,
        "given up before",
    ),
    (
        "passing it on",
        lambda w: (f"{w.fay}/successor", {"name": "Gil", "email": "gil@example.org"}),
        409,
        "given up before",
    ),
    ("confirming it", lambda w: (f"{w.fay}/confirmation", {}), 409, "given up before"),
    # What must wait, or is not theirs.
    ("an offered guest", lambda w: (f"{w.cy}/guests", {}), 409, "Please answer first"),
    (
        "an offered move",
        lambda w: (f"{w.cy}/admission", {"admission": "web"}),
        409,
        "Please answer first",
    ),
    (
        "a place in line, passed on",
        lambda w: (f"{w.di}/successor", {"name": "Gil", "email": "gil@example.org"}),
        409,
        "There is no place to pass on",
    ),
    ("no free seat", lambda w: (f"{w.ada}/guests", {}), 409, "Nothing is free there"),
    (
        "another event's way in",
        lambda w: (f"{w.ada}/admission", {"admission": "garden"}),
        422,
        "Choose how you would like",
    ),
    (
        "a name with an address, changed",
        lambda w: (f"{w.ada}/details", {"name": "prizes.com"}),
        422,
        "without a web address",
    ),
    (
        "huge details",
        lambda w: (f"{w.ada}/details", {"name": LONG, "answers-diet": LONG}),
        422,
        "Shorten this name",
    ),
    (
        "a guest with an address, added",
        lambda w: (f"{w.ada}/guests", {"name": "t.me/win500"}),
        422,
        "without a web address",
    ),
    (
        "a successor with an address",
        lambda w: (
            f"{w.ada}/successor",
            {"name": "spam@evil.de", "email": "gil@example.org"},
        ),
        422,
        "without a web address",
    ),
    (
        "a huge guest",
        lambda w: (f"{w.ada}/guests", {"name": LONG}),
        422,
        "Shorten this",
    ),
    (
        "a huge successor",
        lambda w: (f"{w.ada}/successor", {"name": LONG, "email": LONG}),
        422,
        "Shorten this name",
    ),
    # Links and positions that are none.
    ("the registrant alone", lambda w: (f"{w.ada}/guests/0/cancellation", {}), 404, ""),
    ("nobody there", lambda w: (f"{w.ada}/guests/3/cancellation", {}), 404, ""),
    ("a huge position", lambda w: (f"{w.ada}/guests/{HUGE}/cancellation", {}), 404, ""),
    ("a negative one", lambda w: (f"{w.ada}/guests/-1/cancellation", {}), 404, ""),
    (
        "another event's guest",
        lambda w: (f"{w.eva}/guests/1/cancellation", {}),
        404,
        "",
    ),
    (
        "a ticket's link",
        lambda w: (f"/r/{ticket_path('Bo')[3:]}/cancellation", {}),
        404,
        "",
    ),
    ("no link", lambda w: ("/r/x/details", {"name": "Gil"}), 404, ""),
]


@for_each(
    ("request_of", "status", "words"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_it_is_refused_and_changes_nothing(
    client: FlaskClient,
    world: World,
    request_of: Callable[[World], Request],
    status: int,
    words: str,
):
    path, data = request_of(world)
    before = all_rows()
    answer = client.post(path, data=data)

    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert words in html.unescape(answer.text)
    assert all_rows() == before


def test_what_belongs_to_no_field_is_ignored(client: FlaskClient, world: World):
    """A question of another event, an id, a state: nothing of it is looked at."""
    made_up = {
        "answers-shoes": "43",
        "guests-0-answers-shoes": "41",
        "guests-99-name": "Nobody",
        "state": "confirmed",
        "seats": "9",
        "id": "1",
        "event_id": "2",
        "position": "0",
    }
    answer = client.post(f"{world.ada}/details", data={"name": "Ada"} | made_up)
    before = all_rows()

    assert answer.status_code == 303
    assert "shoes" not in str(before["registrations"] + before["attendees"])
    assert "Nobody" not in str(before["attendees"])
    # The same details change nothing, and nobody is mailed about it.
    client.post(f"{world.ada}/details", data={"name": "Ada"} | made_up)
    assert {k: v for k, v in all_rows().items() if k != "events"} == {
        k: v for k, v in before.items() if k != "events"
    }
    assert submit_form(
        client, world.event, admission="web", **made_up | {"id": "7"}
    ).location


# --- at the wrong time --------------------------------------------------------------

TIMES = [
    ("before it opens", {"opens_at": HOUR}, "has not opened yet"),
    ("after it closed", {"closes_at": -HOUR}, "Registration is closed"),
    ("while it is paused", {"paused": True}, "Registration is paused"),
    ("once cancelled", {"status": "cancelled"}, "This event is cancelled"),
]


@for_each(
    ("values", "words"),
    [row[1:] for row in TIMES],
    ids=[row[0] for row in TIMES],
    fresh=True,
)
def test_a_form_crafted_for_another_time_is_refused(
    client: FlaskClient, world: World, values: dict[str, Any], words: str
):
    now = utcnow()
    change_event(
        **{k: now + v if isinstance(v, timedelta) else v for k, v in values.items()}
    )
    path, data = world.form()
    before = all_rows()
    answer = client.post(path, data=data)

    assert answer.status_code == 409
    assert words in answer.text
    assert all_rows() == before


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("cancellation", {}),
    ("guests/1/cancellation", {}),
    ("details", {"name": "Ada Else"}),
    ("guests", {"name": "Gil"}),
    ("admission", {"admission": "web"}),
    ("address", {"email": "gil@example.org"}),
    ("successor", {"name": "Gil", "email": "gil@example.org"}),
]


@for_each(("what", "data"), CHANGES, ids=[what for what, _ in CHANGES], fresh=True)
@for_each(
    ("values", "words"),
    [
        ({"change_until_at": utcnow() - HOUR}, "The time for changes is over"),
        ({"status": "cancelled"}, "This event is cancelled"),
        ({"erased_at": utcnow()}, "This event is over"),
    ],
    ids=["after the deadline", "once cancelled", "once erased"],
    fresh=True,
)
def test_a_change_crafted_for_another_time_is_refused(
    client: FlaskClient,
    world: World,
    what: str,
    data: dict[str, str],
    values: dict[str, Any],
    words: str,
):
    change_event(**values)
    before = all_rows()
    answer = client.post(f"{world.ada}/{what}", data=data)

    assert answer.status_code == 409
    assert words in answer.text
    assert all_rows() == before


def test_an_offer_is_accepted_once(client: FlaskClient, world: World):
    path = f"{world.cy}/offer/acceptance"
    assert client.post(path).status_code == 303
    before = all_rows()
    again = client.post(path)

    assert again.status_code == 409
    assert "It was answered before" in again.text
    assert all_rows() == before


def test_an_offer_is_not_accepted_once_the_doors_are_open(
    client: FlaskClient, world: World
):
    change_registration("Cy", decide_by=utcnow() - HOUR)
    change_event(doors_at=utcnow() - HOUR)
    before = all_rows()
    answer = client.post(f"{world.cy}/offer/acceptance")

    assert answer.status_code == 409
    assert "The offer has ended" in answer.text
    assert all_rows() == before


def test_a_link_that_was_replaced_opens_nothing(client: FlaskClient, world: World):
    client.post(f"{world.ada}/address", data={"email": "gil@example.org"})
    before = all_rows()

    for what, data in CHANGES:
        assert client.post(f"{world.ada}/{what}", data=data).status_code == 404
    assert all_rows() == before
    assert client.get(registration_link(client, "Ada")).status_code == 200


# --- the words ----------------------------------------------------------------------

# Said by commands, or beside the field of an organizer's form.
ELSEWHERE = {"other_team", "address_taken", "refused", "no_such_place"}
ELSEWHERE |= {"too_few_to_reserve", "too_many_mailings", "wrong_wording"}


def test_every_refusal_has_words_of_its_own(app: Flask):
    codes = {
        value.code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.Refusal)
    }
    worded = REFUSAL_TEXTS.keys() | ORGANIZER_REFUSAL_TEXTS.keys()

    assert codes - worded - ELSEWHERE == set()
    for title, text in (*REFUSAL_TEXTS.values(), *ORGANIZER_REFUSAL_TEXTS.values()):
        assert str(title)
        assert not str(title).endswith(".")
        assert str(text).endswith(".")
