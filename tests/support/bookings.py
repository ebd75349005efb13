"""Bookings: one registration in any state, and what tests look up about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from rsvp import errors
from rsvp.db import write, writing
from rsvp.domain.registrations import approval, door_seating, expiry
from rsvp.domain.registrations import changes as registration_changes
from rsvp.domain.registrations.create import Outcome, Person
from rsvp.extensions import db
from rsvp.models import Admission, AuditEntry, Event, Message, Registration
from rsvp.models.event import Allocation, Per, Promotion
from rsvp.models.registration import State
from tests.support.factories import CODE_KEY, NOON, cancel, make_event, register

ORGANIZER = "user:1"

EVENTS: dict[str, dict[str, Any]] = {
    State.HELD: {"confirm_address": True},
    State.LAPSED: {"confirm_address": True},
    State.REQUESTED: {"allocation": Allocation.APPROVAL},
    State.DECLINED: {"allocation": Allocation.APPROVAL},
    State.OFFERED: {"promotion": Promotion.OFFER},
}
"""What an event has to be like for a registration to come into a state."""


def booked(
    state: State | str, *names: str, hall: int = 3, lounge: int = 9, **values: Any
) -> tuple[Event, Outcome]:
    """An event with a hall and a lounge, and a party in this state, for the hall.

    Ada comes with Bo unless `names` says otherwise. In line they stand behind a party
    that takes the whole hall.
    """
    event = make_event(
        {"key": "hall", "name": "Hall", "capacity": hall},
        {"key": "lounge", "name": "Lounge", "capacity": lounge},
        **EVENTS.get(state, {}) | values,
    )
    before = None
    if state in (State.WAITLISTED, State.OFFERED):
        before = register(event, *["Somebody"] * hall, admission="hall")
    names = names or ("Ada", "Bo")
    people = tuple(Person(name) for name in names)
    outcome = register(event, people=people, email="ada@example.org", admission="hall")
    bring(event, outcome, state, before)
    return event, outcome


def bring(event: Event, outcome: Outcome, state: str, before: Outcome | None) -> None:
    one = outcome.registration_id
    by = {"actor": ORGANIZER, "now": NOON}
    if state == State.OFFERED:
        assert before is not None
        cancel(before)
    elif state == State.CANCELLED:
        cancel(outcome)
    elif state == State.RELEASED:
        do(lambda: door_seating.release(one, what="no_answer", **by))
    elif state == State.DECLINED:
        do(lambda: approval.decline(one, **by))
    elif state == State.LAPSED:
        later = NOON + timedelta(hours=3)
        do(lambda: expiry.settle(event.id, now=later))


def do(change: Callable[[], Any]) -> Any:
    """What the change gives, committed."""
    return write(lambda _again: change())


def mails(outcome: Outcome) -> list[Message]:
    """All about a registration, oldest first."""
    db.session.rollback()
    mine = Message.registration_id == outcome.registration_id
    return list(db.session.scalars(select(Message).where(mine).order_by(Message.id)))


def entries(outcome: Outcome) -> list[AuditEntry]:
    db.session.rollback()
    mine = AuditEntry.registration_id == outcome.registration_id
    wanted = select(AuditEntry).where(mine).order_by(AuditEntry.id)
    return list(db.session.scalars(wanted))


def seats(event: Event) -> list[tuple[int, int]]:
    """(taken, waiting) of each admission."""
    db.session.rollback()
    ways = db.session.scalars(
        select(Admission).where(Admission.event_id == event.id).order_by(Admission.id)
    )
    return [(way.seats_taken, way.waiting) for way in ways]


def way(event: Event, key: str) -> int:
    """The id of an admission."""
    mine = Admission.event_id == event.id, Admission.key == key
    return db.session.scalars(select(Admission.id).where(*mine)).one()


def everything(event: Event) -> list[Any]:
    """All that a refusal must leave as it was, as values that compare."""
    db.session.rollback()
    tables = (Registration, Message, AuditEntry, Admission)
    rows: list[Any] = []
    for table in tables:
        mine = select(*table.__table__.columns).where(table.event_id == event.id)
        rows += map(tuple, db.session.execute(mine.order_by(table.id)))
    for registration in db.session.scalars(
        select(Registration).where(Registration.event_id == event.id)
    ):
        rows += [
            (one.id, one.name, one.answers, one.state, one.code_id)
            for one in registration.attendees
        ]
    return rows


def change(values: dict[str, Any], table: type, *where: Any) -> None:
    """Set columns by hand, committed."""
    with writing() as session:
        for row in session.scalars(select(table).where(*where)):
            for name, value in values.items():
                setattr(row, name, value)


def at_once(app: Flask, *changes: Callable[[], Any]) -> list[Any]:
    """What each of the changes, made at the same moment, comes to: a state, or the code
    of its refusal; sorted."""
    db.session.rollback()
    start = threading.Barrier(len(changes), timeout=30)

    def press(made: Callable[[], Any]) -> Any:
        with app.app_context():
            start.wait()
            try:
                return made()
            except errors.Refusal as refused:
                return refused.code
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(changes)) as pool:
        return sorted(pool.map(press, changes))


# --- changing -----------------------------------------------------------------------

QUESTIONS = (
    {"key": "song", "per": Per.REGISTRATION},
    {"key": "coat", "per": Per.REGISTRATION, "only_for": ["hall"]},
    {"key": "link", "per": Per.REGISTRATION, "only_for": ["lounge"]},
    {"key": "diet", "per": Per.ATTENDEE},
    {"key": "chair", "per": Per.ATTENDEE, "only_for": ["hall"]},
)


def details(outcome, people=None, answers=None, actor="attendee", now=NOON):
    return do(
        lambda: registration_changes.change_details(
            outcome.registration_id, people or {}, answers, actor=actor, now=now
        )
    )


def add(outcome, name="Cy", actor="attendee", now=NOON, **answers):
    return do(
        lambda: registration_changes.add_guest(
            outcome.registration_id,
            Person(name, answers),
            code_key=CODE_KEY,
            actor=actor,
            now=now,
        )
    )


def move(outcome, admission_id, answers=None, actor="attendee", now=NOON, **people):
    return do(
        lambda: registration_changes.move(
            outcome.registration_id,
            admission_id,
            answers,
            actor=actor,
            now=now,
            **people,
        )
    )
