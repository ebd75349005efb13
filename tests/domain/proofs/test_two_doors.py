"""Two doors: one ticket, one welcome, whatever the clocks of the phones say."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import write
from rsvp.domain import invariants
from rsvp.domain.checkin import results, scans
from rsvp.domain.checkin.results import ScanResult
from rsvp.extensions import db
from rsvp.models import CheckIn, Device
from rsvp.models.checkin import Verdict
from rsvp.web.door import scan_input
from tests.conftest import empty_database
from tests.domain.model.door import DoorModel, PhoneModel, shuffled_id, stays_from_steps
from tests.support.door import (
    DOORS_OPEN_AT,
    DURING_ENTRY,
    attendees_of,
    code_of,
    make_phone,
    make_scan_input,
    record_scan,
    stays_of_event,
)
from tests.support.factories import make_event, register
from tests.support.processes import Wire, processes
from tests.support.threads import BackgroundCall

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
YEARS = timedelta(days=3650)
HIGHEST = 2**31 - 1


def made(age: int = 1, clock: timedelta = timedelta(), **values: Any) -> dict[str, Any]:
    """What a page says of a scan it made so many seconds ago, by a clock that is
    `clock` ahead."""
    sent_at = DURING_ENTRY + clock
    return {"at": sent_at - age * SECOND, "sent_at": sent_at} | values


# --- at once ------------------------------------------------------------------------


@pytest.mark.parametrize("rehearses", [False, True], ids=["evening", "rehearsal"])
def test_a_used_ticket_is_never_green_whatever_the_clock_says(app, rehearses):
    now = DURING_ENTRY - (timedelta(days=3) if rehearses else timedelta())
    event = make_event({"capacity": None})
    cases = [
        *(made(1, clock) for clock in (-HOUR, HOUR, -YEARS, YEARS)),
        *(made(age) for age in (0, 30, -1, -HIGHEST)),
        *(made(1, -HOUR, offset_ms=offset) for offset in (HIGHEST, -HIGHEST)),
    ]
    for number in range(len(cases)):
        register(event, f"Guest {number}")
    main, side = (
        make_phone(event, door, now=now - HOUR, at_once=rehearses)
        for door in ("Main entrance", "Side door")
    )

    for person, case in zip(attendees_of(event), cases, strict=True):
        came = record_scan(main, person, now=now, **made(0))
        again = record_scan(side, person, now=now, **case)
        left = record_scan(side, person, "out", now=now, **case)
        back = record_scan(side, person, now=now, **case)
        undone = record_scan(side, None, "undo", now=now, of=back.scan_id, **case)
        third = record_scan(main, person, now=now, **case)

        told = [one.verdict for one in (came, again, left, back, undone, third)]
        assert told == [
            "welcome",
            "already_in",
            "left",
            "left_and_back",
            "undone",
            "left_and_back",
        ], case
        assert (again.at, again.door) == (came.at, "Main entrance")
        assert came.at < left.at < third.at
        assert {one.is_rehearsal for one in (came, third)} == {rehearses}

    assert len(stays_of_event(event)) == (0 if rehearses else 2 * len(cases))
    assert invariants.find_problems(now) == []


def test_its_time_is_its_arrival_less_its_age_and_never_before_what_counts(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    main, side = (
        make_phone(event, now=DOORS_OPEN_AT),
        make_phone(event, now=DOORS_OPEN_AT),
    )

    came = record_scan(main, zoe, **made(20, HOUR))
    left = record_scan(
        side, zoe, "out", now=DURING_ENTRY + 5 * SECOND, **made(29, -HOUR)
    )
    back = record_scan(main, zoe, now=DURING_ENTRY + 9 * SECOND, **made(2, YEARS))

    assert came.at == DURING_ENTRY - 20 * SECOND
    assert left.at == came.at + timedelta(microseconds=1)
    assert back.at == DURING_ENTRY + 7 * SECOND
    new = make_phone(event, now=DURING_ENTRY)
    assert record_scan(new, b"x" * 16, **made(30)).at == DURING_ENTRY


@pytest.mark.parametrize(
    "other",
    [
        {"sent_at": None},
        {"shown": Verdict.WELCOME},
        {"sent_at": DURING_ENTRY + 32 * SECOND},
    ],
    ids=["an older page", "shown already", "older than half a minute"],
)
def test_any_other_scan_keeps_its_corrected_time(app, other):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    main, side = (
        make_phone(event, now=DOORS_OPEN_AT),
        make_phone(event, now=DOORS_OPEN_AT),
    )
    record_scan(main, zoe, **made())
    sent = made() | {"at": DURING_ENTRY + SECOND, "offset_ms": -61_000} | other

    late = record_scan(side, zoe, now=DURING_ENTRY + HOUR, **sent)

    assert (late.verdict, late.at) == (Verdict.WELCOME, DURING_ENTRY - 60 * SECOND)
    [(_, came, _)] = stays_of_event(event)
    assert came == late.at


def test_what_counts_first_is_what_was_judged_first(app):
    """Late scans by a clock that is ahead are all of the moment they arrive; ids don't
    say which was first."""
    event = make_event({"capacity": None})
    for number in range(8):
        register(event, f"Guest {number}")
    phone = make_phone(event, now=DOORS_OPEN_AT)
    ahead = {"at": DURING_ENTRY + HOUR}

    for person in attendees_of(event):
        came = record_scan(phone, person, **ahead)
        left = record_scan(phone, person, "out", **ahead)
        assert (came.verdict, left.verdict) == (Verdict.WELCOME, Verdict.LEFT)

    assert results.count_attendance(event.id).inside == 0


def test_what_was_rehearsed_can_be_undone_once_the_door_counts(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    counts_from = DOORS_OPEN_AT - 24 * HOUR
    phone = make_phone(event, now=counts_from - HOUR, at_once=True)
    rehearsed = record_scan(phone, zoe, now=counts_from, **made(1))
    counted = record_scan(phone, zoe, now=counts_from + SECOND, **made(0))
    assert (rehearsed.is_rehearsal, counted.is_rehearsal) == (True, False)

    undone = record_scan(phone, None, "undo", of=rehearsed.scan_id, **made())

    assert (undone.verdict, undone.is_rehearsal) == (Verdict.UNDONE, True)
    assert len(stays_of_event(event)) == 1


# --- two that meet ------------------------------------------------------------------


@pytest.mark.parametrize("rehearses", [False, True], ids=["evening", "rehearsal"])
def test_who_is_being_judged_at_one_door_is_waited_for_at_another(
    app, monkeypatch, rehearses
):
    now = DURING_ENTRY - (timedelta(days=3) if rehearses else timedelta())
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    main, side = (
        make_phone(event, now=now - HOUR, at_once=rehearses).id for _ in range(2)
    )
    keep, beside = scans.store_scan, []

    def keep_while_the_other_door_scans(*args):
        monkeypatch.setattr(scans, "store_scan", keep)
        beside.append(BackgroundCall(app, admit_one, side, code_of(zoe), -HOUR, now))
        beside[0].until_it_waits()
        return keep(*args)

    monkeypatch.setattr(scans, "store_scan", keep_while_the_other_door_scans)
    first = admit_one(main, code_of(zoe), HOUR, now)

    assert first == Verdict.WELCOME
    assert beside[0].result() == Verdict.ALREADY_IN


def admit_one(device_id: int, code: bytes, clock: timedelta, now: datetime) -> Any:
    [answer] = admit([make_scan_input(code, **made(1, clock))], device_id, now)
    return answer and answer.verdict


def admit(batch: list[Any], device_id: int, now: datetime) -> list[ScanResult | None]:
    def change() -> list[ScanResult | None]:
        device = db.session.get_one(Device, device_id)
        return scans.record_scans(batch, device, now=now)

    return write(change)


@pytest.mark.postgresql
def test_batches_of_the_same_people_in_another_order_wait_for_each_other(
    postgresql_app, monkeypatch
):
    """One after the other would have what the other one waits for: PostgreSQL would
    give one of them up, after a second."""
    with postgresql_app.app_context():
        empty_database(postgresql_app)
        event = make_event()
        for name in ("Zoë", "Ada"):
            register(event, name)
        codes = [code_of(person) for person in attendees_of(event)]
        main, side = (make_phone(event, now=DOORS_OPEN_AT).id for _ in range(2))
        keep, beside, tries = scans.store_scan, [], []

        def keep_while_the_other_door_scans(*args):
            monkeypatch.setattr(scans, "store_scan", keep)
            there = BackgroundCall(postgresql_app, scan_all, side, codes[::-1], tries)
            there.until_it_waits()
            beside.append(there)
            return keep(*args)

        monkeypatch.setattr(scans, "store_scan", keep_while_the_other_door_scans)

        assert scan_all(main, codes, tries) == ["welcome"] * 2
        assert beside[0].result() == ["already_in"] * 2
        assert sorted(tries) == sorted([main, side])


def scan_all(device_id: int, codes: list[bytes], tries: list[int]) -> list[str]:
    def change() -> list[str]:
        tries.append(device_id)
        device = db.session.get_one(Device, device_id)
        batch = [make_scan_input(code, **made()) for code in codes]
        answers = scans.record_scans(batch, device, now=DURING_ENTRY)
        return [str(one and one.verdict) for one in answers]

    return write(change)


PROCESSES = 3


@pytest.mark.parametrize("rounds", [1, pytest.param(40, marks=pytest.mark.soak)])
def test_processes_that_send_at_once_welcome_each_ticket_once(app, rounds):
    for _ in range(rounds):
        event = make_event({"capacity": None})
        event_id = event.id
        for number in range(6):
            register(event, f"Guest {number}")
        codes = [code_of(person) for person in attendees_of(event)]
        phones = [make_phone(event, now=DOORS_OPEN_AT).id for _ in range(PROCESSES)]
        with processes(
            send_a_batch, app, PROCESSES, phones=phones, codes=codes
        ) as all_:
            for each in all_:
                assert each.hear() == "ready"
            for each in all_:
                each.say("go")
            told = [each.hear() for each in all_]

        for verdicts in zip(*told, strict=True):
            assert sorted(verdicts) == ["already_in", "already_in", "welcome"]
        assert results.count_attendance(event_id).inside == len(codes)
        assert invariants.find_problems(DURING_ENTRY) == []


def send_a_batch(
    wire: Wire, number: int, phones: list[int], codes: list[bytes]
) -> None:
    clock = (number - 1) * HOUR
    batch = [make_scan_input(code, **made(number, clock)) for code in codes]
    wire.say("ready")
    assert wire.hear() == "go"
    answers = admit(batch, phones[number], DURING_ENTRY)
    wire.say([answer and str(answer.verdict) for answer in answers])


# --- any order of things ------------------------------------------------------------

TICKETS = 2
doors = st.integers(0, 3)
tickets = st.integers(0, TICKETS - 1)
WAYS = {"enter": "in", "scan": "in", "leave": "out", "look": "look"}
DEEDS = st.one_of(
    st.tuples(st.just("enter"), doors, tickets),
    st.tuples(st.just("enter"), doors, tickets),
    st.tuples(st.just("scan"), doors, tickets),
    st.tuples(st.just("leave"), doors, tickets),
    st.tuples(st.just("look"), doors, tickets),
    st.tuples(st.just("undo"), doors, st.integers(0, 9)),
    # What is in the queue arrives; or it does and its answer is lost; or once more.
    st.tuples(st.just("send"), doors),
    st.tuples(st.just("lose"), doors),
    st.tuples(st.just("repeat"), doors, st.integers(0, 9)),
    # The phone shows a verdict of its own for all that is in the queue.
    st.tuples(st.just("show"), doors),
    st.tuples(st.just("learn"), doors),
    st.tuples(
        st.just("leap"), doors, st.sampled_from([-3600, 3600, -20, 20, -2, 2, 10**8])
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 10, 29, 31, 120])),
)
EVENINGS = {
    "deeds": st.lists(DEEDS, min_size=4, max_size=24),
    "clocks": st.lists(
        st.tuples(st.sampled_from([0, -1, 1, -90, 90, -7200, 7200]), st.booleans()),
        min_size=2,
        max_size=4,
    ),
    "rehearses": st.booleans(),
}


def check_an_evening(app: Flask, deeds: Any, clocks: Any, rehearses: bool) -> None:
    """Do all that at an event of its own, and compare with the model after each."""
    now = DURING_ENTRY - (timedelta(days=3) if rehearses else timedelta())
    event = make_event({"capacity": None})
    for number in range(TICKETS):
        register(event, f"Guest {number}")
    people = attendees_of(event)
    codes = [tokens.code_text(code_of(person)) for person in people]
    began = now - HOUR
    phones = [make_phone(event, now=began, at_once=rehearses) for _ in clocks]
    hall, ids = DoorModel(), map(shuffled_id, itertools.count(event.id * 1000))
    ours = [
        PhoneModel(number, phone.id, began, simple=simple, ahead=ahead * SECOND)
        for number, (phone, (ahead, simple)) in enumerate(
            zip(phones, clocks, strict=True)
        )
    ]

    welcomed: dict[str, str] = {}
    undone: set[str] = set()

    def arrive(door: PhoneModel, body: str) -> None:
        expected = hall.arrives(body, door, now)
        sent, sent_at = scan_input.read_batch(body.encode())
        batch = [scan_input.read_scan_or_error(one, sent_at) for one in sent]
        told = admit(batch, door.device_id, now)
        assert [one and one.verdict for one in told] == expected
        for scan_, verdict in zip(sent, expected, strict=True):
            at = datetime.fromisoformat(sent_at)
            note_welcome(welcomed, undone, scan_, at, verdict)

    for number, (deed, *how) in enumerate(deeds):
        now += timedelta(milliseconds=100 + number, microseconds=number)
        if deed == "wait":
            now += how[0] * SECOND
            continue
        door = ours[how[0] % len(ours)]
        if deed in WAYS:
            way = WAYS[deed]
            door.scan(now, next(ids), way, code=codes[how[1]])
        elif deed == "undo" and door.mine:
            door.scan(now, next(ids), "undo", of=door.mine[how[1] % len(door.mine)])
        if deed in ("enter", "send", "lose") and door.queue:
            door.sent.append(door.body(now))
            arrive(door, door.sent[-1])
            if deed != "lose":
                door.hears()
        elif deed == "repeat" and door.sent:
            arrive(door, door.sent[how[1] % len(door.sent)])
        elif deed == "show":
            for waiting in door.queue:
                waiting.sent["shown"] = "welcome"
        elif deed == "learn":
            door.believed = door.ahead
        elif deed == "leap":
            door.ahead += how[1] * SECOND

    db.session.rollback()
    for person, code in zip(people, codes, strict=True):
        stayed = db.session.execute(
            select(CheckIn.in_at, CheckIn.out_at)
            .where(CheckIn.attendee_id == person.id)
            .order_by(CheckIn.in_at)
        )
        found = [tuple(row) for row in stayed]
        assert found == (
            [] if rehearses else stays_from_steps(hall.steps.get(code, []))
        )


def note_welcome(
    welcomed: dict[str, str],
    undone: set[str],
    sent: dict[str, Any],
    sent_at: datetime,
    verdict: str,
) -> None:
    """The promise itself: who waits for our word is welcomed once a ticket, unless that
    is undone. `welcomed` are the scans by ticket; one of `undone` that arrives again
    has its old answer, and lets nobody in."""
    if verdict == "undone":
        undone.add(sent["of"])
        for code in [c for c, scan_id in welcomed.items() if scan_id == sent["of"]]:
            del welcomed[code]
    is_old = sent_at - datetime.fromisoformat(sent["at"]) > 30 * SECOND
    waits = sent["direction"] == "in" and sent["shown"] is None and not is_old
    if waits and verdict == "welcome" and sent["id"] not in undone:
        assert welcomed.setdefault(sent["code"], sent["id"]) == sent["id"]


@pytest.mark.parametrize("examples", [15, pytest.param(1000, marks=pytest.mark.soak)])
def test_whatever_arrives_in_whatever_order_the_doors_say_what_the_model_says(
    app, examples
):
    @settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(**EVENINGS)
    @example(
        deeds=[("enter", 0, 0), ("undo", 0, 0), ("enter", 0, 0), ("repeat", 0, 0)],
        clocks=[(0, False), (0, False)],
        rehearses=False,
    )
    def check(deeds, clocks, rehearses):
        check_an_evening(app, deeds, clocks, rehearses)

    check()
    assert [p for p in invariants.find_problems(DURING_ENTRY) if p.rule == "I5"] == []


def test_without_its_guard_the_model_is_contradicted(sqlite_app, monkeypatch):
    monkeypatch.setattr(scans.ScanInput, "is_live", False)

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(**EVENINGS)
    def check(deeds, clocks, rehearses):
        check_an_evening(sqlite_app, deeds, clocks, rehearses)

    with sqlite_app.app_context():
        empty_database(sqlite_app)
        with pytest.raises(AssertionError):
            check()
        db.session.remove()
