"""Password reset: a link is requested by mail, and sets a new password."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain.accounts import password_reset
from rsvp.extensions import limiter
from rsvp.server import environ as environ_keys
from rsvp.web import form_actions, guards
from rsvp.web.account import bp, shared

# What one network may ask for; how many mails an account gets, the domain counts.
RESET_REQUEST_LIMIT = "5 per minute; 20 per hour; 60 per day"

MIN_RESPONSE_SECONDS = 0.25
"""Seconds an ask takes, with a mail or without: how long it took must tell nobody
whether there is such an account."""

LINK_LIFE_HOURS = int(tokens.PASSWORD_RESET_TOKEN_LIFE.total_seconds() // 3600)


class ResetRequestForm(shared.EmailForm):
    """Whose password was forgotten."""


class NewPasswordForm(shared.PasswordForm):
    """The password to be set."""


# --- asking for a link --------------------------------------------------------------


def reset_request_page() -> ResponseReturnValue:
    """The form, with what was typed into it if it was sent."""
    return render_reset_request(ResetRequestForm(request.form))


@bp.get(account_security.RESET_PATH)
@guards.before_sign_in(reset_request_page)
def show_reset_request() -> ResponseReturnValue:
    return reset_request_page()


@form_actions.action(bp, account_security.RESET_PATH, page="account.show_reset_request")
@guards.before_sign_in(reset_request_page)
@limiter.limit(
    RESET_REQUEST_LIMIT,
    key_func=guards.client_network,
    on_breach=shared.too_many_attempts,
)
def send_reset_link() -> ResponseReturnValue:
    form = ResetRequestForm(request.form)
    if not is_mail_configured():
        return render_reset_request(form), 409
    if not form.validate():
        return render_reset_request(form), 422
    with lasting_at_least(MIN_RESPONSE_SECONDS), writing():
        password_reset.send_reset_link(form.email.data, now=utcnow())
    return render_reset_request(form, was_requested=True)


def render_reset_request(form: ResetRequestForm, was_requested: bool = False) -> str:
    return render_template(
        "account/request_password_reset.html",
        form=form,
        was_requested=was_requested,
        is_mail_configured=is_mail_configured(),
        hours=LINK_LIFE_HOURS,
        max_per_hour=password_reset.MAX_PER_HOUR,
    )


def is_mail_configured() -> bool:
    return bool(current_app.config["MAIL_SERVER"])


@contextlib.contextmanager
def lasting_at_least(seconds: float) -> Iterator[None]:
    """Let the answer take this long, if what is inside was quicker. Under `rsvp serve`
    no thread waits for that."""
    ends_at = time.monotonic() + seconds
    yield
    wait_until = request.environ.get(environ_keys.NOT_BEFORE)
    if wait_until is not None:
        wait_until(ends_at)
    else:
        time.sleep(max(0.0, ends_at - time.monotonic()))


# --- setting another one ------------------------------------------------------------


@shared.within_guess_limit
def new_password_page(token: str) -> ResponseReturnValue:
    user = account_security.find_user_by_reset_token(token, utcnow())
    if user is None:
        return invalid_reset_link_page()
    return render_new_password(NewPasswordForm(), user.email)


@bp.get(f"{account_security.RESET_PATH}/<token>")
@guards.before_sign_in(new_password_page)
def show_new_password(token: str) -> ResponseReturnValue:
    return new_password_page(token)


@form_actions.action(
    bp, f"{account_security.RESET_PATH}/<token>", page="account.show_new_password"
)
@guards.before_sign_in(new_password_page)
@shared.within_guess_limit
def set_new_password(token: str) -> ResponseReturnValue:
    user = account_security.find_user_by_reset_token(token, utcnow())
    if user is None:
        return invalid_reset_link_page()
    form = NewPasswordForm(request.form)
    if not form.validate():
        return render_new_password(form, user.email), 422
    user_id, mark = user.id, user.fs_uniquifier
    password_hash = account_security.hash_password(form.password.typed)
    with writing():
        was_set = password_reset.set_password_by_link(user_id, mark, password_hash)
    if not was_set:
        return invalid_reset_link_page()
    return redirect(url_for("security.login", done="password"), code=303)


def render_new_password(form: NewPasswordForm, email: str) -> str:
    return render_template("account/password_reset.html", form=form, email=email)


def invalid_reset_link_page() -> ResponseReturnValue:
    return shared.invalid_link_page(
        ngettext(
            "It was used, it is older than an hour, or a part of it is missing.",
            "It was used, it is older than %(num)d hours, or a part of it is missing.",
            LINK_LIFE_HOURS,
        ),
        new_link=url_for("account.show_reset_request"),
    )
