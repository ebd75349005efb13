"""Migrations: each is tried on a database that the one before left, with data in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, inspect, select
from sqlalchemy.exc import IntegrityError

from rsvp.db import writing
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

    def insert(self, name: str, /, **values: Any) -> int:
        table = self[name]
        row = {column: on_sqlite(value) for column, value in values.items()}
        if "uuid" in table.c:
            made = uuid4()
            row["uuid"] = made.hex if db.engine.dialect.name == "sqlite" else made
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


def all_of(*what: Any) -> list[Any]:
    found = [tuple(row) for row in db.session.execute(select(*what))]
    db.session.rollback()
    return sorted(found, key=lambda row: str(row[0]))
