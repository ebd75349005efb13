"""Reminders: when each is due, by the times of its event."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from rsvp.domain import deadlines
from rsvp.models import Event, Reminder
from rsvp.models.event import Anchor


def schedule(event: Event, now: datetime) -> None:
    """Set when the event's reminders are due, after its times or they have changed.

    One that went out goes out again if the event is on another day now. One whose time
    is over by the new times stays unsent: what changed is told by a mail of its own.
    """
    for reminder in event.reminders:
        at = due_at(event, reminder)
        if reminder.due_at != at:
            reminder.due_at, reminder.made_at = at, now
        if reminder.done_for is not None and reminder.done_for != day_of(reminder):
            reminder.done_for, reminder.reached_id = None, 0


def due_at(event: Event, reminder: Reminder) -> datetime:
    """So long before the start or after the end, but not at night unless it is near."""
    span = timedelta(minutes=reminder.minutes)
    if reminder.anchor == Anchor.START:
        return deadlines.out_of_the_night(event.starts_at - span, event)
    return deadlines.out_of_the_night(event.ends_at + span, event)


def day_of(reminder: Reminder) -> date:
    """The day, by the event's clocks, that its reminder is about."""
    event = reminder.event
    at = event.starts_at if reminder.anchor == Anchor.START else event.ends_at
    return at.astimezone(event.zone).date()
