"""Cached events: public events in memory, read again when their version changes."""

from __future__ import annotations

from flask import abort, current_app, g

from rsvp import i18n
from rsvp.models import Event
from rsvp.models.event import Status
from rsvp.queries import events as event_queries
from rsvp.queries.events import EventState

MAX_CACHED = 256
"""How many events stay in memory; one with all its texts takes some 50 kB."""

EXTENSION = "rsvp_events"


def get_public_event(slug: str) -> tuple[Event, EventState]:
    """Return the event anyone may see by this slug, with its counts of this moment, or
    404.

    One small read tells the counts and the version; the event itself is read again only
    when its version is another. It is shared between threads: look, never change.
    """
    state = event_queries.find_event_state(slug)
    event = cached_event(slug, state.version) if state else None
    if event and state and event.version != state.version:
        # It was changed between the two reads; its counts belong to its admissions.
        state = event_queries.find_event_state(slug)
    if event is None or state is None or event.status == Status.DRAFT:
        abort(404)
    g.language = i18n.language_for(event.language)
    return event, state


def cached_event(slug: str, version: int) -> Event | None:
    """Return the event in this version from memory, else as the database has it now."""
    cache = event_cache()
    event = cache.get(slug)
    if event is None or event.version != version:
        event = event_queries.load_detached_event(slug)
        if event is not None:
            while len(cache) >= MAX_CACHED:
                # Several threads may do this at once; the oldest goes, or is gone.
                cache.pop(next(iter(cache), slug), None)
            cache[slug] = event
    return event


def event_cache() -> dict[str, Event]:
    cache: dict[str, Event] = current_app.extensions.setdefault(EXTENSION, {})
    return cache
