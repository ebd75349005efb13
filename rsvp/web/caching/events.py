"""Pages: what public and attendee views share, the event held in memory above all."""

from __future__ import annotations

from datetime import datetime

from flask import abort, current_app, g, render_template

from rsvp import i18n, tokens
from rsvp.models import Event
from rsvp.models.event import Status
from rsvp.queries import events as event_queries
from rsvp.queries.events import EventState
from rsvp.web.forms.registration import RegistrationForm

KEPT = 256
"""How many events stay in memory; one with all its texts takes some 50 kB."""

EXTENSION = "rsvp_events"


def shown_event(slug: str) -> tuple[Event, EventState]:
    """The event anyone may see by this slug, with its counts of this moment, or 404.

    One small read tells the counts and the version; the event itself is read again only
    when its version is another. It is shared between threads: look, never change.
    """
    state = event_queries.event_state(slug)
    event = held_event(slug, state.version) if state else None
    if event and state and event.version != state.version:
        # It was changed between the two reads; its counts belong to its admissions.
        state = event_queries.event_state(slug)
    if event is None or state is None or event.status == Status.DRAFT:
        abort(404)
    g.language = i18n.language_for(event.language)
    return event, state


def held_event(slug: str, version: int) -> Event | None:
    """The event in this version from memory, else as the database has it now."""
    held = held_events()
    event = held.get(slug)
    if event is None or event.version != version:
        event = event_queries.event_page(slug)
        if event is not None:
            while len(held) >= KEPT:
                # Several threads may do this at once; the oldest goes, or is gone.
                held.pop(next(iter(held), slug), None)
            held[slug] = event
    return event


def held_events() -> dict[str, Event]:
    held: dict[str, Event] = current_app.extensions.setdefault(EXTENSION, {})
    return held


def form_token(event: Event, now: datetime) -> str:
    return tokens.form_token(current_app.config["SECRET_KEY"], event.uuid, now)


def event_html(
    event: Event, state: EventState, form: RegistrationForm, now: datetime
) -> str:
    """The event's page; `form` is blank, or brings back what was typed."""
    return render_template(
        "public/event.html",
        event=event,
        state=state,
        form=form,
        phase=event.phase(now),
        form_token=form["form_token"].data,
        now=now,
    )
