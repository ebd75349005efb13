"""Messages of an organizer's events: the outbox, custom texts and mailings."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("messages", __name__)


def import_views() -> None:
    from rsvp.web.organizer.messages import (  # noqa: F401 - their views
        custom_texts,
        mailings,
        outbox,
    )
