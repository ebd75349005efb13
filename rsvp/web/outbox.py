"""Outbox: the messages that an organizer's events have caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from rsvp import queries
from rsvp.domain import teams
from rsvp.domain.teams import Action
from rsvp.formats import mails
from rsvp.models import Message
from rsvp.models.ledger import MessageState
from rsvp.web import CONTENT, desk, guards, letters

bp = Blueprint("outbox", __name__, url_prefix="/organize")
bp.after_request(desk.keep_private)

OWN_FRAMES = "frame-src 'self'"
# What a mail may do when it is looked at here: show its text, styles and pictures.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Tab:
    word: Any
    count: int
    url: str
    is_here: bool


@bp.get("/messages")
@guards.signed_in
def messages() -> ResponseReturnValue:
    if not teams.may_anywhere(desk.me(), Action.READ_MESSAGES):
        abort(404)
    state = wanted_state()
    found = queries.outbox(desk.me(), state=state, before=wanted_start())
    return desk.page(
        "messages.html",
        rows=[letters.row_of(message) for message in found.rows],
        tabs=message_tabs(state),
        mail_is_set=bool(current_app.config["MAIL_SERVER"]),
        more=None
        if found.is_last
        else url_for(".messages", state=state, before=found.rows[-1].id),
    )


def wanted_state() -> MessageState | None:
    try:
        return MessageState(request.args["state"]) if "state" in request.args else None
    except ValueError:
        abort(404)


def wanted_start() -> int | None:
    if "before" not in request.args:
        return None
    before = request.args.get("before", type=int)
    if before is None or not 0 < before <= LARGEST_ID:
        abort(404)
    return before


def message_tabs(here: MessageState | None) -> list[Tab]:
    counts = queries.outbox_counts(desk.me())
    total = sum(counts.values())
    tabs = [Tab(_("All"), total, url_for(".messages"), here is None)]
    return tabs + [
        Tab(
            letters.STATES[state].word,
            counts[state],
            url_for(".messages", state=state),
            here == state,
        )
        for state in MessageState
        if counts[state] or here == state
    ]


@bp.get("/messages/<uuid:uuid>")
@guards.signed_in
def message(uuid: UUID) -> ResponseReturnValue:
    found = readable_message(uuid)
    html = desk.page("message.html", row=letters.row_of(found), mail=masked_mail(found))
    response = current_app.make_response(html)
    response.headers["Content-Security-Policy"] = f"{CONTENT}; {OWN_FRAMES}"
    return response


@bp.get("/messages/<uuid:uuid>/preview")
@guards.signed_in
def message_preview(uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    html = masked_mail(readable_message(uuid)).html
    # Links would open in a new window, which the sandbox doesn't allow: they rest.
    response = Response(html.replace("<head>", '<head><base target="_blank">', 1))
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def readable_message(uuid: UUID) -> Message:
    found = teams.find_message(desk.me(), uuid)
    if found is None:
        abort(404)
    return found


def masked_mail(message: Message) -> mails.Mail:
    """The mail as its reader gets it, but for the links and codes that are secret."""
    return mails.compose(
        message,
        code_key=current_app.config["CODE_KEY"],
        public_url=desk.public_url(),
        masked=True,
    )
