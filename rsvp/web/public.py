"""Public pages: what's on, an event, a series, and their feeds; the same for everybody.

Nothing here sets a cookie or opens a session. A page is rendered once per change and
then answered from memory: one small read tells whether it is still the same.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, current_app, render_template, request

from rsvp import i18n, queries
from rsvp.db import utcnow
from rsvp.formats import feeds
from rsvp.models import Event
from rsvp.queries import EventState
from rsvp.web import guards, pages
from rsvp.web.display import public_url
from rsvp.web.forms import RegistrationForm

bp = Blueprint("public", __name__)

HTML = "text/html; charset=utf-8"
CALENDAR = "text/calendar; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"

KEPT = 200
"""Pages in memory: some 40 kB each with their compressed form."""

# Browsers ask each time (it costs one small read); caches in front may rest.
FRESH = "public, max-age=0, s-maxage=5"


# --- pages held in memory -----------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """An answer ready to go out, plain and compressed."""

    content: bytes
    squeezed: bytes
    headers: dict[str, str]
    squeezed_headers: dict[str, str]
    etag: str


class Memory:
    """The pages rendered last, each with what it was rendered from; bounded."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self.pages: OrderedDict[Hashable, tuple[Hashable, Page]] = OrderedDict()
        self.lock = threading.Lock()

    def page(
        self, name: Hashable, key: Hashable, make: Callable[[], tuple[bytes, str]]
    ) -> Page:
        """The page of this name, made anew unless the kept one has the same key."""
        held = self.pages.get(name)
        if held is not None and held[0] == key:
            return held[1]
        page = ready(*make())
        with self.lock:
            self.pages[name] = (key, page)
            self.pages.move_to_end(name)
            while len(self.pages) > self.kept:
                self.pages.popitem(last=False)
        return page


def ready(content: bytes, kind: str) -> Page:
    squeezed = gzip.compress(content, 6, mtime=0)
    # Weak: one tag for both forms, plain and compressed.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {
        "Content-Type": kind,
        "ETag": etag,
        "Cache-Control": FRESH,
        "Vary": "Accept-Encoding",
    }
    return Page(
        content, squeezed, headers, headers | {"Content-Encoding": "gzip"}, etag
    )


def memory() -> Memory:
    if current_app.debug:
        return Memory()  # whoever edits a template sees it at the next reload
    held: Memory | None = current_app.extensions.get("rsvp_pages")
    if held is None:
        held = current_app.extensions.setdefault("rsvp_pages", Memory())
    return held


def answer(page: Page) -> Response:
    if (seen := request.headers.get("If-None-Match")) and is_known(page.etag, seen):
        response = Response(status=304, headers=page.headers)
        del response.headers["Content-Type"]
        return response
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(page.squeezed, headers=page.squeezed_headers)
    return Response(page.content, headers=page.headers)


def is_known(etag: str, seen: str) -> bool:
    """Whether the visitor has this version, by RFC 9110's weak comparison."""
    return seen.strip() == "*" or etag[2:] in (
        tag.strip().removeprefix("W/") for tag in seen.split(",")
    )


# --- one event ----------------------------------------------------------------------


@bp.get("/events/<slug>")
@guards.public
def event(slug: str) -> Response:
    now = utcnow()
    shown, state = pages.shown_event(slug)
    # The form's stamp holds the hour; the rest of the page depends on these alone.
    key = (state.key, shown.phase(now), int(now.timestamp()) // 3600)
    return answer(memory().page(slug, key, lambda: event_page(shown, state, now)))


def event_page(event: Event, state: EventState, now: datetime) -> tuple[bytes, str]:
    form = RegistrationForm(event, form_token=pages.form_token(event, now))
    return pages.event_html(event, state, form, now).encode(), HTML


@bp.get("/events/<slug>.ics")
@guards.public
def event_ics(slug: str) -> Response:
    shown, state = pages.shown_event(slug)
    key = (state.event_id, state.version)
    page = memory().page(
        ("ics", slug),
        key,
        lambda: (feeds.event_calendar(shown, event_url(shown)), CALENDAR),
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
    return queries.listing_key(now), i18n.current_language()


def home_page(now: datetime) -> tuple[bytes, str]:
    events = queries.listing(now)
    states = states_of(events)
    return render_template("public/home.html", events=events, states=states).encode(), (
        HTML
    )


def states_of(events: list[Event]) -> dict[int, EventState]:
    found = (queries.event_state(event.slug) for event in events)
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
            feeds.many_calendar(queries.listing(now), event_url, title=title),
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
    feed = feeds.atom(
        queries.listing(now),
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
    found = queries.series_page(slug, utcnow())
    if found is None:
        abort(404)
    html = render_template(
        "public/series.html",
        series=found.series,
        coming=found.coming,
        past=found.past,
        states=states_of(found.coming),
    )
    return answer(ready(html.encode(), HTML))
