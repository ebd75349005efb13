"""Stale forms: sent by somebody who has signed out or in since, or without a cookie.

Nothing is done, the answer says what is wrong, and a button sends once more what was
typed.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError, generate_csrf

from rsvp.web import error_pages, guards, unavailable

FIELD = "csrf_token"

SIGNED_OUT = (
    _("You are not signed in any more"),
    _(
        "Nothing was saved. Sign in again, in another tab so that this page stays; "
        "then send it once more."
    ),
)


def init_app(app: Flask) -> None:
    app.register_error_handler(CSRFError, other_session)
    app.register_error_handler(guards.SignedOut, signed_out)


def other_session(_error: CSRFError) -> Response:
    """Signed in, but the page is from another session: the form gets this one's token,
    if a page of ours sent it for sure."""
    notice = guards.session_notice()
    kept = kept_form()
    if kept is not None:
        kept = [(name, value) for name, value in kept if name != FIELD]
        kept.append((FIELD, generate_csrf()))
    return page(CSRFError.code, "stale_form", (notice.title, notice.text), kept)


def signed_out(_error: guards.SignedOut) -> Response:
    return page(guards.SignedOut.code, "signed_out", SIGNED_OUT, kept_form())


def page(
    status: int, code: str, words: tuple[Any, Any], kept: list[tuple[str, str]] | None
) -> Response:
    return error_pages.answer(
        Response(),
        "errors/stale_form.html",
        status,
        code,
        *words,
        kept=kept,
        address=request.full_path.rstrip("?"),
        is_signed_out=code == "signed_out",
    )


def kept_form() -> list[tuple[str, str]] | None:
    return unavailable.kept_form() if guards.came_from_here(for_sure=True) else None
