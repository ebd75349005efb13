"""Changing one's own: names and answers, a guest more, another way to attend."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from rsvp import errors, tokens
from rsvp.db import writing
from rsvp.domain import invariants, privacy
from rsvp.domain.registrations import cancellation, offers
from rsvp.domain.registrations.create import Person
from rsvp.models import Admission, Event, Question
from rsvp.models.event import Status
from rsvp.models.registration import LIVE, State
from rsvp.queries import by_link
from tests.support.bookings import (
    ORGANIZER,
    QUESTIONS,
    add,
    at_once,
    booked,
    change,
    details,
    do,
    entries,
    everything,
    mails,
    move,
    seats,
    way,
)
from tests.support.factories import CODE_KEY, NOON, cancel, register, stored

pytestmark = pytest.mark.one_engine

OVER = [state for state in State if state not in LIVE]


ACTS = {
    "details": lambda outcome, event, **by: details(
        outcome, {1: Person("Other")}, **by
    ),
    "add": lambda outcome, event, **by: add(outcome, **by),
    "move": lambda outcome, event, **by: move(outcome, way(event, "lounge"), **by),
}
each_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


# --- names and answers --------------------------------------------------------------


@pytest.mark.parametrize("state", LIVE)
def test_names_and_answers_change_in_every_live_state(app, state):
    _event, party = booked(state, questions=QUESTIONS)
    before = len(mails(party))

    assert details(
        party,
        {0: Person("Zoë", {"diet": "no nuts"}), 1: Person("Bob", {"chair": "low"})},
        {"song": "The sea"},
    )

    changed = stored(party)
    assert (changed.state, changed.name) == (state, "Zoë")
    assert changed.answers == {"song": "The sea"}
    assert [(one.name, one.answers) for one in changed.attendees] == [
        ("Zoë", {"diet": "no nuts"}),
        ("Bob", {"chair": "low"}),
    ]
    assert "zoe" in changed.search
    assert "ada\n" not in changed.search
    [mail] = mails(party)[before:]
    assert (mail.kind, mail.facts["what"]) == ("changed", "details")
    assert "nuts" not in str(mail.facts)
    entry = entries(party)[-1]
    assert (entry.verb, entry.details) == ("change_details", {"positions": [0, 1]})
    assert (entry.from_state, entry.to_state) == (state, state)
    assert invariants.problems(NOON) == []


def test_a_place_in_line_is_told_with_what_changed(app):
    _event, party = booked("waitlisted")

    details(party, {1: Person("Bob")})

    assert mails(party)[-1].facts["place"] == 1


def test_answers_that_are_not_given_stay_and_can_be_taken_back(app):
    _event, party = booked("confirmed", questions=QUESTIONS)
    details(
        party, {0: Person("Ada", {"diet": "no nuts", "chair": "low"})}, {"song": "A"}
    )

    details(party, {0: Person("Ada", {"chair": "high"})}, {"coat": "red"})
    assert stored(party).attendees[0].answers == {"diet": "no nuts", "chair": "high"}
    assert stored(party).answers == {"song": "A", "coat": "red"}
    details(party, {0: Person("Ada", {"diet": None})}, {"song": None})

    assert stored(party).attendees[0].answers == {"chair": "high"}
    assert stored(party).answers == {"coat": "red"}


def test_an_answer_to_what_is_not_asked_here_is_ignored(app):
    _event, party = booked("confirmed", questions=QUESTIONS)

    # `link` is for the lounge, `song` is not asked of each, `cake` of nobody.
    assert not details(
        party,
        {0: Person("Ada", {"song": "x", "cake": "y"})},
        {"link": "z", "diet": "w"},
    )

    assert (stored(party).answers, stored(party).attendees[0].answers) == ({}, {})


def test_what_was_erased_sooner_is_not_answered_anew(app):
    event, party = booked("confirmed", questions=QUESTIONS)
    change({"erased_at": event.ends_at}, Question)

    given = {0: Person("Ada", {"diet": "no nuts"})}
    assert not details(party, given, {"song": "A"}, ORGANIZER, event.ends_at)

    assert (stored(party).answers, stored(party).attendees[0].answers) == ({}, {})


@pytest.mark.parametrize("people", [{}, {1: Person("Bo")}, {0: Person("Ada")}])
def test_where_nothing_is_new_nothing_is_told(app, people):
    event, party = booked("confirmed", questions=QUESTIONS)
    before = everything(event)

    assert details(party, people, {"song": None}) is False

    assert everything(event) == before


def test_a_guest_can_lose_a_name_but_not_who_registered(app):
    event, party = booked("confirmed")
    details(party, {1: Person("")})
    assert stored(party).attendees[1].name is None
    before = everything(event)

    for name in ("", None):
        with pytest.raises(ValueError, match="name"):
            details(party, {0: Person(name)})

    assert everything(event) == before


@pytest.mark.parametrize("position", [1, 3, -1, 10**9])
def test_who_is_not_coming_has_nothing_to_change(app, position):
    event, party = booked("confirmed", "Ada", "Bo", "Cy")
    do(
        lambda: cancellation.cancel_guest(
            party.registration_id, 1, actor="attendee", now=NOON
        )
    )
    before = everything(event)

    with pytest.raises(errors.AlreadyOver):
        details(party, {0: Person("Zoë"), position: Person("Nobody")})

    assert everything(event) == before


# --- one guest more -----------------------------------------------------------------


def test_a_guest_takes_a_seat_that_is_free(app):
    event, party = booked("confirmed", questions=QUESTIONS)

    assert add(party, "Cy", diet="no nuts", song="x") == "confirmed"

    grown = stored(party)
    cy = grown.attendees[2]
    assert (grown.seats, cy.position, cy.name) == (3, 2, "Cy")
    assert cy.answers == {"diet": "no nuts"}
    assert "cy" in grown.search
    code = tokens.attendee_code(CODE_KEY, cy.uuid, 0)
    assert cy.code_id == tokens.code_id(code)
    ticket = tokens.ticket_token(CODE_KEY, cy.uuid, 0)
    assert by_link.ticket_by_link(ticket).id == cy.id
    assert seats(event) == [(3, 0), (0, 0)]
    mail = mails(party)[-1]
    assert (mail.kind, mail.facts["what"]) == ("changed", "guest_added")
    assert cy.uuid.hex in mail.facts["attendees"]
    entry = entries(party)[-1]
    assert (entry.verb, entry.details) == ("add_guest", {"position": 2})
    assert invariants.problems(NOON) == []


def test_a_guest_needs_no_name_yet(app):
    _event, party = booked("confirmed")

    add(party, "")

    assert stored(party).attendees[2].name is None


def test_no_guest_comes_where_nothing_is_free(app):
    event, party = booked("confirmed", hall=2, party_max=2)
    change({"party_max": 9}, Event)
    change({"capacity": 3}, Admission)
    register(event, admission="hall")
    before = everything(event)

    with pytest.raises(errors.NoSeatFree):
        add(party)

    assert everything(event) == before


def test_no_guest_comes_where_somebody_waiting_could_use_the_seat(app):
    """While the line does not run, its free seats are not for those who grow."""
    event, party = booked("confirmed", hall=3)
    leaving = register(event, admission="hall")
    waits = register(event, admission="hall")
    change({"paused": True}, Event)
    cancel(leaving)
    assert stored(waits).state == "waitlisted"

    with pytest.raises(errors.NoSeatFree):
        add(party)

    assert seats(event)[0] == (2, 1)


def test_growing_in_line_takes_a_new_place_at_its_end(app):
    event, party = booked("waitlisted", hall=4)
    behind = register(event, admission="hall")

    assert add(party) == "waitlisted"

    assert stored(party).line_number > stored(behind).line_number
    assert mails(party)[-1].facts["place"] == 2
    assert seats(event)[0] == (4, 4)
    assert invariants.problems(NOON) == []


def test_who_grows_in_line_lets_those_behind_move_up(app):
    """Who put an offer off stands beside free seats until the line moves again."""
    event, party = booked("offered", "Ada", hall=2)
    do(lambda: offers.keep_place(party.registration_id, actor="attendee", now=NOON))
    assert stored(party).state == "waitlisted"

    assert add(party) == "offered"

    assert stored(party).offered_seats == 2
    assert seats(event)[0] == (2, 0)
    assert invariants.problems(NOON) == []


def test_growing_in_line_needs_room_in_the_line(app):
    event, party = booked("waitlisted", hall=4)
    change({"waitlist_max": 2}, Admission)
    before = everything(event)

    with pytest.raises(errors.LineFull):
        add(party)

    assert everything(event) == before


def test_a_request_grows_without_taking_seats(app):
    event, party = booked("requested")

    assert add(party) == "requested"

    assert stored(party).seats == 3
    assert seats(event)[0] == (0, 0)
    assert invariants.problems(NOON) == []


@pytest.mark.parametrize("state", ["confirmed", "requested", "waitlisted"])
@pytest.mark.parametrize(
    ("table", "values"),
    [
        (Event, {"party_max": 2}),
        (Admission, {"capacity": 2}),
        (Event, {"room_capacity": 3, "reserved_seats": 1}),
    ],
    ids=["event", "admission", "room"],
)
def test_a_party_stays_as_small_as_it_must_be(app, state, table, values):
    event, party = booked(state)
    change(values, table)
    before = everything(event)

    with pytest.raises(errors.PartyTooLarge) as refused:
        add(party)

    assert refused.value.facts == {"limit": 2}
    assert everything(event) == before


def test_the_position_of_one_who_left_is_not_given_again(app):
    _event, party = booked("confirmed")
    do(
        lambda: cancellation.cancel_guest(
            party.registration_id, 1, actor="attendee", now=NOON
        )
    )

    add(party, "Cy")

    assert [one.position for one in stored(party).attendees] == [0, 1, 2]
    assert stored(party).seats == 2


def test_the_last_seat_is_taken_by_one_guest(app):
    event, party = booked("confirmed", hall=3)

    answers = at_once(app, *[lambda: add(party)] * 3)

    assert answers == ["confirmed", "party_too_large", "party_too_large"]
    assert seats(event)[0] == (3, 0)
    assert invariants.problems(NOON) == []


def test_a_guest_and_a_newcomer_at_once_take_the_last_seat_once(app):
    event, party = booked("confirmed", hall=3)
    page = SimpleNamespace(slug=event.slug)

    answers = at_once(
        app, lambda: add(party), lambda: register(page, admission="hall").state
    )

    assert answers in (["confirmed", "no_seat_free"], ["confirmed", "waitlisted"])
    assert seats(event)[0][0] == 3
    assert invariants.problems(NOON) == []


# --- when, and in which state -------------------------------------------------------


@each_act
@pytest.mark.parametrize("state", OVER)
def test_what_is_over_is_not_changed(app, state, act):
    event, party = booked(state)
    before = everything(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AlreadyOver):
            act(party, event, actor=actor)

    assert everything(event) == before


@pytest.mark.parametrize("act", [ACTS["add"], ACTS["move"]], ids=["add", "move"])
@pytest.mark.parametrize("state", ["held", "offered"])
def test_what_waits_for_an_answer_gets_it_first(app, state, act):
    event, party = booked(state)
    before = everything(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AnswerFirst):
            act(party, event, actor=actor)

    assert everything(event) == before


@each_act
@pytest.mark.parametrize("state", ["confirmed", "waitlisted"])
def test_after_the_deadline_only_an_organizer_changes_anything(app, state, act):
    until = datetime(2027, 1, 28, 18, 0)
    event, party = booked(state, hall=4, change_until_local=until)
    before = everything(event)

    with pytest.raises(errors.TooLateToCancel):
        act(party, event, now=event.changes_end_at)
    assert everything(event) == before
    act(party, event, actor=ORGANIZER, now=event.changes_end_at)

    assert entries(party)[-1].actor == ORGANIZER
    assert invariants.problems(event.changes_end_at) == []


@each_act
def test_without_a_deadline_of_its_own_it_is_the_start(app, act):
    event, party = booked("confirmed")

    with pytest.raises(errors.TooLateToCancel):
        act(party, event, now=event.starts_at)
    act(party, event, now=event.starts_at - timedelta(seconds=1))


@each_act
def test_nothing_changes_of_an_event_that_is_off_or_erased(app, act):
    event, party = booked("confirmed")
    change({"status": Status.CANCELLED}, Event)
    with pytest.raises(errors.EventCancelled):
        act(party, event)
    change({"status": Status.PUBLISHED}, Event)
    later = event.ends_at + timedelta(days=40)
    with writing():
        privacy.erase(event.id, actor="worker", now=later)

    with pytest.raises(errors.EventOver):
        act(party, event, actor=ORGANIZER, now=later)


@pytest.mark.parametrize("act", [ACTS["add"], ACTS["move"]], ids=["add", "move"])
def test_once_it_is_over_nobody_comes_or_moves(app, act):
    event, party = booked("confirmed")

    with pytest.raises(errors.EventOver):
        act(party, event, actor=ORGANIZER, now=event.ends_at)
