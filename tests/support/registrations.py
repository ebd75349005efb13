"""Acting on registrations in tests: one verb in one commit, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from rsvp.db import write
from rsvp.domain import invariants
from rsvp.domain.registrations import expiry
from rsvp.domain.registrations.create import Outcome
from rsvp.errors import Refusal
from rsvp.extensions import db
from rsvp.models import Attendee, AuditEntry, Event, Message, Registration
from rsvp.models.event import Promotion
from rsvp.models.registration import AttendeeState
from tests.support.factories import NOON, make_event, register, stored

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
    return write(lambda _: verb(number, *args, actor=actor, now=now, **values))


def organize(verb: Callable[..., Any], outcome: Outcome, *args: Any, **values: Any):
    return act(verb, outcome, *args, actor=ORGANIZER, **values)


def refuses(kind: type[Refusal], verb, outcome: Outcome, *args, **values) -> Refusal:
    """That the verb is refused, and that nothing has changed by it."""
    before = everything()
    with pytest.raises(kind) as caught:
        act(verb, outcome, *args, **values)
    assert everything() == before
    return caught.value


def everything() -> list[tuple[Any, ...]]:
    """All rows that a booking consists of."""
    db.session.rollback()
    tables = (Event, Registration, Attendee, Message, AuditEntry)
    return [
        tuple(row)
        for table in tables
        for row in db.session.execute(select(*table.__table__.c).order_by(table.id))
    ]


def settle(event: Event, now: datetime) -> int:
    """What the worker does to the event at this instant."""
    return write(lambda _: expiry.settle(event.id, now=now))


def offering(*admissions: dict[str, Any], **values: Any) -> Event:
    """An event that offers free seats; without `admissions` it has one chair."""
    admissions = admissions or ({"capacity": 1},)
    return make_event(*admissions, **{"promotion": Promotion.OFFER} | values)


def state(outcome: Outcome) -> str:
    return str(stored(outcome).state)


def states(*outcomes: Outcome) -> list[str]:
    return [state(outcome) for outcome in outcomes]


def coming(outcome: Outcome) -> list[str | None]:
    """The names of those of the party who come."""
    return [
        attendee.name
        for attendee in stored(outcome).attendees
        if attendee.state == AttendeeState.COMING
    ]


def seats(event: Event, key: str | None = None) -> tuple[int, int]:
    """How many seats of an admission are taken, and how many wait for it."""
    db.session.rollback()
    found = db.session.get_one(Event, event.id).admissions
    one = next(a for a in found if key in (None, a.key))
    return one.seats_taken, one.waiting


def mails(outcome: Outcome) -> list[str]:
    """The kinds of mail written to it so far."""
    db.session.rollback()
    about = Message.registration_id == outcome.registration_id
    kinds = select(Message.kind).where(about).order_by(Message.id)
    return list(map(str, db.session.scalars(kinds)))


def last_mail(outcome: Outcome) -> Message:
    db.session.rollback()
    about = Message.registration_id == outcome.registration_id
    newest = select(Message).where(about).order_by(Message.id.desc()).limit(1)
    return db.session.scalars(newest).one()


def verbs(outcome: Outcome) -> list[str]:
    """What the audit log says happened to it."""
    db.session.rollback()
    about = AuditEntry.registration_id == outcome.registration_id
    wanted = select(AuditEntry.verb).where(about).order_by(AuditEntry.id)
    return list(db.session.scalars(wanted))


def well(now: datetime = NOON) -> bool:
    """Whether the database keeps its rules."""
    db.session.rollback()
    return invariants.problems(now) == []


def waiting_behind(event: Event, *parties: tuple[str, ...], **values: Any):
    """Fill the event's one chair, and put these parties in line behind it."""
    seated = register(event, "Ada")
    return seated, *(register(event, *party, **values) for party in parties)
