"""Template globals: the functions and filters that all templates may use."""

from __future__ import annotations

from urllib.parse import quote_plus

from flask import Flask
from markupsafe import Markup

from rsvp import i18n
from rsvp.formats import location, markdown
from rsvp.formats.feeds import atom, schema_org
from rsvp.models import Event
from rsvp.queries.events import EventState
from rsvp.text.mail_addresses import suggest_address
from rsvp.text.states import PHASE_LABELS, SIGNS, STATE_LABELS
from rsvp.web.presentation.dates import (
    date_and_time,
    date_block,
    events_by_day,
    long_date,
    time_tag,
    times_of,
)
from rsvp.web.presentation.seats import register_label, seats_of, submit_label
from rsvp.web.presentation.text import (
    join_names,
    privacy_notice,
    question_hint,
    text_direction,
)
from rsvp.web.presentation.urls import public_url_for


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        date_and_time=date_and_time,
        date_block=date_block,
        event_meta=event_meta,
        events_by_day=events_by_day,
        suggest_address=suggest_address,
        join_names=join_names,
        long_date=long_date,
        map_url=map_url,
        ordinal=i18n.ordinal,
        page_language=i18n.current_language,
        phase_labels=PHASE_LABELS,
        privacy_notice=privacy_notice,
        public_url_for=public_url_for,
        question_hint=question_hint,
        register_label=register_label,
        seats_of=seats_of,
        share_text=share_text,
        state_labels=STATE_LABELS,
        state_signs=SIGNS,
        site_name=lambda: app.config["SITE_NAME"],
        submit_label=submit_label,
        text_direction=text_direction,
        time_tag=time_tag,
        times_of=times_of,
        venue_line=venue_line,
    )
    app.jinja_env.filters["markdown"] = markdown.to_html


def share_text(event: Event) -> str:
    """One line for those who see only a link to the event: when, where, what."""
    return atom.summary_line(event, i18n.current_language())


def venue_line(event: Event) -> str:
    """Name and address of the venue in one line; empty where the event has none."""
    return ", ".join(location.venue_lines(event))


def map_url(event: Event) -> str:
    """Where a map of the venue is looked up; opened only by whoever follows it."""
    query = quote_plus(venue_line(event))
    return f"https://www.openstreetmap.org/search?query={query}"


def event_meta(event: Event, state: EventState | None, url: str) -> Markup:
    """The event's facts for search engines, to stand in a script element as data."""
    public = None if event.discreet else state
    return schema_org.json_ld_script(schema_org.json_ld(event, public, url))
