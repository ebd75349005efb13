"""Organizers: pages for people with an account; none of them is kept by a cache."""

from __future__ import annotations

from flask import Blueprint, Flask

from rsvp.web import error_pages
from rsvp.web.organizer import door, events, layout, messages, registrations

bp = Blueprint("organizer", __name__, url_prefix="/organize")
bp.after_request(layout.keep_private)
for subject in (events, registrations, messages, door):
    bp.register_blueprint(subject.bp)


def init_app(app: Flask) -> None:
    from rsvp.web.organizer import jobs  # noqa: F401 - its views

    for subject in (events, registrations, messages, door):
        subject.import_views()
    app.register_blueprint(bp)
    error_pages.use_layout(app, "/organize/", layout.layout_context)
