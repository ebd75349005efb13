"""The web: blueprints, one per audience, and what holds for every answer."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, request

from rsvp.extensions import limiter
from rsvp.server import environ as environ_keys
from rsvp.web import error_pages, guards, request_log

CONTENT = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # Our own pages see each other; the sites they link to see only the host.
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer, unless its view set the header itself."""

A_YEAR = 365 * 24 * 60 * 60


def init_app(app: Flask) -> None:
    from rsvp.web import health, stale_forms, static_files, unavailable
    from rsvp.web.account import first_account, password_reset, sign_in
    from rsvp.web.attendee import (
        actions,
        changes,
        reconfirmation,
        register,
        resend,
        unsubscribe,
    )
    from rsvp.web.caching import pages as cached_pages
    from rsvp.web.caching import templates
    from rsvp.web.door import scanner
    from rsvp.web.organizer import jobs as jobs_page
    from rsvp.web.organizer.door import passes
    from rsvp.web.organizer.events import overview, seats
    from rsvp.web.organizer.messages import custom_texts, mailings, outbox
    from rsvp.web.organizer.registrations import actions as registration_actions
    from rsvp.web.organizer.registrations import export, invitations
    from rsvp.web.organizer.registrations import list as registration_list
    from rsvp.web.presentation import template_globals
    from rsvp.web.public import events

    static_files.init_app(app)
    templates.init_app(app)
    template_globals.init_app(app)
    cached_pages.init_app(app)
    organizers = (
        *(overview, registration_list, registration_actions, seats, outbox),
        *(mailings, custom_texts, invitations, passes, export, jobs_page),
    )
    attendees = (
        events,
        register,
        actions,
        reconfirmation,
        changes,
        resend,
        unsubscribe,
    )
    for audience in (
        *attendees,
        scanner,
        *organizers,
        first_account,
        password_reset,
        health,
    ):
        app.register_blueprint(audience.bp)
    sign_in.init_app(app)
    guards.public(app.view_functions["static"])
    error_pages.init_app(app)
    stale_forms.init_app(app)
    unavailable.init_app(app)
    request_log.init_app(app)

    app.before_request(refuse_unread)
    app.url_value_preprocessor(refuse_nul)
    # It looks for limits of the whole site, of which there are none, at every request;
    # the views that have a limit count by themselves.
    hooks = app.before_request_funcs.setdefault(None, [])
    if limiter._check_request_limit in hooks:  # not where limits are switched off
        hooks.remove(limiter._check_request_limit)
    headers = dict(HEADERS)
    if app.config["PUBLIC_URL"].startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        # Caches keep only what a view said they may.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def refuse_unread() -> None:
    """The server did not take the body and says by which status: `rsvp.server.rsgi`."""
    if status := request.environ.get(environ_keys.REFUSED):
        abort(status)


def refuse_nul(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Nothing we have is named with a NUL, and PostgreSQL can't even look for it."""
    if any("\0" in value for value in (values or {}).values() if type(value) is str):
        abort(404)
