"""Events of organizers: list, overview, seats, publishing and cancelling."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("events", __name__)


def import_views() -> None:
    from rsvp.web.organizer.events import (  # noqa: F401 - their views
        lifecycle,
        overview,
        seats,
    )
    from rsvp.web.organizer.events import list as event_list  # noqa: F401
