"""Passwords: asking for a link to another one, and setting it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain.accounts import password_reset
from rsvp.extensions import limiter
from rsvp.server import environ as environ_keys
from rsvp.web import guards
from rsvp.web.account import shared

bp = Blueprint("passwords", __name__, url_prefix=account_security.RESET_PATH)
bp.after_request(shared.keep_private)

# What one network may ask for; how many mails an account gets, the domain counts.
ASKS = "5 per minute; 20 per hour; 60 per day"

ANSWERS_AFTER = 0.25
"""Seconds an ask takes, with a mail or without: how long it took must tell nobody
whether there is such an account."""

GOOD_FOR = int(tokens.RESET_TOKEN_LIFE.total_seconds() // 3600)


class AskForm(shared.AddressForm):
    """Whose password was forgotten."""


class NewPasswordForm(shared.PasswordForm):
    """The password to be set."""


# --- asking for a link --------------------------------------------------------------


def ask_form_page() -> ResponseReturnValue:
    """The form, with what was typed into it if it was sent."""
    return ask_page(AskForm(request.form))


@bp.get("")
@guards.before_sign_in(ask_form_page)
def show_ask() -> ResponseReturnValue:
    return ask_form_page()


@bp.post("")
@guards.before_sign_in(ask_form_page)
@limiter.limit(ASKS, key_func=guards.network, on_breach=shared.too_many)
def send_link() -> ResponseReturnValue:
    form = AskForm(request.form)
    if not mails_are_sent():
        return ask_page(form), 409
    if not form.validate():
        return ask_page(form), 422
    with taking(ANSWERS_AFTER), writing():
        password_reset.send_link(form.email.data, now=utcnow())
    return ask_page(form, asked=True)


def ask_page(form: AskForm, asked: bool = False) -> str:
    return render_template(
        "account/request_password_reset.html",
        form=form,
        asked=asked,
        mails_are_sent=mails_are_sent(),
        hours=GOOD_FOR,
        most=password_reset.PER_HOUR,
    )


def mails_are_sent() -> bool:
    return bool(current_app.config["MAIL_SERVER"])


@contextlib.contextmanager
def taking(seconds: float) -> Iterator[None]:
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


@shared.within_guesses
def new_form_page(token: str) -> ResponseReturnValue:
    user = account_security.find_by_reset_token(token, utcnow())
    if user is None:
        return dead_link()
    return new_page(NewPasswordForm(), user.email)


@bp.get("/<token>")
@guards.before_sign_in(new_form_page)
def show_new(token: str) -> ResponseReturnValue:
    return new_form_page(token)


@bp.post("/<token>")
@guards.before_sign_in(new_form_page)
@shared.within_guesses
def set_new(token: str) -> ResponseReturnValue:
    user = account_security.find_by_reset_token(token, utcnow())
    if user is None:
        return dead_link()
    form = NewPasswordForm(request.form)
    if not form.validate():
        return new_page(form, user.email), 422
    user_id, mark = user.id, user.fs_uniquifier
    password_hash = account_security.hash_password(form.password.typed)
    with writing():
        was_set = password_reset.set_by_link(user_id, mark, password_hash)
    if not was_set:
        return dead_link()
    return redirect(url_for("security.login", done="password"), code=303)


def new_page(form: NewPasswordForm, email: str) -> str:
    return render_template("account/password_reset.html", form=form, email=email)


def dead_link() -> ResponseReturnValue:
    return shared.dead_link(
        ngettext(
            "It was used, it is older than an hour, or a part of it is missing.",
            "It was used, it is older than %(num)d hours, or a part of it is missing.",
            GOOD_FOR,
        ),
        new_link=url_for(".show_ask"),
    )
