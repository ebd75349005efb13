"""Publishing again: what a changed file does to the seats, the line and the people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rsvp.db import write, writing
from rsvp.domain import invariants
from rsvp.domain.events import publish as event_publish
from rsvp.domain.registrations import create
from rsvp.errors import StaleEvent
from rsvp.models import Message, Registration
from rsvp.models.event import Promotion
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.queries import events as event_queries
from tests.support.event_files import (
    BRING,
    DIET,
    EVENING,
    HALL,
    RULES,
    TABLE,
    event,
    how_many,
    publish,
    with_hall,
)
from tests.support.factories import CODE_KEY, NOON, cancel, register, stored


def test_an_update_leaves_registrations_as_they_are(app):
    publish()
    outcome = register(event(), "Ada", "Ben", answers={"diet": "Nuts"})
    before = row_of(outcome)

    publish(
        title="Night",
        admissions=(*with_hall(name="The hall", capacity=1),),
        questions=(replace(DIET, ask="Diet?"), TABLE, BRING),
        registration=replace(RULES, party_max=1),
    )

    assert row_of(outcome) == before
    assert [person.name for person in stored(outcome).attendees] == ["Ada", "Ben"]
    assert invariants.problems(NOON) == []


def row_of(outcome):
    registration = stored(outcome)
    return {
        column.name: getattr(registration, column.name)
        for column in Registration.__table__.columns
    }


def test_nobody_registers_by_the_rules_of_before(app):
    publish()
    page = event_queries.event_page("evening")
    wanted = create.Wanted(
        admission_id=page.admissions[0].id,
        email="ada@example.org",
        email_key="ada@example.org",
        party=(create.Person("Ada"),),
    )
    plan = create.prepare(page, wanted, code_key=CODE_KEY, now=NOON)

    publish(title="Night")

    with pytest.raises(StaleEvent):
        write(lambda again: create.register(plan, look_again=again))
    assert how_many(Registration) == 0


def test_raising_the_capacity_seats_the_head_of_the_line(app):
    publish()
    register(event(), "Ada", "Ben", "Cem")
    waiting = [register(event()) for _ in range(3)]

    publish(admissions=with_hall(capacity=5))

    states = [stored(outcome).state for outcome in waiting]
    assert states == [State.CONFIRMED, State.CONFIRMED, State.WAITLISTED]
    assert how_many(Message, Message.kind == MessageKind.PROMOTED) == 2
    assert invariants.problems(NOON) == []


def test_lowering_the_capacity_drops_nobody(app):
    publish()
    seated = register(event(), "Ada", "Ben", "Cem")

    publish(admissions=with_hall(capacity=1))

    hall = event().admissions[0]
    assert (hall.capacity, hall.seats_taken, hall.ceiling) == (1, 3, 3)
    assert stored(seated).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def test_a_room_cap_counts_who_is_there_already(app):
    publish()
    register(event(), "Ada", "Ben")
    register(event(), admission="online")

    publish(room=1)
    capped = event()
    assert (capped.room_capacity, capped.room_taken, capped.room_ceiling) == (1, 2, 2)
    waits = register(event())
    assert stored(waits).state == State.WAITLISTED

    publish(room=None)
    assert (event().room_capacity, event().room_taken) == (None, 0)
    assert stored(waits).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def taken() -> list[tuple[int, int]]:
    return [(a.seats_taken, a.reserved) for a in event().admissions]


def test_reserved_seats_are_taken_from_the_admission_that_has_a_cap(app):
    publish(reserved_seats=2)
    assert taken() == [(2, 2), (0, 0)]
    seated, waits = register(event()), register(event())
    assert [stored(outcome).state for outcome in (seated, waits)] == [
        State.CONFIRMED,
        State.WAITLISTED,
    ]

    publish(reserved_seats=1)

    assert stored(waits).state == State.CONFIRMED
    assert taken() == [(3, 1), (0, 0)]
    assert invariants.problems(NOON) == []


def test_reserved_seats_are_taken_from_the_room_where_it_has_a_cap(app):
    publish(reserved_seats=2)

    publish(reserved_seats=2, room=3)

    assert (event().room_taken, taken()) == (2, [(0, 0), (0, 0)])
    assert stored(register(event())).state == State.CONFIRMED
    assert stored(register(event())).state == State.WAITLISTED
    assert (event().room_taken, taken()) == (3, [(1, 0), (0, 0)])
    assert invariants.problems(NOON) == []


def test_reserving_more_than_is_free_drops_nobody(app):
    publish()
    seated = register(event(), "Ada", "Ben")

    publish(reserved_seats=3)

    hall = event().admissions[0]
    assert (hall.seats_taken, hall.reserved, hall.ceiling) == (5, 3, 5)
    assert stored(seated).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def test_reserved_seats_follow_the_order_of_the_file(app):
    foyer = replace(HALL, key="foyer", capacity=5)
    publish(admissions=(HALL, foyer), reserved_seats=2)

    publish(admissions=(foyer, HALL), reserved_seats=2)

    reserved = {a.key: (a.seats_taken, a.reserved) for a in event().admissions}
    assert reserved == {"foyer": (2, 2), "hall": (0, 0)}


def test_what_comes_free_is_offered_unless_the_file_says_otherwise(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    register(event(), "Ada", "Ben", "Cem")
    waits = register(event())

    publish(registration=offering, admissions=with_hall(capacity=4))

    assert stored(waits).state == State.OFFERED


def test_what_has_ended_lapses_before_the_file_changes_anything(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    seated = register(event(), "Ada", "Ben", "Cem")
    first, second = register(event()), register(event(), "Dan", "Eve", "Fay")
    cancel(seated)
    assert stored(first).state == State.OFFERED

    with writing():
        file = replace(EVENING, registration=offering, title="Night")
        tomorrow = NOON + timedelta(days=2)
        event_publish.publish(file, actor="command", now=tomorrow)

    assert [stored(outcome).state for outcome in (first, second)] == [
        State.LAPSED,
        State.OFFERED,
    ]
    assert invariants.problems(tomorrow) == []


def test_going_on_after_a_pause_seats_who_could_have_been(app):
    paused = replace(RULES, paused=True)
    publish()
    seated = register(event(), "Ada", "Ben", "Cem")
    waits = register(event())
    publish(registration=paused)
    cancel(seated)
    assert stored(waits).state == State.WAITLISTED

    publish()

    assert stored(waits).state == State.CONFIRMED
