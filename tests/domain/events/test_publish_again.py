"""Publishing again: what a changed file does to the seats, the line and the people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rsvp.db import write_optimistic, writing
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
    EVENT_FILE,
    HALL,
    RULES,
    TABLE,
    count_rows,
    get_event,
    hall_and_online,
    publish,
)
from tests.support.factories import CODE_KEY, NOON, cancel, load_registration, register

pytestmark = pytest.mark.one_engine


def test_an_update_leaves_registrations_as_they_are(app):
    publish()
    outcome = register(get_event(), "Ada", "Ben", answers={"diet": "Nuts"})
    before = row_of(outcome)

    publish(
        title="Night",
        admissions=(*hall_and_online(name="The hall", capacity=1),),
        questions=(replace(DIET, ask="Diet?"), TABLE, BRING),
        registration=replace(RULES, party_max=1),
    )

    assert row_of(outcome) == before
    assert [person.name for person in load_registration(outcome).attendees] == [
        "Ada",
        "Ben",
    ]
    assert invariants.find_problems(NOON) == []


def row_of(outcome):
    registration = load_registration(outcome)
    return {
        column.name: getattr(registration, column.name)
        for column in Registration.__table__.columns
    }


def test_nobody_registers_by_the_rules_of_before(app):
    publish()
    page = event_queries.load_detached_event("evening")
    wanted = create.RegistrationRequest(
        admission_id=page.admissions[0].id,
        email="ada@example.org",
        email_key="ada@example.org",
        party=(create.RequestedAttendee("Ada"),),
    )
    plan = create.prepare(page, wanted, code_key=CODE_KEY, now=NOON)

    publish(title="Night")

    with pytest.raises(StaleEvent):
        write_optimistic(create.register, plan)
    assert count_rows(Registration) == 0


@pytest.mark.both_engines
def test_raising_the_capacity_seats_the_head_of_the_line(app):
    publish()
    register(get_event(), "Ada", "Ben", "Cem")
    waiting = [register(get_event()) for _ in range(3)]

    publish(admissions=hall_and_online(capacity=5))

    states = [load_registration(outcome).state for outcome in waiting]
    assert states == [State.CONFIRMED, State.CONFIRMED, State.WAITLISTED]
    assert count_rows(Message, Message.kind == MessageKind.PROMOTED) == 2
    assert invariants.find_problems(NOON) == []


def test_lowering_the_capacity_drops_nobody(app):
    publish()
    seated = register(get_event(), "Ada", "Ben", "Cem")

    publish(admissions=hall_and_online(capacity=1))

    hall = get_event().admissions[0]
    assert (hall.capacity, hall.seats_taken, hall.ceiling) == (1, 3, 3)
    assert load_registration(seated).state == State.CONFIRMED
    assert invariants.find_problems(NOON) == []


def test_a_room_cap_counts_who_is_there_already(app):
    publish()
    register(get_event(), "Ada", "Ben")
    register(get_event(), admission="online")

    publish(room=1)
    capped = get_event()
    assert (capped.room_capacity, capped.room_taken, capped.room_ceiling) == (1, 2, 2)
    waits = register(get_event())
    assert load_registration(waits).state == State.WAITLISTED

    publish(room=None)
    assert (get_event().room_capacity, get_event().room_taken) == (None, 0)
    assert load_registration(waits).state == State.CONFIRMED
    assert invariants.find_problems(NOON) == []


def taken() -> list[tuple[int, int]]:
    return [(a.seats_taken, a.reserved) for a in get_event().admissions]


def test_reserved_seats_are_taken_from_the_admission_that_has_a_cap(app):
    publish(reserved_seats=2)
    assert taken() == [(2, 2), (0, 0)]
    seated, waits = register(get_event()), register(get_event())
    assert [load_registration(outcome).state for outcome in (seated, waits)] == [
        State.CONFIRMED,
        State.WAITLISTED,
    ]

    publish(reserved_seats=1)

    assert load_registration(waits).state == State.CONFIRMED
    assert taken() == [(3, 1), (0, 0)]
    assert invariants.find_problems(NOON) == []


@pytest.mark.both_engines
def test_reserved_seats_are_taken_from_the_room_where_it_has_a_cap(app):
    publish(reserved_seats=2)

    publish(reserved_seats=2, room=3)

    assert (get_event().room_taken, taken()) == (2, [(0, 0), (0, 0)])
    assert load_registration(register(get_event())).state == State.CONFIRMED
    assert load_registration(register(get_event())).state == State.WAITLISTED
    assert (get_event().room_taken, taken()) == (3, [(1, 0), (0, 0)])
    assert invariants.find_problems(NOON) == []


def test_reserving_more_than_is_free_drops_nobody(app):
    publish()
    seated = register(get_event(), "Ada", "Ben")

    publish(reserved_seats=3)

    hall = get_event().admissions[0]
    assert (hall.seats_taken, hall.reserved, hall.ceiling) == (5, 3, 5)
    assert load_registration(seated).state == State.CONFIRMED
    assert invariants.find_problems(NOON) == []


def test_reserved_seats_follow_the_order_of_the_file(app):
    foyer = replace(HALL, key="foyer", capacity=5)
    publish(admissions=(HALL, foyer), reserved_seats=2)

    publish(admissions=(foyer, HALL), reserved_seats=2)

    reserved = {a.key: (a.seats_taken, a.reserved) for a in get_event().admissions}
    assert reserved == {"foyer": (2, 2), "hall": (0, 0)}


def test_what_comes_free_is_offered_unless_the_file_says_otherwise(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    register(get_event(), "Ada", "Ben", "Cem")
    waits = register(get_event())

    publish(registration=offering, admissions=hall_and_online(capacity=4))

    assert load_registration(waits).state == State.OFFERED


def test_what_has_ended_lapses_before_the_file_changes_anything(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    seated = register(get_event(), "Ada", "Ben", "Cem")
    first, second = register(get_event()), register(get_event(), "Dan", "Eve", "Fay")
    cancel(seated)
    assert load_registration(first).state == State.OFFERED

    with writing():
        file = replace(EVENT_FILE, registration=offering, title="Night")
        tomorrow = NOON + timedelta(days=2)
        event_publish.publish_definition(file, actor="command", now=tomorrow)

    assert [load_registration(outcome).state for outcome in (first, second)] == [
        State.LAPSED,
        State.OFFERED,
    ]
    assert invariants.find_problems(tomorrow) == []


def test_going_on_after_a_pause_seats_who_could_have_been(app):
    paused = replace(RULES, paused=True)
    publish()
    seated = register(get_event(), "Ada", "Ben", "Cem")
    waits = register(get_event())
    publish(registration=paused)
    cancel(seated)
    assert load_registration(waits).state == State.WAITLISTED

    publish()

    assert load_registration(waits).state == State.CONFIRMED
