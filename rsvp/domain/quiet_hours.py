"""Quiet hours: mails and deadlines that would fall into the night are moved."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from rsvp.models import Event

NIGHT_BEGINS = time(22)
NIGHT_ENDS = time(8)
ANSWERS_FROM = time(10)
NEAR_EVENT = timedelta(hours=12)

MIN_LEAD_TIME = timedelta(hours=1)
"""An event that begins within `NEAR_EVENT` of a mail, or sooner than `MIN_LEAD_TIME`
after the next morning, is near: then it is better told at night than too late."""


def deadline_by_day(at: datetime, event: Event) -> datetime:
    """Return `at`, or ten in the morning after where it falls into the night."""
    return move_out_of_night(at, event, ANSWERS_FROM)


def mail_time_before_start(at: datetime, event: Event) -> datetime:
    """Return when to send what should be read before the start, and was meant for `at`:
    at eight in the morning after where that is at night, unless the event is near."""
    morning = mail_time(at, event)
    is_near = (
        event.starts_at - at <= NEAR_EVENT or event.starts_at - morning < MIN_LEAD_TIME
    )
    return at if is_near else morning


def mail_time(at: datetime, event: Event) -> datetime:
    """Return when to send what was meant for `at` and can wait until the morning."""
    return move_out_of_night(at, event, NIGHT_ENDS)


def move_out_of_night(at: datetime, event: Event, morning: time) -> datetime:
    """Return `at`, or the `morning` after where it falls into the night, by the clocks
    of the event."""
    local = at.astimezone(event.zone)
    if NIGHT_ENDS <= local.time() < NIGHT_BEGINS:
        return at
    day = local.date() + timedelta(days=local.time() >= NIGHT_BEGINS)
    return datetime.combine(day, morning, event.zone).astimezone(at.tzinfo)
