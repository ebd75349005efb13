"""Seating: caps change, reserved seats with them, and the line moves up."""

from __future__ import annotations

import pytest

from rsvp import errors
from rsvp.db import write
from rsvp.domain.events import capacity_changes, lifecycle
from rsvp.extensions import db
from rsvp.models import AuditEntry, Event
from tests.support.factories import NOON, make_event, register
from tests.support.registrations import (
    DAY,
    ORGANIZER,
    is_consistent,
    mail_kinds,
    states_of,
    taken_and_waiting,
)

pytestmark = pytest.mark.one_engine


def set_capacity(event, number, now=NOON):
    [way] = event.admissions
    return write(
        capacity_changes.set_admission_capacity,
        event.id,
        way.id,
        number,
        actor=ORGANIZER,
        now=now,
    )


@pytest.mark.both_engines
def test_raising_a_capacity_promotes_at_once(app):
    event = make_event({"capacity": 1})
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))

    moved_up = set_capacity(event, 2)

    assert moved_up == [ben.registration_id]
    assert states_of(ada, ben, cem) == ["confirmed", "confirmed", "waitlisted"]
    assert is_consistent()


def test_no_limit_seats_everybody_who_waits(app):
    event = make_event({"capacity": 1})
    booked = [register(event, name) for name in ("Ada", "Ben", "Cem")]

    set_capacity(event, None)

    assert states_of(*booked) == ["confirmed"] * 3


def test_lowering_a_capacity_drops_nobody_and_lets_nobody_in(app):
    event = make_event({"capacity": 3})
    booked = [register(event, name) for name in ("Ada", "Ben", "Cem")]

    set_capacity(event, 1)

    assert states_of(*booked) == ["confirmed"] * 3
    assert taken_and_waiting(event) == (3, 0)
    assert register(event, "Dee").state == "waitlisted"
    assert is_consistent()


@pytest.mark.both_engines
def test_the_room_can_be_capped_and_set_free_again(app):
    event = make_event({"key": "walk", "capacity": 3}, {"key": "tea", "capacity": 3})
    ada, ben = (register(event, n, admission="walk") for n in ("Ada", "Ben"))

    def set_room(number):
        write(
            capacity_changes.set_room_capacity,
            event.id,
            number,
            actor=ORGANIZER,
            now=NOON,
        )

    set_room(2)
    cem = register(event, "Cem", admission="tea")
    assert states_of(ada, ben, cem) == ["confirmed", "confirmed", "waitlisted"]
    assert is_consistent()
    set_room(None)
    assert states_of(cem) == ["confirmed"]
    assert is_consistent()


@pytest.mark.both_engines
def test_reserved_seats_move_into_the_room_and_back(app):
    event = make_event({"key": "walk", "capacity": 3}, {"key": "tea", "capacity": 3})
    write(capacity_changes.set_reserved_seats, event.id, 1, actor=ORGANIZER, now=NOON)
    assert taken_and_waiting(event, "walk") == (1, 0)

    write(capacity_changes.set_room_capacity, event.id, 5, actor=ORGANIZER, now=NOON)

    assert taken_and_waiting(event, "walk") == (0, 0)
    assert db.session.get_one(Event, event.id).room_taken == 1
    assert is_consistent()
    write(capacity_changes.set_room_capacity, event.id, None, actor=ORGANIZER, now=NOON)
    assert taken_and_waiting(event, "walk") == (1, 0)
    assert is_consistent()


def test_a_change_makes_a_new_version_and_an_entry_and_no_change_makes_none(app):
    event = make_event({"capacity": 3})
    version = event.version

    set_capacity(event, 2)
    set_capacity(event, 2)

    db.session.rollback()
    assert db.session.get_one(Event, event.id).version == version + 1
    [entry] = db.session.query(AuditEntry).filter_by(verb="set_capacity")
    assert entry.details == {"admission": "in-person", "seats": 2}
    assert entry.lock_number > 0


def test_a_cap_below_the_reserved_seats_is_refused(app):
    event = make_event({"capacity": 3})
    write(capacity_changes.set_reserved_seats, event.id, 3, actor=ORGANIZER, now=NOON)

    with pytest.raises(errors.TooFewToReserve):
        set_capacity(event, 2)


def test_nothing_is_changed_of_another_event_or_after_the_end(app):
    event, other = make_event(), make_event()
    way = other.admissions[0].id

    with pytest.raises(errors.WrongAdmission):
        write(
            capacity_changes.set_admission_capacity,
            event.id,
            way,
            1,
            actor=ORGANIZER,
            now=NOON,
        )
    with pytest.raises(errors.EventOver):
        set_capacity(event, 1, now=event.ends_at + DAY)


def test_cancelling_an_event_tells_everybody_with_the_reason(app):
    event = make_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")

    told = write(
        lifecycle.cancel_event,
        event.id,
        why="The roof leaks.",
        actor=ORGANIZER,
        now=NOON,
    )

    assert told == 2
    assert mail_kinds(ada) == ["confirmation", "event_cancelled"]
    assert mail_kinds(ben) == ["waitlisted", "event_cancelled"]
    with pytest.raises(errors.EventCancelled):
        write(lifecycle.cancel_event, event.id, actor=ORGANIZER, now=NOON)
