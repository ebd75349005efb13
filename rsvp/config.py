"""Settings: RSVP_* variables, converted and checked; unsafe ones are refused.

Every setting is in `SETTINGS`; docs/settings.md tells them to operators, and a test
keeps the two together.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy.engine import make_url
from werkzeug.sansio.utils import host_is_trusted

from rsvp import extension_settings, site_addresses
from rsvp.mailer import settings
from rsvp.rate_limits import in_memory, in_redis

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
"""In a checkout the project's folder."""
IS_WHEEL = (PACKAGE / "templates").is_dir()
"""Whether this is an installed wheel, which has inside what is beside in a checkout."""
FILES_FOLDER = PACKAGE if IS_WHEEL else ROOT
"""The folder with templates, static, migrations and translations."""
PREFIX = "RSVP_"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class UnsafeStart(Exception):
    """A start would be unsafe; the message is one line for the operator."""


@dataclass(frozen=True)
class Setting:
    name: str
    kind: type = str
    default: Any = None
    least: int = 0
    most: int = 999_999_999


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("INSTANCE_PATH"),
        Setting("SQLALCHEMY_DATABASE_URI"),
        Setting("SECRET_KEY"),
        Setting("CODE_KEY"),
        Setting("PUBLIC_URL"),
        Setting("SITE_NAME", default="RSVP"),
        Setting("MAIL_SERVER"),
        Setting("MAIL_PORT", int, 25, 1, 65535),
        Setting("MAIL_USE_TLS", bool, False),
        Setting("MAIL_USE_SSL", bool, False),
        Setting("MAIL_USERNAME"),
        Setting("MAIL_PASSWORD"),
        Setting("MAIL_DEFAULT_SENDER"),
        Setting("MAIL_TIMEOUT", int, 30, 1, 120),
        Setting("MAIL_CONNECTIONS", int, 4, 1, 32),
        Setting("MAIL_PER_DOMAIN_PER_MINUTE", int, 0),
        Setting("REDIS_URL"),
        Setting("CELERY_BROKER_URL"),
        Setting("TRUSTED_PROXIES", int, 0, 0, 100),
        Setting("FORM_LIMIT", default="600 per minute"),
        Setting("PORT", int, 8000, 1, 65535),
        Setting("HOST", default="127.0.0.1"),
        Setting("WEB_PROCESSES", int, 2, 1, 256),
        Setting("WEB_THREADS", int, 4, 1, 256),
        Setting("DEBUG", bool, False),
    )
}

BOOLEANS = {"1": True, "true": True, "yes": True, "on": True}
BOOLEANS |= {"0": False, "false": False, "no": False, "off": False, "": False}


def configure(app: Flask, overrides: Mapping[str, Any] | None = None) -> None:
    """Fill `app.config`: defaults, then RSVP_* of the environment, then `overrides`.

    Raises UnsafeStart where the site must not start like this.
    """
    app.config.update({s.name: s.default for s in SETTINGS.values()})
    chosen = read_environment(app, os.environ) | dict(overrides or {})
    app.config.update(chosen)
    instance = instance_folder(app.config["INSTANCE_PATH"])
    app.instance_path = str(instance)
    try:
        # The database in it has people's names.
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnsafeStart(
            f"the instance folder {instance} can't be made: {error.strerror}; "
            "RSVP_INSTANCE_PATH sets another"
        ) from error

    app.config["SQLALCHEMY_DATABASE_URI"] = parse_setting(
        "SQLALCHEMY_DATABASE_URI",
        app.config["SQLALCHEMY_DATABASE_URI"] or "sqlite:///rsvp.db",
        lambda text: site_addresses.database_url(text, instance),
    )
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(app) | (
        app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or {}
    )
    app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or read_or_make_key(
        instance / "secret_key"
    )
    app.config["CODE_KEY"] = code_key(app.config["CODE_KEY"], instance)
    for name, reading in PARSERS.items():
        if text := app.config[name]:
            app.config[name] = parse_setting(name, text, reading)
    refuse_unsafe(app)
    app.config["PUBLIC_URL"] = app.config["PUBLIC_URL"] or site_addresses.local_url(
        app.config["HOST"], app.config["PORT"]
    )
    app.config["MAIL_DEFAULT_SENDER"] = app.config["MAIL_DEFAULT_SENDER"] or (
        app.config["SITE_NAME"],
        f"rsvp@{site_addresses.mail_domain(app.config['PUBLIC_URL'])}",
    )
    safeguards = {
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_PARTS": 1000,
        **accounts_settings(app),
    }
    # Not `setdefault`: Flask has weaker defaults for most of these already.
    app.config.update({k: v for k, v in safeguards.items() if k not in chosen})
    storage = in_memory.STORAGE_URI
    if url := app.config["REDIS_URL"]:
        storage = parse_setting("REDIS_URL", url, in_redis.storage_uri)
    app.config.setdefault("RATELIMIT_STORAGE_URI", storage)
    app.config.setdefault("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)


def instance_folder(path: str | None) -> Path:
    """Return the folder for the database and the keys, whole: as set, or the project's,
    or that of an installed wheel, `instance` where it is started."""
    try:
        if path:
            folder = Path(path).expanduser().resolve()
        else:
            folder = (Path.cwd() if IS_WHEEL else ROOT) / "instance"
    except FileNotFoundError:
        raise UnsafeStart(
            "the folder this is started in is gone: go to another, or set "
            "RSVP_INSTANCE_PATH to a whole path"
        ) from None
    except (OSError, RuntimeError, ValueError):
        raise UnsafeStart(f"RSVP_INSTANCE_PATH is no folder: {path}") from None
    # The database's address has options behind it.
    if "?" in str(folder):
        raise UnsafeStart(f"the instance folder must have no ? in its path: {folder}")
    return folder


def data_location(app: Flask) -> str:
    """Return where this site's database and keys are, for the operator; no
    passwords."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() == "sqlite":
        file = Path(app.instance_path, url.database or "")
        if file.parent == Path(app.instance_path):
            return str(file)
        return f"{file}, keys in {app.instance_path}"
    host = f" on {url.host}" if url.host else ""
    return f"PostgreSQL, {url.database}{host}; keys in {app.instance_path}"


def accounts_settings(app: Flask) -> dict[str, Any]:
    """Return the settings of cookies and sign-in that the product needs; a setting of
    one's own wins."""
    return {
        "SESSION_COOKIE_NAME": "rsvp_session",
        # Public pages never see the cookie: they are the same for every visitor.
        "SESSION_COOKIE_PATH": "/organize",
        "SESSION_COOKIE_SECURE": app.config["PUBLIC_URL"].startswith("https://"),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # Public forms carry the signed hour; views behind a sign-in call protect.
        "WTF_CSRF_CHECK_DEFAULT": False,
        # Not by the Referer, which browsers may leave out: `guards.is_same_origin`.
        "WTF_CSRF_SSL_STRICT": False,
        # A page may stay open for as long as its owner is signed in.
        "WTF_CSRF_TIME_LIMIT": None,
    }


def read_environment(app: Flask, environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the RSVP_* settings with their types; names we do not know are passed on,
    and logged.

    Text settings are read as text: an all-digit password stays a password.
    """
    values: dict[str, Any] = {}
    passed_on = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or is_unset(variable, text):
            continue
        name = variable.removeprefix(PREFIX)
        if not is_utf8(variable + text):
            raise UnsafeStart(f"{printable_name(variable)} is not written in UTF-8")
        if setting := SETTINGS.get(name):
            values[name] = convert_setting(setting, text)
            continue
        values[name] = parse_setting(
            name, text, functools.partial(extension_settings.parse_value, name)
        )
        passed_on.append(printable_name(variable))
        app.logger.warning("%s is not a setting of RSVP; passed on", passed_on[-1])
    app.extensions["rsvp_handed_on"] = passed_on
    if "PORT" not in values and not is_unset("PORT", environ.get("PORT", "")):
        values["PORT"] = convert_setting(
            SETTINGS["PORT"], environ["PORT"], variable="PORT"
        )
    return values


def is_unset(variable: str, text: str) -> bool:
    return text == "" or extension_settings.is_service_variable(variable, text)


def is_utf8(text: str) -> bool:
    # Other bytes of the environment are there as half characters.
    return text.encode(errors="replace").decode() == text


def printable_name(variable: str) -> str:
    """Return a variable's name as any terminal can show it, in one line."""
    return variable.encode("ascii", "backslashreplace").decode()


@contextlib.contextmanager
def unsafe_on_extension_errors(app: Flask) -> Iterator[None]:
    """Raise UnsafeStart for whatever extensions say to settings they were handed,
    without their words: they may repeat a password."""
    try:
        yield
    except UnsafeStart:
        raise
    except Exception as error:
        names = app.extensions["rsvp_handed_on"]
        if not names or app.debug:
            raise
        raise UnsafeStart(
            f"an extension can't start with {' or '.join(names)} as it is "
            f"({type(error).__name__})"
        ) from error


def parse_limit(text: str) -> str:
    if not extension_settings.LIMIT.fits(text):
        raise ValueError(f"must be {extension_settings.LIMIT.words}")
    return text


PARSERS: dict[str, Callable[[str], Any]] = {
    "PUBLIC_URL": site_addresses.public_url,
    "HOST": site_addresses.listening_host,
    "REDIS_URL": site_addresses.redis_url,
    "CELERY_BROKER_URL": site_addresses.broker_url,
    "FORM_LIMIT": parse_limit,
    **settings.PARSERS,
}


def parse_setting(name: str, text: str, reading: Callable[[str], Any]) -> Any:
    """A setting as `reading` has it; its ValueError is told to the operator."""
    try:
        return reading(text)
    except ValueError as error:
        raise UnsafeStart(f"{printable_name(PREFIX + name)} {error}") from None


def convert_setting(setting: Setting, text: str, variable: str = "") -> Any:
    variable = variable or PREFIX + setting.name
    if setting.kind is bool:
        if text.strip().lower() not in BOOLEANS:
            raise UnsafeStart(f"{variable} must be true or false")
        return BOOLEANS[text.strip().lower()]
    if setting.kind is int:
        if not re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
            raise UnsafeStart(f"{variable} must be a whole number")
        if not setting.least <= int(text) <= setting.most:
            raise UnsafeStart(f"{variable} must be {setting.least} to {setting.most}")
        return int(text)
    return text


def engine_options(app: Flask) -> dict[str, Any]:
    return {
        "pool_size": app.config["WEB_THREADS"],
        "max_overflow": 2,
        # Seconds a thread waits for a connection of another one.
        "pool_timeout": 5,
        # Errors in logs then name no names.
        "hide_parameters": True,
    }


def read_or_make_key(path: Path) -> str:
    """Read a random key kept in a file only its owner can read; made at the first
    start."""
    try:
        if not path.exists():
            make_key(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UnsafeStart(f"{path} can be read by others: chmod 600 it")
        key = path.read_text().strip()
    except OSError as error:
        raise UnsafeStart(
            f"the key in {path} can't be read: {error.strerror}"
        ) from error
    if len(key) < 32:
        raise UnsafeStart(f"the key in {path} is empty or cut off; restore it")
    return key


def make_key(path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        # Of two processes starting together one makes the key, whole; both read it.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def code_key(text: str | bytes | None, instance: Path) -> bytes:
    """Return the 32 bytes codes are derived from: 64 hex digits, as set or as kept."""
    if isinstance(text, bytes):
        return text
    text = text or read_or_make_key(instance / "code_key")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise UnsafeStart("RSVP_CODE_KEY must be 64 hexadecimal digits")
    return bytes.fromhex(text)


def refuse_unsafe(app: Flask) -> None:
    try:
        settings.refuse_conflicts(app.config)
    except ValueError as error:
        raise UnsafeStart(str(error)) from None
    public_url = app.config["PUBLIC_URL"]
    host = urlsplit(public_url or "").hostname
    trusted = app.config["TRUSTED_HOSTS"]
    if trusted and host and not host_is_trusted(urlsplit(public_url).netloc, trusted):
        raise UnsafeStart(
            "RSVP_TRUSTED_HOSTS has not the host of RSVP_PUBLIC_URL: every page would "
            "be refused"
        )
    is_plain = host and host not in LOOPBACK and public_url.startswith("http://")
    if app.config["SESSION_COOKIE_SECURE"] and is_plain:
        raise UnsafeStart(
            "RSVP_SESSION_COOKIE_SECURE needs an RSVP_PUBLIC_URL with https: nobody "
            "could sign in"
        )
    if app.config["DEBUG"] and host and host not in LOOPBACK:
        raise UnsafeStart("debug is on for a public address: unset RSVP_DEBUG")
    if len(str(app.config["SECRET_KEY"])) < 32 and not app.config.get("TESTING"):
        raise UnsafeStart("RSVP_SECRET_KEY must have 32 characters or more")
