"""The outbox, as the tests of the worker look at it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from rsvp.extensions import db
from rsvp.jobs.delivery import pool
from rsvp.models import Message
from tests.support.factories import NOON

MINUTE = timedelta(minutes=1)


def all_messages() -> list[Message]:
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def message_states() -> list[str]:
    return [message.state for message in all_messages()]


def deliver(now: datetime = NOON, **options: Any) -> tuple[int, int, int]:
    report = pool.deliver_due(now, **options)
    return report.sent, report.retried, report.failed
