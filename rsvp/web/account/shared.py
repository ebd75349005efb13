"""Shared: fields, rate limits and headers of the pages that lead to an account."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Response, make_response, render_template
from flask_babel import lazy_gettext as _l
from flask_limiter import RequestLimit
from wtforms.validators import StopValidation

from rsvp import security as account_security
from rsvp.extensions import limiter
from rsvp.web import guards
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Email
from rsvp.web.forms.typed_field import TypedField

# The windows grow: whoever keeps trying waits ever longer.
GUESS_LIMIT = "10 per minute; 40 per hour; 120 per day"


# --- fields -------------------------------------------------------------------------


class NewPassword(TypedField):
    """A password to be set. `typed` is what was typed: it is never written back."""

    kind = "password"

    def process_formdata(self, valuelist: list[str]) -> None:
        # Past any honest length it is cut, so that it is still too long.
        self.typed = (
            valuelist[0][: account_security.PASSWORD_MAX * 4] if valuelist else ""
        )

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        # Of none, too, it is said how long it has to be.
        if problem := account_security.password_problem(self.typed):
            raise StopValidation(problem)


class EmailForm(Form):
    """An address, read as people write it; `email` is the address to keep."""

    email = Email(_l("Email"), required=True)


class PasswordForm(Form):
    """A password to be set, long enough."""

    password = NewPassword(
        _l("Password"),
        required=True,
        hint=_l(
            "At least %(count)s characters. Three or four words that have nothing to "
            "do with each other are easy to keep in mind.",
            count=account_security.PASSWORD_MIN,
        ),
    )


# --- brakes -------------------------------------------------------------------------


def too_many_attempts(limit: RequestLimit) -> Response:
    """Say how long to wait, in whole minutes."""
    # The limiter's instant is up to a second late; that makes no minute of its own.
    seconds = max(1, math.ceil(limit.reset_at - time.time()))
    minutes = max(1, math.ceil((seconds - 1) / 60))
    page = render_template("account/too_many_attempts.html", wait_minutes=minutes)
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(seconds)
    return response


def is_not_found(response: Response) -> bool:
    return response.status_code == 404


# Counts addresses that lead nowhere, whichever kind of link they pretend to be.
within_guess_limit = limiter.shared_limit(
    GUESS_LIMIT,
    scope="links to accounts",
    key_func=guards.client_network,
    deduct_when=is_not_found,
    on_breach=too_many_attempts,
)


# --- answers ------------------------------------------------------------------------


def invalid_link_page(why: str, **context: Any) -> tuple[str, int]:
    """The page of a link that was used, is too old or was never one of ours."""
    return render_template("account/invalid_link.html", why=why, **context), 404


def keep_private(response: Response) -> Response:
    """Keep an answer out of caches and indexes, and its address out of referrers.

    Not by `no-referrer`: forms are also checked by where they came from, which browsers
    then don't say, and the site's name is enough for that.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
