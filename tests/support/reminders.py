"""Reminders in tests: events that have some, and the mails that come of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp.db import writing
from rsvp.domain import reminders
from rsvp.extensions import db
from rsvp.jobs import tasks
from rsvp.models import Event, Message, Reminder
from tests.support.factories import NOON

HOUR, DAY = 60, 24 * 60
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

TWO_DAYS = {"key": "two-days", "anchor": "start", "minutes": 2 * DAY}
TWO_HOURS = {"key": "two-hours", "anchor": "start", "minutes": 2 * HOUR}
THANKS = {"key": "thanks", "anchor": "end", "minutes": 12 * HOUR}


def local_time(text: str) -> datetime:
    """An instant of January 2027 by the clocks of Amsterdam, as in `27 18:00`."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2027, 1, int(day), int(hour), int(minute), tzinfo=AMSTERDAM)


def add_reminders(event: Event, *rules: dict[str, Any], now: datetime = NOON) -> None:
    """Give the event these reminders; commits."""
    with writing() as session:
        found = session.get_one(Event, event.id)
        for position, rule in enumerate(rules):
            values = {"position": position, "states": ["confirmed"], "made_at": now}
            found.reminders.append(Reminder(**values | rule))
        reminders.reschedule(found, now)


def move_event(event: Event, *, now: datetime = NOON, **walls: datetime) -> None:
    """Move the event, and its reminders with it; commits."""
    with writing() as session:
        found = session.get_one(Event, event.id)
        for name, wall in walls.items():
            setattr(found, f"{name}_local", wall)
            setattr(found, f"{name}_at", wall.replace(tzinfo=found.zone))
        reminders.reschedule(found, now)


def run_reminders(text: str) -> int:
    """What the worker writes at this instant."""
    db.session.rollback()
    return tasks.send_reminders(local_time(text))


def reminders_by_key() -> dict[str, Reminder]:
    db.session.rollback()
    return {rule.key: rule for rule in db.session.scalars(select(Reminder))}


def reminder_mails() -> list[tuple[str, str]]:
    """(address, occasion) of the mails of reminders, oldest first."""
    db.session.rollback()
    found = select(Message).where(Message.occasion.is_not(None)).order_by(Message.id)
    return [
        (message.recipient.partition("@")[0], message.occasion)
        for message in db.session.scalars(found)
    ]
