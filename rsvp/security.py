"""Flask-Security set-up with our models, kept off public pages; passwords.

What people see of it is in web/sign_in.py.
"""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, current_app
from flask_babel import gettext as _
from flask_security.datastore import SQLAlchemyUserDatastore
from flask_security.utils import hash_password as library_hash
from sqlalchemy import inspect

from rsvp import tokens
from rsvp.database import outages
from rsvp.db import writing
from rsvp.domain.accounts import users
from rsvp.extensions import db, security
from rsvp.models import User
from rsvp.text import keyboard_layouts

PASSWORD_MIN = 12
PASSWORD_MAX = 128

SIGN_IN_TEMPLATE = "account/sign_in.html"
FIRST_ACCOUNT_PATH = "/organize/first"
RESET_PATH = "/organize/password"

SETTINGS: dict[str, Any] = {
    "LOGIN_URL": "/organize/sign-in",
    "LOGOUT_URL": "/organize/sign-out",
    "LOGIN_USER_TEMPLATE": SIGN_IN_TEMPLATE,
    "POST_LOGIN_VIEW": "organizer.events.list_events",
    "POST_LOGOUT_VIEW": "security.login",
    "RETURN_GENERIC_RESPONSES": True,
    "FLASH_MESSAGES": False,
    "JOIN_USER_ROLES": False,
    # Negative: nothing here is so grave that the password is asked once more.
    "FRESHNESS": timedelta(seconds=-1),
    "API_ENABLED_METHODS": ["session"],
    "STATIC_FOLDER": None,
    "CLI_USERS_NAME": None,
    "CLI_ROLES_NAME": None,
    "TWO_FACTOR_IMPLEMENTATIONS": {},
    "PASSWORD_LENGTH_MIN": PASSWORD_MIN,
    "PASSWORD_NORMALIZE_FORM": "NFKD",
    "PASSWORD_SCHEMES": ["argon2"],
    # Argon2id brings its own salt; there is no second key to keep.
    "PASSWORD_SINGLE_HASH": {"argon2"},
    # 2 passes over 19 MiB, about 19 ms (OWASP's password storage cheat sheet).
    "PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__type": "ID",
        "argon2__time_cost": 2,
        "argon2__memory_cost": 19 * 1024,
        "argon2__parallelism": 1,
    },
}


def init_app(app: Flask) -> None:
    """Sign-in and out at /organize/…; the rest of the library is off."""
    for name, value in SETTINGS.items():
        app.config.setdefault(f"SECURITY_{name}", value)
    with without_global_hooks(app):
        security.init_app(app, Datastore())
    security.want_json(never_json)
    # Sign-in is by cookie alone: no tokens in headers or addresses.
    app.login_manager.request_loader(None)  # type: ignore[attr-defined]


class without_global_hooks:  # noqa: N801 - reads as the phrase it is
    """Takes back what the library adds to every page, since it reads the session.

    A page that did so would say `Vary: Cookie`, and caches could not keep it. What is
    taken back (a remember-me cookie, needs of site-wide roles, `current_user` in
    templates) we don't use.
    """

    def __init__(self, app: Flask) -> None:
        self.hooks: list[list[Any]] = [
            app.before_request_funcs.setdefault(None, []),
            app.after_request_funcs.setdefault(None, []),
            app.template_context_processors[None],
        ]

    def __enter__(self) -> None:
        self.lengths = [len(hooks) for hooks in self.hooks]

    def __exit__(self, *_: object) -> None:
        for hooks, length in zip(self.hooks, self.lengths, strict=True):
            del hooks[length:]


class Datastore(SQLAlchemyUserDatastore):
    """The library's access to our accounts. Roles are per team, so it sees none."""

    def __init__(self) -> None:
        super().__init__(db, User, None)  # type: ignore[arg-type]

    def find_user(self, case_insensitive: bool = False, **filters: Any) -> Any:
        if "email" in filters:
            return users.find_user_to_sign_in(filters["email"])
        return super().find_user(case_insensitive, **filters)

    def put(self, model: Any) -> Any:
        """Keep the stronger hash of a password that somebody just signed in with."""
        old = inspect(model).attrs.password.history.deleted
        new, user_id = model.password, model.id
        # They are let in all the same, and next time it is tried again.
        with outages.best_effort(f"a stronger hash for user {user_id}"), writing():
            users.replace_password_hash(user_id, old[0] if old else new, new)
        return model

    def commit(self) -> None:
        """Nothing is left to commit: `put` has."""


def never_json(_request: Request) -> bool:
    return False


# --- passwords ----------------------------------------------------------------------


def hash_password(password: str) -> str:
    """The Argon2id hash to keep. Takes 20 ms, so never inside a `writing()` block."""
    return library_hash(normalize_password(password))


def password_problem(password: str) -> str | None:
    """Why this password can't be taken, in words, or None where it can."""
    length = len(normalize_password(password))
    if length < PASSWORD_MIN:
        return _("Use at least %(count)s characters.", count=PASSWORD_MIN)
    if length > PASSWORD_MAX:
        return _("Use at most %(count)s characters.", count=PASSWORD_MAX)
    return None


def normalize_password(password: str) -> str:
    """One spelling of what was typed, the one that sign-in compares."""
    return unicodedata.normalize(SETTINGS["PASSWORD_NORMALIZE_FORM"], password)


def generate_password() -> str:
    """A random password of 100 bits that can be read aloud: `k3m9x-7pq2r-…`."""
    text = "".join(secrets.choice(keyboard_layouts.ALPHABET.lower()) for _ in range(20))
    return "-".join(text[i : i + 5] for i in range(0, 20, 5))


# --- links --------------------------------------------------------------------------


def first_account_link(now: datetime) -> str:
    """Where the first account is made, once; whoever has the link may."""
    token = tokens.first_account_token(current_app.config["SECRET_KEY"], now)
    return f"{current_app.config['PUBLIC_URL']}{FIRST_ACCOUNT_PATH}/{token}"


def is_first_account_token_valid(token: str, now: datetime) -> bool:
    """Whether the token is a good one; `teams.create_first_owner` decides the rest."""
    return tokens.is_first_account_token_valid(
        current_app.config["SECRET_KEY"], token, now
    )


def password_reset_link(user: User, now: datetime) -> str:
    """Where the owner of this account sets another password, once."""
    secret = current_app.config["SECRET_KEY"]
    token = tokens.password_reset_token(secret, user.id, user.fs_uniquifier, now)
    return f"{current_app.config['PUBLIC_URL']}{RESET_PATH}/{token}"


def find_user_by_reset_token(token: str, now: datetime) -> User | None:
    """Whose password the token may set, if it is good; looking uses nothing up."""
    user_id = tokens.user_of_reset_token(token)
    user = db.session.get(User, user_id) if user_id else None
    if user is None or not user.active:
        return None
    secret, mark = current_app.config["SECRET_KEY"], user.fs_uniquifier
    is_good = tokens.is_reset_token_valid(secret, user.id, mark, token, now)
    return user if is_good else None
