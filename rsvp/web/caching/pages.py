"""Cached pages: public pages rendered once, and a fast path that answers them early.

`Memory` keeps what was rendered last. `Express` stands before the application and
answers a kept event page itself, as the application answered it: one small read tells
that nothing has changed. Everything else goes on to the application.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, Response, current_app, request
from sqlalchemy import Engine

from rsvp.queries import events as event_queries

MAX_CACHED = 200
"""Pages in memory: some 40 kB each with their compressed form."""

# Browsers ask each time (it costs one small read); caches in front may rest.
CACHE_CONTROL = "public, max-age=0, s-maxage=5"

GRACE_FACTOR = 10
MAX_GRACE = 1.0
"""A page whose counts alone have changed is rendered again only after so many times
what rendering it took, or so many seconds: in a rush, when each registration changes
them, that takes a tenth of a process and not all of it. The database decides on seats.
"""

PAGES_EXTENSION, FAST_PATH_EXTENSION = "rsvp_pages", "rsvp_lanes"
FAST_PATH_ENVIRON = "rsvp.offered_lane"

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]

log = logging.getLogger("rsvp.requests")


# --- pages --------------------------------------------------------------------------


@dataclass(frozen=True)
class RenderedPage:
    """An answer ready to go out, plain and compressed."""

    content: bytes
    squeezed: bytes
    headers: dict[str, str]
    etag: str


@dataclass(frozen=True)
class CachedPage:
    """A page and what it was rendered from: `key` says all of it, `lasting` what may
    not change even while the page rests, until `rests_until` (monotonic seconds)."""

    page: RenderedPage
    key: tuple[Any, ...]
    lasting: tuple[Any, ...] | None = None
    rests_until: float = 0.0

    def rests(self, lasting: tuple[Any, ...] | None) -> bool:
        is_same = lasting is not None and lasting == self.lasting
        return is_same and time.monotonic() < self.rests_until


class PageCache:
    """The pages rendered last; bounded."""

    def __init__(self, kept: int = MAX_CACHED) -> None:
        self.kept = kept
        self.pages: OrderedDict[Hashable, CachedPage] = OrderedDict()
        self.lock = threading.Lock()

    def page(
        self,
        name: Hashable,
        key: tuple[Any, ...],
        make: Callable[[], tuple[bytes, str]],
        lasting: tuple[Any, ...] | None = None,
    ) -> CachedPage:
        """The page of this name, made anew unless the kept one has the same key, or
        rests and is `lasting` the same."""
        held = self.pages.get(name)
        if held is not None and (held.key == key or held.rests(lasting)):
            return held
        started = time.monotonic()
        if held is not None and held.lasting == lasting:
            # One renders it; the others make do with what there is.
            self.pages[name] = replace(held, rests_until=started + MAX_GRACE)
        page = prepare_page(*make())
        done = time.monotonic()
        rest = min(GRACE_FACTOR * (done - started), MAX_GRACE)
        held = CachedPage(page, key, lasting, done + rest)
        with self.lock:
            self.pages[name] = held
            self.pages.move_to_end(name)
            while len(self.pages) > self.kept:
                self.pages.popitem(last=False)
        return held


def prepare_page(content: bytes, kind: str) -> RenderedPage:
    # Weak: one tag for both forms, plain and compressed.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {
        "Content-Type": kind,
        "ETag": etag,
        "Cache-Control": CACHE_CONTROL,
        "Vary": "Accept-Encoding",
    }
    return RenderedPage(content, gzip.compress(content, 6, mtime=0), headers, etag)


def page_cache() -> PageCache:
    if current_app.debug:
        return PageCache()  # whoever edits a template sees it at the next reload
    held: PageCache = current_app.extensions[PAGES_EXTENSION]
    return held


def clear_pages(app: Flask) -> None:
    """Keep nothing of what was rendered so far."""
    app.extensions[PAGES_EXTENSION] = PageCache()
    app.extensions[FAST_PATH_EXTENSION] = OrderedDict()


def page_response(held: CachedPage) -> Response:
    """What this visitor gets: nothing new, the page, or the page compressed."""
    page = held.page
    if (seen := request.headers.get("If-None-Match")) and etag_matches(page.etag, seen):
        response = Response(status=304, headers=page.headers)
        del response.headers["Content-Type"]
        return response
    response = Response(page.content, headers=page.headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.data = page.squeezed
        response.headers["Content-Encoding"] = "gzip"
    return response


def etag_matches(etag: str, seen: str) -> bool:
    """Whether the visitor has this version, by RFC 9110's weak comparison."""
    return seen.strip() == "*" or etag[2:] in (
        tag.strip().removeprefix("W/") for tag in seen.split(",")
    )


# --- the lane past the application --------------------------------------------------


@dataclass(frozen=True)
class FastPathEntry:
    """A page that may be answered without the application, and while it may: from
    `since` until `until` (seconds since 1970), as long as the event's `rows` are these,
    or the page rests and they differ in counts alone."""

    held: CachedPage
    engine: Engine
    slug: str
    rows: event_queries.StateRows
    since: float
    until: float
    headers: tuple[tuple[str, str], ...] = ()

    def is_still_true(self) -> bool:
        # One of a clock that ran ahead speaks of a time that has not come.
        if not self.since <= time.time() < self.until:
            return False
        rows = event_queries.fetch_state_rows(self.engine, self.slug)
        if rows == self.rows:
            return True
        is_resting = time.monotonic() < self.held.rests_until
        return is_resting and state_without_counts(rows) == state_without_counts(
            self.rows
        )


def state_without_counts(rows: event_queries.StateRows) -> tuple[Any, ...]:
    """What of an event's state is no count: its id, version, status and visibility."""
    return rows[0][:4] if rows else ()


def allow_fast_path(
    held: CachedPage, engine: Engine, slug: str, since: float, until: float
) -> None:
    """Let the next visitors of this address have the page past the application.

    The first part of its key must be the rows of the event's state it was made from.
    """
    if not current_app.debug:
        rows = held.key[0]
        request.environ[FAST_PATH_ENVIRON] = FastPathEntry(
            held, engine, slug, rows, since, until
        )


class FastPathMiddleware:
    """Answers offered pages, with the headers that the application gave them."""

    def __init__(self, app: Flask) -> None:
        self.flask = app
        self.app = app.wsgi_app

    def __call__(
        self, environ: dict[str, Any], start: StartResponse
    ) -> Iterable[bytes]:
        lanes: OrderedDict[str, FastPathEntry] = self.flask.extensions[
            FAST_PATH_EXTENSION
        ]
        path = environ["PATH_INFO"]
        lane = lanes.get(path)
        if lane and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            started = time.perf_counter()
            if is_entry_valid(lane):
                status, headers, body = fast_path_response(lane, environ)
                if log.isEnabledFor(logging.INFO):
                    took = (time.perf_counter() - started) * 1000
                    method = environ["REQUEST_METHOD"]
                    log.info("%s %s %s %.1f ms", method, path, status[:3], took)
                start(status, headers)
                return body

        def noting(status: str, headers: Headers, *rest: Any) -> Any:
            offered: FastPathEntry | None = environ.get(FAST_PATH_ENVIRON)
            if offered and status.startswith("200"):
                lanes[path] = with_headers(offered, headers)
                while len(lanes) > MAX_CACHED:
                    lanes.popitem(last=False)
            return start(status, headers, *rest)

        return self.app(environ, noting)


def is_entry_valid(lane: FastPathEntry) -> bool:
    try:
        return lane.is_still_true()
    except Exception:
        # The application meets the same database, and says what is wrong with it.
        return False


def with_headers(lane: FastPathEntry, headers: Headers) -> FastPathEntry:
    varying = ("content-length", "content-encoding", "content-type")
    kept = tuple((n, v) for n, v in headers if n.lower() not in varying)
    return replace(lane, headers=kept)


def fast_path_response(
    lane: FastPathEntry, environ: dict[str, Any]
) -> tuple[str, Headers, list[bytes]]:
    page, headers = lane.held.page, list(lane.headers)
    if (seen := environ.get("HTTP_IF_NONE_MATCH")) and etag_matches(page.etag, seen):
        return "304 NOT MODIFIED", headers, []
    body = page.content
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        body = page.squeezed
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Type", page.headers["Content-Type"]))
    headers.append(("Content-Length", str(len(body))))
    return "200 OK", headers, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def init_app(app: Flask) -> None:
    clear_pages(app)
    app.wsgi_app = FastPathMiddleware(app)  # type: ignore[assignment, method-assign]
