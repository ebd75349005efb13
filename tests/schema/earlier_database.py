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


class EarlierTables:
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


TABLES = (
    "events",
    "admissions",
    "registrations",
    "attendees",
    "consents",
    "given_consents",
    "messages",
    "audit_entries",
    "scans",
    "check_ins",
    "retired_codes",
)


def registration_row(number: int, email: str, **values: Any) -> dict[str, Any]:
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


def attendee_row(number: int, registration: int) -> dict[str, Any]:
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


def all_rows(*what: Any) -> list[Any]:
    found = [tuple(row) for row in db.session.execute(select(*what))]
    db.session.rollback()
    return sorted(found, key=lambda row: str(row[0]))


def assert_rejected(
    now: EarlierTables, wrong: tuple[tuple[str, dict[str, Any]], ...]
) -> None:
    """The database takes none of these values into the last row of their tables."""
    for table, values in wrong:
        row = {name: on_sqlite(value) for name, value in values.items()}
        last = select(func.max(now[table].c.id)).scalar_subquery()
        changed = update(now[table]).where(now[table].c.id == last).values(row)
        with pytest.raises(IntegrityError), writing() as session:
            session.execute(changed)
            pytest.fail(f"{table} takes {values}")


def fill_version_0001() -> EarlierTables:
    """Fill the tables of 0001: two registrations, one of them erased, with mails."""
    old = EarlierTables()
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
    return old


def fill_version_0003() -> EarlierTables:
    """Fill the tables of 0003: consents, the log, the door, and somebody in line."""
    old = EarlierTables()
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
    waiting = old.insert("registrations", **registration_row(2, "grace@example.org"))
    old.insert("attendees", **attendee_row(2, waiting))
    with writing() as session:
        session.execute(update(old["admissions"]).values(waiting=1))
        session.execute(update(old["events"]).values(last_line_number=1))
    return old
