"""Door: phones that volunteers scan tickets with."""

from __future__ import annotations

from flask import Blueprint, Flask

bp = Blueprint("door", __name__, url_prefix="/door")
"""Its prefix is also the path of the phone's cookie."""


def init_app(app: Flask) -> None:
    from rsvp.web.door import api, enrolment, scanner  # noqa: F401 - their views

    app.register_blueprint(bp)
