"""Changing one's own: names and answers, a guest more, another way to attend."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from rsvp import errors, tokens
from rsvp.db import writing
from rsvp.domain import invariants, privacy
from rsvp.domain.registrations import cancellation, offers
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.models import Admission, Event, Question
from rsvp.models.event import Status
from rsvp.models.registration import LIVE_STATES, State
from rsvp.queries import by_link
from tests.support.factories import CODE_KEY, NOON, cancel, load_registration, register
from tests.support.for_each import for_each
from tests.support.registrations import (
    ORGANIZER,
    QUESTIONS,
    add_guest,
    admission_id_of,
    audit_entries,
    change_admission,
    change_details,
    commit,
    messages_of,
    register_in_state,
    rows_of_event,
    run_at_once,
    seats_by_admission,
    set_columns,
)

pytestmark = pytest.mark.one_engine

OVER = [state for state in State if state not in LIVE_STATES]


ACTS = {
    "details": lambda outcome, event, **by: change_details(
        outcome, {1: RequestedAttendee("Other")}, **by
    ),
    "add": lambda outcome, event, **by: add_guest(outcome, **by),
    "move": lambda outcome, event, **by: change_admission(
        outcome, admission_id_of(event, "lounge"), **by
    ),
}
each_act = for_each("act", ACTS.values(), ids=ACTS)


# --- names and answers --------------------------------------------------------------


@for_each("state", LIVE_STATES, fresh=True)
def test_names_and_answers_change_in_every_live_state(app, state):
    _event, party = register_in_state(state, questions=QUESTIONS)
    before = len(messages_of(party))

    assert change_details(
        party,
        {
            0: RequestedAttendee("Zoë", {"diet": "no nuts"}),
            1: RequestedAttendee("Bob", {"chair": "low"}),
        },
        {"song": "The sea"},
    )

    changed = load_registration(party)
    assert (changed.state, changed.name) == (state, "Zoë")
    assert changed.answers == {"song": "The sea"}
    assert [(one.name, one.answers) for one in changed.attendees] == [
        ("Zoë", {"diet": "no nuts"}),
        ("Bob", {"chair": "low"}),
    ]
    assert "zoe" in changed.search
    assert "ada\n" not in changed.search
    [mail] = messages_of(party)[before:]
    assert (mail.kind, mail.facts["what"]) == ("changed", "details")
    assert "nuts" not in str(mail.facts)
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.details) == ("change_details", {"positions": [0, 1]})
    assert (entry.from_state, entry.to_state) == (state, state)
    assert invariants.find_problems(NOON) == []


def test_a_place_in_line_is_told_with_what_changed(app):
    _event, party = register_in_state("waitlisted")

    change_details(party, {1: RequestedAttendee("Bob")})

    assert messages_of(party)[-1].facts["place"] == 1


def test_answers_that_are_not_given_stay_and_can_be_taken_back(app):
    _event, party = register_in_state("confirmed", questions=QUESTIONS)
    change_details(
        party,
        {0: RequestedAttendee("Ada", {"diet": "no nuts", "chair": "low"})},
        {"song": "A"},
    )

    change_details(
        party, {0: RequestedAttendee("Ada", {"chair": "high"})}, {"coat": "red"}
    )
    assert load_registration(party).attendees[0].answers == {
        "diet": "no nuts",
        "chair": "high",
    }
    assert load_registration(party).answers == {"song": "A", "coat": "red"}
    change_details(party, {0: RequestedAttendee("Ada", {"diet": None})}, {"song": None})

    assert load_registration(party).attendees[0].answers == {"chair": "high"}
    assert load_registration(party).answers == {"coat": "red"}


def test_an_answer_to_what_is_not_asked_here_is_ignored(app):
    _event, party = register_in_state("confirmed", questions=QUESTIONS)

    # `link` is for the lounge, `song` is not asked of each, `cake` of nobody.
    assert not change_details(
        party,
        {0: RequestedAttendee("Ada", {"song": "x", "cake": "y"})},
        {"link": "z", "diet": "w"},
    )

    assert (
        load_registration(party).answers,
        load_registration(party).attendees[0].answers,
    ) == ({}, {})


def test_what_was_erased_sooner_is_not_answered_anew(app):
    event, party = register_in_state("confirmed", questions=QUESTIONS)
    set_columns({"erased_at": event.ends_at}, Question)

    given = {0: RequestedAttendee("Ada", {"diet": "no nuts"})}
    assert not change_details(party, given, {"song": "A"}, ORGANIZER, event.ends_at)

    assert (
        load_registration(party).answers,
        load_registration(party).attendees[0].answers,
    ) == ({}, {})


@for_each("people", [{}, {1: RequestedAttendee("Bo")}, {0: RequestedAttendee("Ada")}])
def test_where_nothing_is_new_nothing_is_told(app, people):
    event, party = register_in_state("confirmed", questions=QUESTIONS)
    before = rows_of_event(event)

    assert change_details(party, people, {"song": None}) is False

    assert rows_of_event(event) == before


def test_a_guest_can_lose_a_name_but_not_who_registered(app):
    event, party = register_in_state("confirmed")
    change_details(party, {1: RequestedAttendee("")})
    assert load_registration(party).attendees[1].name is None
    before = rows_of_event(event)

    for name in ("", None):
        with pytest.raises(ValueError, match="name"):
            change_details(party, {0: RequestedAttendee(name)})

    assert rows_of_event(event) == before


@for_each("position", [1, 3, -1, 10**9])
def test_who_is_not_coming_has_nothing_to_change(app, position):
    event, party = register_in_state("confirmed", "Ada", "Bo", "Cy")
    commit(
        lambda: cancellation.cancel_guest(
            party.registration_id, 1, actor="attendee", now=NOON
        )
    )
    before = rows_of_event(event)

    with pytest.raises(errors.AlreadyOver):
        change_details(
            party, {0: RequestedAttendee("Zoë"), position: RequestedAttendee("Nobody")}
        )

    assert rows_of_event(event) == before


# --- one guest more -----------------------------------------------------------------


def test_a_guest_takes_a_seat_that_is_free(app):
    event, party = register_in_state("confirmed", questions=QUESTIONS)

    assert add_guest(party, "Cy", diet="no nuts", song="x") == "confirmed"

    grown = load_registration(party)
    cy = grown.attendees[2]
    assert (grown.seats, cy.position, cy.name) == (3, 2, "Cy")
    assert cy.answers == {"diet": "no nuts"}
    assert "cy" in grown.search
    code = tokens.attendee_code(CODE_KEY, cy.uuid, 0)
    assert cy.code_id == tokens.code_id(code)
    ticket = tokens.ticket_token(CODE_KEY, cy.uuid, 0)
    assert by_link.find_linked_ticket(ticket).id == cy.id
    assert seats_by_admission(event) == [(3, 0), (0, 0)]
    mail = messages_of(party)[-1]
    assert (mail.kind, mail.facts["what"]) == ("changed", "guest_added")
    assert cy.uuid.hex in mail.facts["attendees"]
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.details) == ("add_guest", {"position": 2})
    assert invariants.find_problems(NOON) == []


def test_a_guest_needs_no_name_yet(app):
    _event, party = register_in_state("confirmed")

    add_guest(party, "")

    assert load_registration(party).attendees[2].name is None


def test_no_guest_comes_where_nothing_is_free(app):
    event, party = register_in_state("confirmed", hall=2, party_max=2)
    set_columns({"party_max": 9}, Event)
    set_columns({"capacity": 3}, Admission)
    register(event, admission="hall")
    before = rows_of_event(event)

    with pytest.raises(errors.NoSeatFree):
        add_guest(party)

    assert rows_of_event(event) == before


def test_no_guest_comes_where_somebody_waiting_could_use_the_seat(app):
    """While the line does not run, its free seats are not for those who grow."""
    event, party = register_in_state("confirmed", hall=3)
    leaving = register(event, admission="hall")
    waits = register(event, admission="hall")
    set_columns({"paused": True}, Event)
    cancel(leaving)
    assert load_registration(waits).state == "waitlisted"

    with pytest.raises(errors.NoSeatFree):
        add_guest(party)

    assert seats_by_admission(event)[0] == (2, 1)


def test_growing_in_line_takes_a_new_place_at_its_end(app):
    event, party = register_in_state("waitlisted", hall=4)
    behind = register(event, admission="hall")

    assert add_guest(party) == "waitlisted"

    assert load_registration(party).line_number > load_registration(behind).line_number
    assert messages_of(party)[-1].facts["place"] == 2
    assert seats_by_admission(event)[0] == (4, 4)
    assert invariants.find_problems(NOON) == []


def test_who_grows_in_line_lets_those_behind_move_up(app):
    """Who put an offer off stands beside free seats until the line moves again."""
    event, party = register_in_state("offered", "Ada", hall=2)
    commit(
        lambda: offers.put_off_offer(party.registration_id, actor="attendee", now=NOON)
    )
    assert load_registration(party).state == "waitlisted"

    assert add_guest(party) == "offered"

    assert load_registration(party).offered_seats == 2
    assert seats_by_admission(event)[0] == (2, 0)
    assert invariants.find_problems(NOON) == []


def test_growing_in_line_needs_room_in_the_line(app):
    event, party = register_in_state("waitlisted", hall=4)
    set_columns({"waitlist_max": 2}, Admission)
    before = rows_of_event(event)

    with pytest.raises(errors.WaitlistFull):
        add_guest(party)

    assert rows_of_event(event) == before


def test_a_request_grows_without_taking_seats(app):
    event, party = register_in_state("requested")

    assert add_guest(party) == "requested"

    assert load_registration(party).seats == 3
    assert seats_by_admission(event)[0] == (0, 0)
    assert invariants.find_problems(NOON) == []


@for_each("state", ["confirmed", "requested", "waitlisted"])
@for_each(
    ("table", "values"),
    [
        (Event, {"party_max": 2}),
        (Admission, {"capacity": 2}),
        (Event, {"room_capacity": 3, "reserved_seats": 1}),
    ],
    ids=["event", "admission", "room"],
)
def test_a_party_stays_as_small_as_it_must_be(app, state, table, values):
    event, party = register_in_state(state)
    set_columns(values, table)
    before = rows_of_event(event)

    with pytest.raises(errors.PartyTooLarge) as refused:
        add_guest(party)

    assert refused.value.facts == {"limit": 2}
    assert rows_of_event(event) == before


def test_the_position_of_one_who_left_is_not_given_again(app):
    _event, party = register_in_state("confirmed")
    commit(
        lambda: cancellation.cancel_guest(
            party.registration_id, 1, actor="attendee", now=NOON
        )
    )

    add_guest(party, "Cy")

    assert [one.position for one in load_registration(party).attendees] == [0, 1, 2]
    assert load_registration(party).seats == 2


def test_the_last_seat_is_taken_by_one_guest(app):
    event, party = register_in_state("confirmed", hall=3)

    answers = run_at_once(app, *[lambda: add_guest(party)] * 3)

    assert answers == ["confirmed", "party_too_large", "party_too_large"]
    assert seats_by_admission(event)[0] == (3, 0)
    assert invariants.find_problems(NOON) == []


def test_a_guest_and_a_newcomer_at_once_take_the_last_seat_once(app):
    event, party = register_in_state("confirmed", hall=3)
    page = SimpleNamespace(slug=event.slug)

    answers = run_at_once(
        app, lambda: add_guest(party), lambda: register(page, admission="hall").state
    )

    assert answers in (["confirmed", "no_seat_free"], ["confirmed", "waitlisted"])
    assert seats_by_admission(event)[0][0] == 3
    assert invariants.find_problems(NOON) == []


# --- when, and in which state -------------------------------------------------------


@each_act
@for_each("state", OVER, fresh=True)
def test_what_is_over_is_not_changed(app, state, act):
    event, party = register_in_state(state)
    before = rows_of_event(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AlreadyOver):
            act(party, event, actor=actor)

    assert rows_of_event(event) == before


@for_each("act", [ACTS["add"], ACTS["move"]], ids=["add", "move"])
@for_each("state", ["held", "offered"])
def test_what_waits_for_an_answer_gets_it_first(app, state, act):
    event, party = register_in_state(state)
    before = rows_of_event(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AnswerFirst):
            act(party, event, actor=actor)

    assert rows_of_event(event) == before


@each_act
@for_each("state", ["confirmed", "waitlisted"])
def test_after_the_deadline_only_an_organizer_changes_anything(app, state, act):
    until = datetime(2027, 1, 28, 18, 0)
    event, party = register_in_state(state, hall=4, change_until_local=until)
    before = rows_of_event(event)

    with pytest.raises(errors.TooLateToCancel):
        act(party, event, now=event.changes_end_at)
    assert rows_of_event(event) == before
    act(party, event, actor=ORGANIZER, now=event.changes_end_at)

    assert audit_entries(party)[-1].actor == ORGANIZER
    assert invariants.find_problems(event.changes_end_at) == []


@each_act
def test_without_a_deadline_of_its_own_it_is_the_start(app, act):
    event, party = register_in_state("confirmed")

    with pytest.raises(errors.TooLateToCancel):
        act(party, event, now=event.starts_at)
    act(party, event, now=event.starts_at - timedelta(seconds=1))


@each_act
def test_nothing_changes_of_an_event_that_is_off_or_erased(app, act):
    event, party = register_in_state("confirmed")
    set_columns({"status": Status.CANCELLED}, Event)
    with pytest.raises(errors.EventCancelled):
        act(party, event)
    set_columns({"status": Status.PUBLISHED}, Event)
    later = event.ends_at + timedelta(days=40)
    with writing():
        privacy.erase_due(event.id, actor="worker", now=later)

    with pytest.raises(errors.EventOver):
        act(party, event, actor=ORGANIZER, now=later)


@for_each("act", [ACTS["add"], ACTS["move"]], ids=["add", "move"])
def test_once_it_is_over_nobody_comes_or_moves(app, act):
    event, party = register_in_state("confirmed")

    with pytest.raises(errors.EventOver):
        act(party, event, actor=ORGANIZER, now=event.ends_at)
