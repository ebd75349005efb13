"""Seats: who holds them, and the caps that organizers change."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from rsvp.db import utcnow, write, writing
from rsvp.domain import invariants
from rsvp.domain.events import capacity_changes
from rsvp.models import Event
from rsvp.models.team import Role
from tests.support.factories import load_registration, make_user
from tests.support.for_each import for_each
from tests.support.pages.organizer import event_path, register_now, reload_event
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import WEBINAR, all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

POSTS = ["in-person/capacity", "room", "reserved"]


def send(client, event, noun, seats, token=None):
    token = token or csrf_token(client, event_path(event, "seats"))
    fields = {"csrf_token": token, "seats": seats}
    return client.post(event_path(event, "seats", noun), data=fields)


# --- what it shows ------------------------------------------------------------------


def test_who_holds_the_seats_is_told_apart(client, ada):
    event = make_upcoming_event(
        {"capacity": 5}, WEBINAR, promotion="offer", confirm_address=True
    )
    write(
        capacity_changes.set_reserved_seats, event.id, 1, actor="user:1", now=utcnow()
    )
    for _ in range(2):
        register_now(event, "Ada", "Bo")
    with writing() as session:
        session.execute(update(Event).values(confirm_address=False))
    waits = register_now(event, "Cy")
    # One more seat is offered to the head of the line.
    write(
        capacity_changes.set_admission_capacity,
        event.id,
        event.admissions[0].id,
        6,
        actor="user:1",
        now=utcnow(),
    )
    register_now(event, "Di", "Ed")

    text = visible_text(client.get(event_path(event, "seats")).text)

    assert load_registration(waits).state == "offered"
    assert "In person 6 of 6 seats, 2 waiting" in text
    assert (
        "confirmed 0 reserved 1 offered 1 held until the address is confirmed 4 "
        "waiting 2" in text
    )
    assert "Webinar 0 seats taken" in text
    assert "1 seat is kept for speakers and helpers" in text
    assert "More seats are offered to the head of the line at once" in text


def test_the_room_is_shown_where_it_has_a_cap(client, ada):
    event = make_upcoming_event({"capacity": 5}, room_capacity=2)
    register_now(event, "Ada", "Bo")
    register_now(event, "Cy")
    write(capacity_changes.set_room_capacity, event.id, 1, actor="user:1", now=utcnow())

    text = visible_text(client.get(event_path(event, "seats")).text)

    assert "The room, all together 2 of 1 seats, over by 1" in text
    assert "given to people 2 waiting 1 over the cap 1" in text


def test_viewers_look_and_change_nothing(client, app):
    event = make_upcoming_event({"capacity": 5})
    make_user("vera@example.org", role=Role.VIEWER)
    sign_in(client, "vera@example.org")

    html = client.get(event_path(event, "seats")).text

    assert "0 of 5 seats" in html
    assert 'name="seats"' not in html


# --- changing -----------------------------------------------------------------------


def test_more_seats_go_to_the_line_and_the_page_says_to_how_many(client, ada):
    event = make_upcoming_event({"capacity": 1})
    register_now(event, "Ada")
    waits = [register_now(event, "Bo"), register_now(event, "Cy")]

    answer = send(client, event, "in-person/capacity", " 3 ")

    assert answer.status_code == 303
    assert [load_registration(one).state for one in waits] == ["confirmed", "confirmed"]
    text = visible_text(client.get(answer.location).text)
    assert "The capacity is set. 2 registrations moved up, and were mailed." in text
    assert "3 of 3 seats" in text
    assert "Nobody waits" in text


def test_fewer_seats_drop_nobody(client, ada):
    event = make_upcoming_event({"capacity": 3})
    party = register_now(event, "Ada", "Bo", "Cy")

    assert send(client, event, "in-person/capacity", "1").status_code == 303

    assert load_registration(party).state == "confirmed"
    assert "over by 2" in visible_text(client.get(event_path(event, "seats")).text)
    overview = client.get(f"/organize/events/{event.slug}").text
    assert "over by 2" in overview
    assert invariants.find_problems(utcnow()) == []


def test_an_empty_field_takes_a_limit_away(client, ada):
    event = make_upcoming_event({"capacity": 1}, room_capacity=1)
    send(client, event, "in-person/capacity", "")
    send(client, event, "room", "")
    found = reload_event(event)
    assert (found.admissions[0].capacity, found.room_capacity) == (None, None)

    assert send(client, event, "room", "40").status_code == 303
    assert send(client, event, "reserved", "4").status_code == 303
    found = reload_event(event)
    assert (found.room_capacity, found.reserved_seats, found.room_taken) == (40, 4, 4)
    assert send(client, event, "reserved", "").status_code == 303
    assert reload_event(event).reserved_seats == 0


@for_each("noun", POSTS)
@for_each("typed", ["ten", "-1", "1.5", "1e3", "1000001", "9" * 400, "٣", "0x1", "+1"])
def test_what_is_no_number_is_answered_beside_its_field(client, ada, noun, typed):
    event = make_upcoming_event({"capacity": 3})
    before = all_rows()

    answer = send(client, event, noun, typed)

    assert answer.status_code == 422
    assert "Write a whole number from 0 to 1,000,000." in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    assert '<details class="disclosure disclosure--action" open>' in answer.text
    assert all_rows() == before


@for_each("noun", POSTS)
def test_a_number_may_be_copied_with_marks_around_it(client, ada, noun):
    event = make_upcoming_event({"capacity": 3})

    assert send(client, event, noun, "\u200e2\u200f ").status_code == 303


def test_more_than_there_is_is_not_reserved(client, ada):
    event = make_upcoming_event({"capacity": 3})

    answer = send(client, event, "reserved", "4")
    assert answer.status_code == 422
    assert "There are only 3 seats to keep from." in answer.text
    send(client, event, "reserved", "2")
    answer = send(client, event, "in-person/capacity", "1")
    assert answer.status_code == 422
    assert "2 seats are reserved, so there can’t be fewer." in answer.text
    send(client, event, "reserved", "0")
    send(client, event, "in-person/capacity", "")
    answer = send(client, event, "reserved", "1")
    assert answer.status_code == 422
    assert "Set a capacity first" in answer.text
    assert reload_event(event).reserved_seats == 0


def test_an_online_event_has_no_room(client, ada):
    event = make_upcoming_event(WEBINAR)

    assert "Cap of the room" not in client.get(event_path(event, "seats")).text
    assert send(client, event, "room", "4").status_code == 404
    assert send(client, event, "balcony/capacity", "4").status_code == 404


def test_a_form_without_its_number_changes_nothing(client, ada):
    event = make_upcoming_event({"capacity": 3})
    token = csrf_token(client, event_path(event, "seats"))
    before = all_rows()

    for noun in POSTS:
        sent = client.post(event_path(event, "seats", noun), data={"csrf_token": token})
        assert sent.status_code == 400, noun
        assert client.post(event_path(event, "seats", noun)).status_code == 400
    assert all_rows() == before


def test_a_cancelled_event_keeps_its_caps(client, ada):
    event = make_upcoming_event({"capacity": 3}, status="cancelled")
    token = csrf_token(client, "/organize/")
    before = all_rows()

    for noun in POSTS:
        answer = send(client, event, noun, "2", token)
        assert answer.status_code == 409
        assert f'href="{event_path(event, "seats")}"' in answer.text
    assert 'name="seats"' not in client.get(event_path(event, "seats")).text
    assert all_rows() == before


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_only_who_may_edit_an_event_changes_its_seats(client, app, team, role):
    event = make_upcoming_event({"capacity": 3})
    for noun in POSTS:
        for answer in (
            client.get(event_path(event, "seats", noun)),
            client.post(event_path(event, "seats", noun), data={"seats": "1"}),
        ):
            assert urlsplit(answer.location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    token = csrf_token(client, "/organize/")
    before = all_rows()

    for noun in POSTS:
        assert send(client, event, noun, "1", token).status_code == 404
    assert all_rows() == before


def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada):
    event = make_upcoming_event()
    for noun in POSTS:
        answer = client.get(event_path(event, "seats", noun))
        assert (answer.status_code, answer.location) == (
            303,
            event_path(event, "seats"),
        ), noun


@for_each("query", ["done=x", "done=<b>", "done=capacity&moved=<b>"])
def test_the_address_writes_no_words(client, ada, query):
    path = event_path(make_upcoming_event(), "seats")
    answer = client.get(f"{path}?{query}")

    assert answer.status_code == 200
    assert "<b>" not in answer.text
