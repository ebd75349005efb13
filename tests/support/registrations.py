"""Registrations in tests: one in any state, one verb in one commit, its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rsvp import errors
from rsvp.db import write, writing
from rsvp.domain import invariants
from rsvp.domain.registrations import approval, door_seating, expiry
from rsvp.domain.registrations import changes as registration_changes
from rsvp.domain.registrations.create import Outcome, RequestedAttendee
from rsvp.errors import Refusal
from rsvp.extensions import db
from rsvp.models import Admission, Attendee, AuditEntry, Event, Message, Registration
from rsvp.models.event import Allocation, Promotion, QuestionScope
from rsvp.models.registration import AttendeeState, State
from tests.support.factories import (
    CODE_KEY,
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)

ORGANIZER = "user:1"
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def act(
    verb: Callable[..., Any],
    outcome: Outcome,
    *args: Any,
    now: datetime = NOON,
    actor: str = "attendee",
    **values: Any,
) -> Any:
    """Do `verb` to the registration, and commit."""
    number = outcome.registration_id
    return write(verb, number, *args, actor=actor, now=now, **values)


def act_as_organizer(
    verb: Callable[..., Any], outcome: Outcome, *args: Any, **values: Any
):
    return act(verb, outcome, *args, actor=ORGANIZER, **values)


def assert_refused(
    kind: type[Refusal], verb, outcome: Outcome, *args, **values
) -> Refusal:
    """That the verb is refused, and that nothing has changed by it."""
    before = all_rows()
    with pytest.raises(kind) as caught:
        act(verb, outcome, *args, **values)
    assert all_rows() == before
    return caught.value


def all_rows() -> list[tuple[Any, ...]]:
    """All rows that a booking consists of."""
    db.session.rollback()
    tables = (Event, Registration, Attendee, Message, AuditEntry)
    return [
        tuple(row)
        for table in tables
        for row in db.session.execute(select(*table.__table__.c).order_by(table.id))
    ]


def run_expiry(event: Event, now: datetime) -> int:
    """What the worker does to the event at this instant."""
    return write(expiry.expire_due, event.id, now=now)


def make_event_with_offers(*admissions: dict[str, Any], **values: Any) -> Event:
    """An event that offers free seats; without `admissions` it has one chair."""
    admissions = admissions or ({"capacity": 1},)
    return make_event(*admissions, **{"promotion": Promotion.OFFER} | values)


def state_of(outcome: Outcome) -> str:
    return str(load_registration(outcome).state)


def states_of(*outcomes: Outcome) -> list[str]:
    return [state_of(outcome) for outcome in outcomes]


def names_coming(outcome: Outcome) -> list[str | None]:
    """The names of those of the party who come."""
    return [
        attendee.name
        for attendee in load_registration(outcome).attendees
        if attendee.state == AttendeeState.COMING
    ]


def taken_and_waiting(event: Event, key: str | None = None) -> tuple[int, int]:
    """How many seats of an admission are taken, and how many wait for it."""
    db.session.rollback()
    found = db.session.get_one(Event, event.id).admissions
    one = next(a for a in found if key in (None, a.key))
    return one.seats_taken, one.waiting


def mail_kinds(outcome: Outcome) -> list[str]:
    """The kinds of mail written to it so far."""
    db.session.rollback()
    about = Message.registration_id == outcome.registration_id
    kinds = select(Message.kind).where(about).order_by(Message.id)
    return list(map(str, db.session.scalars(kinds)))


def last_message(outcome: Outcome) -> Message:
    db.session.rollback()
    about = Message.registration_id == outcome.registration_id
    newest = select(Message).where(about).order_by(Message.id.desc()).limit(1)
    return db.session.scalars(newest).one()


def audit_verbs(outcome: Outcome) -> list[str]:
    """What the audit log says happened to it."""
    db.session.rollback()
    about = AuditEntry.registration_id == outcome.registration_id
    wanted = select(AuditEntry.verb).where(about).order_by(AuditEntry.id)
    return list(db.session.scalars(wanted))


def is_consistent(now: datetime = NOON) -> bool:
    """Whether the database keeps its rules."""
    db.session.rollback()
    return invariants.find_problems(now) == []


def fill_and_waitlist(event: Event, *parties: tuple[str, ...], **values: Any):
    """Fill the event's one chair, and put these parties in line behind it."""
    seated = register(event, "Ada")
    return seated, *(register(event, *party, **values) for party in parties)


ORGANIZER = "user:1"

EVENT_FOR_STATE: dict[str, dict[str, Any]] = {
    State.HELD: {"confirm_address": True},
    State.LAPSED: {"confirm_address": True},
    State.REQUESTED: {"allocation": Allocation.APPROVAL},
    State.DECLINED: {"allocation": Allocation.APPROVAL},
    State.OFFERED: {"promotion": Promotion.OFFER},
}
"""What an event has to be like for a registration to come into a state."""


def register_in_state(
    state: State | str, *names: str, hall: int = 3, lounge: int = 9, **values: Any
) -> tuple[Event, Outcome]:
    """An event with a hall and a lounge, and a party in this state, for the hall.

    Ada comes with Bo unless `names` says otherwise. In line they stand behind a party
    that takes the whole hall.
    """
    event = make_event(
        {"key": "hall", "name": "Hall", "capacity": hall},
        {"key": "lounge", "name": "Lounge", "capacity": lounge},
        **EVENT_FOR_STATE.get(state, {}) | values,
    )
    before = None
    if state in (State.WAITLISTED, State.OFFERED):
        before = register(event, *["Somebody"] * hall, admission="hall")
    names = names or ("Ada", "Bo")
    people = tuple(RequestedAttendee(name) for name in names)
    outcome = register(event, people=people, email="ada@example.org", admission="hall")
    bring_into_state(event, outcome, state, before)
    return event, outcome


def bring_into_state(
    event: Event, outcome: Outcome, state: str, before: Outcome | None
) -> None:
    one = outcome.registration_id
    by = {"actor": ORGANIZER, "now": NOON}
    if state == State.OFFERED:
        assert before is not None
        cancel(before)
    elif state == State.CANCELLED:
        cancel(outcome)
    elif state == State.RELEASED:
        commit(lambda: door_seating.release_registration(one, reason="no_answer", **by))
    elif state == State.DECLINED:
        commit(lambda: approval.decline(one, **by))
    elif state == State.LAPSED:
        later = NOON + timedelta(hours=3)
        commit(lambda: expiry.expire_due(event.id, now=later))


def commit(change: Callable[[], Any]) -> Any:
    """What the change gives, committed."""
    return write(change)


def messages_of(outcome: Outcome) -> list[Message]:
    """All about a registration, oldest first."""
    db.session.rollback()
    mine = Message.registration_id == outcome.registration_id
    return list(db.session.scalars(select(Message).where(mine).order_by(Message.id)))


def audit_entries(outcome: Outcome) -> list[AuditEntry]:
    db.session.rollback()
    mine = AuditEntry.registration_id == outcome.registration_id
    wanted = select(AuditEntry).where(mine).order_by(AuditEntry.id)
    return list(db.session.scalars(wanted))


def seats_by_admission(event: Event) -> list[tuple[int, int]]:
    """(taken, waiting) of each admission."""
    db.session.rollback()
    ways = db.session.scalars(
        select(Admission).where(Admission.event_id == event.id).order_by(Admission.id)
    )
    return [(way.seats_taken, way.waiting) for way in ways]


def admission_id_of(event: Event, key: str) -> int:
    """The id of an admission."""
    mine = Admission.event_id == event.id, Admission.key == key
    return db.session.scalars(select(Admission.id).where(*mine)).one()


def rows_of_event(event: Event) -> list[Any]:
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


def set_columns(values: dict[str, Any], table: type, *where: Any) -> None:
    """Set columns by hand, committed."""
    with writing() as session:
        for row in session.scalars(select(table).where(*where)):
            for name, value in values.items():
                setattr(row, name, value)


def run_at_once(app: Flask, *changes: Callable[[], Any]) -> list[Any]:
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


QUESTIONS = (
    {"key": "song", "per": QuestionScope.REGISTRATION},
    {"key": "coat", "per": QuestionScope.REGISTRATION, "only_for": ["hall"]},
    {"key": "link", "per": QuestionScope.REGISTRATION, "only_for": ["lounge"]},
    {"key": "diet", "per": QuestionScope.ATTENDEE},
    {"key": "chair", "per": QuestionScope.ATTENDEE, "only_for": ["hall"]},
)


def change_details(outcome, people=None, answers=None, actor="attendee", now=NOON):
    return commit(
        lambda: registration_changes.change_details(
            outcome.registration_id, people or {}, answers, actor=actor, now=now
        )
    )


def add_guest(outcome, name="Cy", actor="attendee", now=NOON, **answers):
    return commit(
        lambda: registration_changes.add_guest(
            outcome.registration_id,
            RequestedAttendee(name, answers),
            code_key=CODE_KEY,
            actor=actor,
            now=now,
        )
    )


def change_admission(
    outcome, admission_id, answers=None, actor="attendee", now=NOON, **people
):
    return commit(
        lambda: registration_changes.change_admission(
            outcome.registration_id,
            admission_id,
            answers,
            actor=actor,
            now=now,
            **people,
        )
    )
