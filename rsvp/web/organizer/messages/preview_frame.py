"""Framed: a mail shown on an organizer's page, in a frame that lets nothing out."""

from __future__ import annotations

from datetime import datetime

from flask import Response, current_app

from rsvp.formats.mail import render
from rsvp.models import Message
from rsvp.web import CONTENT
from rsvp.web.organizer import layout

OWN_FRAMES = "frame-src 'self'"
# What a mail may do when it is looked at here: show its text, styles and pictures.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)


def page(html: str, status: int = 200) -> Response:
    """A page that shows a mail in a frame."""
    response = current_app.make_response((html, status))
    response.headers["Content-Security-Policy"] = f"{CONTENT}; {OWN_FRAMES}"
    return response


def frame(mail: render.Mail) -> Response:
    """The mail's HTML by itself, for the frame on its page."""
    # Links would open in a new window, which the sandbox doesn't allow: they rest.
    response = Response(mail.html.replace("<head>", '<head><base target="_blank">', 1))
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def masked_mail(message: Message, at: datetime | None = None) -> render.Mail:
    """The mail as its reader gets it, but for the links and codes that are secret; as
    it goes out `at`, where it has not."""
    return render.compose(
        message,
        code_key=current_app.config["CODE_KEY"],
        public_url=layout.public_url(),
        at=at,
        masked=True,
    )
