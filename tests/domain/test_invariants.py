"""`rsvp check`: silent on a sound database, and naming each row of a broken one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from rsvp.db import writing
from rsvp.domain.events import capacity_changes
from rsvp.domain.invariants import KINDS_BY_VERB, find_problems
from rsvp.domain.registrations import approval
from rsvp.models.audit import Verb
from rsvp.models.event import Promotion
from tests.support.factories import NOON, cancel, make_event, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine


def a_lively_evening():
    event = make_event({"capacity": 3}, {"capacity": 2}, room_capacity=4)
    for way in ("in-person", "way-1"):
        first = register(event, "Ada", "Grace", admission=way)
        register(event, admission=way)
        register(event, admission=way)
        if way == "way-1":
            cancel(first)
    return event


def another_with_offers():
    """Event 2, admission 3 of four seats, one of them reserved: Ada and Ben confirmed,
    Cem cancelled, Dee offered one of three, Gus waiting for two. And event 3, admission
    4: Ivy held. Gives their registrations' ids."""
    event = make_event({"capacity": 4}, promotion=Promotion.OFFER)
    with writing():
        capacity_changes.set_reserved_seats(event.id, 1, actor="user:1", now=NOON)
    people = {
        "ada": register(event),
        "ben": register(event),
        "cem": register(event),
        "dee": register(event, "Dee", "Eli", "Flo", fewer_ok=True),
        "gus": register(event, "Gus", "Hal"),
        "ivy": register(make_event({"capacity": 1}, confirm_address=True)),
    }
    cancel(people["cem"])
    return {name: outcome.registration_id for name, outcome in people.items()}


def broken(statement):
    with writing() as session:
        session.execute(text(statement))
    return [f"{p.rule} {p.table} {p.id}" for p in find_problems(NOON)]


# Nobody is mailed about these: they do it themselves, stand there, or can't be told.
SILENT_VERBS = {Verb.SAY_YES, Verb.MUTE, Verb.UNMUTE, Verb.PROVE_ADDRESS}
SILENT_VERBS |= {Verb.LET_BACK, Verb.ERASE_ONE, Verb.NOT_MAILED}
SILENT_VERBS |= {Verb.FLAG, Verb.MOVE_IN_LINE, Verb.TRY_AGAIN}


def test_of_every_verb_it_is_known_whether_people_are_told():
    assert set(KINDS_BY_VERB) == set(Verb) - SILENT_VERBS


@pytest.mark.both_engines
def test_a_sound_database_has_no_problems(app):
    a_lively_evening()
    another_with_offers()

    assert find_problems(NOON) == []


@for_each(
    ("statement", "found"),
    [
        # I1: counts
        (
            "UPDATE admissions SET seats_taken = seats_taken + 1 WHERE id = 1",
            ["I1 admissions 1", "I2 admissions 1"],
        ),
        (
            "UPDATE admissions SET waiting = waiting + 1 WHERE id = 2",
            ["I1 admissions 2"],
        ),
        (
            "UPDATE events SET room_taken = 5 WHERE id = 1",
            ["I1 events 1", "I2 events 1"],
        ),
        ("UPDATE events SET room_waiting = 9 WHERE id = 1", ["I1 events 1"]),
        (
            "UPDATE attendees SET state = 'cancelled' WHERE registration_id = 1",
            ["I1 registrations 1"],
        ),
        ("UPDATE events SET reserved_seats = 1 WHERE id = 1", ["I1 events 1"]),
        ("UPDATE events SET reserved_seats = 2 WHERE id = 2", ["I1 events 2"]),
        (
            "UPDATE admissions SET reserved = 0 WHERE id = 3",
            ["I1 admissions 3", "I1 events 2"],
        ),
        (
            "UPDATE registrations SET offered_seats = 2 WHERE id = {dee}",
            ["I1 admissions 3"],
        ),
        (
            "UPDATE registrations SET state = 'lapsed', decide_by = NULL "
            "WHERE id = {ivy}",
            ["I1 admissions 4", "I6 registrations {ivy}"],
        ),
        # I2: caps and ceilings
        ("UPDATE admissions SET capacity = 1 WHERE id = 1", ["I2 admissions 1"]),
        ("UPDATE events SET room_capacity = 3 WHERE id = 1", ["I2 events 1"]),
        ("UPDATE admissions SET ceiling = 9 WHERE id = 3", ["I2 admissions 3"]),
        ("UPDATE events SET room_ceiling = 9 WHERE id = 1", ["I2 events 1"]),
        # I3: what people are told
        ("DELETE FROM messages WHERE kind = 'offer'", ["I3 registrations {dee}"]),
        (
            "DELETE FROM messages WHERE registration_id = {ivy}",
            ["I3 registrations {ivy}"],
        ),
        (
            "UPDATE messages SET kind = 'changed' WHERE registration_id = {ada}",
            ["I3 registrations {ada}"],
        ),
        (
            "UPDATE messages SET created_at = '2027-01-15 13:00:00+00:00' "
            "WHERE registration_id = {ben}",
            ["I3 registrations {ben}"],
        ),
        # I4: somebody left waiting
        (
            "UPDATE registrations SET fewer_ok = true WHERE id = {gus}",
            [],
        ),
        ("UPDATE admissions SET capacity = 5 WHERE id = 3", []),
        ("UPDATE admissions SET capacity = 6 WHERE id = 3", ["I4 registrations {gus}"]),
        (
            "UPDATE admissions SET capacity = NULL WHERE id = 3",
            ["I4 registrations {gus}"],
        ),
        # I6: the audit log
        (
            "DELETE FROM audit_entries WHERE registration_id = {ben}",
            ["I6 registrations {ben}"],
        ),
        (
            "DELETE FROM audit_entries "
            "WHERE registration_id = {dee} AND verb = 'offer'",
            ["I6 registrations {dee}"],
        ),
        (
            "UPDATE audit_entries SET from_state = 'waitlisted' "
            "WHERE registration_id = {cem} AND verb = 'cancel'",
            ["I6 audit_entries"],
        ),
    ],
    fresh=True,
)
def test_a_broken_row_is_named(app, statement, found):
    a_lively_evening()
    people = another_with_offers()

    named = broken(statement.format(**people))

    found = [each.format(**people) for each in found]
    if found == ["I6 audit_entries"]:
        named = [each.rpartition(" ")[0] for each in named]
    assert named == found


@pytest.mark.both_engines
def test_a_place_missing_from_the_log_is_named_though_the_end_is_right(app):
    event = make_event({"capacity": 1})
    outcome = register(event)
    cancel(outcome)
    with writing():
        approval.reinstate(outcome.registration_id, actor="user:1", now=NOON)

    [problem] = broken("DELETE FROM audit_entries WHERE verb = 'cancel'")

    assert problem.startswith("I6 audit_entries ")


@pytest.mark.both_engines
def test_somebody_left_waiting_for_a_free_seat_is_named(app):
    event = make_event({"capacity": 1})
    register(event)
    waiting = register(event)
    with writing() as session:
        session.execute(text("UPDATE admissions SET capacity = 2"))

    [problem] = find_problems(NOON)

    assert (problem.rule, problem.id) == ("I4", waiting.registration_id)
    assert find_problems(event.starts_at - timedelta(minutes=1)) == []


def test_a_party_fine_with_fewer_is_left_waiting_by_a_single_seat(app):
    event = make_event({"capacity": 2})
    register(event, "Ada", "Grace")
    waiting = register(event, "Dee", "Eli", fewer_ok=True)

    found = broken("UPDATE admissions SET capacity = 3")

    assert found == [f"I4 registrations {waiting.registration_id}"]


def test_what_is_merely_overdue_is_no_problem(app):
    """The worker may be late: whoever touches the event next lets it lapse."""
    another_with_offers()

    assert find_problems(NOON + timedelta(days=7)) == []
