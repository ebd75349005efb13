"""Accounts: the pages on the way to one, and signing in."""

from __future__ import annotations

from flask import Blueprint, Flask

from rsvp.web.account import shared

bp = Blueprint("account", __name__)
bp.after_request(shared.keep_private)


def init_app(app: Flask) -> None:
    from rsvp.web.account import (  # noqa: F401 - their views
        first_account,
        password_reset,
        sign_in,
    )

    app.register_blueprint(bp)
    sign_in.init_app(app)
