"""Reconfirmation in tests: events that ask people whether they come, and answers."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from rsvp.db import writing
from rsvp.domain import reconfirmation
from rsvp.extensions import db
from rsvp.jobs.tasks import send_reconfirmations
from rsvp.models import AuditEntry, Message, Registration
from tests.support.door import DOORS_OPEN_AT
from tests.support.factories import load_registration, make_event
from tests.support.registrations import HOUR, MINUTE, act

# The usual event begins on 29 January 2027 at 18:00 in Amsterdam.
STARTS_AT = DOORS_OPEN_AT + 30 * MINUTE
ASKED_AT = STARTS_AT - 48 * HOUR
ANSWER_BY = STARTS_AT - 24 * HOUR


def make_asking_event(*admissions, **values):
    """An event that asks two days before, with a day to answer."""
    admissions = admissions or ({"capacity": 2},)
    return make_event(*admissions, **{"ask_hours": 48, "answer_hours": 24} | values)


def set_registration(outcome, **values):
    """Write columns of a registration, as others of the product do."""
    with writing() as session:
        session.execute(
            sa.update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(values)
        )


def mark_queued_sent(at: datetime = ASKED_AT) -> None:
    """The worker sends what is queued."""
    with writing() as session:
        session.execute(
            sa.update(Message)
            .where(Message.state == "queued")
            .values(state="sent", sent_at=at)
        )


def ask_and_send(at: datetime = ASKED_AT) -> int:
    asked = send_reconfirmations(at)
    mark_queued_sent(at)
    return asked


def say_yes(outcome, now=ASKED_AT + HOUR):
    return act(reconfirmation.reconfirm, outcome, now=now)


def flag_reason(outcome) -> str | None:
    """Why it was flagged last; None: it is not flagged."""
    if load_registration(outcome).flagged_at is None:
        return None
    entries = sa.select(AuditEntry.details).where(
        AuditEntry.registration_id == outcome.registration_id, AuditEntry.verb == "flag"
    )
    return db.session.scalars(entries).all()[-1]["what"]
