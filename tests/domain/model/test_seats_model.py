"""Seats against a model: any order of deeds leaves what a small model says.

A failing example is told as a story, a sentence for each deed and what came of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
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

from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.models import Registration
from rsvp.models.event import Allocation, Mode, Promotion
from tests.conftest import empty_database
from tests.domain.model import actions
from tests.domain.model.rules import EventModel
from tests.domain.model.seats import LIVE, OVER, AdmissionModel, PartyModel
from tests.support.factories import make_event

NAMES = (
    "Ada",
    "Bo",
    "Chen",
    "Dina",
    "Ed",
    "Fay",
    "Gus",
    "Hana",
    "Ines",
    "Jo",
    "Kai",
    "Lea",
    "Mo",
    "Nia",
    "Otto",
    "Pia",
    "Quin",
    "Rui",
    "Sol",
    "Tom",
    "Una",
    "Vic",
    "Wim",
    "Xan",
    "Yara",
    "Zoë",
)
WAYS = ("walk", "tea", "call")
STARTS = datetime(2027, 1, 29, 18, 0)
MINUTES = (1, 44, 45, 60, 119, 120, 239, 240, 600, 24 * 60, 3 * 24 * 60)
MOMENTS = ("the next deadline", "doors", "the start", "the standby", "the end")

CAME_OF_IT = {
    "done": "",
    "held": " and has a place once the address is confirmed",
    "requested": " and waits for approval",
    "confirmed": " and has a place",
    "offered": " and is made an offer",
    "waitlisted": " and is put in line",
    "mailed again": " and is mailed what there is",
}

places = st.integers(0, 40)
"""Who does something: see `pick`."""


def anybody(*states: str) -> Any:
    """For a rule that is about somebody in one of these states."""
    return precondition(
        lambda self: any(p.state in states for p in self.model.parties.values())
    )


class Seats(RuleBasedStateMachine):
    """People come and go, caps and clocks change; both must agree after each deed."""

    app: Flask

    @initialize(
        caps=st.tuples(*[st.sampled_from([2, 1, 3, 5, 0, None])] * 3),
        room=st.sampled_from([None, 3, 1, 2, 5, 7]),
        lines=st.sampled_from([True, True, True, False]),
        longest=st.none() | st.integers(0, 5),
        reserved=st.sampled_from([0, 0, 0, 1, 2]),
        how=st.sampled_from(["at once", "by mail first", "by approval"]),
        offers=st.booleans(),
        standby=st.sampled_from([None, 15]),
        before=st.sampled_from([14 * 24, 14 * 24, 49, 47, 20, 7, 5, 0.75]),
    )
    def publish(
        self, caps, room, lines, longest, reserved, how, offers, standby, before
    ):
        empty_database(self.app)
        self.story: list[str] = []
        self.ids: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        if room is None and caps == (None,) * 3:
            reserved = 0
        event = make_event(
            *(
                {
                    "key": way,
                    "capacity": cap,
                    "waitlist": lines,
                    "waitlist_max": longest,
                    "mode": Mode.ONLINE if way == "call" else Mode.IN_PERSON,
                }
                for way, cap in zip(WAYS, caps, strict=True)
            ),
            room_capacity=room,
            starts=STARTS,
            confirm_address=how == "by mail first",
            allocation=(
                Allocation.APPROVAL if how == "by approval" else Allocation.FIRST_COME
            ),
            promotion=Promotion.OFFER if offers else Promotion.CONFIRM,
            standby_minutes=standby,
        )
        self.event_id, self.slug = event.id, event.slug
        self.model = EventModel(
            {
                way: AdmissionModel(cap, lines, longest, in_person=way != "call")
                for way, cap in zip(WAYS, caps, strict=True)
            },
            event.starts_at,
            event.ends_at,
            event.doors_open_at,
            now=event.starts_at - timedelta(hours=before),
            zone=event.zone,
            room=room,
            offers=offers,
            by_approval=how == "by approval",
            by_mail_first=how == "by mail first",
            standby=None if standby is None else timedelta(minutes=standby),
        )
        caps_told = ", ".join(f"{w} for {c}" for w, c in zip(WAYS, caps, strict=True))
        self.story.append(
            f"An evening: {caps_told}, room for {room}; places go {how}; "
            f"{'offered' if offers else 'given'} to the line"
            f"{'' if lines else ' (there is none)'}"
            f"{'' if longest is None else f' of at most {longest}'}; "
            f"it begins in {before:g} hours"
        )
        if reserved:
            self.reserve(reserved)

    # --- asking ---------------------------------------------------------------------

    @precondition(lambda self: len(self.ids) < len(NAMES))
    @rule(way=st.sampled_from(WAYS))
    def come_alone(self, way):
        self.ask(way, 1, False)

    @precondition(lambda self: len(self.ids) < len(NAMES))
    @rule(way=st.sampled_from(WAYS), size=st.integers(1, 5), fewer_ok=st.booleans())
    def register(self, way, size, fewer_ok):
        self.ask(way, size, fewer_ok)

    @precondition(lambda self: 0 < len(self.ids) < len(NAMES))
    @rule(whom=places)
    def register_again(self, whom):
        before = self.model.parties[self.pick(whom)]
        # A fourth mail within the hour would be refused for another reason.
        if self.asked.get(before.address, 0) < 2:
            self.ask(before.way, 1, False, before)

    def ask(self, way, size, fewer_ok, before=None):
        who = NAMES[len(self.ids)]
        address = f"{who.lower()}@example.org" if before is None else before.address
        fewer_ok = fewer_ok and size > 1
        party = PartyModel(who, address, way, list(range(size)), fewer_ok)
        self.asked[address] = self.asked.get(address, 0) + 1
        asks = f"{who} asks for {size} seat{'s'[: size - 1]} at the {way}"
        asks += " (fewer is fine)" if fewer_ok else ""
        asks += "" if before is None else f" with the address of {before.who}"
        with self.told(asks):
            after, expected = self.model.trying(lambda e: e.register(party))
            answer, made = actions.register_party(self.slug, party, self.model.now)
            if made:
                self.ids[who] = made
            self.compare(after, expected, answer)

    # --- by whoever registered ------------------------------------------------------

    @anybody("held", "lapsed")
    @rule(whom=places)
    def confirm_address(self, whom):
        who = self.pick(whom, "held", "lapsed")
        self.do("confirm_address", who, f"{who} confirms the address")

    @anybody(*LIVE, "released")
    @rule(whom=places)
    def cancel(self, whom):
        who = self.pick(whom, *LIVE, "released")
        self.do("cancel", who, f"{who} cancels")

    @anybody(*LIVE)
    @rule(whom=places, position=st.integers(0, 4))
    def cancel_guest(self, whom, position):
        who = self.pick(whom, *LIVE, size=2)
        self.do("cancel_guest", who, f"{who} cancels guest {position}", position)

    @anybody(*LIVE)
    @rule(whom=places)
    def add_guest(self, whom):
        who = self.pick(whom, *LIVE)
        self.do("add_guest", who, f"{who} brings one more")

    @anybody(*LIVE)
    @rule(whom=places, way=st.sampled_from(WAYS))
    def move(self, whom, way):
        who = self.pick(whom, *LIVE)
        self.do("move", who, f"{who} moves to the {way}", way)

    @anybody("offered", "lapsed")
    @rule(whom=places, coming=st.none() | st.sets(st.integers(0, 3)))
    def accept(self, whom, coming):
        who = self.pick(whom, "offered", "lapsed")
        named = None if coming is None else sorted(coming)
        for_whom = "" if named is None else f" for {named}"
        self.do("accept", who, f"{who} accepts the offer{for_whom}", named)

    @anybody("offered")
    @rule(whom=places)
    def decline_offer(self, whom):
        who = self.pick(whom, "offered")
        self.do("decline_offer", who, f"{who} declines the offer")

    @anybody("offered")
    @rule(whom=places)
    def keep_place(self, whom):
        who = self.pick(whom, "offered")
        self.do("keep_place", who, f"{who} puts the offer off")

    # --- by an organizer ------------------------------------------------------------

    @anybody("requested")
    @rule(whom=places)
    def approve(self, whom):
        who = self.pick(whom, "requested")
        self.do("approve", who, f"{who} is approved")

    @anybody("requested")
    @rule(whom=places)
    def decline(self, whom):
        who = self.pick(whom, "requested")
        self.do("decline", who, f"{who} is declined")

    @anybody(*OVER, "released")
    @rule(whom=places, above=st.booleans())
    def reinstate(self, whom, above):
        who = self.pick(whom, *OVER, "released")
        how = "whatever the caps say" if above else "by the rules"
        self.do("reinstate", who, f"{who} is brought back {how}", above)

    @anybody("waitlisted")
    @rule(whom=places)
    def offer(self, whom):
        who = self.pick(whom, "waitlisted")
        self.do("offer", who, f"{who} is made an offer by hand")

    @anybody("waitlisted")
    @rule(whom=places)
    def seat_above(self, whom):
        who = self.pick(whom, "waitlisted")
        self.do("seat_above", who, f"{who} is seated whatever the caps say")

    @anybody("waitlisted")
    @rule(whom=places, place=st.integers(0, 4))
    def move_in_line(self, whom, place):
        who = self.pick(whom, "waitlisted")
        self.do(
            "move_in_line", who, f"{who} is put at place {place} of the line", place
        )

    @anybody("confirmed")
    @rule(whom=places)
    def release(self, whom):
        who = self.pick(whom, "confirmed")
        self.do("release", who, f"The seats of {who} are given on")

    @anybody("waitlisted")
    @rule(whom=places)
    def seat_present(self, whom):
        who = self.pick(whom, "waitlisted")
        self.do("seat_present", who, f"{who} stands at the door and asks for a seat")

    @rule(way=st.sampled_from(WAYS), seats=st.none() | st.integers(0, 6))
    def set_cap(self, way, seats):
        self.do("set_cap", None, f"The {way} is made to take {seats}", way, seats)

    @rule(seats=st.none() | st.integers(0, 8))
    def set_room(self, seats):
        self.do("set_room", None, f"The room is made to take {seats}", seats)

    @rule(seats=st.integers(0, 3))
    def reserve(self, seats):
        self.do("reserve", None, f"{seats} seats are reserved", seats)

    @rule()
    def pause_or_resume(self):
        verb = "resume" if self.model.paused else "pause"
        self.do(verb, None, f"The organizer says: {verb}")

    # --- the clock ------------------------------------------------------------------

    @rule(minutes=st.sampled_from(MINUTES))
    def time_passes(self, minutes):
        with self.told(f"{minutes} minutes pass"):
            self.model.now += timedelta(minutes=minutes)

    @rule(moment=st.sampled_from(MOMENTS), early=st.booleans())
    def time_comes(self, moment, early):
        ends = [p.until for p in self.model.parties.values() if p.until]
        at = {
            "the next deadline": min(ends, default=self.model.now),
            "doors": self.model.doors,
            "the start": self.model.starts,
            "the standby": self.model.starts + timedelta(minutes=15),
            "the end": self.model.ends,
        }[moment] - timedelta(seconds=early)
        if at > self.model.now:
            words = "It is a second before" if early else "Now is"
            with self.told(f"{words} {moment}"):
                self.model.now = at

    @rule()
    def settle(self):
        self.do("settle", None, "The worker comes by")

    # --- what all of them share -----------------------------------------------------

    def pick(self, number: int, *states: str, size: int = 1) -> str:
        """One who is in one of these states, where there is any; from 30 on anybody."""
        parties = list(self.model.parties.values())
        fit = [p for p in parties if p.state in states and p.size >= size]
        chosen = parties if number >= 30 or not fit else fit
        return chosen[number % len(chosen)].who

    def do(self, verb: str, who: str | None, sentence: str, *given: Any) -> None:
        words = given if who is None else (who, *given)
        with self.told(sentence):
            after, expected = self.model.trying(lambda e: getattr(e, verb)(*words))
            whom = self.event_id if who is None else self.ids[who]
            answer = actions.perform(verb, whom, *given, now=self.model.now)
            self.compare(after, expected, answer)

    @contextlib.contextmanager
    def told(self, sentence: str) -> Iterator[None]:
        self.story.append(sentence)
        try:
            yield
        except Exception as error:
            error.add_note("\n".join(["The story:", *self.story]))
            raise

    def compare(self, after: EventModel, expected: str, answer: str) -> None:
        self.story[-1] += CAME_OF_IT.get(answer, f", but no: {answer}")
        assert answer == expected, f"by the rules {expected}"
        self.model = after

    @invariant()
    def both_agree(self):
        if not hasattr(self, "model"):
            return
        db.session.rollback()
        found = db.session.scalars(select(Registration).order_by(Registration.id))
        names = {number: name for name, number in self.ids.items()}
        there = {names[r.id]: self.as_told(r) for r in found}
        by_rules = {p.who: self.as_ruled(p) for p in self.model.parties.values()}
        try:
            assert there == by_rules
            assert invariants.find_problems(self.model.now) == []
        except AssertionError as error:
            error.add_note("\n".join(["The story:", *self.story]))
            raise
        finally:
            db.session.rollback()

    def as_told(self, r: Registration) -> tuple[Any, ...]:
        people = [a.position for a in r.coming_attendees]
        facts = (r.admission.key, people, r.state, r.line_number, r.offered_seats)
        return self.seen(*facts, r.decide_by)

    def as_ruled(self, p: PartyModel) -> tuple[Any, ...]:
        return self.seen(p.way, p.people, p.state, p.number, p.offered, p.until)

    def seen(self, way, people, state, number, offered, until) -> tuple[Any, ...]:
        if until is not None and until <= self.model.now:
            # Whether somebody has noticed yet makes no difference.
            return (way, people, "lapsed", None, None, None)
        return (way, people, state, number, offered, until)

    def teardown(self):
        db.session.rollback()


@pytest.mark.parametrize("examples", [6, pytest.param(1000, marks=pytest.mark.soak)])
def test_seats_agree_with_the_model(app, examples):
    class SeatsHere(Seats):
        pass

    SeatsHere.app = app
    run_state_machine_as_test(
        SeatsHere,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_fails_is_told_as_a_story(sqlite_app):
    with sqlite_app.app_context():
        seats = Seats()
        seats.app = sqlite_app
        evening = {"how": "at once", "offers": True, "standby": 15, "before": 336}
        evening |= {"lines": True, "longest": None, "reserved": 0}
        seats.publish(caps=(2, 1, None), room=None, **evening)
        seats.register("walk", 2, False)
        seats.come_alone("walk")
        seats.cancel(0)
        seats.model.parties["Bo"].offered = 2

        with pytest.raises(AssertionError) as failed:
            seats.both_agree()

    assert "\n".join(failed.value.__notes__).splitlines() == [
        "The story:",
        "An evening: walk for 2, tea for 1, call for None, room for None; places go at "
        "once; offered to the line; it begins in 336 hours",
        "Ada asks for 2 seats at the walk and has a place",
        "Bo asks for 1 seat at the walk and is put in line",
        "Ada cancels",
    ]
