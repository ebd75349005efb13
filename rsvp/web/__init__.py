"""Web: a package and blueprint per audience, and hooks that hold for every response."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, request

from rsvp.extensions import limiter
from rsvp.server import environ as environ_keys
from rsvp.web import error_pages, guards, request_log
from rsvp.web.headers import A_YEAR, SECURITY_HEADERS


def init_app(app: Flask) -> None:
    from rsvp.web import (
        account,
        attendee,
        compression,
        door,
        health,
        organizer,
        public,
        stale_forms,
        static_files,
        unavailable,
    )
    from rsvp.web.caching import pages as cached_pages
    from rsvp.web.caching import templates
    from rsvp.web.presentation import template_globals

    static_files.init_app(app)
    templates.init_app(app)
    template_globals.init_app(app)
    cached_pages.init_app(app)
    for audience in (public, attendee, door, organizer, account):
        audience.init_app(app)
    app.register_blueprint(health.bp)
    guards.public(app.view_functions["static"])
    error_pages.init_app(app)
    stale_forms.init_app(app)
    unavailable.init_app(app)
    request_log.init_app(app)
    compression.init_app(app)

    app.before_request(refuse_unread_body)
    app.url_value_preprocessor(refuse_nul_in_url)
    # It looks for limits of the whole site, of which there are none, at every request;
    # the views that have a limit count by themselves.
    hooks = app.before_request_funcs.setdefault(None, [])
    if limiter._check_request_limit in hooks:  # not where limits are switched off
        hooks.remove(limiter._check_request_limit)
    headers = dict(SECURITY_HEADERS)
    if app.config["PUBLIC_URL"].startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        # Caches keep only what a view said they may.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def refuse_unread_body() -> None:
    """The server did not take the body and says by which status: `rsvp.server.rsgi`."""
    if status := request.environ.get(environ_keys.REFUSED):
        abort(status)


def refuse_nul_in_url(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Answer 404 to a NUL: nothing is named with one, and PostgreSQL can't look for
    it."""
    if any("\0" in value for value in (values or {}).values() if type(value) is str):
        abort(404)
