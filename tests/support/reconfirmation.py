"""Asking: events that ask whether people still come, and what tests do about it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from rsvp.db import writing
from rsvp.domain import reconfirmation
from rsvp.extensions import db
from rsvp.jobs.tasks import ask_due
from rsvp.models import AuditEntry, Message, Registration
from tests.support.door import DOORS
from tests.support.factories import make_event, stored
from tests.support.registrations import HOUR, MINUTE, act

# The usual event begins on 29 January 2027 at 18:00 in Amsterdam.
START = DOORS + 30 * MINUTE
ASKED = START - 48 * HOUR
ANSWER_BY = START - 24 * HOUR


def asking(*admissions, **values):
    """An event that asks two days before, with a day to answer."""
    admissions = admissions or ({"capacity": 2},)
    return make_event(*admissions, **{"ask_hours": 48, "answer_hours": 24} | values)


def note(outcome, **values):
    """Write columns of a registration, as others of the product do."""
    with writing() as session:
        session.execute(
            sa.update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(values)
        )


def send_all(at: datetime = ASKED) -> None:
    """The worker sends what is queued."""
    with writing() as session:
        session.execute(
            sa.update(Message)
            .where(Message.state == "queued")
            .values(state="sent", sent_at=at)
        )


def ask(at: datetime = ASKED) -> int:
    asked = ask_due(at)
    send_all(at)
    return asked


def say_yes(outcome, now=ASKED + HOUR):
    return act(reconfirmation.say_yes, outcome, now=now)


def flagged_for(outcome) -> str | None:
    """Why it was flagged last; None: it is not flagged."""
    if stored(outcome).flagged_at is None:
        return None
    entries = sa.select(AuditEntry.details).where(
        AuditEntry.registration_id == outcome.registration_id, AuditEntry.verb == "flag"
    )
    return db.session.scalars(entries).all()[-1]["what"]
