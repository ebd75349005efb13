"""Cached counts: registrations of an event by state, cached until one changes."""

from __future__ import annotations

from flask import current_app

from rsvp.models import Event
from rsvp.queries import registrations as registration_queries
from rsvp.queries.attendees import RegistrationFilter
from rsvp.queries.registrations import StateCount

EXTENSION = "rsvp_counts"
MAX_CACHED = 256
"""Of how many events the counts stay in memory."""

CachedCounts = tuple[tuple[object, ...], list[StateCount]]


def cached_counts(event: Event) -> list[StateCount]:
    """Return all of an event's counts, from memory until one of them changes.

    Counting 100,000 takes longer than the rest of the page. Counts kept in columns
    would be quick at once, but each registration would pay for them.
    """
    cache: dict[int, CachedCounts] = current_app.extensions.setdefault(EXTENSION, {})
    counted_at = registration_queries.counts_key(event)
    entry = cache.get(event.id)
    if entry is None or entry[0] != counted_at:
        entry = (
            counted_at,
            registration_queries.count_by_state(event.id, RegistrationFilter()),
        )
        while len(cache) >= MAX_CACHED:
            # Several threads may do this at once; the oldest goes, or is gone.
            cache.pop(next(iter(cache), event.id), None)
        cache[event.id] = entry
    return entry[1]
