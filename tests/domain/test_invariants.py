"""`rsvp check`: silent on a sound database, and naming each row of a broken one."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from rsvp.db import writing
from rsvp.domain.invariants import problems
from tests.factories import NOON, cancel, make_event, register


def a_lively_evening():
    event = make_event({"capacity": 3}, {"capacity": 2}, room_capacity=4)
    for way in ("in-person", "way-1"):
        first = register(event, "Ada", "Grace", admission=way)
        register(event, admission=way)
        register(event, admission=way)
        if way == "way-1":
            cancel(first)
    return event


def broken(statement):
    with writing() as session:
        session.execute(text(statement))
    return [f"{p.rule} {p.table}" for p in problems(NOON)]


def test_a_sound_database_has_no_problems(app):
    a_lively_evening()

    assert problems(NOON) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE admissions SET seats_taken = seats_taken + 1 WHERE id = 1",
            ["I1 admissions", "I2 admissions"],
        ),
        ("UPDATE admissions SET waiting = waiting + 1 WHERE id = 2", ["I1 admissions"]),
        ("UPDATE events SET room_taken = 5", ["I1 events", "I2 events"]),
        ("UPDATE events SET room_waiting = 9", ["I1 events"]),
        (
            "UPDATE attendees SET state = 'cancelled' WHERE registration_id = 1",
            ["I1 registrations"],
        ),
        ("UPDATE admissions SET capacity = 1 WHERE id = 1", ["I2 admissions"]),
        ("UPDATE events SET room_capacity = 3", ["I2 events"]),
        ("DELETE FROM messages WHERE kind = 'cancelled'", ["I3 registrations"]),
        ("UPDATE admissions SET capacity = 9; ", []),
        ("DELETE FROM audit_entries WHERE registration_id = 2", ["I6 registrations"]),
    ],
)
def test_a_broken_row_is_named(app, statement, found):
    a_lively_evening()

    assert broken(statement.rstrip("; ")) == found


def test_somebody_left_waiting_for_a_free_seat_is_named(app):
    event = make_event({"capacity": 1})
    register(event)
    waiting = register(event)
    with writing() as session:
        session.execute(text("UPDATE admissions SET capacity = 2"))

    [problem] = problems(NOON)

    assert (problem.rule, problem.id) == ("I4", waiting.registration_id)
    assert problems(event.starts_at - timedelta(minutes=1)) == []
