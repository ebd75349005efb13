"""Unavailable: 503 responses while the database can't be used.

A 503 that says whether anything was saved, and a form keeps what was typed into it. The
log says why in one line, without the statement and its values.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request
from flask_babel import lazy_gettext as _l

from rsvp.database import outages
from rsvp.database.outages import Outage
from rsvp.extensions import db
from rsvp.web import error_pages, guards

ERROR_CODE = "unavailable"

RETRY_SOON, RETRY_LATER = 5, 60
"""Seconds after which to try again: what passes by itself, and what somebody mends."""

NOT_READY_TEXT = (
    _l("We are not ready for a moment"),
    _l("Please try again in a minute."),
)
NOT_SAVED_TEXT = (
    _l("This could not be saved"),
    _l(
        "Something is wrong on our side, and it is noted. Nothing was saved. Please "
        "try again in a minute."
    ),
)
PERHAPS_SAVED_TEXT = (
    _l("This may not be saved"),
    _l(
        "Our database was away for a moment, and it is noted. Please look in a minute "
        "whether it was saved, and else try again."
    ),
)
FORM_NOT_SAVED_TEXT = _l(
    "Something is wrong on our side, and nothing was saved. Please send the form once "
    "more in a minute."
)

LOG_INTERVAL = 10.0
"""Seconds between two lines in the log about one outage."""
LOGGED_EXTENSION = "rsvp_outages_logged"


@dataclass
class LoggedOutage:
    """When the log had a line about an outage (monotonic), and how often not since."""

    logged_at: float
    suppressed: int = 0


# A page that was sent a password never has it again, so its form can't be kept.
NEVER_KEPT = "password"


def init_app(app: Flask) -> None:
    app.register_error_handler(Exception, handle_unavailable)


def handle_unavailable(error: Exception) -> Response:
    """Answer 503 where the database can't be used; raise any other error on."""
    outage = outages.find(error)
    if outage is None:
        raise error
    db.session.rollback()
    log_outage(outage)
    title, text = outage_texts(outage)
    response = error_pages.error_response(
        Response(headers={"Retry-After": str(retry_after(outage))}),
        "errors/unavailable.html",
        503,
        ERROR_CODE,
        title,
        text,
        kept=form_to_resend(),
        address=request.full_path.rstrip("?"),
    )
    if request.path.startswith(("/r/", "/t/", "/u/", "/door/")):
        guards.keep_private(response)
    return response


def outage_texts(outage: Outage) -> tuple[Any, Any]:
    if request.method in guards.SAFE_METHODS:
        return NOT_READY_TEXT
    return PERHAPS_SAVED_TEXT if outage.may_be_stored else NOT_SAVED_TEXT


def retry_after(outage: Outage) -> int:
    return RETRY_SOON if outage.kind in outages.TEMPORARY_KINDS else RETRY_LATER


def log_outage(outage: Outage) -> None:
    """Log one line for the operator: what could not be done, and why. While it lasts,
    one every few seconds and how many it stands for: a rush would fill a full disk's
    log."""
    logged: dict[Outage, LoggedOutage] = current_app.extensions.setdefault(
        LOGGED_EXTENSION, {}
    )
    before, now = logged.get(outage), time.monotonic()
    if before is not None and now < before.logged_at + LOG_INTERVAL:
        before.suppressed += 1
        return
    logged[outage] = LoggedOutage(now)
    more = (
        f" (as {before.suppressed} more before)" if before and before.suppressed else ""
    )
    current_app.logger.error(
        "%s %s answered 503: %s%s", request.method, request.path, outage, more
    )


def form_to_resend() -> list[tuple[str, str]] | None:
    """What was sent, for a button that sends it once more; None where that can't be:
    files and passwords are not kept, nor is what may come from another site."""
    if request.method != "POST" or request.is_json or request.files:
        return None
    if any(NEVER_KEPT in name for name in request.form):
        return None
    if not guards.is_same_origin(hidden_is_fine=True):
        return None
    return list(request.form.items(multi=True))


# --- views that know better ---------------------------------------------------------


def outage_beside_form(error: Exception) -> Outage:
    """The outage, noted, of which a view tells beside its own form; that needs nothing
    but reading. Raises the error on where it is none, or may be stored all the same."""
    outage = outages.find(error)
    if outage is None or outage.may_be_stored:
        raise error
    db.session.rollback()
    log_outage(outage)
    return outage


def unavailable_page(page: str, outage: Outage) -> tuple[str, int, dict[str, str]]:
    return page, 503, {"Retry-After": str(retry_after(outage))}
