"""Counted: how many registrations an event has, from memory until one changes."""

from __future__ import annotations

from flask import current_app

from rsvp.models import Event
from rsvp.queries import registrations as registration_queries
from rsvp.queries.attendees import Filter
from rsvp.queries.registrations import Count

EXTENSION = "rsvp_counts"
KEPT = 256
"""Of how many events the counts stay in memory."""

Held = tuple[tuple[object, ...], list[Count]]


def held_counts(event: Event) -> list[Count]:
    """All of an event's counts, from memory until one of them changes.

    Counting 100,000 takes longer than the rest of the page. Counts kept in columns
    would be quick at once, but each registration would pay for them.
    """
    held: dict[int, Held] = current_app.extensions.setdefault(EXTENSION, {})
    counted_at = registration_queries.counted_at(event)
    entry = held.get(event.id)
    if entry is None or entry[0] != counted_at:
        entry = counted_at, registration_queries.counts(event.id, Filter())
        while len(held) >= KEPT:
            # Several threads may do this at once; the oldest goes, or is gone.
            held.pop(next(iter(held), event.id), None)
        held[event.id] = entry
    return entry[1]
