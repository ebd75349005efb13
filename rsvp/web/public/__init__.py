"""Public pages: the same for everybody."""

from __future__ import annotations

from flask import Blueprint, Flask

bp = Blueprint("public", __name__)


def init_app(app: Flask) -> None:
    from rsvp.web.public import events  # noqa: F401 - its views

    app.register_blueprint(bp)
