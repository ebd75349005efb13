"""The door for organizers: passes, and who is in."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("door", __name__)


def import_views() -> None:
    from rsvp.web.organizer.door import (  # noqa: F401 - their views
        attendance,
        passes,
    )
