"""Registrations for organizers: the list, one of them, decisions, exports."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("registrations", __name__)


def import_views() -> None:
    from rsvp.web.organizer.registrations import (  # noqa: F401 - their views
        actions,
        decisions,
        detail,
        export,
        invitations,
    )
    from rsvp.web.organizer.registrations import list as registration_list  # noqa: F401
