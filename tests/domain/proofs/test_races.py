"""Races for the last seats: never one too many, nobody left beside a free seat."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa

from rsvp import errors
from rsvp.db import writing
from rsvp.domain import audit, capacity, invariants, waitlist
from rsvp.extensions import db
from rsvp.models import Event, Registration
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.threads import BackgroundCall

RUSH = 24


def rush(app, event, clients=RUSH, **wanted):
    """That many people press the button at the same moment; their outcomes."""
    start = threading.Barrier(clients, timeout=30)

    def press(number):
        with app.app_context():
            start.wait()
            try:
                return register(
                    event, email=f"{event.id}-{number}@example.org", **wanted
                )
            finally:
                db.session.remove()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(press, range(clients)))


def cut_loose(event):
    """Leave the event's values readable from other threads, whose sessions differ."""
    db.session.refresh(event)
    db.session.remove()


def seated(event):
    db.session.rollback()
    return db.session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Registration.seats), 0)).where(
            Registration.event_id == event.id, Registration.state == "confirmed"
        )
    )


@pytest.mark.parametrize("rushes", [1, pytest.param(40, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "values",
    [{}, {"room_capacity": 5}],
    ids=["one cap", "two caps"],
)
def test_a_rush_fills_exactly_the_seats_and_lines_the_others_up(app, values, rushes):
    for _ in range(rushes):
        fills_exactly_the_seats(app, values)


def fills_exactly_the_seats(app, values):
    event = make_event({"capacity": 5 if not values else 9}, **values)
    cut_loose(event)

    outcomes = rush(app, event)

    assert Counter(o.state for o in outcomes) == {
        "confirmed": 5,
        "waitlisted": RUSH - 5,
    }
    assert seated(event) == 5
    numbers = db.session.scalars(
        sa.select(Registration.line_number)
        .where(Registration.event_id == event.id, Registration.state == "waitlisted")
        .order_by(Registration.line_number)
    )
    assert list(numbers) == list(range(1, RUSH - 4))
    assert invariants.find_problems(NOON) == []


def test_without_its_guard_the_same_rush_oversells(app, monkeypatch):
    event = make_event({"capacity": 5})
    cut_loose(event)
    monkeypatch.setattr(capacity, "seats_fit", lambda seats: sa.true())
    monkeypatch.setattr(capacity, "CLAIM_WITHOUT_LOCK", capacity.claim_statement())

    rush(app, event)

    assert seated(event) > 5


def test_one_address_pressing_many_times_at_once_is_registered_once(app):
    event = make_event({"capacity": 3})
    cut_loose(event)
    start = threading.Barrier(8, timeout=30)

    def press(_):
        with app.app_context():
            start.wait()
            try:
                return register(event, email="ada@example.org").kind
            except errors.TooManyMails:
                return "refused"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as pool:
        kinds = Counter(pool.map(press, range(8)))

    assert kinds == {"made": 1, "mailed": 2, "refused": 5}
    assert seated(event) == 1


def test_one_form_sent_many_times_at_once_is_registered_once(app):
    """Where an address may hold several, only the form's own id tells them apart."""
    event = make_event({"capacity": 3}, several=True)
    cut_loose(event)
    start, submission = threading.Barrier(8, timeout=30), uuid4()

    def press(_):
        with app.app_context():
            start.wait()
            try:
                outcome = register(
                    event, "Ada", email="ada@example.org", submission=submission
                )
            finally:
                db.session.remove()
            return outcome.kind, outcome.registration_id

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))

    assert Counter(kind for kind, _ in answers) == {"made": 1, "again": 7}
    assert len({number for _, number in answers}) == 1
    assert seated(event) == 1


def test_giving_up_and_registering_at_once_leaves_no_seat_empty(app):
    event = make_event({"capacity": 8})
    leaving = [register(event) for _ in range(8)]
    cut_loose(event)
    start = threading.Barrier(16, timeout=30)

    def act(number):
        with app.app_context():
            start.wait()
            try:
                if number < 8:
                    cancel(leaving[number])
                else:
                    register(event, email=f"new-{number}@example.org")
            finally:
                db.session.remove()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, range(16)))

    assert seated(event) == 8
    assert invariants.find_problems(NOON) == []


def test_two_who_give_the_same_place_up_at_once_free_it_once(app):
    event = make_event({"capacity": 2})
    outcome = register(event, "Ada", "Grace")
    db.session.remove()
    start = threading.Barrier(4, timeout=30)

    def give_up(_):
        with app.app_context():
            start.wait()
            try:
                cancel(outcome)
            except errors.AlreadyOver:
                return "already over"
            finally:
                db.session.remove()
            return "cancelled"

    with ThreadPoolExecutor(4) as pool:
        answers = Counter(pool.map(give_up, range(4)))

    assert answers == {"cancelled": 1, "already over": 3}
    assert load_registration(outcome).admission.seats_taken == 0


def test_a_seat_given_up_just_after_a_failed_claim_is_not_missed(app, monkeypatch):
    event = make_event({"capacity": 1})
    leaving = register(event)
    claim_at_once, lock_event = capacity.claim_seats_without_lock, capacity.lock_event
    claims = []

    def claim_and_note(*args):
        claims.append(claim_at_once(*args))
        return claims[-1]

    monkeypatch.setattr(capacity, "claim_seats_without_lock", claim_and_note)

    def leave_before_the_lock(event_id):
        monkeypatch.setattr(capacity, "lock_event", lock_event)
        if db.engine.dialect.name == "postgresql":
            BackgroundCall(app, cancel, leaving).result()
        return lock_event(event_id)

    monkeypatch.setattr(capacity, "lock_event", leave_before_the_lock)
    newcomer = register(event)

    assert claims == [False]
    if db.engine.dialect.name == "sqlite":
        # Nobody can leave in between there: the whole attempt holds the write lock.
        assert newcomer.state == "waitlisted"
        cancel(leaving)
    assert load_registration(newcomer).state == "confirmed"
    assert invariants.find_problems(NOON) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("guarded", [True, False], ids=["locked", "lock taken out"])
def test_the_lost_wake_up(postgresql_app, monkeypatch, guarded):
    """Somebody leaves while a newcomer is joining the line.

    Under the event's lock the one who leaves waits, and then finds the newcomer there.
    With the lock taken out, the seat stays empty and the newcomer waits for nothing.
    """
    with postgresql_app.app_context():
        event = make_event({"capacity": 1})
        leaving = register(event)
        join_line = capacity.join_waitlist
        beside = []

        def join_while_somebody_leaves(*args):
            monkeypatch.setattr(capacity, "join_waitlist", join_line)
            beside.append(BackgroundCall(postgresql_app, cancel, leaving))
            beside[0].until_it_waits()
            return join_line(*args)

        monkeypatch.setattr(capacity, "join_waitlist", join_while_somebody_leaves)
        if not guarded:
            monkeypatch.setattr(capacity, "lock_event", look_without_lock)
        newcomer = register(event)
        beside[0].result()

        found = [p for p in invariants.find_problems(NOON) if p.rule == "I4"]
        assert load_registration(newcomer).state == (
            "confirmed" if guarded else "waitlisted"
        )
        assert bool(found) is not guarded
        with writing() as session:
            session.execute(sa.update(Event).values(status="draft"))


@pytest.mark.postgresql
def test_who_has_the_lock_next_waits_for_it_and_has_the_next_number(postgresql_app):
    with postgresql_app.app_context():
        event_id = make_event().id
        db.session.remove()

        def lock() -> int:
            with writing():
                capacity.lock_event(event_id)
                return audit.held_lock_numbers()[event_id]

        with writing():
            capacity.lock_event(event_id)
            number = audit.held_lock_numbers()[event_id]
            other = BackgroundCall(postgresql_app, lock)
            other.until_it_waits()
            assert other.came == []

        assert other.result() == number + 1


def look_without_lock(event_id):
    session = db.session()
    event = session.get_one(Event, event_id, populate_existing=True)
    return capacity.LockedEvent(event, {a.id: a for a in event.admissions})


def test_the_line_is_the_only_way_past_a_full_room(app):
    event = make_event({"capacity": 1})
    register(event)

    assert register(event).state == "waitlisted"
    with writing():
        locked = capacity.lock_event(event.id)
        assert waitlist.promote(locked, actor="command", now=NOON) == []
