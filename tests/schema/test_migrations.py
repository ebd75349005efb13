"""Migrations: each is tried on a database that the one before left, with data in it."""

from __future__ import annotations

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import (
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from rsvp.db import writing
from rsvp.extensions import db
from tests.schema.earlier_database import (
    TABLES,
    THEN,
    EarlierTables,
    all_rows,
    assert_rejected,
    registration_row,
)


def test_0002_keeps_what_was_there_and_finds_people_by_name(before):
    kept = ("registrations", "attendees", "messages", "events")
    rows = {name: all_rows(before[name]) for name in kept}

    upgrade(revision="0002")
    now = EarlierTables()

    for name in kept:
        columns = [now[name].c[column.name] for column in before[name].c]
        assert all_rows(*columns) == rows[name]
    texts = db.session.scalars(
        select(now["registrations"].c.search).order_by(now["registrations"].c.id)
    ).all()
    assert texts == ["ref00000\nzoe@example.org\nzoe odegard", ""]
    assert all_rows(now["scans"]) == []


def test_0002_keeps_the_rules_of_the_tables_it_changes(before):
    upgrade(revision="0002")
    now = EarlierTables()
    mail = {
        "kind": "confirmation",
        "recipient": "x@example.org",
        "recipient_key": "x@example.org",
        "from_form": False,
        "facts": {},
        "state": "queued",
        "created_at": THEN,
        "due_at": THEN,
        "attempts": 0,
    }
    user = now.insert(
        "users",
        email="ada@example.org",
        active=True,
        fs_uniquifier="x",
        created_at=THEN,
    )

    now.insert("messages", **mail | {"kind": "password_reset", "user_id": user})
    for wrong in (
        {"event_id": 1, "registration_id": 1, "kind": "smoke signal"},
        {"event_id": 1, "registration_id": 1, "state": "lost"},
        {"event_id": 1, "registration_id": 1, "user_id": user},
        {"event_id": 1, "user_id": user},
        {},
    ):
        with pytest.raises(IntegrityError):
            now.insert("messages", **mail | wrong)
    [due] = [
        i for i in inspect(db.engine).get_indexes("messages") if "due" in i["name"]
    ]
    assert "queued" in " ".join(map(str, due["dialect_options"].values()))


def test_0002_can_be_taken_back(before):
    rows = {name: all_rows(before[name]) for name in ("registrations", "attendees")}
    upgrade(revision="0002")
    db.session.remove()

    downgrade(revision="0001")

    for name, then in rows.items():
        assert all_rows(before[name]) == then
    upgrade()


def test_0003_and_back_keep_every_row(before):
    upgrade(revision="0002")
    kept = ("registrations", "attendees", "messages")
    then = EarlierTables()
    rows = {name: all_rows(then[name]) for name in kept}

    upgrade(revision="0003")
    assert {name: all_rows(then[name]) for name in kept} == rows
    names = {i["name"] for i in inspect(db.engine).get_indexes("registrations")}
    assert {"ix_registrations_event", "ix_registrations_line"} <= names
    db.session.remove()
    downgrade(revision="0002")

    assert {name: all_rows(then[name]) for name in kept} == rows


def test_0004_keeps_every_row_and_what_events_did_so_far(a_full_evening):
    then = a_full_evening
    rows = {name: all_rows(then[name]) for name in TABLES}
    assert all(rows.values())

    upgrade(revision="0004")
    now = EarlierTables()

    for name in TABLES:
        columns = [now[name].c[column.name] for column in then[name].c]
        assert all_rows(*columns) == rows[name], name
    events, people = now["events"], now["registrations"]
    assert all_rows(
        *(events.c[name] for name in ("allocation", "promotion", "confirm_address")),
        *(events.c[name] for name in ("reserved_seats", "standby_minutes")),
    ) == [("first_come", "confirm", False, 0, 15)]
    new = [c for c in people.c if c.name not in then["registrations"].c]
    assert {c.name for c in new} == {
        "fewer_ok",
        "decide_by",
        "offered_seats",
        "was_put_off",
        "invitation_id",
        "ended_from",
    }
    flags = {"fewer_ok", "was_put_off"}
    assert set(all_rows(*(c for c in new if c.name in flags))) == {(False, False)}
    assert set(all_rows(*(c for c in new if c.name not in flags))) == {(None,) * 4}


DEADLINE = {"decide_by": THEN}


WRONG = (
    ("registrations", {"state": "lost"}),
    ("registrations", {"state": "waitlisted", "line_number": None}),
    ("registrations", {"state": "offered", "offered_seats": 1}),
    ("registrations", {"state": "offered", **DEADLINE}),
    ("registrations", {"state": "held", "line_number": None}),
    ("registrations", {"state": "held", **DEADLINE}),
    ("registrations", {"state": "requested"}),
    ("registrations", {**DEADLINE}),
    ("registrations", {"offered_seats": 1}),
    ("registrations", {"seats": -1}),
    ("registrations", {"invitation_id": 77}),
    ("events", {"allocation": "draw"}),
    ("events", {"promotion": "never"}),
    ("events", {"visibility": "secret"}),
    ("events", {"reserved_seats": -1}),
    ("events", {"standby_minutes": -1}),
    ("admissions", {"waitlist_max": -1}),
    ("admissions", {"reserved": -1}),
    ("messages", {"kind": "smoke signal"}),
)


def test_0004_refuses_rows_that_can_not_be(a_full_evening):
    upgrade(revision="0004")
    assert_rejected(EarlierTables(), WRONG)


def test_0004_keeps_one_live_registration_to_an_address(a_full_evening):
    upgrade(revision="0004")
    now = EarlierTables()
    new = {"fewer_ok": False, "was_put_off": False}
    again = registration_row(3, "grace@example.org") | new

    for live in (
        {"state": "waitlisted"},
        {"state": "requested", "line_number": None},
        {"state": "held", "line_number": None, **DEADLINE},
        {"state": "offered", "offered_seats": 1, **DEADLINE},
    ):
        with pytest.raises(IntegrityError):
            now.insert("registrations", **again | live)
    now.insert("registrations", **again | {"state": "lapsed", "line_number": None})


def test_0004_taken_back_says_of_each_state_what_had_a_word(a_full_evening):
    old = a_full_evening
    rows = {name: all_rows(old[name]) for name in TABLES}
    upgrade(revision="0004")
    now = EarlierTables()
    new = {"fewer_ok": False, "was_put_off": False}
    ended = {"line_number": None}
    states = {
        "offered": {"offered_seats": 1, "seats": 2, "line_number": 2, **DEADLINE},
        "held": {**ended, **DEADLINE},
        "requested": ended,
        "released": ended,
        "declined": ended,
        "lapsed": ended,
    }
    for number, (state, values) in enumerate(states.items(), 20):
        row = (
            registration_row(number, f"{state}@example.org", state=state) | new | values
        )
        registration = now.insert("registrations", **row)
        now.insert(
            "messages",
            event_id=1,
            registration_id=registration,
            kind="offer" if state == "offered" else "confirmation",
            recipient=row["email"],
            recipient_key=row["email_key"],
            from_form=True,
            facts={},
            state="queued",
            created_at=THEN,
            due_at=THEN,
            attempts=0,
        )
    with writing() as session:
        session.execute(update(now["admissions"]).values(seats_taken=2 + 1 + 1))
        session.execute(
            update(now["events"]).values(visibility="invitation", room_capacity=9)
        )
    db.session.remove()

    downgrade(revision="0003")

    then = EarlierTables()
    kept = then["registrations"]
    found = dict(all_rows(kept.c.email, kept.c.state))
    assert {state: found[f"{state}@example.org"] for state in states} == {
        "offered": "waitlisted",
        **dict.fromkeys(
            ("held", "requested", "released", "declined", "lapsed"), "cancelled"
        ),
    }
    halls, events = then["admissions"], then["events"]
    assert all_rows(halls.c.seats_taken, halls.c.waiting) == [(2, 3)]
    assert all_rows(events.c.room_taken, events.c.room_waiting) == [(2, 3)]
    assert all_rows(events.c.visibility) == [("unlisted",)]
    assert "offer" not in {kind for (kind,) in all_rows(then["messages"].c.kind)}
    for name in ("attendees", "given_consents", "scans", "check_ins", "retired_codes"):
        assert all_rows(then[name]) == rows[name], name
    assert all_rows(kept)[: len(rows["registrations"])] == rows["registrations"]
