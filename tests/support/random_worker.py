"""A random worker: one of several processes that act on one event at the same time.

It says what it asked and what it was told, for each deed. `lock` is the number
of the event's lock under which that was decided.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from rsvp.domain import audit, capacity
from rsvp.extensions import db
from rsvp.models import Event, Registration
from tests.domain.model import actions
from tests.domain.model.seats import PartyModel
from tests.support.factories import NOON
from tests.support.processes import Wire

# How often each is done beside the others; a third of all deeds is registering.
OFTEN = {
    "cancel": 8,
    "accept": 8,
    "cancel_guest": 4,
    "add_guest": 4,
    "move": 4,
    "decline_offer": 3,
    "keep_place": 3,
    "reinstate": 3,
    "offer": 2,
    "move_in_line": 2,
    "set_cap": 2,
    "set_room": 2,
    "reserve": 1,
    "seat_above": 1,
    "release": 1,
}


def act_at_random(
    wire: Wire,
    *,
    number: int,
    event: int,
    seed: int,
    steps: int,
    verbs: Sequence[str] = tuple(OFTEN),
) -> None:
    dice = random.Random(f"{seed} {number}")
    capacity.lock_event = noting(capacity.lock_event)
    found = db.session.get_one(Event, event)
    here = Here(event, found.slug, [a.key for a in found.admissions], dice)
    db.session.remove()
    wire.say("ready")
    wire.hear()
    for step in range(steps):
        LOCKS.clear()
        if dice.random() < 1 / 3:
            line = register(here, f"{number}-{step}")
        else:
            [verb] = dice.choices(verbs, [OFTEN[verb] for verb in verbs])
            line = something(here, verb)
        if line:
            wire.say(line | {"lock": LOCKS.get(event)})
        db.session.remove()


LOCKS: dict[int, int] = {}
"""The number under which the last deed held an event's lock, if it did."""


def noting(lock_event: Callable[[int], Any]) -> Callable[[int], Any]:
    def lock_and_note(event_id: int) -> Any:
        locked = lock_event(event_id)
        LOCKS[event_id] = audit.held_lock_numbers()[event_id]
        return locked

    return lock_and_note


@dataclass
class Here:
    event_id: int
    slug: str
    ways: list[str]
    dice: random.Random


def register(here: Here, name: str) -> dict[str, Any]:
    way = here.dice.choice(here.ways)
    size = here.dice.choices((1, 2, 3), (5, 3, 1))[0]
    fewer_ok = size > 1 and here.dice.random() < 0.5
    party = PartyModel(name, f"{name}@example.org", way, list(range(size)), fewer_ok)
    answer, made = actions.register_party(here.slug, party, NOON)
    asked = {"who": name, "way": way, "size": size, "fewer_ok": fewer_ok}
    return {"verb": "register", "whom": made, "given": asked, "told": answer}


def something(here: Here, verb: str) -> dict[str, Any] | None:
    dice = here.dice
    given: list[Any] = {
        "set_cap": lambda: [dice.choice(here.ways), dice.randint(2, 7)],
        "set_room": lambda: [dice.randint(2, 9)],
        "reserve": lambda: [dice.randint(0, 2)],
        "cancel_guest": lambda: [dice.randint(1, 2)],
        "move": lambda: [dice.choice(here.ways)],
        "move_in_line": lambda: [dice.randint(1, 4)],
        "reinstate": lambda: [dice.random() < 0.2],
        "accept": lambda: [dice.choice([None, [0], [0, 1]])],
    }.get(verb, list)()
    whom = here.event_id if verb in actions.EVENT_ACTIONS else anybody(here)
    if whom is None:
        return None
    answer = actions.perform(verb, whom, *given, now=NOON)
    return {"verb": verb, "whom": whom, "given": given, "told": answer}


def anybody(here: Here) -> int | None:
    """One of the latest thirty, so that they meet each other."""
    latest = db.session.scalars(
        select(Registration.id)
        .where(Registration.event_id == here.event_id)
        .order_by(Registration.id.desc())
        .limit(30)
    ).all()
    db.session.rollback()
    return here.dice.choice(latest) if latest else None
