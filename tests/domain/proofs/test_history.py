"""History: what several processes were told about one event, replayed in the order in
which they held its lock, is what the rules say; so is what the database ends with."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.models import Attendee, AuditEntry, Event, Registration
from rsvp.models.event import Promotion
from tests.domain.model.rules import EventModel
from tests.domain.model.seats import AdmissionModel, PartyModel
from tests.support import random_worker
from tests.support.factories import NOON, make_event
from tests.support.processes import processes

PROCESSES = 4
# (seeds, deeds of each process): `make soak` replays ten on each engine, 10,000 deeds
# each, and two of those whose order no lock tells.
FEW = [(1, 60), pytest.param(2, 60, marks=pytest.mark.soak)]
MANY = [
    pytest.param(seed, 10_000 // PROCESSES, marks=pytest.mark.soak)
    for seed in range(100, 110)
]
HELD_BY_ONE_CAP = ("cancel", "cancel_guest")


def history(app, event, **told) -> list[dict[str, Any]]:
    """What all of them asked and were told, one after the other."""
    lines: list[dict[str, Any]] = []
    event_id = event.id
    with processes(
        random_worker.act_at_random, app, PROCESSES, event=event_id, **told
    ) as all_:
        assert [each.hear() for each in all_] == ["ready"] * PROCESSES
        for each in all_:
            each.say("go")
        with ThreadPoolExecutor(PROCESSES) as pool:
            for heard in pool.map(lambda each: list(iter(each.hear, None)), all_):
                lines += heard
        assert all(each.end_well() for each in all_)
    return lines


@pytest.mark.parametrize(("seed", "steps"), [*FEW, *MANY])
def test_replaying_the_order_of_the_lock_gives_what_all_were_told(app, seed, steps):
    promotion = Promotion.OFFER if seed % 2 else Promotion.CONFIRM
    event = make_event(
        {"key": "hall", "capacity": 6},
        {"key": "balcony", "capacity": 4, "waitlist_max": 12},
        room_capacity=8,
        promotion=promotion,
    )
    evening = EventModel(
        {"hall": AdmissionModel(6), "balcony": AdmissionModel(4, longest=12)},
        event.starts_at,
        event.ends_at,
        event.doors_open_at,
        NOON,
        event.zone,
        room=8,
        offers=promotion == Promotion.OFFER,
    )
    event_id = event.id

    lines = history(app, event, seed=seed, steps=steps)

    told = Counter(line["told"] for line in lines)
    assert told["confirmed"] and told["waitlisted"] and told["done"]
    evening, changes = replay(evening, lines)
    assert in_the_database(event_id) == in_the_model(evening)
    assert invariants.find_problems(NOON) == []
    audited = db.session.scalars(
        select(AuditEntry.lock_number).where(AuditEntry.event_id == event_id)
    )
    assert set(audited) <= changes


def replay(
    evening: EventModel, lines: list[dict[str, Any]]
) -> tuple[EventModel, set[int]]:
    """Do it all again in the model; give the locks' numbers of what changed something.

    A number that a refused deed saw was given back and taken again by whoever changed
    something next, so the refusal was decided on what was there before that.
    """
    refused = [line for line in lines if is_refusal(line["told"])]
    ordered = [line for line in lines if line["lock"] is not None]
    ordered.sort(key=lambda line: (line["lock"], line not in refused))
    numbers = [line["lock"] for line in ordered if line not in refused]
    assert len(set(numbers)) == len(numbers), "two held the lock at the same time"
    for line in ordered:
        if line["told"] == "event_changed":
            continue  # the form was of before a change of the caps
        after, answer = evening.trying(lambda e, line=line: again(e, line))
        assert answer == line["told"], f"{line}: by the rules {answer}"
        evening = after
        if line["told"] == "confirmed" and line["verb"] != "set_cap":
            assert evening.parties[str(line["whom"])].holds
    return evening, set(numbers)


def is_refusal(told: str) -> bool:
    return told not in ("done", "confirmed", "waitlisted", "offered", "requested")


def again(evening: EventModel, line: dict[str, Any]) -> str | None:
    verb, whom, given = line["verb"], str(line["whom"]), line["given"]
    if verb == "register":
        people = list(range(given["size"]))
        party = PartyModel(whom, given["who"], given["way"], people, given["fewer_ok"])
        return evening.register(party)
    deed = getattr(evening, verb)
    if verb in ("set_cap", "set_room", "reserve"):
        return deed(*given)
    return deed(whom, *given)


def in_the_model(evening: EventModel) -> list[tuple[Any, ...]]:
    return sorted(
        (int(p.who), p.way, p.state, p.people, p.number, p.offered)
        for p in evening.parties.values()
    )


def in_the_database(event_id: int) -> list[tuple[Any, ...]]:
    db.session.rollback()
    found = db.session.scalars(
        select(Registration).where(Registration.event_id == event_id)
    )
    return sorted(
        (
            r.id,
            r.admission.key,
            r.state,
            [a.position for a in r.coming_attendees],
            r.line_number,
            r.offered_seats,
        )
        for r in found
    )


@pytest.mark.parametrize(("seed", "steps"), [FEW[0], *MANY[:2]])
def test_where_one_cap_applies_everybody_is_told_what_is_so(app, seed, steps):
    """No lock orders those who found a free seat, but what each was told stands."""
    event = make_event({"key": "hall", "capacity": 20})
    event_id = event.id

    lines = history(app, event, seed=seed, steps=steps, verbs=HELD_BY_ONE_CAP)

    assert invariants.find_problems(NOON) == []
    event = db.session.get_one(Event, event_id)
    assert event.admissions[0].seats_taken <= 20
    first = {
        entry.registration_id: entry.to_state
        for entry in db.session.scalars(
            select(AuditEntry).where(AuditEntry.verb == "register")
        )
    }
    asked = [line for line in lines if line["verb"] == "register"]
    for line in asked:
        # Of those who joined the line some were offered a part of it at once.
        was = "waitlisted" if line["told"] == "offered" else line["told"]
        assert first[line["whom"]] == was, line
    cancelled = {
        line["whom"]
        for line in lines
        if (line["verb"], line["told"]) == ("cancel", "done")
    }
    for line in asked:
        state = db.session.get_one(Registration, line["whom"]).state
        if line["whom"] in cancelled:
            assert state == "cancelled", line
        elif line["told"] == "confirmed":
            assert state == "confirmed", line
        else:
            assert state in ("waitlisted", "offered", "confirmed"), line
    gone = Counter(
        line["whom"]
        for line in lines
        if (line["verb"], line["told"]) == ("cancel_guest", "done")
    )
    given_up = Counter(
        db.session.scalars(
            select(Attendee.registration_id).where(Attendee.state == "cancelled")
        )
    )
    assert gone == given_up
