"""Stale forms: sent in another session, signed out, or without a cookie.

Nothing is done, the answer says what is wrong, and a button sends once more what was
typed.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError, generate_csrf

from rsvp.web import error_pages, guards, unavailable

CSRF_FIELD = "csrf_token"

SIGNED_OUT_TEXT = (
    _l("You are not signed in any more"),
    _l(
        "Nothing was saved. Sign in again, in another tab so that this page stays; "
        "then send it once more."
    ),
)


def init_app(app: Flask) -> None:
    app.register_error_handler(CSRFError, handle_csrf_error)
    app.register_error_handler(guards.SignedOut, handle_signed_out)


def handle_csrf_error(_error: CSRFError) -> Response:
    """Signed in, but the page is from another session: the form gets this one's token,
    if a page of ours sent it for sure."""
    notice = guards.session_notice()
    sent_form = form_to_resend()
    if sent_form is not None:
        sent_form = [(name, value) for name, value in sent_form if name != CSRF_FIELD]
        sent_form.append((CSRF_FIELD, generate_csrf()))
    return stale_form_page(
        CSRFError.code, "stale_form", (notice.title, notice.text), sent_form
    )


def handle_signed_out(_error: guards.SignedOut) -> Response:
    return stale_form_page(
        guards.SignedOut.code, "signed_out", SIGNED_OUT_TEXT, form_to_resend()
    )


def stale_form_page(
    status: int,
    code: str,
    title_and_text: tuple[Any, Any],
    sent_form: list[tuple[str, str]] | None,
) -> Response:
    return error_pages.error_response(
        Response(),
        "errors/stale_form.html",
        status,
        code,
        *title_and_text,
        kept=sent_form,
        address=request.full_path.rstrip("?"),
        is_signed_out=code == "signed_out",
    )


def form_to_resend() -> list[tuple[str, str]] | None:
    return (
        unavailable.form_to_resend() if guards.is_same_origin(for_sure=True) else None
    )
