"""Deadlines: how long an offer stands, and a place whose address is unconfirmed."""

from __future__ import annotations

from datetime import datetime, timedelta

from rsvp.domain.quiet_hours import deadline_by_day
from rsvp.models import Event

TIME_TO_CONFIRM_ADDRESS = timedelta(hours=2)

TIMES_TO_ACCEPT = (
    (timedelta(hours=6), timedelta(minutes=45)),
    (timedelta(days=2), timedelta(hours=4)),
)
"""How long an offer stands, by how soon the event starts (soonest first)."""
MAX_TIME_TO_ACCEPT = timedelta(hours=24)


def address_deadline(now: datetime) -> datetime:
    """Return until when the address of a place held now is to be confirmed."""
    return now + TIME_TO_CONFIRM_ADDRESS


def offer_deadline(event: Event, now: datetime) -> datetime:
    """Return until when an offer made now stands: nobody has to answer at night, by the
    clocks of the event, and from doors on presence decides."""
    remaining = event.starts_at - now
    stands = next(
        (for_ for within, for_ in TIMES_TO_ACCEPT if remaining <= within), None
    )
    ends_at = now + (stands or MAX_TIME_TO_ACCEPT)
    return min(deadline_by_day(ends_at, event), event.doors_open_at)
