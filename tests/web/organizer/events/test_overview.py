"""An event's overview: its numbers, what needs a person, publishing and pausing."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from rsvp.db import utcnow, writing
from rsvp.domain import capacity
from rsvp.extensions import db
from rsvp.models import Admission, Event, Message
from rsvp.models.event import Status
from rsvp.models.team import Role
from tests.support.factories import (
    cancel,
    load_registration,
    make_event,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.pages.organizer import event_path, post_form, reload_event
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

VERBS = ["pause", "pause/end", "publication", "publication/end"]


def press(client, event, verb):
    return post_form(client, event_path(event, verb))


# --- what it shows ------------------------------------------------------------------


@pytest.mark.both_engines
def test_the_numbers_stand_on_top(client, ada):
    event = make_upcoming_event({"capacity": 3})
    register(event, "Ada", "Bo", now=utcnow())
    register(event, "Cy", "Di", now=utcnow())

    text = visible_text(client.get(event_path(event)).text)

    assert "people confirmed 2" in text
    assert "people waiting 2" in text
    assert "registrations 2" in text
    assert "2 of 3 seats, 2 waiting" in text
    assert "Nothing needs you." in text


def test_seats_that_are_kept_have_their_own_numbers(client, ada):
    event = make_upcoming_event({"capacity": 4}, promotion="offer", reserved_seats=1)
    with writing():
        capacity.apply_reserved_seats(db.session.get_one(Event, event.id))
    first = register(event, "Ada", "Bo", "Cy", now=utcnow())
    register(event, "Di", "Ed", now=utcnow())
    cancel(first, now=utcnow())

    text = visible_text(client.get(event_path(event)).text)

    assert "people confirmed 0" in text
    assert "seats offered 2" in text
    assert "seat reserved 1" in text
    assert "asking" not in text


def test_requests_to_decide_are_told_with_where_they_are(client, ada):
    event = make_upcoming_event(allocation="approval")
    for name in ("Ada", "Bo"):
        register(event, name, now=utcnow())
    register(event, "Cy", "Di", now=utcnow())
    there = f"{event_path(event)}/registrations?state=requested"

    html = client.get(event_path(event)).text

    assert "people asking 4" in visible_text(html)
    assert f'<a href="{there}">3 requests to decide</a>' in html
    make_user("vera@example.org", role=Role.VIEWER)
    viewer = client.application.test_client()
    sign_in(viewer, "vera@example.org")
    html = viewer.get(event_path(event)).text
    assert "3 requests to decide" in html
    assert there not in html


def test_what_needs_a_person_is_told(client, ada):
    event = make_upcoming_event({"capacity": 3})
    for _ in range(3):
        register(event, now=utcnow())
    with writing() as session:
        session.execute(update(Message).values(state="failed", last_error="550 no"))
        session.execute(update(Admission).values(capacity=1, ceiling=3))

    html = client.get(event_path(event)).text

    assert "Mail to 3 people doesn’t arrive" in html
    assert f"{event_path(event)}/messages?state=failed" in html
    assert "In person: over by 2." in html
    assert "Nothing needs you." not in html
    make_user("vera@example.org", role=Role.VIEWER)
    viewer = client.application.test_client()
    sign_in(viewer, "vera@example.org")
    text = viewer.get(event_path(event)).text
    assert "doesn’t arrive" not in text
    assert "over by 2" in text
    assert "Pause registration" not in text


# --- who may do what ----------------------------------------------------------------


@for_each(
    ("team", "role"),
    [
        ("default", Role.VIEWER),
        ("default", Role.DOOR_HOST),
        ("bakers", Role.OWNER),
    ],
    fresh=True,
)
def test_only_who_may_edit_an_event_publishes_and_pauses(client, app, team, role):
    event, draft = make_upcoming_event(), make_upcoming_event(status=Status.DRAFT)
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    token = csrf_token(client, "/organize/")
    before = all_rows()

    for verb in VERBS:
        for one in (event, draft):
            sent = client.post(f"{event_path(one)}/{verb}", data={"csrf_token": token})
            assert sent.status_code == 404, verb
    assert all_rows() == before
    someone = app.test_client()
    for verb in VERBS:
        answer = someone.post(f"{event_path(event)}/{verb}")
        assert urlsplit(answer.location).path == SIGN_IN_PATH
        assert client.post(f"{event_path(event)}/{verb}").status_code == 400
    assert all_rows() == before


# --- acting -------------------------------------------------------------------------


def test_registration_is_paused_and_goes_on(client, ada):
    event = make_upcoming_event()

    answer = press(client, event, "pause")

    assert (answer.status_code, answer.location) == (303, event_path(event))
    assert reload_event(event).paused
    assert "Paused" in client.get(event_path(event)).text
    assert "paused" in client.get(f"/events/{event.slug}").text
    assert press(client, event, "pause/end").status_code == 303
    assert not reload_event(event).paused


def test_a_draft_is_published_and_taken_back(client, ada):
    event = make_upcoming_event(status=Status.DRAFT)
    assert client.get(f"/events/{event.slug}").status_code == 404

    assert press(client, event, "publication").status_code == 303
    assert client.get(f"/events/{event.slug}").status_code == 200
    assert press(client, event, "publication/end").status_code == 303
    assert client.get(f"/events/{event.slug}").status_code == 404


def test_what_people_registered_for_is_not_taken_back(client, ada):
    event = make_upcoming_event()
    assert "Take it back" in client.get(event_path(event)).text
    party = register(event, now=utcnow())
    assert "Take it back" not in client.get(event_path(event)).text

    answer = press(client, event, "publication/end")

    assert answer.status_code == 409
    assert "People have registered" in answer.text
    assert f'href="{event_path(event)}"' in answer.text
    assert reload_event(event).status == "published"
    assert client.get(f"/r/{party.token}").status_code == 200
    assert load_registration(party).state == "confirmed"


@for_each("verb", VERBS)
def test_a_cancelled_event_is_left_alone(client, ada, verb):
    event = make_upcoming_event(status=Status.CANCELLED)
    token = csrf_token(client, "/organize/")

    answer = client.post(f"{event_path(event)}/{verb}", data={"csrf_token": token})

    assert answer.status_code == 409
    assert "The event is cancelled" in answer.text
    assert "Publish" not in client.get(event_path(event)).text


@for_each("verb", VERBS)
def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada, verb):
    event = make_event()
    answer = client.get(f"{event_path(event)}/{verb}")

    assert (answer.status_code, answer.location) == (303, event_path(event))
