"""Sign-in: the accounts library's sign-in and sign-out in our words, rate limited."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from flask_security import views as library
from flask_security.core import FormInfo
from flask_security.forms import EmailValidation, LoginForm
from flask_security.utils import (
    is_user_authenticated,
    validate_redirect_url,
)
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import MultiDict
from wtforms import Field
from wtforms.validators import Length

from rsvp import security as account_security
from rsvp.domain.accounts import users
from rsvp.extensions import limiter, security
from rsvp.web import form_actions, guards
from rsvp.web.account import shared
from rsvp.web.forms.typed_field import TypedField

# Wrong passwords; more of them than one network can spend (`entry.GUESSES`), so that
# none alone locks an organizer out.
ACCOUNT_GUESS_LIMIT = "200 per hour; 500 per day"


class AccountAddress(TypedField):
    """The address that an account is found by."""

    kind = "email"

    def clean(self, text: str) -> str:
        return users.account_key(text)


class AccountPassword(TypedField):
    """The password that somebody has; it is never written back."""

    kind = "password"

    @property
    def is_empty(self) -> bool:
        return not self.data

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[0]


class SignInForm(LoginForm):
    """Address and password; what can't be either of ours is as wrong as any other.

    The accounts library checks it; fields and mistakes are those of all forms.
    """

    email = AccountAddress(
        _l("Email"), required=True, validators=[Length(max=320), EmailValidation()]
    )
    password = AccountPassword(
        _l("Password"),
        required=True,
        validators=[Length(max=account_security.PASSWORD_MAX)],
    )

    def validate(self, **kwargs: Any) -> bool:
        if super().validate(**kwargs):
            return True
        # Which of the two is wrong nobody learns, nor where there is an account.
        for field in self:
            field.errors = []
        self.form_errors = [
            _(
                "This address and password don't belong together. Please look at both "
                "and try again."
            )
        ]
        return False

    @property
    def summary(self) -> list[tuple[None, str, str]]:
        """What is wrong, as `base.Form` says it on top."""
        return [(None, "", message) for message in self.form_errors]

    def validate_next(self, field: Field) -> None:
        """Whoever was sent here with another site's address ends up on our own."""
        if field.data and not validate_redirect_url(field.data):
            field.data = ""


def init_app(app: Flask) -> None:
    security.set_form_info("login_form", FormInfo(cls=SignInForm))
    security.render_template = render_library_page  # type: ignore[assignment]
    app.view_functions["security.login"] = form_actions.note_page(
        sign_in, "security.login"
    )
    app.view_functions["security.logout"] = form_actions.note_page(
        sign_out, "security.login"
    )
    app.before_request_funcs.setdefault("security", []).append(check_sign_in_form)
    app.after_request_funcs.setdefault("security", []).append(shared.keep_private)
    # They guard themselves: `check_form`, and the brakes below.
    guards.declare_prefix(app, "security.", "before_sign_in")


def check_sign_in_form() -> ResponseReturnValue | None:
    """Each form carries its session's token; whoever is out already may sign out."""
    if request.method in guards.SAFE_METHODS:
        return None
    if request.endpoint == "security.login":
        try:
            guards.check_session_form()
        except CSRFError:
            return guards.form_again_page(sign_in_page)
    elif request.endpoint != "security.logout" or is_user_authenticated(current_user):
        guards.check_session_form()
    return None


def sign_in_page() -> ResponseReturnValue:
    """The form with the address that was typed, never the password."""
    typed = MultiDict((name, request.form.get(name, "")) for name in ("email", "next"))
    page, _status = render_library_page(
        account_security.SIGN_IN_TEMPLATE, login_user_form=SignInForm(typed)
    )
    return page


def render_library_page(template: str, **context: Any) -> tuple[str, int]:
    """What the library shows, with the status that says whether it was a mistake."""
    is_mistake = request.method == "POST"
    page = render_template(
        template,
        is_first=not users.has_users(),
        password_was_set=not is_mistake and request.args.get("done") == "password",
        **context,
    )
    return page, 422 if is_mistake else 200


def is_rejected(response: Response) -> bool:
    return response.status_code == 422


def attempted_account() -> str:
    return users.account_key(request.form.get("email", ""))[:320]


# Decorated once: the limiter would count twice for an application made twice.
@limiter.limit(
    shared.GUESS_LIMIT,
    key_func=guards.client_network,
    methods=["POST"],
    deduct_when=is_rejected,
    on_breach=shared.too_many_attempts,
)
@limiter.limit(
    ACCOUNT_GUESS_LIMIT,
    key_func=attempted_account,
    methods=["POST"],
    deduct_when=is_rejected,
    on_breach=shared.too_many_attempts,
)
def sign_in() -> ResponseReturnValue:
    answer: ResponseReturnValue = library.login()
    return answer


def sign_out() -> ResponseReturnValue:
    response = library.logout()
    # An empty session takes its cookie away.
    session.clear()
    return response
