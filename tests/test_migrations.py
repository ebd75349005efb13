"""Migrations: each is tried on a database that the one before left, with data in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import (
    CheckConstraint,
    MetaData,
    Table,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from rsvp.db import Base, writing
from rsvp.extensions import db

THEN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def on_sqlite(value: Any) -> Any:
    """What the driver takes for a value, as the old tables are read by their types."""
    if isinstance(value, datetime) and db.engine.dialect.name == "sqlite":
        return value.replace(tzinfo=None)
    return value


class Old:
    """The tables as they are in the database at this moment."""

    def __init__(self) -> None:
        self.metadata = MetaData()
        self.metadata.reflect(db.engine)

    def __getitem__(self, name: str) -> Table:
        return self.metadata.tables[name]

    @staticmethod
    def uuid() -> Any:
        """A new one, as the old tables take it."""
        made = uuid4()
        return made.hex if db.engine.dialect.name == "sqlite" else made

    def insert(self, name: str, /, **values: Any) -> int:
        table = self[name]
        row = {column: on_sqlite(value) for column, value in values.items()}
        if "uuid" in table.c:
            row["uuid"] = self.uuid()
        with writing() as session:
            done = session.execute(table.insert().values(row))
        return done.inserted_primary_key[0]


@pytest.fixture
def before(app) -> Iterator[Old]:
    """A database of the first version, with people in it."""
    db.session.remove()
    downgrade(revision="base")
    upgrade(revision="0001")
    old = Old()
    team = old.insert("teams", slug="choir", name="Choir", created_at=THEN)
    event = old.insert(
        "events",
        **{key: [] for key in ("also_show", "hosts", "sponsors", "people")},
        **{key: [] for key in ("agenda", "links")},
        **dict.fromkeys(("room_taken", "room_waiting", "last_line_number"), 0),
        team_id=team,
        slug="evening",
        status="published",
        visibility="public",
        discreet=False,
        language="en",
        title="Evening",
        timezone="Europe/Amsterdam",
        starts_local=datetime(2027, 1, 29, 18),
        ends_local=datetime(2027, 1, 29, 21),
        starts_at=THEN,
        ends_at=THEN.replace(hour=15),
        registration_required=True,
        paused=False,
        party_max=4,
        several=False,
        retention_days=30,
        version=1,
        sequence=0,
        created_at=THEN,
        updated_at=THEN,
    )
    admission = old.insert(
        "admissions",
        event_id=event,
        key="seat",
        position=0,
        name="Seat",
        mode="in_person",
        capacity=30,
        waitlist=True,
        seats_taken=2,
        waiting=0,
        event_version=1,
    )
    for number, email in enumerate(("zoe@example.org", "")):
        registration = old.insert(
            "registrations",
            event_id=event,
            admission_id=admission,
            reference=f"REF0000{number}",
            state="confirmed",
            seats=1,
            name="Zoë Ødegård" if email else "",
            email=email,
            email_key=email,
            language="en",
            answers={},
            is_single=bool(email),
            link_version=0,
            link_id=bytes([number]) * 32,
            registered_at=THEN,
            state_since=THEN,
        )
        old.insert(
            "attendees",
            event_id=event,
            registration_id=registration,
            position=0,
            state="coming",
            name="Zoë Ødegård" if email else None,
            answers={},
            code_version=0,
            code_key_id="0" * 16,
            code_id=bytes([number]) * 32,
            ticket_id=bytes([number + 10]) * 32,
        )
        old.insert(
            "messages",
            event_id=event,
            registration_id=registration,
            kind="confirmation",
            recipient=email,
            recipient_key=email,
            from_form=True,
            facts={"seats": 1},
            state="queued",
            created_at=THEN,
            due_at=THEN,
            attempts=0,
        )
    db.session.remove()
    yield old
    db.session.remove()
    downgrade(revision="base")
    upgrade()


def test_0002_keeps_what_was_there_and_finds_people_by_name(before):
    kept = ("registrations", "attendees", "messages", "events")
    rows = {name: all_of(before[name]) for name in kept}

    upgrade(revision="0002")
    now = Old()

    for name in kept:
        columns = [now[name].c[column.name] for column in before[name].c]
        assert all_of(*columns) == rows[name]
    texts = db.session.scalars(
        select(now["registrations"].c.search).order_by(now["registrations"].c.id)
    ).all()
    assert texts == ["ref00000\nzoe@example.org\nzoe odegard", ""]
    assert all_of(now["scans"]) == []


def test_0002_keeps_the_rules_of_the_tables_it_changes(before):
    upgrade(revision="0002")
    now = Old()
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
    rows = {name: all_of(before[name]) for name in ("registrations", "attendees")}
    upgrade(revision="0002")
    db.session.remove()

    downgrade(revision="0001")

    for name, then in rows.items():
        assert all_of(before[name]) == then
    upgrade()


def test_0003_and_back_keep_every_row(before):
    upgrade(revision="0002")
    kept = ("registrations", "attendees", "messages")
    then = Old()
    rows = {name: all_of(then[name]) for name in kept}

    upgrade(revision="0003")
    assert {name: all_of(then[name]) for name in kept} == rows
    names = {i["name"] for i in inspect(db.engine).get_indexes("registrations")}
    assert {"ix_registrations_event", "ix_registrations_line"} <= names
    db.session.remove()
    downgrade(revision="0002")

    assert {name: all_of(then[name]) for name in kept} == rows


@pytest.fixture
def a_full_evening(before) -> Old:
    """The database of 0003 with what refers to registrations and their people."""
    upgrade(revision="0003")
    old = Old()
    people = old["attendees"]
    [attendee, _] = db.session.scalars(select(people.c.id).order_by(people.c.id))
    db.session.rollback()
    consent = old.insert(
        "consents",
        event_id=1,
        key="pictures",
        version=1,
        is_current=True,
        position=0,
        text="I may be in photographs.",
        required=False,
    )
    old.insert(
        "given_consents", registration_id=1, consent_id=consent, given=True, at=THEN
    )
    old.insert(
        "audit_entries",
        at=THEN,
        actor="attendee",
        event_id=1,
        registration_id=1,
        verb="register",
        to_state="confirmed",
        details={},
    )
    scan = old.uuid()
    old.insert(
        "scans",
        id=scan,
        event_id=1,
        actor="user:1",
        attendee_id=attendee,
        direction="in",
        seq=1,
        epoch=0,
        at=THEN,
        phone_at=THEN,
        offset_ms=0,
        received_at=THEN,
        is_rehearsal=False,
        verdict="welcome",
    )
    old.insert(
        "check_ins", event_id=1, attendee_id=attendee, in_at=THEN, in_scan_id=scan
    )
    old.insert(
        "retired_codes",
        code_id=bytes([99]) * 32,
        event_id=1,
        attendee_id=attendee,
        retired_at=THEN,
    )
    waiting = old.insert("registrations", **booking(2, "grace@example.org"))
    old.insert("attendees", **person(2, waiting))
    with writing() as session:
        session.execute(update(old["admissions"]).values(waiting=1))
        session.execute(update(old["events"]).values(last_line_number=1))
    return old


EVERYTHING = (
    *("events", "admissions", "registrations", "attendees", "consents"),
    *("given_consents", "messages", "audit_entries", "scans", "check_ins"),
    "retired_codes",
)


def booking(number: int, email: str, **values: Any) -> dict[str, Any]:
    """A party of one in line, as a row."""
    return {
        "event_id": 1,
        "admission_id": 1,
        "reference": f"REF{number:05}",
        "state": "waitlisted",
        "seats": 1,
        "name": "Grace Moss",
        "email": email,
        "email_key": email,
        "search": "",
        "language": "en",
        "answers": {},
        "is_single": True,
        "line_number": 1,
        "link_version": 0,
        "link_id": bytes([number]) * 32,
        "registered_at": THEN,
        "state_since": THEN,
    } | values


def person(number: int, registration: int) -> dict[str, Any]:
    return {
        "event_id": 1,
        "registration_id": registration,
        "position": 0,
        "state": "coming",
        "name": "Grace Moss",
        "answers": {},
        "code_version": 0,
        "code_key_id": "0" * 16,
        "code_id": bytes([number]) * 32,
        "ticket_id": bytes([number + 10]) * 32,
    }


def test_0004_keeps_every_row_and_what_events_did_so_far(a_full_evening):
    then = a_full_evening
    rows = {name: all_of(then[name]) for name in EVERYTHING}
    assert all(rows.values())

    upgrade(revision="0004")
    now = Old()

    for name in EVERYTHING:
        columns = [now[name].c[column.name] for column in then[name].c]
        assert all_of(*columns) == rows[name], name
    events, people = now["events"], now["registrations"]
    assert all_of(
        *(events.c[name] for name in ("allocation", "promotion", "confirm_address")),
        *(events.c[name] for name in ("reserved_seats", "standby_minutes")),
    ) == [("first_come", "confirm", False, 0, 15)]
    new = [c for c in people.c if c.name not in then["registrations"].c]
    assert {c.name for c in new} == {
        *("fewer_ok", "decide_by", "offered_seats", "was_put_off"),
        *("invitation_id", "ended_from"),
    }
    flags = {"fewer_ok", "was_put_off"}
    assert set(all_of(*(c for c in new if c.name in flags))) == {(False, False)}
    assert set(all_of(*(c for c in new if c.name not in flags))) == {(None,) * 4}


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
    now = Old()

    for table, values in WRONG:
        row = {name: on_sqlite(value) for name, value in values.items()}
        last = select(func.max(now[table].c.id)).scalar_subquery()
        wrong = update(now[table]).where(now[table].c.id == last).values(row)
        with pytest.raises(IntegrityError), writing() as session:
            session.execute(wrong)
            pytest.fail(f"{table} takes {values}")


def test_0004_keeps_one_live_registration_to_an_address(a_full_evening):
    upgrade(revision="0004")
    now = Old()
    new = {"fewer_ok": False, "was_put_off": False}
    again = booking(3, "grace@example.org") | new

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
    rows = {name: all_of(old[name]) for name in EVERYTHING}
    upgrade(revision="0004")
    now = Old()
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
        row = booking(number, f"{state}@example.org", state=state) | new | values
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

    then = Old()
    kept = then["registrations"]
    found = dict(all_of(kept.c.email, kept.c.state))
    assert {state: found[f"{state}@example.org"] for state in states} == {
        "offered": "waitlisted",
        **dict.fromkeys(
            ("held", "requested", "released", "declined", "lapsed"), "cancelled"
        ),
    }
    halls, events = then["admissions"], then["events"]
    assert all_of(halls.c.seats_taken, halls.c.waiting) == [(2, 3)]
    assert all_of(events.c.room_taken, events.c.room_waiting) == [(2, 3)]
    assert all_of(events.c.visibility) == [("unlisted",)]
    assert "offer" not in {kind for (kind,) in all_of(then["messages"].c.kind)}
    for name in ("attendees", "given_consents", "scans", "check_ins", "retired_codes"):
        assert all_of(then[name]) == rows[name], name
    assert all_of(kept)[: len(rows["registrations"])] == rows["registrations"]


def test_the_newest_schema_checks_what_the_models_say(app):
    for table in Base.metadata.sorted_tables:
        said = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        found = {
            c["name"] for c in inspect(db.engine).get_check_constraints(table.name)
        }
        assert found == said, table.name
        made = {i["name"]: i for i in inspect(db.engine).get_indexes(table.name)}
        for index in table.indexes:
            is_partial = index.dialect_options["sqlite"]["where"] is not None
            options = made[index.name].get("dialect_options", {})
            assert any("where" in name for name in options) is is_partial, index.name


def all_of(*what: Any) -> list[Any]:
    found = [tuple(row) for row in db.session.execute(select(*what))]
    db.session.rollback()
    return sorted(found, key=lambda row: str(row[0]))
