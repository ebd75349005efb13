"""Presence: from doors on, free seats go to those who stand there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp import errors
from rsvp.domain.registrations import approval, cancellation, door_seating
from tests.support.door import DOORS, make_phone, scan
from tests.support.factories import cancel, make_event, register, stored
from tests.support.registrations import (
    MINUTE,
    ORGANIZER,
    act,
    mails,
    organize,
    refuses,
    seats,
    state,
    states,
    verbs,
    well,
)

START = DOORS + timedelta(minutes=30)
STANDBY = START + 15 * MINUTE


def let_in(event, outcome):
    """Let the first of a party in."""
    scan(make_phone(event), stored(outcome).attendees[0])


def seat_present(outcome, now):
    organize(door_seating.seat_present, outcome, now=now)


def test_a_seat_free_at_doors_goes_to_who_stands_there(app):
    event = make_event({"capacity": 1})
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))
    act(cancellation.cancel, ada, now=DOORS)

    seat_present(cem, now=DOORS)

    assert states(ben, cem) == ["waitlisted", "confirmed"]
    assert mails(cem) == ["waitlisted", "promoted"]
    assert seats(event) == (1, 1)
    assert well(DOORS)


def test_before_doors_the_line_decides(app):
    event = make_event({"capacity": 1})
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    refuses(
        errors.DoorsNotOpen,
        door_seating.seat_present,
        ben,
        actor=ORGANIZER,
        now=DOORS - MINUTE,
    )


def test_until_standby_a_place_is_kept_for_its_holder(app):
    event = make_event({"capacity": 1})
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    refuses(
        errors.NoSeatFree,
        door_seating.seat_present,
        ben,
        actor=ORGANIZER,
        now=STANDBY - MINUTE,
    )


def test_from_standby_on_seats_of_those_not_in_count_as_free(app):
    event = make_event({"capacity": 2})
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))
    let_in(event, ben)

    seat_present(cem, now=STANDBY)

    assert states(ada, ben, cem) == ["released", "confirmed", "confirmed"]
    assert mails(ada) == ["confirmation", "released"]
    assert verbs(ada) == ["register", "release"]
    assert seats(event) == (2, 0)
    assert well(STANDBY)


def test_as_many_are_given_on_as_it_takes_the_latest_first(app):
    event = make_event({"capacity": 4})
    booked = [register(event, name) for name in ("Ada", "Ben", "Cem", "Dee")]
    pair = register(event, "Eli", "Flo")

    seat_present(pair, now=STANDBY)

    assert states(*booked) == ["confirmed", "confirmed", "released", "released"]
    assert state(pair) == "confirmed"


def test_nobody_is_given_on_in_vain(app):
    event = make_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    pair = register(event, "Eli", "Flo")
    let_in(event, ada)

    refuses(
        errors.NoSeatFree,
        door_seating.seat_present,
        pair,
        actor=ORGANIZER,
        now=STANDBY,
    )

    assert state(ben) == "confirmed"


def test_in_one_room_a_seat_of_the_other_admission_serves_as_well(app):
    event = make_event(
        {"key": "walk", "capacity": 2}, {"key": "tea", "capacity": 2}, room_capacity=1
    )
    ada = register(event, "Ada", admission="tea")
    ben = register(event, "Ben", admission="walk")

    seat_present(ben, now=STANDBY)

    assert states(ada, ben) == ["released", "confirmed"]
    assert well(STANDBY)


def test_standby_can_be_off(app):
    event = make_event({"capacity": 1}, standby_minutes=None)
    _ada, ben = register(event, "Ada"), register(event, "Ben")

    refuses(
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

    assert organize(approval.reinstate, ada, now=STANDBY) == "waitlisted"
    act(cancellation.cancel, ben, now=STANDBY, actor=ORGANIZER)
    seat_present(ada, now=STANDBY + MINUTE)

    assert states(ada, ben) == ["confirmed", "cancelled"]
    assert well(STANDBY)


def test_a_late_comer_has_the_seat_back_while_nobody_else_has(app):
    event = make_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem")
    organize(door_seating.release, ada, what="not_there", now=DOORS)

    refuses(errors.DoorsNotOpen, door_seating.let_back, ada, now=DOORS - MINUTE)
    act(door_seating.let_back, ada, now=STANDBY)

    assert states(ada, ben, cem) == ["confirmed", "confirmed", "waitlisted"]
    assert seats(event) == (2, 1)
    assert well(STANDBY)


def test_a_late_comer_finds_no_seat_where_all_are_in(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    seat_present(ben, now=STANDBY)
    let_in(event, ben)

    refuses(errors.NoSeatFree, door_seating.let_back, ada, now=STANDBY)


def test_the_host_may_let_them_in_above_the_cap_and_it_is_on_record(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    seat_present(ben, now=STANDBY)

    organize(approval.reinstate, ada, why="Her tram was late", now=STANDBY)

    assert states(ada, ben) == ["confirmed", "confirmed"]
    assert stored(ada).exception_why == "Her tram was late"
    assert seats(event) == (2, 0)
    assert well(STANDBY)


@pytest.mark.parametrize("what", ["no_answer", "not_there"])
def test_a_seat_given_on_goes_to_the_line_while_it_runs(app, what):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    organize(door_seating.release, ada, what=what)

    assert states(ada, ben) == ["released", "confirmed"]
    assert mails(ada)[-1] == "released"
    assert well()


def test_nobody_who_is_in_is_given_on(app):
    event = make_event({"capacity": 1})
    ada = register(event, "Ada")
    let_in(event, ada)

    refuses(
        errors.AlreadyIn,
        door_seating.release,
        ada,
        actor=ORGANIZER,
        what="not_there",
        now=STANDBY,
    )


def test_only_a_place_is_given_on(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    refuses(errors.NotConfirmed, door_seating.release, ben, what="no_answer")
    cancel(ada)
    refuses(errors.AlreadyOver, door_seating.release, ada, what="no_answer")
