"""First account: made once, by whoever has the link that the first start shows."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security.utils import login_user

from rsvp import security as account_security
from rsvp.db import utcnow, writing
from rsvp.domain.accounts import users
from rsvp.web import form_actions, guards
from rsvp.web.account import bp, shared


class FirstAccountForm(shared.EmailForm, shared.PasswordForm):
    """The first organizer's address and password."""


@shared.within_guess_limit
def first_account_page(token: str) -> ResponseReturnValue:
    """The form, with what was typed into it if it was sent."""
    return refusal_response(token) or render_first_account_form(
        FirstAccountForm(request.form)
    )


@bp.get(f"{account_security.FIRST_ACCOUNT_PATH}/<token>")
@guards.before_sign_in(first_account_page)
def show_first_account_form(token: str) -> ResponseReturnValue:
    return first_account_page(token)


@form_actions.action(
    bp,
    f"{account_security.FIRST_ACCOUNT_PATH}/<token>",
    page="account.show_first_account_form",
)
@guards.before_sign_in(first_account_page)
@shared.within_guess_limit
def create_first_account(token: str) -> ResponseReturnValue:
    if answer := refusal_response(token):
        return answer
    form = FirstAccountForm(request.form)
    if not form.validate():
        return render_first_account_form(form), 422
    password_hash = account_security.hash_password(form.password.typed)
    with writing():
        owner = users.create_first_owner(form.email.data, password_hash, now=utcnow())
    if owner is None:
        return redirect_to_sign_in()
    login_user(owner, authn_via=["password"])
    return redirect(url_for("organizer.events.list_events"), code=303)


def refusal_response(token: str) -> ResponseReturnValue | None:
    """The answer to whoever can't make the first account: there is one, or no link."""
    if users.has_users():
        return redirect_to_sign_in()
    if account_security.is_first_account_token_valid(token, utcnow()):
        return None
    return shared.invalid_link_page(
        _(
            "It may be cut off, or older than a week. Start the site again: as long as "
            "nobody has an account, each start shows a new link."
        )
    )


def redirect_to_sign_in() -> ResponseReturnValue:
    return redirect(url_for("security.login"), code=303)


def render_first_account_form(form: FirstAccountForm) -> str:
    return render_template("account/first_account.html", form=form)
