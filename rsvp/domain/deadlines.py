"""Deadlines: until when an offer stands, and a place whose address is unconfirmed; and
when it is too late in the day to write to people.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from rsvp.models import Event

TO_CONFIRM_ADDRESS = timedelta(hours=2)

TO_ACCEPT = (
    (timedelta(hours=6), timedelta(minutes=45)),
    (timedelta(days=2), timedelta(hours=4)),
)
"""How long an offer stands, by how soon the event starts (soonest first)."""
TO_ACCEPT_EARLY = timedelta(hours=24)

NIGHT_BEGINS = time(22)
NIGHT_ENDS = time(8)
MORNING = time(10)

NEAR = timedelta(hours=12)
IN_TIME = timedelta(hours=1)
"""An event that begins within `NEAR` of a mail, or sooner than `IN_TIME` after the next
morning, is near: then it is better told at night than too late."""


def address_by(now: datetime) -> datetime:
    """Until when the address of a place held now is to be confirmed."""
    return now + TO_CONFIRM_ADDRESS


def offer_by(event: Event, now: datetime) -> datetime:
    """Until when an offer made now stands: nobody has to answer at night, by the
    clocks of the event, and from doors on presence decides."""
    left = event.starts_at - now
    stands = next((for_ for within, for_ in TO_ACCEPT if left <= within), None)
    ends_at = now + (stands or TO_ACCEPT_EARLY)
    return min(by_day(ends_at, event), event.doors_open_at)


def by_day(at: datetime, event: Event) -> datetime:
    """`at`, or ten in the morning after where it falls into the night."""
    return out_of_the_night(at, event, MORNING)


def mail_before(at: datetime, event: Event) -> datetime:
    """When to write what should be read before the start, and was meant for `at`: at
    eight in the morning after where that is at night, unless the event is near."""
    morning = mail_after(at, event)
    is_near = event.starts_at - at <= NEAR or event.starts_at - morning < IN_TIME
    return at if is_near else morning


def mail_after(at: datetime, event: Event) -> datetime:
    """When to write what was meant for `at` and can wait until the next morning."""
    return out_of_the_night(at, event, NIGHT_ENDS)


def out_of_the_night(at: datetime, event: Event, morning: time) -> datetime:
    """`at`, or the `morning` after where it falls into the night, by the clocks of the
    event."""
    local = at.astimezone(event.zone)
    if NIGHT_ENDS <= local.time() < NIGHT_BEGINS:
        return at
    day = local.date() + timedelta(days=local.time() >= NIGHT_BEGINS)
    return datetime.combine(day, morning, event.zone).astimezone(at.tzinfo)
