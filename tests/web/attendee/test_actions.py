"""One's own registration: what its page says in each state, and how one answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from rsvp.db import utcnow, write
from rsvp.domain.registrations import expiry
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.attendee import (
    action_paths,
    page_text,
    registration_link,
    registration_named,
)
from tests.support.pages.registration_form import (
    HALL,
    WEBINAR,
    all_rows,
    change_event,
    change_registration,
    mails_sent,
    make_upcoming_event,
    printed_codes,
    register_as,
    states_by_name,
    submit_form,
    ticket_path,
)

pytestmark = pytest.mark.one_engine

HOUR = timedelta(hours=1)
AGO = {"decide_by": utcnow() - HOUR}

CONFIRM = "/confirmation"
ACCEPT, LATER, REFUSE = "/offer/acceptance", "/offer/later", "/offer/refusal"
CHANGE = {"/details", "/guests", "/admission", "/address", "/successor"}


def offered(client: FlaskClient, *, party: int = 1, capacity: int = 1, **values: Any):
    """Somebody in line is offered what Ada gave up; with their page's path."""
    event = make_upcoming_event({"capacity": capacity}, promotion="offer", **values)
    ada = register_as(client, event, "ada", party=str(capacity))
    bo = register_as(client, event, "bo", party=str(party))
    client.post(f"{ada}/cancellation")
    return event, bo


# --- each state in words ------------------------------------------------------------


def test_a_held_place_asks_for_one_press(client: FlaskClient):
    submit_form(client, make_upcoming_event(confirm_address=True))
    path = registration_link(client, "Ada Bell")
    shown = page_text(client, path)

    assert "Is this your address?" in shown
    assert "ada@example.org" in shown
    assert "Your place is kept until" in shown
    assert "<time datetime=" in client.get(path).text
    assert printed_codes(client.get(path)) == []
    assert "This is not a ticket yet." in shown
    assert action_paths(client, path) >= {CONFIRM, "/erasure", "/cancellation"}
    answer = client.post(path + CONFIRM)
    assert (answer.status_code, answer.location) == (303, path)
    assert len(printed_codes(client.get(path))) == 1
    assert mails_sent()[-1] == ("confirmation", "ada@example.org")
    # Pressed once more it stays as it is.
    before = all_rows()
    assert client.post(path + CONFIRM).status_code == 303
    assert all_rows()["registrations"] == before["registrations"]


def test_confirmed_late_a_place_is_claimed_again_or_one_in_line(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1}, confirm_address=True)
    submit_form(client, event)
    path = registration_link(client, "Ada Bell")
    change_registration("Ada Bell", **AGO)
    shown = page_text(client, path)
    assert "The time to confirm is over" in shown
    assert "if a place is free it is yours" in shown

    submit_form(client, event, name="Bo", email="bo@example.org")
    assert states_by_name() == {"Ada Bell": "lapsed", "Bo": "held"}
    assert client.post(path + CONFIRM).status_code == 303

    assert states_by_name() == {"Ada Bell": "waitlisted", "Bo": "held"}


def test_without_a_line_a_late_confirmation_is_not_offered(client: FlaskClient):
    event = make_upcoming_event(
        {"capacity": 1, "waitlist": False}, confirm_address=True
    )
    submit_form(client, event)
    path = registration_link(client, "Ada Bell")
    change_registration("Ada Bell", **AGO)
    assert CONFIRM in action_paths(client, path)
    write(expiry.expire_due, event.id, now=utcnow())
    submit_form(client, event, name="Bo", email="bo@example.org")

    assert CONFIRM not in action_paths(client, path)
    before = all_rows()
    answer = client.post(path + CONFIRM)
    assert answer.status_code == 409
    assert "All places are taken" in answer.text
    assert all_rows() == before


def test_a_request_says_that_the_organizer_decides(client: FlaskClient):
    path = register_as(
        client, make_upcoming_event(allocation="approval"), "ada", party="2"
    )
    shown = page_text(client, path)

    assert "You have asked for 2 places" in shown
    assert "The organizer decides" in shown
    assert "Take back your request" in shown
    assert "/successor" not in action_paths(client, path)
    client.post(f"{path}/cancellation")
    assert "You took back your request" in page_text(client, path)


def test_a_declined_request_says_what_the_organizer_wrote(client: FlaskClient):
    path = register_as(client, make_upcoming_event(allocation="approval"), "ada")
    change_registration("Ada", state="declined", ended_why="The room is small <now>.")
    shown = page_text(client, path)

    assert "There is no place for you this time" in shown
    assert "They wrote: “The room is small <now>.”" in shown
    assert action_paths(client, path) == {"/erasure"}


@for_each(
    ("promotion", "words"),
    [
        ("offer", "we’ll mail you and keep it for 24 hours"),
        ("confirm", "it is yours at once"),
    ],
    fresh=True,
)
def test_who_waits_reads_what_comes_next(client: FlaskClient, promotion, words):
    event = make_upcoming_event({"capacity": 1}, promotion=promotion)
    register_as(client, event, "ada")
    path = register_as(client, event, "bo")

    assert "1st in line" in page_text(client, path)
    assert words in page_text(client, path)
    change_event(paused=True)
    assert "paused the line" in page_text(client, path)
    change_event(paused=False, doors_at=utcnow() - HOUR)
    assert "ask at the door" in page_text(client, path)
    began = utcnow() - 3 * HOUR
    change_event(doors_at=began, starts_at=began, ends_at=utcnow() - HOUR)
    assert "No place came free" in page_text(client, path)


def test_a_party_passed_over_reads_it(client: FlaskClient):
    event = make_upcoming_event({"capacity": 3})
    register_as(client, event, "ada", party="2")
    large = register_as(client, event, "bo", party="2")
    fewer = register_as(client, event, "cy", party="2")

    words = "1 place is free, fewer than you need."
    assert words in page_text(client, large)
    assert words in page_text(client, fewer)
    change_registration("Cy", fewer_ok=True)
    assert words not in page_text(client, fewer)
    assert "Fewer of you is fine" in page_text(client, fewer)


def test_an_offer_is_accepted_with_one_press(client: FlaskClient):
    _event, path = offered(client)
    shown = page_text(client, path)

    assert "A place is free for you" in shown
    assert "It is kept for you until" in shown
    assert action_paths(client, path) >= {ACCEPT, LATER, REFUSE}
    assert "/cancellation" not in action_paths(client, path)
    assert client.post(path + ACCEPT).location == path
    assert states_by_name()["Bo"] == "confirmed"
    assert len(printed_codes(client.get(path))) == 1


def test_an_offer_can_be_put_off_once(client: FlaskClient):
    _event, path = offered(client)
    assert client.post(path + LATER).location == path
    assert states_by_name()["Bo"] == "waitlisted"
    assert "1st in line" in page_text(client, path)

    change_registration(
        "Bo", state="offered", offered_seats=1, decide_by=utcnow() + HOUR
    )
    assert LATER not in action_paths(client, path)
    before = all_rows()
    answer = client.post(path + LATER)
    assert answer.status_code == 409
    assert "You did so before" in answer.text
    assert all_rows() == before


def test_an_offer_can_be_declined(client: FlaskClient):
    event, path = offered(client)
    cy = register_as(client, event, "cy")

    assert client.post(path + REFUSE).location == path
    assert states_by_name() == {"Ada": "cancelled", "Bo": "cancelled", "Cy": "offered"}
    assert "You said no to the offer" in page_text(client, path)
    assert "A place is free for you" in page_text(client, cy)


def fewer_offered(client: FlaskClient) -> str:
    """A party of three is offered two places."""
    event = make_upcoming_event({"capacity": 3}, promotion="offer")
    register_as(client, event, "ada")
    cy = register_as(client, event, "cy", party="2")
    guests = {"guests-0-name": "Dov", "guests-1-name": "Eva"}
    path = register_as(client, event, "bo", party="3", fewer_ok="yes", **guests)
    client.post(f"{cy}/cancellation")
    return path


def test_of_an_offer_of_fewer_the_holder_names_who_comes(client: FlaskClient):
    path = fewer_offered(client)
    shown = page_text(client, path)

    assert "2 of your 3 places are free" in shown
    assert "Who is coming? Choose up to 2." in shown
    assert client.post(path + ACCEPT, data={"coming": ["0", "2"]}).location == path
    mine = registration_named("Bo")
    assert (mine.state, mine.seats) == ("confirmed", 2)
    assert [a.name for a in mine.coming_attendees] == ["Bo", "Eva"]
    assert len(printed_codes(client.get(path))) == 2


@for_each(
    ("coming", "words"),
    [
        ([], "Choose who is coming."),
        (["0", "1", "2"], "2 places are free: choose no more of you."),
        (["7"], "Choose among those who were registered."),
        (["0", "x"], "Choose among those who were registered."),
        (["9" * 400], "Choose among those who were registered."),
    ],
)
def test_who_comes_must_be_of_the_party_and_fit(client: FlaskClient, coming, words):
    path = fewer_offered(client)
    before = all_rows()
    answer = client.post(path + ACCEPT, data={"coming": coming})

    assert answer.status_code == 422
    assert words in answer.text
    assert all_rows() == before


def test_an_offer_that_ended_is_taken_late_while_it_is_free(client: FlaskClient):
    _event, path = offered(client)
    change_registration("Bo", **AGO)
    shown = page_text(client, path)

    assert "The offer has ended" in shown
    assert "The place is still free: take it, and it is yours." in shown
    assert client.post(path + ACCEPT).location == path
    assert states_by_name()["Bo"] == "confirmed"


def test_an_offer_that_ended_and_went_to_the_next_is_gone(client: FlaskClient):
    event, path = offered(client)
    register_as(client, event, "cy")
    change_registration("Bo", **AGO)

    assert "the place went to whoever was next" in page_text(client, path)
    assert ACCEPT not in action_paths(client, path)
    before = all_rows()
    answer = client.post(path + ACCEPT)
    assert answer.status_code == 409
    assert "The offer has ended" in answer.text
    assert path in answer.text
    assert all_rows() == before


OVER = [
    ("released", None, "worker", "Your 2 places were given on"),
    ("cancelled", "confirmed", "attendee", "You gave up your place"),
    ("cancelled", "waitlisted", "attendee", "You left the waitlist"),
    ("cancelled", "confirmed", "user:1", "This registration is cancelled"),
    ("lapsed", "waitlisted", "worker", "No place came free"),
    ("lapsed", "requested", "worker", "Your request was not answered"),
    ("lapsed", None, "worker", "This registration has ended"),
]


@for_each(("state", "was", "by", "words"), OVER, fresh=True)
def test_what_is_over_says_so_and_offers_no_change(
    client: FlaskClient, state, was, by, words
):
    event = make_upcoming_event()
    path = register_as(client, event, "ada", **{"guests-0-name": "Bo"})
    guest = ticket_path("Bo")
    change_registration("Ada", state=state, ended_from=was, ended_by=by)
    shown = page_text(client, path)

    assert words in shown
    assert printed_codes(client.get(path)) == printed_codes(client.get(guest)) == []
    assert action_paths(client, path) == {"/erasure"}
    assert f"/events/{event.slug}" in client.get(path).text


def test_of_a_cancelled_event_nothing_can_be_changed(client: FlaskClient):
    _event, path = offered(client)
    change_event(status="cancelled")

    assert "This event will not take place" in page_text(client, path)
    assert action_paths(client, path) == {"/erasure"}


GUESTS = [
    ({"state": "held", "decide_by": utcnow() + HOUR}, "not confirmed yet"),
    ({"state": "requested"}, "The organizer has not decided yet"),
    ({"state": "waitlisted", "line_number": 1}, "You’re on the waitlist"),
    ({"state": "released"}, "This place was given on"),
    ({"state": "cancelled"}, "This place was given up"),
    ({"state": "declined", "ended_why": "secret words"}, "There is no place on"),
    ({"state": "lapsed"}, "There is no place on this ticket"),
]


@for_each(("values", "words"), GUESTS, fresh=True)
def test_a_guests_ticket_says_how_it_stands_and_no_more(
    client: FlaskClient, values, words
):
    register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    guest = ticket_path("Bo")
    change_registration("Ada", **values)
    answer = client.get(guest)
    shown = page_text(client, guest)

    assert words in shown
    assert printed_codes(answer) == []
    assert not has_word(shown, "Ada")
    assert "secret words" not in shown
    assert "<form" not in answer.text


def test_once_the_time_for_changes_is_over_the_page_offers_none(client: FlaskClient):
    event = make_upcoming_event(HALL, WEBINAR)
    path = register_as(
        client, event, "ada", admission="hall", **{"guests-0-name": "Bo"}
    )
    assert action_paths(client, path) >= CHANGE | {"/cancellation"}
    change_event(change_until_at=utcnow() - HOUR)

    assert action_paths(client, path) == {"/erasure"}
    before = all_rows()
    for what in ("/cancellation", "/guests/1/cancellation"):
        answer = client.post(path + what)
        assert answer.status_code == 409
        assert "The time for changes is over" in answer.text
    for what in CHANGE:
        assert client.get(path + what).location == path
    assert all_rows() == before


def test_the_addresses_of_answers_lead_to_the_page(client: FlaskClient):
    _event, path = offered(client)
    before = all_rows()

    for what in (CONFIRM, ACCEPT, LATER, REFUSE):
        assert client.get(path + what).location == path
    assert all_rows() == before
