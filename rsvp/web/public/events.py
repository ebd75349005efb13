"""Public pages: what's on, an event, a series, and their feeds; the same for everybody.

Nothing here sets a cookie or opens a session. A page is rendered once per change and
then answered from memory (`web.memory`): one small read tells if it is still the same.
"""

from __future__ import annotations

import math
from datetime import datetime

from flask import Blueprint, Response, abort, current_app, render_template

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.formats.feeds import icalendar
from rsvp.models import Event
from rsvp.queries import events as event_queries
from rsvp.queries.events import EventState
from rsvp.web import guards
from rsvp.web.caching import events as cached_events
from rsvp.web.caching.pages import Held, answer, definition, memory, offer, ready
from rsvp.web.forms.registration import RegistrationForm
from rsvp.web.presentation.template_globals import public_url

bp = Blueprint("public", __name__)

HTML = "text/html; charset=utf-8"
CALENDAR = "text/calendar; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"


# --- one event ----------------------------------------------------------------------


@bp.get("/events/<slug>")
@guards.public
def event(slug: str) -> Response:
    now = utcnow()
    shown, state = cached_events.shown_event(slug)
    # The form's stamp holds the hour; the rest of the page depends on these alone.
    hour = int(now.timestamp()) // 3600
    when = (shown.phase(now), hour)
    held = memory().page(
        slug,
        (state.key, *when),
        lambda: event_page(shown, state, now),
        lasting=(definition(state.key), *when),
    )
    changes_at = shown.next_phase_at(now)
    until = min((hour + 1) * 3600.0, changes_at.timestamp() if changes_at else math.inf)
    offer(held, db.engine, slug, hour * 3600.0, until)
    return answer(held)


def event_page(event: Event, state: EventState, now: datetime) -> tuple[bytes, str]:
    form = RegistrationForm(event, form_token=cached_events.form_token(event, now))
    return cached_events.event_html(event, state, form, now).encode(), HTML


@bp.get("/events/<slug>.ics")
@guards.public
def event_ics(slug: str) -> Response:
    shown, state = cached_events.shown_event(slug)
    key = (state.event_id, state.version)
    page = memory().page(
        ("ics", slug),
        key,
        lambda: (icalendar.event_calendar(shown, event_url(shown)), CALENDAR),
    )
    return download(answer(page), "appointment" if shown.discreet else slug)


def download(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response


def event_url(event: Event) -> str:
    return public_url("public.event", slug=event.slug)


# --- what's on ----------------------------------------------------------------------


@bp.get("/")
@guards.public
def home() -> Response:
    now = utcnow()
    return answer(memory().page("home", listing_key(now), lambda: home_page(now)))


def listing_key(now: datetime) -> tuple[str, str]:
    return event_queries.listing_key(now), i18n.current_language()


def home_page(now: datetime) -> tuple[bytes, str]:
    events = event_queries.listing(now)
    states = states_of(events)
    return render_template("public/home.html", events=events, states=states).encode(), (
        HTML
    )


def states_of(events: list[Event]) -> dict[int, EventState]:
    found = (event_queries.event_state(event.slug) for event in events)
    return {state.event_id: state for state in found if state}


@bp.get("/events.ics")
@guards.public
def events_ics() -> Response:
    now = utcnow()
    title = current_app.config["SITE_NAME"]
    page = memory().page(
        "events.ics",
        listing_key(now),
        lambda: (
            icalendar.many_calendar(event_queries.listing(now), event_url, title=title),
            CALENDAR,
        ),
    )
    return answer(page)


@bp.get("/events.atom")
@guards.public
def events_atom() -> Response:
    now = utcnow()
    page = memory().page("events.atom", listing_key(now), lambda: atom_feed(now))
    return answer(page)


def atom_feed(now: datetime) -> tuple[bytes, str]:
    feed = icalendar.atom(
        event_queries.listing(now),
        event_url,
        title=current_app.config["SITE_NAME"],
        home_url=public_url("public.home"),
        feed_url=public_url("public.events_atom"),
        language=i18n.current_language(),
    )
    return feed, ATOM


# --- a series -----------------------------------------------------------------------


@bp.get("/series/<slug>")
@guards.public
def series(slug: str) -> Response:
    found = event_queries.series_page(slug, utcnow())
    if found is None:
        abort(404)
    html = render_template(
        "public/series.html",
        series=found.series,
        coming=found.coming,
        past=found.past,
        states=states_of(found.coming),
    )
    return answer(Held(ready(html.encode(), HTML), ()))
