"""The web: blueprints, one per audience, and what holds for every answer."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, request

from rsvp import front
from rsvp.extensions import limiter
from rsvp.web import answers, guards, logs

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
    from rsvp.web import (
        assets,
        attendee,
        changes,
        coming,
        display,
        door,
        door_desk,
        exports,
        first,
        health,
        held_templates,
        invitations,
        lost,
        mailings,
        memory,
        organizer,
        outbox,
        own,
        passwords,
        public,
        registration,
        roster,
        seats,
        sign_in,
        stale_forms,
        unavailable,
        unsubscribing,
        wording,
        work,
    )

    assets.init_app(app)
    held_templates.init_app(app)
    display.init_app(app)
    memory.init_app(app)
    organizers = (
        *(organizer, roster, registration, seats, outbox),
        *(mailings, wording, invitations, door_desk, exports, work),
    )
    attendees = (public, attendee, own, coming, changes, lost, unsubscribing)
    for audience in (*attendees, door, *organizers, first, passwords, health):
        app.register_blueprint(audience.bp)
    sign_in.init_app(app)
    guards.public(app.view_functions["static"])
    answers.init_app(app)
    stale_forms.init_app(app)
    unavailable.init_app(app)
    logs.init_app(app)

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
    """The server did not take the body, and says by which status; `rsvp.cli.rsgi`."""
    if status := request.environ.get(front.REFUSED):
        abort(status)


def refuse_nul(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Nothing we have is named with a NUL, and PostgreSQL can't even look for it."""
    if any("\0" in value for value in (values or {}).values() if type(value) is str):
        abort(404)
