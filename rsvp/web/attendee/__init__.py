"""Attendees: the form they send, and the pages behind the secret links they get."""

from __future__ import annotations

from flask import Blueprint, Flask

bp = Blueprint("attendee", __name__)


def init_app(app: Flask) -> None:
    from rsvp.web.attendee import (  # noqa: F401 - their views
        actions,
        changes,
        reconfirmation,
        register,
        registration,
        resend,
        ticket,
        unsubscribe,
    )

    app.register_blueprint(bp)
