"""Public events: the list, an event, a series, and their feeds; the same for
everybody.

Nothing here sets a cookie or opens a session. A page is rendered once per change and
then answered from memory (`web.memory`): one small read tells if it is still the same.
"""

from __future__ import annotations

import math
from datetime import datetime

from flask import Response, abort, current_app, render_template

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.formats.feeds import atom, icalendar
from rsvp.models import Event
from rsvp.queries import events as event_queries
from rsvp.queries.events import EventState
from rsvp.web import guards
from rsvp.web.caching import events as cached_events
from rsvp.web.caching.pages import (
    CachedPage,
    allow_fast_path,
    page_cache,
    page_response,
    prepare_page,
    state_without_counts,
)
from rsvp.web.forms.registration import RegistrationForm
from rsvp.web.presentation import event_page as presentation_event_page
from rsvp.web.presentation.urls import public_url_for
from rsvp.web.public import bp

HTML = "text/html; charset=utf-8"
CALENDAR = "text/calendar; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"


# --- one event ----------------------------------------------------------------------


@bp.get("/events/<slug>")
@guards.public
def show_event(slug: str) -> Response:
    now = utcnow()
    shown, state = cached_events.get_public_event(slug)
    # The form's stamp holds the hour; the rest of the page depends on these alone.
    hour = int(now.timestamp()) // 3600
    when = (shown.phase(now), hour)
    held = page_cache().get_or_render(
        slug,
        (state.key, *when),
        lambda: render_event_page(shown, state, now),
        stable_key=(state_without_counts(state.key), *when),
    )
    changes_at = shown.next_phase_at(now)
    until = min((hour + 1) * 3600.0, changes_at.timestamp() if changes_at else math.inf)
    allow_fast_path(held, db.engine, slug, hour * 3600.0, until)
    return page_response(held)


def render_event_page(
    event: Event, state: EventState, now: datetime
) -> tuple[bytes, str]:
    form = RegistrationForm(
        event, form_token=presentation_event_page.form_token(event, now)
    )
    return presentation_event_page.render_event(event, state, form, now).encode(), HTML


@bp.get("/events/<slug>.ics")
@guards.public
def event_ics(slug: str) -> Response:
    shown, state = cached_events.get_public_event(slug)
    key = (state.event_id, state.version)
    page = page_cache().get_or_render(
        ("ics", slug),
        key,
        lambda: (icalendar.event_calendar(shown, event_url(shown)), CALENDAR),
    )
    return as_download(page_response(page), "appointment" if shown.discreet else slug)


def as_download(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response


def event_url(event: Event) -> str:
    return public_url_for("public.show_event", slug=event.slug)


# --- what's on ----------------------------------------------------------------------


@bp.get("/")
@guards.public
def home() -> Response:
    now = utcnow()
    return page_response(
        page_cache().get_or_render("home", listing_key(now), lambda: render_home(now))
    )


def listing_key(now: datetime) -> tuple[str, str]:
    return event_queries.public_events_key(now), i18n.current_language()


def render_home(now: datetime) -> tuple[bytes, str]:
    events = event_queries.list_public_events(now)
    states = event_states(events)
    return render_template("public/home.html", events=events, states=states).encode(), (
        HTML
    )


def event_states(events: list[Event]) -> dict[int, EventState]:
    states = (event_queries.find_event_state(event.slug) for event in events)
    return {state.event_id: state for state in states if state}


@bp.get("/events.ics")
@guards.public
def events_ics() -> Response:
    now = utcnow()
    title = current_app.config["SITE_NAME"]
    page = page_cache().get_or_render(
        "events.ics",
        listing_key(now),
        lambda: (
            icalendar.events_calendar(
                event_queries.list_public_events(now), event_url, title=title
            ),
            CALENDAR,
        ),
    )
    return page_response(page)


@bp.get("/events.atom")
@guards.public
def events_atom() -> Response:
    now = utcnow()
    page = page_cache().get_or_render(
        "events.atom", listing_key(now), lambda: atom_feed(now)
    )
    return page_response(page)


def atom_feed(now: datetime) -> tuple[bytes, str]:
    feed = atom.atom_feed(
        event_queries.list_public_events(now),
        event_url,
        title=current_app.config["SITE_NAME"],
        home_url=public_url_for("public.home"),
        feed_url=public_url_for("public.events_atom"),
        language=i18n.current_language(),
    )
    return feed, ATOM


# --- a series -----------------------------------------------------------------------


@bp.get("/series/<slug>")
@guards.public
def show_series(slug: str) -> Response:
    page = event_queries.find_series_page(slug, utcnow())
    if page is None:
        abort(404)
    html = render_template(
        "public/series.html",
        series=page.series,
        coming=page.coming,
        past=page.past,
        states=event_states(page.coming),
    )
    return page_response(CachedPage(prepare_page(html.encode(), HTML), ()))
