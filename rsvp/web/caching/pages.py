"""Cached pages: public pages rendered once, and a fast path that answers them early.

`PageCache` keeps what was rendered last. `FastPathMiddleware` stands before the
application and answers a cached event page itself, as the application answered it: one
small read tells that nothing has changed. Everything else goes on to the application.
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

PAGES_EXTENSION, FAST_PATH_EXTENSION = "rsvp_pages", "rsvp_fast_path"
FAST_PATH_ENVIRON = "rsvp.fast_path"

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]

log = logging.getLogger("rsvp.requests")


# --- pages --------------------------------------------------------------------------


@dataclass(frozen=True)
class RenderedPage:
    """An answer ready to go out, plain and compressed."""

    content: bytes
    gzipped: bytes
    headers: dict[str, str]
    etag: str


@dataclass(frozen=True)
class CachedPage:
    """A page and what it was rendered from: `key` says all of it, `stable_key` what may
    not change even in the page's grace, until `grace_until` (monotonic seconds)."""

    page: RenderedPage
    key: tuple[Any, ...]
    stable_key: tuple[Any, ...] | None = None
    grace_until: float = 0.0

    def is_in_grace(self, stable_key: tuple[Any, ...] | None) -> bool:
        is_same = stable_key is not None and stable_key == self.stable_key
        return is_same and time.monotonic() < self.grace_until


class PageCache:
    """The pages rendered last, at most `max_pages` of them."""

    def __init__(self, max_pages: int = MAX_CACHED) -> None:
        self.max_pages = max_pages
        self.pages: OrderedDict[Hashable, CachedPage] = OrderedDict()
        self.lock = threading.Lock()

    def get_or_render(
        self,
        name: Hashable,
        key: tuple[Any, ...],
        render: Callable[[], tuple[bytes, str]],
        stable_key: tuple[Any, ...] | None = None,
    ) -> CachedPage:
        """Return the page of this name, rendered anew unless the cached one has the
        same key, or is in its grace and has the same `stable_key`."""
        cached_page = self.pages.get(name)
        if cached_page is not None and (
            cached_page.key == key or cached_page.is_in_grace(stable_key)
        ):
            return cached_page
        started = time.monotonic()
        if cached_page is not None and cached_page.stable_key == stable_key:
            # One renders it; the others make do with what there is.
            self.pages[name] = replace(cached_page, grace_until=started + MAX_GRACE)
        page = prepare_page(*render())
        done = time.monotonic()
        rest = min(GRACE_FACTOR * (done - started), MAX_GRACE)
        cached_page = CachedPage(page, key, stable_key, done + rest)
        with self.lock:
            self.pages[name] = cached_page
            self.pages.move_to_end(name)
            while len(self.pages) > self.max_pages:
                self.pages.popitem(last=False)
        return cached_page


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
    cache: PageCache = current_app.extensions[PAGES_EXTENSION]
    return cache


def clear_pages(app: Flask) -> None:
    """Forget all pages rendered so far."""
    app.extensions[PAGES_EXTENSION] = PageCache()
    app.extensions[FAST_PATH_EXTENSION] = OrderedDict()


def page_response(cached_page: CachedPage) -> Response:
    """Answer this visitor: nothing new, the page, or the page compressed."""
    page = cached_page.page
    if (known_etag := request.headers.get("If-None-Match")) and etag_matches(
        page.etag, known_etag
    ):
        response = Response(status=304, headers=page.headers)
        del response.headers["Content-Type"]
        return response
    response = Response(page.content, headers=page.headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.data = page.gzipped
        response.headers["Content-Encoding"] = "gzip"
    return response


def etag_matches(etag: str, known_etag: str) -> bool:
    """Whether the visitor has this version, by RFC 9110's weak comparison."""
    return known_etag.strip() == "*" or etag[2:] in (
        tag.strip().removeprefix("W/") for tag in known_etag.split(",")
    )


# --- the fast path past the application ---------------------------------------------


@dataclass(frozen=True)
class FastPathEntry:
    """A page that may be answered without the application, and while it may: from
    `since` until `until` (seconds since 1970), as long as the event's `state_rows` are
    these, or the page is in its grace and they differ in counts alone."""

    cached_page: CachedPage
    engine: Engine
    slug: str
    state_rows: event_queries.StateRows
    since: float
    until: float
    headers: tuple[tuple[str, str], ...] = ()

    def is_valid(self) -> bool:
        # One of a clock that ran ahead speaks of a time that has not come.
        if not self.since <= time.time() < self.until:
            return False
        rows = event_queries.fetch_state_rows(self.engine, self.slug)
        if rows == self.state_rows:
            return True
        is_in_grace = time.monotonic() < self.cached_page.grace_until
        return is_in_grace and state_without_counts(rows) == state_without_counts(
            self.state_rows
        )


def state_without_counts(rows: event_queries.StateRows) -> tuple[Any, ...]:
    """Return an event's state but for counts: id, version, status and visibility."""
    return rows[0][:4] if rows else ()


def allow_fast_path(
    cached_page: CachedPage, engine: Engine, slug: str, since: float, until: float
) -> None:
    """Let the fast path answer the next visitors of this address with the page.

    The first part of its key must be the rows of the event's state it was made from.
    """
    if not current_app.debug:
        rows = cached_page.key[0]
        request.environ[FAST_PATH_ENVIRON] = FastPathEntry(
            cached_page, engine, slug, rows, since, until
        )


class FastPathMiddleware:
    """Answers with cached pages, and the headers that the application gave them."""

    def __init__(self, app: Flask) -> None:
        self.flask = app
        self.app = app.wsgi_app

    def __call__(
        self, environ: dict[str, Any], start: StartResponse
    ) -> Iterable[bytes]:
        entries: OrderedDict[str, FastPathEntry] = self.flask.extensions[
            FAST_PATH_EXTENSION
        ]
        path = environ["PATH_INFO"]
        entry = entries.get(path)
        if entry and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            started = time.perf_counter()
            if is_entry_valid(entry):
                status, headers, body = fast_path_response(entry, environ)
                if log.isEnabledFor(logging.INFO):
                    took = (time.perf_counter() - started) * 1000
                    method = environ["REQUEST_METHOD"]
                    log.info("%s %s %s %.1f ms", method, path, status[:3], took)
                start(status, headers)
                return body

        def remember_allowed(status: str, headers: Headers, *rest: Any) -> Any:
            allowed: FastPathEntry | None = environ.get(FAST_PATH_ENVIRON)
            if allowed and status.startswith("200"):
                entries[path] = with_headers(allowed, headers)
                while len(entries) > MAX_CACHED:
                    entries.popitem(last=False)
            return start(status, headers, *rest)

        return self.app(environ, remember_allowed)


def is_entry_valid(entry: FastPathEntry) -> bool:
    try:
        return entry.is_valid()
    except Exception:
        # The application meets the same database, and says what is wrong with it.
        return False


def with_headers(entry: FastPathEntry, headers: Headers) -> FastPathEntry:
    varying = ("content-length", "content-encoding", "content-type")
    kept = tuple((n, v) for n, v in headers if n.lower() not in varying)
    return replace(entry, headers=kept)


def fast_path_response(
    entry: FastPathEntry, environ: dict[str, Any]
) -> tuple[str, Headers, list[bytes]]:
    page, headers = entry.cached_page.page, list(entry.headers)
    if (known_etag := environ.get("HTTP_IF_NONE_MATCH")) and etag_matches(
        page.etag, known_etag
    ):
        return "304 NOT MODIFIED", headers, []
    body = page.content
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        body = page.gzipped
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Type", page.headers["Content-Type"]))
    headers.append(("Content-Length", str(len(body))))
    return "200 OK", headers, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def init_app(app: Flask) -> None:
    clear_pages(app)
    app.wsgi_app = FastPathMiddleware(app)  # type: ignore[assignment, method-assign]
