"""Preview frame: a mail's HTML on an organizer's page, in a sandboxed frame."""

from __future__ import annotations

from datetime import datetime

from flask import Response, current_app

from rsvp.formats.mail import render
from rsvp.models import Message
from rsvp.web.headers import CONTENT_SECURITY_POLICY
from rsvp.web.presentation import urls

FRAME_SOURCE_POLICY = "frame-src 'self'"
# What a mail may do when it is looked at here: show its text, styles and pictures.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)


def page_with_frame(html: str, status: int = 200) -> Response:
    """A page that shows a mail in a frame."""
    response = current_app.make_response((html, status))
    response.headers["Content-Security-Policy"] = (
        f"{CONTENT_SECURITY_POLICY}; {FRAME_SOURCE_POLICY}"
    )
    return response


def mail_frame(mail: render.RenderedMail) -> Response:
    """The mail's HTML by itself, for the frame on its page."""
    # Links would open in a new window, which the sandbox doesn't allow: they rest.
    response = Response(mail.html.replace("<head>", '<head><base target="_blank">', 1))
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def masked_mail(message: Message, at: datetime | None = None) -> render.RenderedMail:
    """The mail as its reader gets it, but for the links and codes that are secret; as
    it goes out `at`, where it has not."""
    return render.compose(
        message,
        code_key=current_app.config["CODE_KEY"],
        public_url=urls.site_url(),
        at=at,
        masked=True,
    )
