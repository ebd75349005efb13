"""Check-in: scans of phones and by hand, whenever and in whatever order they come."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from rsvp import tokens
from rsvp.db import write, writing
from rsvp.domain import invariants
from rsvp.domain.checkin import results, scans
from rsvp.errors import AlreadyCheckedIn, NotAdmitted
from rsvp.extensions import db
from rsvp.models import Attendee, Device, RetiredCode, Scan
from rsvp.models.checkin import Verdict
from tests.support.door import (
    DOORS_OPEN_AT,
    DURING_ENTRY,
    attendees_of,
    code_of,
    count_scans,
    make_phone,
    make_scan_input,
    record_scan,
    stays_of_event,
)
from tests.support.factories import NOON, cancel, make_event, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

# --- scans --------------------------------------------------------------------------


@pytest.mark.both_engines
def test_a_guest_is_welcome_then_already_in_then_back(app):
    event = make_event()
    register(event, "Zoë Ωmega", "Ada Guest")
    zoe, ada = attendees_of(event)
    phone, other = make_phone(event), make_phone(event, "Side door")

    first = record_scan(phone, zoe)
    second = record_scan(other, zoe, now=DURING_ENTRY + timedelta(minutes=2))
    left = record_scan(other, zoe, "out", now=DURING_ENTRY + timedelta(minutes=60))
    back = record_scan(phone, zoe, now=DURING_ENTRY + timedelta(minutes=90))

    assert (first.verdict, first.name, first.admission) == (
        Verdict.WELCOME,
        "Zoë Ωmega",
        "In person",
    )
    assert [(p.name, p.is_in, p.is_this) for p in first.party] == [
        ("Zoë Ωmega", True, True),
        ("Ada Guest", False, False),
    ]
    assert (second.verdict, second.door) == (Verdict.ALREADY_IN, "Main entrance")
    assert second.at == first.at
    assert left.verdict == Verdict.LEFT
    assert not left.party[0].is_in
    assert back.verdict == Verdict.LEFT_AND_BACK
    assert [a for a, *_ in stays_of_event(event)] == [zoe.id, zoe.id]
    assert results.count_attendance(event.id) == results.AttendanceCounts(
        inside=1, expected=2
    )
    assert record_scan(phone, ada).verdict == Verdict.WELCOME
    assert results.count_attendance(event.id).inside == 2


@pytest.mark.both_engines
def test_a_scan_that_is_sent_twice_is_stored_once_and_answered_the_same(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone = make_phone(event)
    twice = uuid4()

    first = record_scan(phone, zoe, id=twice)
    again = record_scan(phone, zoe, id=twice, now=DURING_ENTRY + timedelta(minutes=3))

    assert again == first
    assert first.verdict == Verdict.WELCOME
    assert count_scans() == 1


def record_from(phone_id, reading):
    """Keep a scan of a phone, which is looked up in the same transaction."""
    phone = db.session.get_one(Device, phone_id)
    return scans.record_scan(reading, phone, now=DURING_ENTRY)


@pytest.mark.both_engines
def test_a_scan_sent_twice_at_once_is_stored_once(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone_id, code, twice = make_phone(event).id, code_of(zoe), uuid4()
    start = threading.Barrier(4, timeout=30)
    answers = []

    def send():
        with app.app_context():
            start.wait()
            answers.append(
                write(record_from, phone_id, make_scan_input(code, id=twice))
            )

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [a.verdict for a in answers] == [Verdict.WELCOME] * 4
    assert count_scans() == 1
    assert len(stays_of_event(event)) == 1


@pytest.mark.both_engines
def test_two_doors_at_once_let_a_ticket_in_once(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phones = [make_phone(event, f"Door {n}").id for n in range(6)]
    code, start, verdicts = code_of(zoe), threading.Barrier(6, timeout=30), []

    def send(phone_id):
        with app.app_context():
            start.wait()
            answer = write(record_from, phone_id, make_scan_input(code))
            verdicts.append(answer.verdict)

    threads = [threading.Thread(target=send, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(verdicts) == [Verdict.ALREADY_IN] * 5 + [Verdict.WELCOME]
    assert count_scans() == 6
    assert len(stays_of_event(event)) == 1
    assert invariants.find_problems(DURING_ENTRY) == []


@pytest.mark.both_engines
def test_nobody_is_let_in_while_being_cancelled(app):
    event = make_event({"capacity": None})
    made = [register(event) for _ in range(8)]
    phone_id = make_phone(event).id
    pairs = list(zip(made, map(code_of, attendees_of(event)), strict=True))

    def let_in(code, start):
        with app.app_context():
            start.wait()
            write(record_from, phone_id, make_scan_input(code))

    def give_up(outcome, start):
        with app.app_context():
            start.wait()
            with contextlib.suppress(AlreadyCheckedIn):
                cancel(outcome, now=NOON)

    for outcome, code in pairs:
        start = threading.Barrier(2, timeout=30)
        threads = [
            threading.Thread(target=let_in, args=(code, start)),
            threading.Thread(target=give_up, args=(outcome, start)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    inside = {attendee for attendee, _, left in stays_of_event(event) if left is None}
    for attendee in attendees_of(event):
        is_seated = attendee.registration.state == "confirmed"
        assert is_seated == (attendee.id in inside)


def test_another_phones_scan_keeps_its_id(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    made = record_scan(make_phone(event), zoe)

    with pytest.raises(NotAdmitted):
        record_scan(make_phone(event), zoe, id=made.scan_id)


def test_a_code_of_another_event_tells_nothing_about_whose_it_is(app):
    here, there = make_event(), make_event()
    register(there, "Canary")
    [canary] = attendees_of(there)

    answer = record_scan(make_phone(here), canary)

    assert answer.verdict == Verdict.WRONG_EVENT
    assert (answer.name, answer.party, answer.admission) == (None, [], None)
    assert stays_of_event(there) == []
    assert db.session.query(Scan.attendee_id).one() == (None,)


def test_a_code_nobody_has_is_unknown_and_kept(app):
    event = make_event()

    answer = record_scan(make_phone(event), b"x" * 16)

    assert (answer.verdict, answer.name) == (Verdict.UNKNOWN, None)
    assert count_scans() == 1


def test_a_code_that_was_replaced_says_so_and_no_name(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    old = code_of(zoe)
    with writing() as session:
        session.add(
            RetiredCode(
                code_id=zoe.code_id,
                event_id=event.id,
                attendee_id=zoe.id,
                retired_at=NOON,
            )
        )
        new = tokens.attendee_code(bytes(32), zoe.uuid, 1)
        session.execute(update(Attendee).values(code_id=tokens.code_id(new)))
    phone = make_phone(event)

    assert record_scan(phone, old).verdict == Verdict.REPLACED
    assert record_scan(phone, old).name is None
    assert record_scan(phone, new).verdict == Verdict.WELCOME


@for_each("end", ["registration", "guest"])
def test_who_gave_up_is_told_so_at_the_door(app, end):
    event = make_event()
    made = register(event, "Zoë", "Ada")
    zoe, ada = attendees_of(event)
    with writing() as session:
        if end == "guest":
            session.execute(
                update(Attendee).where(Attendee.id == ada.id).values(state="cancelled")
            )
    if end == "registration":
        cancel(made)
    phone = make_phone(event)

    assert record_scan(phone, ada).verdict == Verdict.CANCELLED
    other = Verdict.CANCELLED if end == "registration" else Verdict.WELCOME
    assert record_scan(phone, zoe).verdict == other


def test_who_waits_is_sent_to_the_lead(app):
    event = make_event({"capacity": 1})
    register(event, "Zoë")
    register(event, "Ada")
    _zoe, ada = attendees_of(event)

    answer = record_scan(make_phone(event), ada)

    assert (answer.verdict, answer.name) == (Verdict.WAITLISTED, "Ada")
    assert stays_of_event(event) == []


def test_an_online_ticket_opens_no_door(app):
    event = make_event({"mode": "online", "capacity": None})
    register(event, "Zoë")
    [zoe] = attendees_of(event)

    assert record_scan(make_phone(event), zoe).verdict == Verdict.NOT_IN_PERSON


# --- taking back --------------------------------------------------------------------


def test_taking_the_last_scan_back_makes_it_as_if_it_was_not(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone = make_phone(event)
    made = record_scan(phone, zoe)

    undone = record_scan(phone, None, "undo", of=made.scan_id)

    assert (undone.verdict, undone.name) == (Verdict.UNDONE, "Zoë")
    assert stays_of_event(event) == []
    assert record_scan(phone, zoe).verdict == Verdict.WELCOME
    assert count_scans() == 3


def test_taking_a_leaving_back_keeps_the_stay_open(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone = make_phone(event)
    record_scan(phone, zoe)
    out = record_scan(phone, zoe, "out", now=DURING_ENTRY + timedelta(minutes=5))

    record_scan(
        phone, None, "undo", of=out.scan_id, now=DURING_ENTRY + timedelta(minutes=6)
    )

    [(_, _, left)] = stays_of_event(event)
    assert left is None
    again = record_scan(phone, zoe, now=DURING_ENTRY + timedelta(minutes=7))
    assert again.verdict == Verdict.ALREADY_IN


def test_a_phone_takes_back_only_its_own_scans(app):
    event, other = make_event(), make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    made = record_scan(make_phone(event), zoe)

    for phone in (make_phone(event), make_phone(other)):
        answer = record_scan(phone, None, "undo", of=made.scan_id)
        assert (answer.verdict, answer.name) == (Verdict.UNKNOWN, None)
    assert len(stays_of_event(event)) == 1


# --- clocks -------------------------------------------------------------------------


def test_a_phones_clock_is_corrected_and_never_ahead_of_ours(app):
    event = make_event()
    register(event, "Zoë")
    register(event, "Ada")
    zoe, ada = attendees_of(event)
    phone = make_phone(event, now=DOORS_OPEN_AT)

    slow = record_scan(
        phone, zoe, at=DURING_ENTRY - timedelta(hours=1), offset_ms=3_540_000
    )
    fast = record_scan(phone, ada, at=DURING_ENTRY + timedelta(days=400))

    assert slow.at == DURING_ENTRY - timedelta(minutes=1)
    assert fast.at == DURING_ENTRY


def test_a_scan_that_arrives_late_counts_from_when_it_was_made(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone, other = (
        make_phone(event, now=DOORS_OPEN_AT),
        make_phone(event, "Side", now=DOORS_OPEN_AT),
    )
    later = DURING_ENTRY + timedelta(minutes=30)
    record_scan(phone, zoe, now=later)

    early = record_scan(other, zoe, at=DURING_ENTRY, now=later + timedelta(minutes=5))

    assert early.verdict == Verdict.WELCOME
    assert [(came, left) for _, came, left in stays_of_event(event)] == [
        (DURING_ENTRY, None)
    ]
    assert invariants.find_problems(later) == []


@for_each(
    ("before_doors", "at_once", "verdict", "counts"),
    [
        (timedelta(hours=23), False, Verdict.WELCOME, True),
        (timedelta(hours=23), True, Verdict.WELCOME, True),
        (timedelta(days=3), True, Verdict.WELCOME, False),
    ],
)
def test_a_rehearsal_is_answered_and_does_not_count(
    app, before_doors, at_once, verdict, counts
):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    now = DOORS_OPEN_AT - before_doors
    phone = make_phone(event, now=now, at_once=at_once)
    then = now + timedelta(seconds=5)

    first = record_scan(phone, zoe, now=then)
    again = record_scan(phone, zoe, now=then + timedelta(seconds=5))

    assert (first.verdict, first.is_rehearsal) == (verdict, not counts)
    assert again.verdict == Verdict.ALREADY_IN
    assert results.count_attendance(event.id).inside == counts
    if not counts:
        assert record_scan(phone, zoe).verdict == Verdict.WELCOME


def test_in_a_rehearsal_the_marks_of_the_party_follow(app):
    event = make_event()
    register(event, "Zoë", "Ada")
    zoe, ada = attendees_of(event)
    now = DOORS_OPEN_AT - timedelta(days=3)
    phone = make_phone(event, now=now, at_once=True)

    first = record_scan(phone, zoe, now=now + timedelta(seconds=1))
    second = record_scan(phone, ada, now=now + timedelta(seconds=2))
    record_scan(phone, None, "undo", of=first.scan_id, now=now + timedelta(seconds=3))
    third = record_scan(phone, ada, "out", now=now + timedelta(seconds=4))

    marks = [[one.is_in for one in a.party] for a in (first, second, third)]
    assert marks == [[True, False], [True, True], [False, False]]
    assert results.count_attendance(event.id).inside == 0


def test_after_the_end_nobody_is_let_in(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone = make_phone(event)

    assert (
        record_scan(phone, zoe, now=DURING_ENTRY + timedelta(days=2)).verdict
        == Verdict.OVER
    )


# --- a batch ------------------------------------------------------------------------


@pytest.mark.both_engines
def test_a_batch_keeps_its_good_ones(app):
    event = make_event()
    register(event, "Zoë")
    register(event, "Ada")
    zoe, ada = attendees_of(event)
    phone, other = make_phone(event), make_phone(event)
    foreign = record_scan(other, b"y" * 16)
    batch = [
        make_scan_input(code_of(zoe)),
        make_scan_input(code_of(zoe), id=foreign.scan_id),
        make_scan_input(code_of(ada)),
    ]

    with writing():
        mine = db.session.get_one(Device, phone.id)
        answers = scans.record_scans(batch, mine, now=DURING_ENTRY)

    assert [a and a.verdict for a in answers] == [
        Verdict.WELCOME,
        None,
        Verdict.WELCOME,
    ]
    assert len(stays_of_event(event)) == 2
    db.session.rollback()
    assert db.session.get_one(Device, phone.id).seen_at == DURING_ENTRY
