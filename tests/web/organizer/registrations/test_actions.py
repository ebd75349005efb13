"""By an organizer: what is over brought back, offers by hand, another way to attend,
and who stands at the door."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp.db import utcnow, write, writing
from rsvp.domain import invariants, privacy
from rsvp.domain.registrations import cancellation, door_seating
from rsvp.models import Invitation, Registration
from tests.support.factories import cancel, load_registration
from tests.support.for_each import for_each
from tests.support.pages.organizer import (
    detail_text,
    list_path,
    post_action,
    register_now,
)
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import WEBINAR, all_rows, make_upcoming_event

pytestmark = pytest.mark.one_engine

# --- bringing back ------------------------------------------------------------------


def test_what_is_over_is_brought_back_by_the_rules(client, ada):
    event = make_upcoming_event({"capacity": 1})
    one = register_now(event, "Cleo Winter")
    cancel(one, now=utcnow())
    text = detail_text(client, one)
    assert "Before that Confirmed Ended by the attendee" in text
    assert "Cancel the registration" not in text

    answer = post_action(client, one, "reinstatement")

    assert load_registration(one).state == "confirmed"
    assert "They have a place again" in client.get(answer.location).text
    assert "Brought back, with a place · by ada@example.org" in detail_text(client, one)
    cancel(one, now=utcnow())
    register_now(event, "Dora Quill")
    # Words that were not asked for make no exception.
    answer = post_action(client, one, "reinstatement", why="please")
    assert load_registration(one).state == "waitlisted"
    assert "at the end of the line" in client.get(answer.location).text
    assert post_action(client, one, "reinstatement").status_code == 409
    assert invariants.find_problems(utcnow()) == []


def test_what_is_over_is_brought_back_above_the_cap_with_a_reason(client, ada):
    event = make_upcoming_event({"capacity": 1})
    one = register_now(event, "Cleo Winter")
    cancel(one, now=utcnow())
    register_now(event, "Dora Quill")
    assert "it will be over by 1" in detail_text(client, one)

    for why in ("", " \n", "x" * 201):
        answer = post_action(client, one, "reinstatement", above="yes", why=why)
        assert answer.status_code == 422, why
    assert load_registration(one).state == "cancelled"
    answer = post_action(client, one, "reinstatement", above="yes", why="Our mistake")

    assert answer.status_code == 303
    assert load_registration(one).exception_why == "Our mistake"
    text = detail_text(client, one)
    assert "Above the cap: Our mistake" in text
    assert "Brought back, with a place above the cap: Our mistake" in text
    assert invariants.find_problems(utcnow()) == []


def test_a_place_that_was_given_on_is_brought_back_or_cancelled(client, ada):
    event = make_upcoming_event({"capacity": 1})
    one = register_now(event, "Cleo Winter")
    write(
        door_seating.release_registration,
        one.registration_id,
        reason="no_answer",
        actor="worker",
        now=utcnow(),
    )
    text = detail_text(client, one)
    assert "Given on Cleo Winter Given on since" in text
    assert "Before that Confirmed Ended by itself" in text
    assert "Given on: no answer came" in text
    assert "Cancel the registration" in text

    assert post_action(client, one, "reinstatement").status_code == 303

    assert load_registration(one).state == "confirmed"
    assert invariants.find_problems(utcnow()) == []


def test_what_was_erased_on_request_is_not_offered_to_come_back(client, ada):
    one = register_now(make_upcoming_event(), "Cleo Winter")
    write(
        privacy.erase_registration, one.registration_id, actor="attendee", now=utcnow()
    )

    text = detail_text(client, one)

    assert "Erased" in text
    assert "Bring back" not in text
    assert post_action(client, one, "reinstatement").status_code == 409


def test_an_address_has_one_registration_when_another_comes_back(client, ada):
    event = make_upcoming_event()
    one = register_now(event, "Cleo", email="cleo@example.org")
    cancel(one, now=utcnow())
    register_now(event, "Cleo again", email="cleo@example.org")

    answer = post_action(client, one, "reinstatement")

    assert answer.status_code == 409
    assert "Their address is registered again" in answer.text
    assert load_registration(one).state == "cancelled"


# --- offers -------------------------------------------------------------------------


def an_open_seat(**values):
    """A party of two waits first, one alone behind it; one seat is free for nobody but
    who is asked out of turn."""
    event = make_upcoming_event({"capacity": 2}, promotion="offer", **values)
    taken = register_now(event, "Cleo Winter", "Dan")
    party = register_now(event, "Dora Quill", "Ed")
    write(
        cancellation.cancel_guest,
        taken.registration_id,
        1,
        actor="attendee",
        now=utcnow(),
    )
    return event, party


def test_a_place_is_offered_by_hand(client, ada):
    event, party = an_open_seat()
    assert "Offer a place out of turn" not in detail_text(client, party)
    assert post_action(client, party, "offer").status_code == 409
    with writing() as session:
        session.get_one(Registration, party.registration_id).fewer_ok = True
    assert "Fewer is fine" in detail_text(client, party)

    answer = post_action(client, party, "offer")

    assert answer.status_code == 303
    one = load_registration(party)
    assert (one.state, one.offered_seats) == ("offered", 1)
    text = detail_text(client, party)
    assert "1 of the 2 places they wait for is offered, In person." in text
    assert "Offered until" in text
    assert "Offered 1 place · by ada@example.org" in text
    assert "Cancel this guest" not in text
    assert "Mail the offer again" in text
    row = visible_text(client.get(f"{list_path(event)}?state=offered").text)
    assert "Offered until" in row
    assert invariants.find_problems(utcnow()) == []


def test_who_made_room_for_an_offer_is_not_told(client, ada):
    event = make_upcoming_event({"capacity": 1}, promotion="offer")
    first = register_now(event, "Cleo Winter")
    second = register_now(event, "Dora Quill")
    post_action(client, first, "cancellation")

    text = detail_text(client, second)

    assert load_registration(second).state == "offered"
    assert "Offered 1 place · by" not in text
    assert "Offered 1 place ·" in text
    post_action(client, second, "cancellation")
    assert "Before that Offered" in detail_text(client, second)


def test_an_address_still_to_be_confirmed_says_until_when(client, ada):
    event = make_upcoming_event(confirm_address=True)
    one = register_now(event, "Cleo Winter")

    text = detail_text(client, one)

    assert "Address to be confirmed Cleo Winter" in text
    assert "kept until the address is confirmed. To be confirmed until" in text
    assert "Mail the link to confirm again" in text


def test_what_has_ended_by_the_clock_is_said_to_have_ended(client, ada):
    event = make_upcoming_event({"capacity": 1}, promotion="offer")
    first = register_now(event, "Cleo Winter")
    second = register_now(event, "Dora Quill")
    post_action(client, first, "cancellation")
    with writing() as session:
        mine = session.get_one(Registration, second.registration_id)
        mine.decide_by = utcnow()

    assert "That ended" in detail_text(client, second)
    assert "Offered until" not in detail_text(client, second)


# --- another way to attend ----------------------------------------------------------


def test_a_party_is_moved_to_another_admission(client, ada):
    event = make_upcoming_event(
        {"capacity": 3}, WEBINAR | {"capacity": 1, "waitlist": True}
    )
    party = register_now(event, "Cleo Winter", "Dan")
    alone = register_now(event, "Dora Quill")
    assert "If as many places are free there" in detail_text(client, party)

    refused = post_action(client, party, "admission", admission="webinar")
    assert refused.status_code == 409
    assert "Not enough places are free" in refused.text
    answer = post_action(client, alone, "admission", admission="webinar")

    assert answer.status_code == 303
    assert "They are moved" in client.get(answer.location).text
    assert load_registration(alone).admission.key == "webinar"
    text = detail_text(client, alone)
    assert "1 place, Webinar." in text
    assert "Moved to Webinar · by ada@example.org" in text
    assert invariants.find_problems(utcnow()) == []


@for_each("key", ["", "in-person", "balcony", "\0", "x" * 5000, "1"])
def test_an_admission_that_is_none_is_answered_beside_its_field(client, ada, key):
    event = make_upcoming_event({"capacity": 3}, WEBINAR)
    one = register_now(event, "Cleo Winter")
    before = all_rows()

    answer = post_action(client, one, "admission", admission=key)

    assert answer.status_code == 422
    assert "Please choose one of these." in answer.text
    assert all_rows() == before


def test_where_there_is_one_admission_nobody_is_moved(client, ada):
    one = register_now(make_upcoming_event(), "Cleo Winter")

    assert "Move to another admission" not in detail_text(client, one)
    assert (
        post_action(client, one, "admission", admission="in-person").status_code == 422
    )


# --- at the door --------------------------------------------------------------------


def test_from_doors_on_whoever_stands_there_is_given_a_free_place(client, ada):
    now = utcnow().replace(tzinfo=None, microsecond=0)
    tonight = {"starts": now + timedelta(minutes=10), "timezone": "UTC"}
    event = make_upcoming_event({"capacity": 2}, **tonight)
    gone = register_now(event, "Cleo Winter", "Dan")
    waits = register_now(event, "Dora Quill")
    assert "They stand here" in detail_text(client, waits)
    refused = post_action(client, waits, "presence")
    assert refused.status_code == 409
    assert "Not enough places are free" in refused.text
    post_action(client, gone, "guests/1/cancellation")
    assert load_registration(waits).state == "waitlisted"

    answer = post_action(client, waits, "presence")

    assert load_registration(waits).state == "confirmed"
    assert "can be let in" in client.get(answer.location).text
    assert "Given a place at the door · by ada@example.org" in detail_text(
        client, waits
    )
    assert post_action(client, waits, "presence").status_code == 409
    assert invariants.find_problems(utcnow()) == []


def test_before_doors_presence_decides_nothing(client, ada):
    _event, party = an_open_seat()
    assert "They stand here" not in detail_text(client, party)

    answer = post_action(client, party, "presence")

    assert answer.status_code == 409
    assert "Doors are not open yet" in answer.text


# --- where it came from -------------------------------------------------------------


def test_the_invitation_is_named_by_its_label(client, ada):
    event = make_upcoming_event()
    one = register_now(event, "Cleo Winter")
    with writing() as session:
        invitation = Invitation(
            event_id=event.id,
            code_id=b"x" * 32,
            label="Neighbours",
            created_at=utcnow(),
            created_by="user:1",
        )
        session.add(invitation)
        session.flush()
        mine = session.get_one(Registration, one.registration_id)
        mine.invitation_id = invitation.id

    assert "Invitation Neighbours" in detail_text(client, one)
