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
MANY = 1_000_000_000


@dataclass(frozen=True)
class Kind:
    """What a value must be, in words that follow "must be", and whether it is."""

    words: str
    fits: Callable[[Any], bool]


def whole(least: int, most: int) -> Kind:
    return Kind(
        f"a whole number from {least} to {most}",
        lambda value: type(value) is int and least <= value <= most,
    )


def one_of(*values: str) -> Kind:
    return Kind(" or ".join(values), lambda value: value in values)


def written_as(pattern: str, words: str) -> Kind:
    return Kind(
        words,
        lambda value: type(value) is str and re.fullmatch(pattern, value) is not None,
    )


def is_limit(value: Any) -> bool:
    try:
        limits = parse_many(value) if type(value) is str else []
    except ValueError:
        return False
    return bool(limits) and all(
        1 <= limit.amount <= MANY and limit.get_expiry() <= A_YEAR for limit in limits
    )


YES_OR_NO = Kind("true or false", lambda value: type(value) is bool)
HEADER = written_as(r"[A-Za-z0-9-]{1,60}", "the name of a header")
LIMIT = Kind("a limit such as `600 per minute`", is_limit)
HOSTS = Kind(
    'a host, or a list of them such as ["rsvp.example.org"]',
    lambda value: (
        all(
            type(host) is str and re.fullmatch(r"\.?[A-Za-z0-9._:\[\]-]+", host)
            for host in (value if type(value) is list else [value])
        )
        and value != []
    ),
)
KEYS = Kind(
    "a list of keys of 32 characters or more",
    lambda value: (
        type(value) is list
        and all(type(key) is str and len(key) >= 32 for key in value)
    ),
)
SIMPLE = Kind(
    "an object of texts, numbers, true and false",
    lambda value: (
        type(value) is dict
        and all(type(v) in (str, int, float, bool) for v in value.values())
    ),
)

POOL = {
    "pool_size": whole(1, 1000),
    "max_overflow": whole(0, 1000),
    "pool_timeout": whole(1, 600),
    "pool_recycle": whole(-1, A_YEAR),
    "pool_pre_ping": YES_OR_NO,
    "pool_use_lifo": YES_OR_NO,
}
ENGINE = Kind(
    f"an object of {', '.join(POOL)}",
    lambda value: (
        type(value) is dict
        and all(name in POOL and POOL[name].fits(v) for name, v in value.items())
    ),
)

WORKING: dict[str, Kind] = {
    "EXPLAIN_TEMPLATE_LOADING": YES_OR_NO,
    "MAX_CONTENT_LENGTH": whole(1000, 32 * 1024 * 1024),
    "MAX_COOKIE_SIZE": whole(0, 65536),
    "MAX_FORM_MEMORY_SIZE": whole(1000, 32 * 1024 * 1024),
    "MAX_FORM_PARTS": whole(10, 100_000),
    "PERMANENT_SESSION_LIFETIME": whole(60, A_YEAR),
    "PROVIDE_AUTOMATIC_OPTIONS": YES_OR_NO,
    "RATELIMIT_ENABLED": YES_OR_NO,
    "RATELIMIT_FAIL_ON_FIRST_BREACH": YES_OR_NO,
    "RATELIMIT_HEADERS_ENABLED": YES_OR_NO,
    "RATELIMIT_HEADER_LIMIT": HEADER,
    "RATELIMIT_HEADER_REMAINING": HEADER,
    "RATELIMIT_HEADER_RESET": HEADER,
    "RATELIMIT_HEADER_RETRY_AFTER": HEADER,
    "RATELIMIT_HEADER_RETRY_AFTER_VALUE": one_of("http-date", "delta-seconds"),
    "RATELIMIT_IN_MEMORY_FALLBACK": LIMIT,
    "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": YES_OR_NO,
    "RATELIMIT_KEY_PREFIX": written_as(r"[!-~]{1,100}", "a word in ASCII"),
    "RATELIMIT_STORAGE_OPTIONS": SIMPLE,
    "RATELIMIT_STORAGE_URI": written_as(r"[!-~]{1,1000}", "an address"),
    "RATELIMIT_STRATEGY": one_of(*STRATEGIES),
    "RATELIMIT_SWALLOW_ERRORS": YES_OR_NO,
    "SECRET_KEY_FALLBACKS": KEYS,
    "SEND_FILE_MAX_AGE_DEFAULT": whole(0, A_YEAR),
    # Browsers keep a name that begins with __ for cookies of other paths than ours.
    "SESSION_COOKIE_NAME": written_as(
        r"(?!rsvp_door$)[A-Za-z0-9][A-Za-z0-9_-]{0,60}",
        "letters, digits, - and _, and not rsvp_door",
    ),
    "SESSION_COOKIE_SAMESITE": one_of("Lax", "Strict"),
    "SESSION_COOKIE_SECURE": YES_OR_NO,
    "SQLALCHEMY_ENGINE_OPTIONS": ENGINE,
    "TEMPLATES_AUTO_RELOAD": YES_OR_NO,
    "TRUSTED_HOSTS": HOSTS,
    "WTF_CSRF_TIME_LIMIT": Kind(
        f"null or {whole(AN_HOUR, A_YEAR).words}",
        lambda value: value is None or whole(AN_HOUR, A_YEAR).fits(value),
    ),
    "WTF_I18N_ENABLED": YES_OR_NO,
}

IN_THE_URL = "RSVP_PUBLIC_URL says it"
ACCOUNTS = "RSVP settles how accounts work"
COOKIES = "RSVP settles which cookies it sets"
FORMS = "forms behind a sign-in need their token as it is"
ERRORS = "people then saw errors in place of pages"
LANGUAGES = "languages and time zones come from the events"
MAILS = "mails know only the settings that are documented"

# By the whole key, or by how it begins (with `_` at the end).
REFUSED: dict[str, str] = {
    "APPLICATION_ROOT": IN_THE_URL,
    "AUTH_HEADER_NAME": ACCOUNTS,
    "BABEL_": LANGUAGES,
    "CELERY_": "of Celery only its broker can be set",
    "FORCE_HOST_FOR_REDIRECTS": IN_THE_URL,
    "LOGIN_": ACCOUNTS,
    "MAIL_": MAILS,
    "PREFERRED_URL_SCHEME": IN_THE_URL,
    "PROPAGATE_EXCEPTIONS": ERRORS,
    "RATELIMIT_": "what limits forms is RSVP_FORM_LIMIT",
    "RECAPTCHA_": "no page asks a third party",
    "REMEMBER_COOKIE_": COOKIES,
    "SECURITY_": ACCOUNTS,
    "SERVER_NAME": IN_THE_URL,
    "SESSION_": COOKIES,
    "SQLALCHEMY_": "of the database its address and "
    "RSVP_SQLALCHEMY_ENGINE_OPTIONS can be set",
    "TESTING": "it is for tests",
    "TRAP_": ERRORS,
    "USE_SESSION_FOR_NEXT": ACCOUNTS,
    "USE_X_SENDFILE": "RSVP answers with its files itself",
    "WTF_": FORMS,
}


def read(name: str, text: str) -> Any:
    """The value of the key `name`, written as JSON or as plain text.

    Raises ValueError where the key can't be set, or not to this.
    """
    value = parsed(text)
    if kind := WORKING.get(name):
        if not kind.fits(value):
            raise ValueError(f"must be {kind.words}")
    elif reason := why_not(name):
        raise ValueError(f"can't be set: {reason}")
    if not is_encodable(value):
        raise ValueError("has characters that are none in it")
    return [value] if name == "TRUSTED_HOSTS" and type(value) is str else value


def parsed(text: str) -> Any:
    """JSON where it is some, and the text where it is not.

    Numbers that JSON has no words for (NaN), or of more digits than any setting needs,
    and lists without end are texts, too.
    """
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def is_encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def why_not(name: str) -> str | None:
    """Why a key can't be set; None for one that nobody knows."""
    return REFUSED.get(name) or next(
        (
            reason
            for beginning, reason in REFUSED.items()
            if beginning.endswith("_") and name.startswith(beginning)
        ),
        None,
    )


# --- what is no setting at all ------------------------------------------------------

SERVICE = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
OF_A_SERVICE = re.compile(
    r".*_SERVICE_(HOST|PORT(_\w+)?)|.*PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?",
    re.ASCII,
)


def is_of_a_service(variable: str, text: str) -> bool:
    """Whether Kubernetes or Docker made this variable, for a service named rsvp or
    rsvp-something, and nobody who sets up a site.

    Source: Kubernetes, "Accessing the Service", environment variables.
    """
    return bool(
        OF_A_SERVICE.fullmatch(variable)
        or (variable.endswith("PORT") and SERVICE.match(text))
    )
