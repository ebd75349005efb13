"""Extension settings: which keys of Flask and its extensions a site may set.

`RSVP_` before such a key hands it on. Each either works and has its type here, or would
break what the product promises, and is refused with the reason. A name that is known to
nobody is handed on as it is, and told in the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from limits import parse_many
from limits.strategies import STRATEGIES

AN_HOUR, A_YEAR = 60 * 60, 365 * 24 * 60 * 60
LARGE_NUMBER = 1_000_000_000


@dataclass(frozen=True)
class ValueKind:
    """What a value must be, in words that follow "must be", and whether it is."""

    words: str
    fits: Callable[[Any], bool]


def whole_number(least: int, most: int) -> ValueKind:
    return ValueKind(
        f"a whole number from {least} to {most}",
        lambda value: type(value) is int and least <= value <= most,
    )


def one_of(*values: str) -> ValueKind:
    return ValueKind(" or ".join(values), lambda value: value in values)


def matching(pattern: str, words: str) -> ValueKind:
    return ValueKind(
        words,
        lambda value: type(value) is str and re.fullmatch(pattern, value) is not None,
    )


def is_limit(value: Any) -> bool:
    try:
        limits = parse_many(value) if type(value) is str else []
    except ValueError:
        return False
    return bool(limits) and all(
        1 <= limit.amount <= LARGE_NUMBER and limit.get_expiry() <= A_YEAR
        for limit in limits
    )


BOOLEAN = ValueKind("true or false", lambda value: type(value) is bool)
HEADER = matching(r"[A-Za-z0-9-]{1,60}", "the name of a header")
LIMIT = ValueKind("a limit such as `600 per minute`", is_limit)
HOST_LIST = ValueKind(
    'a host, or a list of them such as ["rsvp.example.org"]',
    lambda value: (
        all(
            type(host) is str and re.fullmatch(r"\.?[A-Za-z0-9._:\[\]-]+", host)
            for host in (value if type(value) is list else [value])
        )
        and value != []
    ),
)
KEY_LIST = ValueKind(
    "a list of keys of 32 characters or more",
    lambda value: (
        type(value) is list
        and all(type(key) is str and len(key) >= 32 for key in value)
    ),
)
PLAIN_OBJECT = ValueKind(
    "an object of texts, numbers, true and false",
    lambda value: (
        type(value) is dict
        and all(type(v) in (str, int, float, bool) for v in value.values())
    ),
)

POOL_OPTIONS = {
    "pool_size": whole_number(1, 1000),
    "max_overflow": whole_number(0, 1000),
    "pool_timeout": whole_number(1, 600),
    "pool_recycle": whole_number(-1, A_YEAR),
    "pool_pre_ping": BOOLEAN,
    "pool_use_lifo": BOOLEAN,
}
ENGINE_OPTIONS = ValueKind(
    f"an object of {', '.join(POOL_OPTIONS)}",
    lambda value: (
        type(value) is dict
        and all(
            name in POOL_OPTIONS and POOL_OPTIONS[name].fits(v)
            for name, v in value.items()
        )
    ),
)

ALLOWED_KEYS: dict[str, ValueKind] = {
    "EXPLAIN_TEMPLATE_LOADING": BOOLEAN,
    "MAX_CONTENT_LENGTH": whole_number(1000, 32 * 1024 * 1024),
    "MAX_COOKIE_SIZE": whole_number(0, 65536),
    "MAX_FORM_MEMORY_SIZE": whole_number(1000, 32 * 1024 * 1024),
    "MAX_FORM_PARTS": whole_number(10, 100_000),
    "PERMANENT_SESSION_LIFETIME": whole_number(60, A_YEAR),
    "PROVIDE_AUTOMATIC_OPTIONS": BOOLEAN,
    "RATELIMIT_ENABLED": BOOLEAN,
    "RATELIMIT_FAIL_ON_FIRST_BREACH": BOOLEAN,
    "RATELIMIT_HEADERS_ENABLED": BOOLEAN,
    "RATELIMIT_HEADER_LIMIT": HEADER,
    "RATELIMIT_HEADER_REMAINING": HEADER,
    "RATELIMIT_HEADER_RESET": HEADER,
    "RATELIMIT_HEADER_RETRY_AFTER": HEADER,
    "RATELIMIT_HEADER_RETRY_AFTER_VALUE": one_of("http-date", "delta-seconds"),
    "RATELIMIT_IN_MEMORY_FALLBACK": LIMIT,
    "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": BOOLEAN,
    "RATELIMIT_KEY_PREFIX": matching(r"[!-~]{1,100}", "a word in ASCII"),
    "RATELIMIT_STORAGE_OPTIONS": PLAIN_OBJECT,
    "RATELIMIT_STORAGE_URI": matching(r"[!-~]{1,1000}", "an address"),
    "RATELIMIT_STRATEGY": one_of(*STRATEGIES),
    "RATELIMIT_SWALLOW_ERRORS": BOOLEAN,
    "SECRET_KEY_FALLBACKS": KEY_LIST,
    "SEND_FILE_MAX_AGE_DEFAULT": whole_number(0, A_YEAR),
    # Browsers keep a name that begins with __ for cookies of other paths than ours.
    "SESSION_COOKIE_NAME": matching(
        r"(?!rsvp_door$)[A-Za-z0-9][A-Za-z0-9_-]{0,60}",
        "letters, digits, - and _, and not rsvp_door",
    ),
    "SESSION_COOKIE_SAMESITE": one_of("Lax", "Strict"),
    "SESSION_COOKIE_SECURE": BOOLEAN,
    "SQLALCHEMY_ENGINE_OPTIONS": ENGINE_OPTIONS,
    "TEMPLATES_AUTO_RELOAD": BOOLEAN,
    "TRUSTED_HOSTS": HOST_LIST,
    "WTF_CSRF_TIME_LIMIT": ValueKind(
        f"null or {whole_number(AN_HOUR, A_YEAR).words}",
        lambda value: value is None or whole_number(AN_HOUR, A_YEAR).fits(value),
    ),
    "WTF_I18N_ENABLED": BOOLEAN,
}

REASON_URL = "RSVP_PUBLIC_URL says it"
REASON_ACCOUNTS = "RSVP settles how accounts work"
REASON_COOKIES = "RSVP settles which cookies it sets"
REASON_FORMS = "forms behind a sign-in need their token as it is"
REASON_ERRORS = "people then saw errors in place of pages"
REASON_LANGUAGES = "languages and time zones come from the events"
REASON_MAILS = "mails know only the settings that are documented"

# By the whole key, or by how it begins (with `_` at the end).
REFUSED_KEYS: dict[str, str] = {
    "APPLICATION_ROOT": REASON_URL,
    "AUTH_HEADER_NAME": REASON_ACCOUNTS,
    "BABEL_": REASON_LANGUAGES,
    "CELERY_": "of Celery only its broker can be set",
    "FORCE_HOST_FOR_REDIRECTS": REASON_URL,
    "LOGIN_": REASON_ACCOUNTS,
    "MAIL_": REASON_MAILS,
    "PREFERRED_URL_SCHEME": REASON_URL,
    "PROPAGATE_EXCEPTIONS": REASON_ERRORS,
    "RATELIMIT_": "what limits forms is RSVP_FORM_LIMIT",
    "RECAPTCHA_": "no page asks a third party",
    "REMEMBER_COOKIE_": REASON_COOKIES,
    "SECURITY_": REASON_ACCOUNTS,
    "SERVER_NAME": REASON_URL,
    "SESSION_": REASON_COOKIES,
    "SQLALCHEMY_": "of the database its address and "
    "RSVP_SQLALCHEMY_ENGINE_OPTIONS can be set",
    "TESTING": "it is for tests",
    "TRAP_": REASON_ERRORS,
    "USE_SESSION_FOR_NEXT": REASON_ACCOUNTS,
    "USE_X_SENDFILE": "RSVP answers with its files itself",
    "WTF_": REASON_FORMS,
}


def parse_value(name: str, text: str) -> Any:
    """Parse the value of the key `name`, written as JSON or as plain text.

    Raises ValueError where the key can't be set, or not to this.
    """
    value = parse_json_or_text(text)
    if kind := ALLOWED_KEYS.get(name):
        if not kind.fits(value):
            raise ValueError(f"must be {kind.words}")
    elif reason := refusal_reason(name):
        raise ValueError(f"can't be set: {reason}")
    if not is_encodable(value):
        raise ValueError("has characters that are none in it")
    return [value] if name == "TRUSTED_HOSTS" and type(value) is str else value


def parse_json_or_text(text: str) -> Any:
    """Parse JSON where it is some; else return the text.

    Numbers that JSON has no words for (NaN), or of more digits than any setting needs,
    and lists without end are texts, too.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return text


def refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def is_encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def refusal_reason(name: str) -> str | None:
    """Return why a key can't be set; None for one that nobody knows."""
    return REFUSED_KEYS.get(name) or next(
        (
            reason
            for beginning, reason in REFUSED_KEYS.items()
            if beginning.endswith("_") and name.startswith(beginning)
        ),
        None,
    )


# --- what is no setting at all ------------------------------------------------------

SERVICE_URL = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
SERVICE_VARIABLE = re.compile(
    r".*_SERVICE_(HOST|PORT(_\w+)?)|.*PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?",
    re.ASCII,
)


def is_service_variable(variable: str, text: str) -> bool:
    """Whether Kubernetes or Docker made this variable, for a service named rsvp or
    rsvp-something, and nobody who sets up a site.

    Source: Kubernetes, "Accessing the Service", environment variables.
    """
    return bool(
        SERVICE_VARIABLE.fullmatch(variable)
        or (variable.endswith("PORT") and SERVICE_URL.match(text))
    )
