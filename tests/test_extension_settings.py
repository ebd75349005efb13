"""Settings handed on to Flask and its extensions: each works, or is refused."""

from __future__ import annotations

import copy
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import flask_limiter.constants
import pytest
from flask import Flask

from rsvp import cli, config, create_app, extension_settings, startup
from rsvp.config import UnsafeStart
from rsvp.extensions import db, limiter
from tests.conftest import database_file, empty_database
from tests.support.factories import PASSWORD, make_user
from tests.support.for_each import for_each
from tests.support.pages.sign_in import SIGN_IN_PATH

SECRET = "open-sesame-7"


@pytest.fixture(autouse=True)
def limits_as_before() -> Iterator[None]:
    """The limiter is one for all applications of a process, and keeps what it read."""
    before = {
        name: copy.copy(value) if type(value) is dict else value
        for name, value in vars(limiter).items()
    }
    yield
    vars(limiter).clear()
    vars(limiter).update(before)


@pytest.fixture(scope="module")
def with_ada(sqlite_app: Flask) -> bytes:
    """The database of a site with one account."""
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        make_user("ada@example.org")
        db.session.remove()
        with closing(sqlite3.connect(database_file(sqlite_app))) as connection:
            return connection.serialize()


@pytest.fixture
def instance(tmp_path: Path, with_ada: bytes) -> Path:
    (tmp_path / "rsvp.db").write_bytes(with_ada)
    return tmp_path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, instance: Path) -> Any:
    for name in [n for n in os.environ if n.startswith("RSVP_") or n == "PORT"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RSVP_INSTANCE_PATH", str(instance))
    monkeypatch.setenv("RSVP_CODE_KEY", KEY)
    return monkeypatch


KEY = "73b97e1beeb053932b5ea5abac651a58dab519380e497c6494e4734057a02358"


def configured() -> None:
    """As far as settings are read; nothing is set up."""
    config.configure(Flask("rsvp"))


# --- those that work ----------------------------------------------------------------

OURS = "https://rsvp.example.org"

# Each of these is one site.
TOGETHER: list[dict[str, Any]] = [
    {
        "EXPLAIN_TEMPLATE_LOADING": True,
        "MAX_CONTENT_LENGTH": 1000,
        "MAX_COOKIE_SIZE": 0,
        "MAX_FORM_MEMORY_SIZE": 100_000,
        "MAX_FORM_PARTS": 100,
        "PERMANENT_SESSION_LIFETIME": 3600,
        "PROVIDE_AUTOMATIC_OPTIONS": False,
        "RATELIMIT_ENABLED": False,
        "TRUSTED_HOSTS": "rsvp.example.org",
        "A_NAME_THAT_NOBODY_KNOWS": [1, {"a": None}],
    },
    {
        "RATELIMIT_ENABLED": True,
        "RATELIMIT_FAIL_ON_FIRST_BREACH": False,
        "RATELIMIT_HEADERS_ENABLED": True,
        "RATELIMIT_HEADER_LIMIT": "X-Limit",
        "RATELIMIT_HEADER_REMAINING": "X-Left",
        "RATELIMIT_HEADER_RESET": "X-Until",
        "RATELIMIT_HEADER_RETRY_AFTER": "X-Retry",
        "RATELIMIT_HEADER_RETRY_AFTER_VALUE": "http-date",
        "RATELIMIT_IN_MEMORY_FALLBACK": "5 per minute",
        "RATELIMIT_KEY_PREFIX": "evening:",
        "RATELIMIT_STORAGE_OPTIONS": {"key_prefix": "x"},
        "RATELIMIT_STORAGE_URI": "memory://",
        "RATELIMIT_STRATEGY": "moving-window",
        "RATELIMIT_SWALLOW_ERRORS": True,
    },
    {
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": False,
        "SECRET_KEY_FALLBACKS": ["an older key, " * 3],
        "SEND_FILE_MAX_AGE_DEFAULT": 60,
        "SESSION_COOKIE_NAME": "desk",
        "SESSION_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_SECURE": True,
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 3, "pool_pre_ping": True},
        "TEMPLATES_AUTO_RELOAD": True,
        "TRUSTED_HOSTS": ["rsvp.example.org", ".example.net"],
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_I18N_ENABLED": False,
    },
]


def test_each_key_that_works_is_tried():
    tried = {name for settings in TOGETHER for name in settings}

    assert {*extension_settings.ALLOWED_KEYS, "A_NAME_THAT_NOBODY_KNOWS"} == tried


@for_each("settings", TOGETHER, fresh=True)
def test_a_site_runs_with_them(environment, settings):
    environment.setenv("RSVP_PUBLIC_URL", OURS)
    for name, value in settings.items():
        text = value if type(value) is str else json.dumps(value)
        environment.setenv(f"RSVP_{name}", text)
    app = create_app()
    with app.app_context():
        startup.verify()
    client = app.test_client()
    assert client.get("/", base_url=OURS).status_code == 200
    page = client.get(SIGN_IN_PATH, base_url=OURS)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    typed = {"email": "ada@example.org", "password": PASSWORD, "csrf_token": token}
    origin = {"Referer": OURS + SIGN_IN_PATH}
    answer = client.post(SIGN_IN_PATH, base_url=OURS, data=typed, headers=origin)
    assert answer.status_code == 302
    assert client.get("/organize/", base_url=OURS).status_code == 200
    form = client.post("/events/none/registrations", base_url=OURS)
    assert form.status_code == 404
    with app.app_context():
        db.engine.dispose()


def test_options_of_the_engine_join_ours(environment):
    environment.setenv("RSVP_SQLALCHEMY_ENGINE_OPTIONS", '{"pool_size": 3}')
    options = create_app().config["SQLALCHEMY_ENGINE_OPTIONS"]

    assert options["pool_size"] == 3
    assert options["hide_parameters"] is True


def test_without_limits_nobody_is_slowed_down(environment):
    environment.setenv("RSVP_RATELIMIT_ENABLED", "false")
    environment.setenv("RSVP_FORM_LIMIT", "1 per hour")
    client = create_app().test_client()

    for _ in range(3):
        assert client.post("/events/none/registrations").status_code == 404


# --- those that are refused ---------------------------------------------------------

REFUSED = [
    ("TESTING", "true"),
    ("SERVER_NAME", "rsvp.example.org"),
    ("APPLICATION_ROOT", "/rsvp"),
    ("PREFERRED_URL_SCHEME", "https"),
    ("SESSION_COOKIE_PATH", "/"),
    ("SESSION_COOKIE_DOMAIN", "example.org"),
    ("SESSION_COOKIE_HTTPONLY", "false"),
    ("SESSION_COOKIE_PARTITIONED", "true"),
    ("SESSION_COOKIE_NAME", "__Host-rsvp"),
    ("SESSION_COOKIE_NAME", "rsvp_door"),
    ("SESSION_COOKIE_NAME", "a name"),
    ("SESSION_COOKIE_NAME", "17"),
    ("SESSION_COOKIE_SAMESITE", "None"),
    ("SESSION_COOKIE_SECURE", "yes"),
    ("SESSION_PROTECTION", "strong"),
    ("PERMANENT_SESSION_LIFETIME", "forever"),
    ("PERMANENT_SESSION_LIFETIME", "9" * 30),
    ("MAX_CONTENT_LENGTH", "abc"),
    ("MAX_CONTENT_LENGTH", "-1"),
    ("MAX_CONTENT_LENGTH", "0"),
    ("MAX_CONTENT_LENGTH", "NaN"),
    ("MAX_CONTENT_LENGTH", "1e9"),
    ("MAX_CONTENT_LENGTH", "true"),
    ("MAX_CONTENT_LENGTH", "9" * 5000),
    ("MAX_FORM_PARTS", "[" * 100_000),
    ("SEND_FILE_MAX_AGE_DEFAULT", "Infinity"),
    ("SECRET_KEY_FALLBACKS", '["short"]'),
    ("SECRET_KEY_FALLBACKS", SECRET),
    ("TRUSTED_HOSTS", "[]"),
    ("TRUSTED_HOSTS", "[17]"),
    ("TRUSTED_HOSTS", "elsewhere.example.net"),
    ("PROPAGATE_EXCEPTIONS", "true"),
    ("TRAP_HTTP_EXCEPTIONS", "true"),
    ("USE_X_SENDFILE", "true"),
    ("WTF_CSRF_ENABLED", "false"),
    ("WTF_CSRF_METHODS", "[]"),
    ("WTF_CSRF_FIELD_NAME", "token"),
    ("WTF_CSRF_SECRET_KEY", SECRET),
    ("WTF_CSRF_TIME_LIMIT", "0"),
    ("WTF_CSRF_TIME_LIMIT", "soon"),
    ("RECAPTCHA_PUBLIC_KEY", SECRET),
    ("SECURITY_REGISTERABLE", "true"),
    ("SECURITY_PASSWORD_SALT", SECRET),
    ("SECURITY_PASSWORD_HASH", "plaintext"),
    ("LOGIN_DISABLED", "true"),
    ("REMEMBER_COOKIE_DURATION", "1"),
    ("RATELIMIT_ENABLED", "maybe"),
    ("RATELIMIT_DEFAULT", "1 per hour"),
    ("RATELIMIT_APPLICATION", "1 per hour"),
    ("RATELIMIT_ON_BREACH_CALLBACK", "print"),
    ("RATELIMIT_STRATEGY", "by-luck"),
    ("RATELIMIT_HEADER_LIMIT", "X Limit\n"),
    ("RATELIMIT_IN_MEMORY_FALLBACK", "often"),
    ("RATELIMIT_STORAGE_OPTIONS", "fast"),
    ("SQLALCHEMY_ECHO", "true"),
    ("SQLALCHEMY_BINDS", "{}"),
    ("SQLALCHEMY_RECORD_QUERIES", "true"),
    ("SQLALCHEMY_POOL_SIZE", "3"),
    ("SQLALCHEMY_ENGINE_OPTIONS", "fast"),
    ("SQLALCHEMY_ENGINE_OPTIONS", '{"echo": true}'),
    ("SQLALCHEMY_ENGINE_OPTIONS", '{"pool_size": "3"}'),
    ("SQLALCHEMY_ENGINE_OPTIONS", '{"hide_parameters": false}'),
    ("BABEL_DEFAULT_LOCALE", "xx"),
    ("MAIL_DEBUG", "true"),
    ("MAIL_SUPPRESS_SEND", "true"),
    ("MAIL_MAX_EMAILS", "1"),
    ("CELERY_RESULT_BACKEND", f"redis://:{SECRET}@127.0.0.1"),
    ("ANYTHING", '"\\ud800"'),
    ("ANYTHING", "caf\udce9"),
    ("SITE_NAME", "caf\udce9"),
    ("CAF\udce9", "text"),
]


@for_each(
    ("name", "text"),
    REFUSED,
    fresh=True,
)
def test_it_is_refused_in_a_line_that_names_it(environment, capfd, name, text):
    environment.setenv("RSVP_PUBLIC_URL", OURS)
    environment.setenv(f"RSVP_{name}", text)
    with pytest.raises(UnsafeStart) as refused:
        configured()

    told = str(refused.value)
    assert told.startswith(f"RSVP_{name.split(chr(0xDCE9))[0]}")
    assert "\n" not in told
    assert SECRET not in told
    assert told.isprintable()


def test_every_key_of_the_libraries_works_or_is_refused():
    """What else a version of theirs knows is decided about when it comes."""
    keys = set(Flask.default_config) | {
        value
        for name, value in vars(flask_limiter.constants.ConfigVars).items()
        if not name.startswith("_")
    }
    with open_app() as app:
        keys |= set(app.config)
    undecided = {
        key
        for key in keys - set(config.SETTINGS)
        if key not in extension_settings.ALLOWED_KEYS
        and extension_settings.refusal_reason(key) is None
    }

    assert undecided == set()


class open_app:  # noqa: N801 - reads as the phrase it is
    """A whole application, whose settings its extensions have filled in."""

    def __enter__(self) -> Flask:
        return create_app({"SECRET_KEY": "k" * 32, "CODE_KEY": b"k" * 32})

    def __exit__(self, *_: object) -> None: ...


def test_what_an_extension_says_to_a_value_is_told_without_the_value(
    environment, capfd
):
    environment.setenv("RSVP_RATELIMIT_STORAGE_URI", f"nowhere://ada:{SECRET}@h")

    assert cli.run(["check"]) == 1
    told = capfd.readouterr().err
    assert told == (
        "rsvp: an extension can't start with RSVP_RATELIMIT_STORAGE_URI as it is "
        "(ConfigurationError)\n"
    )


def test_a_mistake_of_ours_is_not_put_down_to_settings(environment, monkeypatch):
    from rsvp import web

    def broken(app: Flask) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(web, "init_app", broken)
    with pytest.raises(RuntimeError, match="ours"):
        create_app()


# --- what is no setting at all ------------------------------------------------------

OF_A_SERVICE = {
    "RSVP_SERVICE_HOST": "10.0.0.1",
    "RSVP_SERVICE_PORT": "8000",
    "RSVP_SERVICE_PORT_HTTP": "8000",
    "RSVP_PORT": "tcp://10.0.0.1:8000",
    "RSVP_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "RSVP_PORT_8000_TCP_PROTO": "tcp",
    "RSVP_PORT_8000_TCP_PORT": "8000",
    "RSVP_PORT_8000_TCP_ADDR": "10.0.0.1",
    "RSVP_MAIL_SERVICE_HOST": "10.0.0.2",
    "RSVP_MAIL_PORT": "tcp://10.0.0.2:25",
    "RSVP_MAIL_PORT_25_TCP": "tcp://10.0.0.2:25",
    "RSVP_REDIS_PORT": "tcp://[fd00::3]:6379",
    "RSVP_DNS_PORT": "UDP://10.0.0.4:53",
    "PORT": "tcp://10.0.0.1:8000",
}


def test_variables_of_a_service_named_rsvp_count_as_unset(environment, caplog):
    for name, value in OF_A_SERVICE.items():
        environment.setenv(name, value)
    found = create_app().config

    assert (found["PORT"], found["MAIL_PORT"]) == (8000, 25)
    names = {name.removeprefix("RSVP_") for name in OF_A_SERVICE}
    assert names & set(found) == {"PORT", "MAIL_PORT"}
    assert caplog.text == ""


def test_beside_them_a_port_can_be_set(environment):
    environment.setenv("RSVP_PORT", "tcp://10.0.0.1:8000")
    environment.setenv("PORT", "8123")

    assert create_app().config["PORT"] == 8123
