"""Deciding: held places, requests, and bringing back what is over."""

from __future__ import annotations

import pytest

from rsvp import errors
from rsvp.db import write
from rsvp.domain.events import capacity_changes
from rsvp.domain.registrations import approval, door_seating, organizer_actions
from rsvp.models.event import Allocation, Mode
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import (
    HOUR,
    MINUTE,
    ORGANIZER,
    act,
    act_as_organizer,
    assert_refused,
    audit_verbs,
    is_consistent,
    last_message,
    mail_kinds,
    run_expiry,
    state_of,
    states_of,
    taken_and_waiting,
)

pytestmark = pytest.mark.one_engine

# --- the address is confirmed first -------------------------------------------------


def holding(*admissions, **values):
    return make_event(*admissions or ({"capacity": 1},), confirm_address=True, **values)


@pytest.mark.both_engines
@for_each("room", [None, 1])
def test_a_place_is_held_until_the_address_is_confirmed(app, room):
    event = holding(room_capacity=room)

    ada = register(event, "Ada")

    assert (ada.state, state_of(ada)) == ("held", "held")
    assert load_registration(ada).decide_by == NOON + 2 * HOUR
    assert mail_kinds(ada) == ["confirm_address"]
    assert last_message(ada).facts["until"] == (NOON + 2 * HOUR).isoformat()
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent()

    act(approval.confirm_address, ada, now=NOON + HOUR)

    assert state_of(ada) == "confirmed"
    assert mail_kinds(ada) == ["confirm_address", "confirmation"]
    assert audit_verbs(ada) == ["register", "confirm_address"]
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent()


def test_a_held_place_is_nobody_elses(app):
    event = holding()
    register(event, "Ada")

    assert register(event, "Ben").state == "waitlisted"


def test_an_address_not_confirmed_lets_the_place_go(app):
    event = holding()
    ada, ben = register(event, "Ada"), register(event, "Ben")

    run_expiry(event, NOON + 2 * HOUR)

    assert states_of(ada, ben) == ["lapsed", "confirmed"]
    assert mail_kinds(ada)[-1] == "lapsed"
    assert is_consistent(NOON + 2 * HOUR)


def test_whose_held_time_is_over_registers_anew(app):
    event = holding({"capacity": 2})
    ada = register(event, "Ada", email="ada@example.org")

    anew = register(event, "Ada", email="ada@example.org", now=NOON + 2 * HOUR)

    assert (anew.kind, anew.state) == ("made", "held")
    assert states_of(ada, anew) == ["lapsed", "held"]
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent(NOON + 2 * HOUR)


def test_who_asks_again_when_somebody_elses_time_is_over_has_moved_up(app):
    event = holding()
    ada, ben = register(event, "Ada"), register(event, "Ben", email="b@example.org")

    again = register(event, "Ben", email="b@example.org", now=NOON + 2 * HOUR)

    assert (again.kind, again.state) == ("mailed", "confirmed")
    assert states_of(ada, ben) == ["lapsed", "confirmed"]
    assert is_consistent(NOON + 2 * HOUR)


@pytest.mark.both_engines
def test_confirming_late_claims_again(app):
    event = holding()
    ada = register(event, "Ada")

    act(approval.confirm_address, ada, now=NOON + 3 * HOUR)

    assert state_of(ada) == "confirmed"
    assert audit_verbs(ada) == ["register", "lapse", "confirm_address"]
    assert taken_and_waiting(event) == (1, 0)


def test_confirming_late_joins_the_line_where_nothing_is_free(app):
    event = holding()
    ada = register(event, "Ada")
    run_expiry(event, NOON + 2 * HOUR)
    register(event, "Ben", now=NOON + 2 * HOUR)

    act(approval.confirm_address, ada, now=NOON + 3 * HOUR)

    assert state_of(ada) == "waitlisted"
    assert mail_kinds(ada)[-1] == "waitlisted"
    assert is_consistent(NOON + 3 * HOUR)


def test_confirming_late_is_a_no_where_there_is_no_line(app):
    event = holding({"capacity": 1, "waitlist": False})
    ada = register(event, "Ada")
    run_expiry(event, NOON + 2 * HOUR)
    register(event, "Ben", now=NOON + 2 * HOUR)

    assert_refused(
        errors.AdmissionFull, approval.confirm_address, ada, now=NOON + 3 * HOUR
    )


def test_confirming_twice_changes_nothing(app):
    event = holding()
    ada = register(event, "Ada")
    act(approval.confirm_address, ada)

    act(approval.confirm_address, ada)

    assert audit_verbs(ada) == ["register", "confirm_address"]


def test_what_was_given_up_is_not_confirmed(app):
    event = holding()
    ada = register(event, "Ada")
    cancel(ada)

    assert_refused(errors.AlreadyOver, approval.confirm_address, ada)


def test_registering_again_asks_again_for_the_address(app):
    event = holding()
    ada = register(event, "Ada", email="ada@example.org")

    again = register(event, "Ada", email="ada@example.org")

    assert (again.kind, again.token) == ("mailed", None)
    assert mail_kinds(ada) == ["confirm_address", "confirm_address"]
    assert last_message(ada).facts["until"] == (NOON + 2 * HOUR).isoformat()


# --- approval -----------------------------------------------------------------------


def by_approval(*admissions, **values):
    return make_event(
        *admissions or ({"capacity": 1},), allocation=Allocation.APPROVAL, **values
    )


def test_a_request_holds_no_seat_and_no_place_in_line(app):
    event = by_approval()

    ada = register(event, "Ada")

    assert (ada.state, state_of(ada)) == ("requested", "requested")
    assert mail_kinds(ada) == ["requested"]
    assert taken_and_waiting(event) == (0, 0)
    assert is_consistent()


@pytest.mark.both_engines
def test_an_approved_request_gets_its_seat(app):
    event = by_approval()
    ada = register(event, "Ada")

    act_as_organizer(approval.approve, ada, why="Bring an apron.")

    assert state_of(ada) == "confirmed"
    assert last_message(ada).kind == "confirmation"
    assert last_message(ada).facts["why"] == "Bring an apron."
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent()


def test_an_approved_request_without_a_seat_goes_to_the_end_of_the_line(app):
    event = by_approval()
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))
    act_as_organizer(approval.approve, ada)
    act_as_organizer(approval.approve, cem)

    act_as_organizer(approval.approve, ben)

    assert states_of(ada, ben, cem) == ["confirmed", "waitlisted", "waitlisted"]
    assert load_registration(cem).line_number < load_registration(ben).line_number
    assert last_message(ben).facts["place"] == 2
    assert is_consistent()


def test_nothing_is_approved_where_there_is_neither_seat_nor_line(app):
    event = by_approval({"capacity": 1, "waitlist": False})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    act_as_organizer(approval.approve, ada)

    assert_refused(errors.AdmissionFull, approval.approve, ben, actor=ORGANIZER)


def test_a_declined_request_is_over_and_told_why(app):
    event = by_approval()
    ada = register(event, "Ada")

    act_as_organizer(approval.decline, ada, why="We are full of bookbinders.")

    assert state_of(ada) == "declined"
    assert load_registration(ada).ended_why == "We are full of bookbinders."
    assert (load_registration(ada).ended_by, load_registration(ada).ended_from) == (
        ORGANIZER,
        "requested",
    )
    assert mail_kinds(ada) == ["requested", "declined"]
    assert is_consistent()


def test_a_request_is_decided_once(app):
    event = by_approval({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    act_as_organizer(approval.approve, ada)
    act_as_organizer(approval.decline, ben)

    for outcome in (ada, ben):
        for verb in (approval.approve, approval.decline):
            assert_refused(errors.NotRequested, verb, outcome, actor=ORGANIZER)


def test_requests_that_nobody_decided_lapse_when_the_event_is_over(app):
    event = by_approval()
    ada = register(event, "Ada")

    run_expiry(event, event.ends_at)

    assert state_of(ada) == "lapsed"
    assert mail_kinds(ada) == ["requested", "lapsed"]


def test_a_request_is_withdrawn(app):
    event = by_approval()
    ada = register(event, "Ada")

    cancel(ada)

    assert state_of(ada) == "cancelled"
    assert taken_and_waiting(event) == (0, 0)


# --- bringing back ------------------------------------------------------------------


@pytest.mark.both_engines
def test_what_was_cancelled_comes_back_by_the_rules(app):
    event = make_event({"capacity": 1})
    ada = register(event, "Ada")
    cancel(ada)

    assert act_as_organizer(approval.reinstate, ada) == "confirmed"

    assert mail_kinds(ada) == ["confirmation", "cancelled", "confirmation"]
    assert load_registration(ada).ended_by is None
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent()


def test_by_the_rules_it_may_be_the_end_of_the_line(app):
    event = make_event({"capacity": 1})
    ada = register(event, "Ada")
    cancel(ada)
    register(event, "Ben")

    assert act_as_organizer(approval.reinstate, ada) == "waitlisted"

    assert taken_and_waiting(event) == (1, 1)
    assert is_consistent()


@pytest.mark.both_engines
def test_as_an_exception_it_is_seated_above_the_cap(app):
    event = make_event({"capacity": 1})
    ada = register(event, "Ada")
    cancel(ada)
    register(event, "Ben")

    act_as_organizer(approval.reinstate, ada, why="Cancelled by mistake")

    assert state_of(ada) == "confirmed"
    assert load_registration(ada).exception_why == "Cancelled by mistake"
    assert taken_and_waiting(event) == (2, 0)
    assert is_consistent()


def test_only_what_is_over_comes_back(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    assert_refused(errors.NotOver, approval.reinstate, ada, actor=ORGANIZER)
    assert_refused(errors.NotOver, approval.reinstate, ben, actor=ORGANIZER)


def test_who_registered_again_is_not_brought_back_as_well(app):
    event = make_event({"capacity": 5})
    ada = register(event, "Ada", email="ada@example.org")
    cancel(ada)
    register(event, "Ada", email="ada@example.org")

    assert_refused(errors.AddressInUse, approval.reinstate, ada, actor=ORGANIZER)


@for_each("end", ["declined", "lapsed", "released"])
def test_whatever_ended_it_can_be_undone(app, end):
    event = by_approval() if end == "declined" else make_event({"capacity": 1})
    if end == "lapsed":
        event = holding()
    ada = register(event, "Ada")
    if end == "declined":
        act_as_organizer(approval.decline, ada)
    elif end == "lapsed":
        run_expiry(event, NOON + 2 * HOUR)
    else:
        act_as_organizer(door_seating.release_registration, ada, reason="no_answer")
    assert state_of(ada) == end

    assert act_as_organizer(approval.reinstate, ada, now=NOON + 3 * HOUR) == "confirmed"
    assert is_consistent(NOON + 3 * HOUR)


# --- caps and lines -----------------------------------------------------------------


def test_a_line_takes_as_many_as_it_may(app):
    event = make_event({"capacity": 2, "waitlist_max": 2})
    register(event, "Ada", "Abe")
    pair = register(event, "Ben", "Cem")

    with pytest.raises(errors.WaitlistFull):
        register(event, "Dee")

    assert state_of(pair) == "waitlisted"
    cancel(pair)
    assert register(event, "Dee").state == "waitlisted"


@pytest.mark.both_engines
def test_seats_kept_for_helpers_are_nobody_elses(app):
    event = make_event(
        {"key": "walk", "capacity": 3}, {"key": "tea", "capacity": 3}, room_capacity=4
    )
    write(capacity_changes.set_reserved_seats, event.id, 2, actor=ORGANIZER, now=NOON)

    with pytest.raises(errors.PartyTooLarge):
        register(event, "Ada", "Ben", "Cem", admission="walk")
    ada = register(event, "Ada", "Ben", admission="walk")
    dee = register(event, "Dee", admission="tea")

    assert states_of(ada, dee) == ["confirmed", "waitlisted"]
    assert is_consistent()
    write(
        capacity_changes.set_reserved_seats,
        event.id,
        1,
        actor=ORGANIZER,
        now=NOON + MINUTE,
    )
    assert state_of(dee) == "confirmed"
    assert is_consistent()


def test_without_a_room_cap_the_first_hall_keeps_the_reserved_seats(app):
    event = make_event(
        {"key": "online", "mode": Mode.ONLINE, "capacity": 5},
        {"key": "hall", "capacity": 2},
    )

    write(capacity_changes.set_reserved_seats, event.id, 2, actor=ORGANIZER, now=NOON)

    assert (taken_and_waiting(event, "online"), taken_and_waiting(event, "hall")) == (
        (0, 0),
        (2, 0),
    )
    assert is_consistent()


@for_each(("cap", "reserved"), [(None, 1), (2, 3)])
def test_no_more_is_reserved_than_there_is(app, cap, reserved):
    event = make_event({"capacity": cap})

    with pytest.raises(errors.TooFewToReserve):
        write(
            capacity_changes.set_reserved_seats,
            event.id,
            reserved,
            actor=ORGANIZER,
            now=NOON,
        )

    assert taken_and_waiting(event) == (0, 0)


def test_an_exception_of_before_is_none_once_it_comes_back_by_the_rules(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    act_as_organizer(organizer_actions.seat_waiting, ben, why="A speaker")
    cancel(ada)
    cancel(ben)

    act_as_organizer(approval.reinstate, ben)

    assert (state_of(ben), load_registration(ben).exception_why) == ("confirmed", None)
