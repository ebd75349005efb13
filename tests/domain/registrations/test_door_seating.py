"""Presence: from doors on, free seats go to those who stand there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp import errors
from rsvp.domain.registrations import approval, cancellation, door_seating
from tests.support.door import DOORS_OPEN_AT, make_phone, record_scan
from tests.support.factories import cancel, load_registration, make_event, register
from tests.support.for_each import for_each
from tests.support.registrations import (
    MINUTE,
    ORGANIZER,
    act,
    act_as_organizer,
    assert_refused,
    audit_verbs,
    is_consistent,
    mail_kinds,
    state_of,
    states_of,
    taken_and_waiting,
)

pytestmark = pytest.mark.one_engine

START = DOORS_OPEN_AT + timedelta(minutes=30)
STANDBY = START + 15 * MINUTE


def let_in(event, outcome):
    """Let the first of a party in."""
    record_scan(make_phone(event), load_registration(outcome).attendees[0])


def seat_present(outcome, now):
    act_as_organizer(door_seating.seat_present, outcome, now=now)


def test_a_seat_free_at_doors_goes_to_who_stands_there(app):
    event = make_event({"capacity": 1})
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))
    act(cancellation.cancel, ada, now=DOORS_OPEN_AT)

    seat_present(cem, now=DOORS_OPEN_AT)

    assert states_of(ben, cem) == ["waitlisted", "confirmed"]
    assert mail_kinds(cem) == ["waitlisted", "promoted"]
    assert taken_and_waiting(event) == (1, 1)
    assert is_consistent(DOORS_OPEN_AT)


def test_before_doors_the_line_decides(app):
    event = make_event({"capacity": 1})
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    assert_refused(
        errors.DoorsNotOpen,
        door_seating.seat_present,
        ben,
        actor=ORGANIZER,
        now=DOORS_OPEN_AT - MINUTE,
    )


def test_until_standby_a_place_is_kept_for_its_holder(app):
    event = make_event({"capacity": 1})
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    assert_refused(
        errors.NoSeatFree,
        door_seating.seat_present,
        ben,
        actor=ORGANIZER,
        now=STANDBY - MINUTE,
    )


@pytest.mark.both_engines
def test_from_standby_on_seats_of_those_not_in_count_as_free(app):
    event = make_event({"capacity": 2})
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))
    let_in(event, ben)

    seat_present(cem, now=STANDBY)

    assert states_of(ada, ben, cem) == ["released", "confirmed", "confirmed"]
    assert mail_kinds(ada) == ["confirmation", "released"]
    assert audit_verbs(ada) == ["register", "release"]
    assert taken_and_waiting(event) == (2, 0)
    assert is_consistent(STANDBY)


@pytest.mark.both_engines
def test_as_many_are_given_on_as_it_takes_the_latest_first(app):
    event = make_event({"capacity": 4})
    booked = [register(event, name) for name in ("Ada", "Ben", "Cem", "Dee")]
    pair = register(event, "Eli", "Flo")

    seat_present(pair, now=STANDBY)

    assert states_of(*booked) == ["confirmed", "confirmed", "released", "released"]
    assert state_of(pair) == "confirmed"


def test_nobody_is_given_on_in_vain(app):
    event = make_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    pair = register(event, "Eli", "Flo")
    let_in(event, ada)

    assert_refused(
        errors.NoSeatFree,
        door_seating.seat_present,
        pair,
        actor=ORGANIZER,
        now=STANDBY,
    )

    assert state_of(ben) == "confirmed"


@pytest.mark.both_engines
def test_in_one_room_a_seat_of_the_other_admission_serves_as_well(app):
    event = make_event(
        {"key": "walk", "capacity": 2}, {"key": "tea", "capacity": 2}, room_capacity=1
    )
    ada = register(event, "Ada", admission="tea")
    ben = register(event, "Ben", admission="walk")

    seat_present(ben, now=STANDBY)

    assert states_of(ada, ben) == ["released", "confirmed"]
    assert is_consistent(STANDBY)


def test_standby_can_be_off(app):
    event = make_event({"capacity": 1}, standby_minutes=None)
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    assert_refused(
        errors.NoSeatFree,
        door_seating.seat_present,
        ben,
        actor=ORGANIZER,
        now=STANDBY,
    )


def test_who_was_given_on_and_comes_late_is_seated_while_there_is_a_seat(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    seat_present(ben, now=STANDBY)

    assert act_as_organizer(approval.reinstate, ada, now=STANDBY) == "waitlisted"
    act(cancellation.cancel, ben, now=STANDBY, actor=ORGANIZER)
    seat_present(ada, now=STANDBY + MINUTE)

    assert states_of(ada, ben) == ["confirmed", "cancelled"]
    assert is_consistent(STANDBY)


def test_a_late_comer_has_the_seat_back_while_nobody_else_has(app):
    event = make_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem")
    act_as_organizer(
        door_seating.release_registration, ada, reason="not_there", now=DOORS_OPEN_AT
    )

    assert_refused(
        errors.DoorsNotOpen,
        door_seating.reseat_latecomer,
        ada,
        now=DOORS_OPEN_AT - MINUTE,
    )
    act(door_seating.reseat_latecomer, ada, now=STANDBY)

    assert states_of(ada, ben, cem) == ["confirmed", "confirmed", "waitlisted"]
    assert taken_and_waiting(event) == (2, 1)
    assert is_consistent(STANDBY)


def test_a_late_comer_finds_no_seat_where_all_are_in(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    seat_present(ben, now=STANDBY)
    let_in(event, ben)

    assert_refused(errors.NoSeatFree, door_seating.reseat_latecomer, ada, now=STANDBY)


def test_the_host_may_let_them_in_above_the_cap_and_it_is_on_record(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    seat_present(ben, now=STANDBY)

    act_as_organizer(approval.reinstate, ada, why="Her tram was late", now=STANDBY)

    assert states_of(ada, ben) == ["confirmed", "confirmed"]
    assert load_registration(ada).exception_why == "Her tram was late"
    assert taken_and_waiting(event) == (2, 0)
    assert is_consistent(STANDBY)


@for_each("what", ["no_answer", "not_there"])
def test_a_seat_given_on_goes_to_the_line_while_it_runs(app, what):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    act_as_organizer(door_seating.release_registration, ada, reason=what)

    assert states_of(ada, ben) == ["released", "confirmed"]
    assert mail_kinds(ada)[-1] == "released"
    assert is_consistent()


@pytest.mark.both_engines
def test_nobody_who_is_in_is_given_on(app):
    event = make_event({"capacity": 1})
    ada = register(event, "Ada")
    let_in(event, ada)

    assert_refused(
        errors.AlreadyCheckedIn,
        door_seating.release_registration,
        ada,
        actor=ORGANIZER,
        reason="not_there",
        now=STANDBY,
    )


def test_only_a_place_is_given_on(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    assert_refused(
        errors.NotConfirmed, door_seating.release_registration, ben, reason="no_answer"
    )
    cancel(ada)
    assert_refused(
        errors.AlreadyOver, door_seating.release_registration, ada, reason="no_answer"
    )
