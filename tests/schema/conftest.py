"""Databases of earlier versions, with people in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, update

from rsvp.db import writing
from rsvp.extensions import db
from tests.schema.old import THEN, Old, booking, person


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
