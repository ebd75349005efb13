"""First: the site's first account, made once by whoever has the link of its start."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security.utils import login_user

from rsvp import security as account_security
from rsvp.db import utcnow, writing
from rsvp.domain import teams
from rsvp.web import guards
from rsvp.web.account import shared

bp = Blueprint("first", __name__, url_prefix=account_security.FIRST_PATH)
bp.after_request(shared.keep_private)


class FirstForm(shared.AddressForm, shared.PasswordForm):
    """The first organizer's address and password."""


@shared.within_guesses
def form_page(token: str) -> ResponseReturnValue:
    """The form, with what was typed into it if it was sent."""
    return turned_away(token) or page(FirstForm(request.form))


@bp.get("/<token>")
@guards.before_sign_in(form_page)
def show_form(token: str) -> ResponseReturnValue:
    return form_page(token)


@bp.post("/<token>")
@guards.before_sign_in(form_page)
@shared.within_guesses
def make_account(token: str) -> ResponseReturnValue:
    if answer := turned_away(token):
        return answer
    form = FirstForm(request.form)
    if not form.validate():
        return page(form), 422
    password_hash = account_security.hash_password(form.password.typed)
    with writing():
        owner = teams.create_first_owner(form.email.data, password_hash, now=utcnow())
    if owner is None:
        return to_sign_in()
    login_user(owner, authn_via=["password"])
    return redirect(url_for("organizer.events"), code=303)


def turned_away(token: str) -> ResponseReturnValue | None:
    """The answer to whoever can't make the first account: there is one, or no link."""
    if teams.has_users():
        return to_sign_in()
    if account_security.first_link_works(token, utcnow()):
        return None
    return shared.dead_link(
        _(
            "It may be cut off, or older than a week. Start the site again: as long as "
            "nobody has an account, each start shows a new link."
        )
    )


def to_sign_in() -> ResponseReturnValue:
    return redirect(url_for("security.login"), code=303)


def page(form: FirstForm) -> str:
    return render_template("account/first_account.html", form=form)
