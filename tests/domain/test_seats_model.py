"""Seats against a model: any order of events leaves what a small model says."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from rsvp import errors
from rsvp.db import writing
from rsvp.domain import capacity, invariants, registrations, waitlist
from rsvp.extensions import db
from rsvp.models import Event, Registration
from tests.conftest import empty_database
from tests.factories import NOON, cancel, make_event, register


@dataclass
class Booking:
    """What the model knows of one registration; `place` orders the line."""

    way: str
    seats: int
    state: str
    place: int


class Model:
    """The rules in their plainest form: one line, caps, whole parties."""

    def __init__(
        self, caps: dict[str, int], room: int | None, keeps_line: bool
    ) -> None:
        self.caps, self.room, self.keeps_line = caps, room, keeps_line
        self.bookings: list[Booking] = []
        self.paused = False
        self.last_place = 0

    def taken(self, *ways: str) -> int:
        return sum(
            b.seats for b in self.bookings if b.state == "confirmed" and b.way in ways
        )

    def fits(self, way: str, seats: int) -> bool:
        if self.taken(way) + seats > self.caps[way]:
            return False
        return self.room is None or self.taken(*self.caps) + seats <= self.room

    def line(self) -> list[Booking]:
        waiting = [b for b in self.bookings if b.state == "waitlisted"]
        return sorted(waiting, key=lambda b: b.place)

    def rivals(self, way: str) -> list[Booking]:
        return [b for b in self.line() if self.room is not None or b.way == way]

    def move(self, booking: Booking, place: int) -> None:
        rivals = self.rivals(booking.way)
        places = [b.place for b in rivals]
        rivals.remove(booking)
        rivals.insert(place - 1, booking)
        for rival, number in zip(rivals, places, strict=True):
            rival.place = number

    def register(self, way: str, seats: int) -> str:
        usable = any(self.fits(b.way, b.seats) for b in self.rivals(way))
        state = "confirmed" if self.fits(way, seats) and not usable else "waitlisted"
        if state == "waitlisted" and not self.keeps_line:
            return "full"
        self.last_place += state == "waitlisted"
        self.bookings.append(Booking(way, seats, state, self.last_place))
        return state

    def promote(self) -> None:
        if self.paused:
            return
        for booking in self.line():
            if self.fits(booking.way, booking.seats):
                booking.state = "confirmed"


class Seats(RuleBasedStateMachine):
    """People come and go and caps change; database and model must agree after each."""

    @initialize(
        caps=st.tuples(st.integers(0, 5), st.integers(1, 5)),
        room=st.none() | st.integers(1, 7),
        keeps_line=st.booleans(),
    )
    def publish(self, caps, room, keeps_line):
        empty_database(self.app)
        self.event = make_event(
            {"key": "walk", "capacity": caps[0], "waitlist": keeps_line},
            {"key": "tea", "capacity": caps[1], "waitlist": keeps_line},
            room_capacity=room,
        )
        self.model = Model({"walk": caps[0], "tea": caps[1]}, room, keeps_line)
        self.outcomes = []

    @rule(way=st.sampled_from(["walk", "tea"]), seats=st.integers(1, 4))
    def register(self, way, seats):
        try:
            outcome = register(self.event, *["Somebody"] * seats, admission=way)
        except errors.PartyTooLarge:
            caps = [4, self.model.caps[way], self.model.room]
            limit = min(cap for cap in caps if cap is not None)
            assert seats > limit
            return
        except errors.RegistrationPaused:
            assert self.model.paused
            return
        except errors.AdmissionFull:
            assert self.model.register(way, seats) == "full"
            return
        self.outcomes.append(outcome)
        assert outcome.state == self.model.register(way, seats)

    @precondition(lambda self: self.outcomes)
    @rule(data=st.data())
    def cancel(self, data):
        number = data.draw(st.integers(0, len(self.outcomes) - 1))
        booking = self.model.bookings[number]
        try:
            cancel(self.outcomes[number])
        except errors.AlreadyOver:
            assert booking.state == "cancelled"
            return
        booking.state = "cancelled"
        self.model.promote()

    @precondition(lambda self: self.outcomes)
    @rule(data=st.data(), position=st.integers(1, 3))
    def give_up_a_guest(self, data, position):
        number = data.draw(st.integers(0, len(self.outcomes) - 1))
        booking = self.model.bookings[number]
        try:
            with writing():
                registrations.cancel_guest(
                    self.outcomes[number].registration_id,
                    position,
                    actor="attendee",
                    now=NOON,
                )
        except errors.AlreadyOver:
            return
        booking.seats -= 1
        self.model.promote()

    @precondition(lambda self: self.outcomes)
    @rule(data=st.data())
    def seat_above_the_cap(self, data):
        number = data.draw(st.integers(0, len(self.outcomes) - 1))
        booking = self.model.bookings[number]
        fits = self.model.fits(booking.way, booking.seats)
        with self.only_for_those_in_line(booking), writing():
            is_above = registrations.seat(
                self.outcomes[number].registration_id,
                why="A speaker",
                actor="user:1",
                now=NOON,
            )
            assert is_above is not fits
            booking.state = "confirmed"

    @precondition(lambda self: self.outcomes)
    @rule(data=st.data(), place=st.integers(1, 3))
    def move_in_line(self, data, place):
        number = data.draw(st.integers(0, len(self.outcomes) - 1))
        booking = self.model.bookings[number]
        with self.only_for_those_in_line(booking):
            try:
                with writing():
                    registrations.move_in_line(
                        self.outcomes[number].registration_id,
                        place,
                        actor="user:1",
                        now=NOON,
                    )
            except errors.NoSuchPlace:
                assert place > len(self.model.rivals(booking.way))
                return
            self.model.move(booking, place)
            self.model.promote()

    @contextmanager
    def only_for_those_in_line(self, booking):
        waited = booking.state == "waitlisted"
        try:
            yield
        except (errors.NotWaiting, errors.AlreadyOver):
            assert not waited
        else:
            assert waited

    @rule(way=st.sampled_from(["walk", "tea"]), seats=st.integers(0, 6))
    def change_capacity(self, way, seats):
        with writing():
            locked = capacity.lock_event(self.event.id)
            admission = next(a for a in locked.admissions.values() if a.key == way)
            capacity.set_capacity(admission, seats)
            waitlist.promote(locked, actor="command", now=NOON)
        self.model.caps[way] = seats
        self.model.promote()

    @precondition(lambda self: self.model.room is not None)
    @rule(seats=st.integers(0, 8))
    def change_room(self, seats):
        with writing():
            locked = capacity.lock_event(self.event.id)
            capacity.set_room(locked.event, seats)
            waitlist.promote(locked, actor="command", now=NOON)
        self.model.room = seats
        self.model.promote()

    @rule()
    def pause_or_go_on(self):
        with writing():
            locked = capacity.lock_event(self.event.id)
            locked.event.paused = not locked.event.paused
            waitlist.promote(locked, actor="command", now=NOON)
        self.model.paused = not self.model.paused
        self.model.promote()

    @invariant()
    def both_agree(self):
        if not hasattr(self, "model"):
            return
        db.session.rollback()
        states = db.session.scalars(
            select(Registration.state).order_by(Registration.id)
        )
        assert list(states) == [booking.state for booking in self.model.bookings]
        event = db.session.get_one(Event, self.event.id)
        for admission in event.admissions:
            assert admission.seats_taken == self.model.taken(admission.key)
        assert invariants.problems(NOON) == []

    def teardown(self):
        db.session.rollback()


@pytest.mark.parametrize("examples", [25, pytest.param(1000, marks=pytest.mark.soak)])
def test_seats_agree_with_the_model(app, examples):
    class SeatsHere(Seats):
        pass

    SeatsHere.app = app
    run_state_machine_as_test(
        SeatsHere,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
