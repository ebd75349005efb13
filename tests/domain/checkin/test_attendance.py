"""Stays: who is in, and when, is what the scans of an attendee come to."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from rsvp.db import writing
from rsvp.domain import invariants
from rsvp.domain.checkin.attendance import Passage, fold_passages
from rsvp.extensions import db
from rsvp.models import CheckIn
from rsvp.models.checkin import Direction
from tests.conftest import empty_database
from tests.support.door import (
    DOORS_OPEN_AT,
    DURING_ENTRY,
    attendees_of,
    make_phone,
    record_scan,
)
from tests.support.factories import make_event, register
from tests.support.for_each import for_each

# --- who is in ----------------------------------------------------------------------


def passage(minute: int, way: str) -> Passage:
    return Passage(DURING_ENTRY + timedelta(minutes=minute), uuid4(), Direction(way))


@for_each(
    ("ways", "found"),
    [
        ([], []),
        ([(1, "in")], [(1, None)]),
        ([(1, "in"), (5, "out")], [(1, 5)]),
        ([(1, "in"), (5, "out"), (7, "in")], [(1, 5), (7, None)]),
        ([(7, "in"), (1, "in"), (5, "out")], [(1, 5), (7, None)]),
        # Two doors let the same ticket in: the earlier counts.
        ([(3, "in"), (1, "in")], [(1, None)]),
        ([(1, "out"), (2, "in")], [(2, None)]),
        ([(1, "in"), (2, "out"), (3, "out")], [(1, 2)]),
    ],
)
def test_who_is_in_follows_from_the_passages(ways, found):
    def minute(at):
        return at and int((at.at - DURING_ENTRY).total_seconds() // 60)

    stayed = fold_passages([passage(at, way) for at, way in ways])

    assert [(minute(s.entry), minute(s.out)) for s in stayed] == found


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["in", "out"]))))
def test_in_whatever_order_they_arrive_the_fold_is_the_same(ways):
    passages = [passage(at, way) for at, way in ways]

    once, turned = fold_passages(passages), fold_passages(passages[::-1])

    assert once == turned
    assert all(stay.out for stay in once[:-1])
    times = [t for s in once for t in (s.entry.at, s.out.at if s.out else None) if t]
    assert times == sorted(times)


# --- what must hold -----------------------------------------------------------------


def test_check_names_check_ins_that_the_scans_do_not_come_to(app):
    event = make_event()
    register(event, "Zoë")
    register(event, "Ada")
    zoe, ada = attendees_of(event)
    phone = make_phone(event)
    record_scan(phone, zoe)
    record_scan(phone, ada)
    assert invariants.find_problems(DURING_ENTRY) == []

    with writing() as session:
        session.execute(delete(CheckIn).where(CheckIn.attendee_id == zoe.id))

    [problem] = invariants.find_problems(DURING_ENTRY)
    assert (problem.rule, problem.table, problem.id) == ("I5", "attendees", zoe.id)


WAYS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(["in", "out", "undo"]),
        st.integers(-30, 30),  # minutes by which the phone sends it late
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(ways=WAYS)
def test_whatever_is_scanned_the_check_ins_are_what_the_scans_come_to(sqlite_app, ways):
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        event = make_event()
        register(event, "A", "B", "C")
        people = attendees_of(event)
        phone = make_phone(event, now=DOORS_OPEN_AT)
        made = []
        for number, (who, way, late) in enumerate(ways):
            now = DURING_ENTRY + timedelta(minutes=40 + number)
            at = now - timedelta(minutes=abs(late))
            if way == "undo":
                if made:
                    record_scan(phone, None, way, of=made.pop(), now=now, at=now)
            else:
                made.append(
                    record_scan(phone, people[who], way, now=now, at=at).scan_id
                )
        problems = [p for p in invariants.find_problems(DURING_ENTRY) if p.rule == "I5"]
        db.session.remove()

    assert problems == []
