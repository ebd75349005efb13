"""A database as an earlier version left it, and rows for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, Table, func, select, update
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


def all_of(*what: Any) -> list[Any]:
    found = [tuple(row) for row in db.session.execute(select(*what))]
    db.session.rollback()
    return sorted(found, key=lambda row: str(row[0]))


def refuse_wrong(now: Old, wrong: tuple[tuple[str, dict[str, Any]], ...]) -> None:
    """The database takes none of these values into the last row of their tables."""
    for table, values in wrong:
        row = {name: on_sqlite(value) for name, value in values.items()}
        last = select(func.max(now[table].c.id)).scalar_subquery()
        changed = update(now[table]).where(now[table].c.id == last).values(row)
        with pytest.raises(IntegrityError), writing() as session:
            session.execute(changed)
            pytest.fail(f"{table} takes {values}")
