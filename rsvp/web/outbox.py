"""Outbox: the messages that an organizer's events have caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from rsvp import db, errors, queries
from rsvp.domain import registrations, teams
from rsvp.domain.messages import is_true, try_again
from rsvp.domain.teams import Action
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.ledger import MessageKind
from rsvp.queries import Tray
from rsvp.web import desk, framed, guards, letters

bp = Blueprint("outbox", __name__, url_prefix="/organize")
bp.after_request(desk.keep_private)


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
    if slug := request.args.get("event"):
        event = desk.my_event(slug, Action.READ_MESSAGES)
        state = wanted_tray()
        there = url_for(".event_messages", slug=event.slug, state=state)
        return redirect(there, code=303)
    return desk.page("messages.html", **outbox(url_for(".messages")))


@bp.get("/events/<slug>/messages")
@guards.signed_in
def event_messages(slug: str) -> ResponseReturnValue:
    event = desk.my_event(slug, Action.READ_MESSAGES)
    here = url_for(".event_messages", slug=event.slug)
    return desk.event_page(
        "event_messages.html", event, "messages", **outbox(here, event.id)
    )


def outbox(here: str, event_id: int | None = None) -> dict[str, Any]:
    """What a list of messages shows, at the address `here`: all, or one event's."""
    tray, user = wanted_tray(), desk.me()
    found = queries.outbox(
        user, tray=tray, event_id=event_id, before=desk.page_start("before")
    )
    counts = queries.outbox_counts(user, event_id)
    more = {"state": tray, "before": found.rows[-1].id} if not found.is_last else {}
    return {
        "rows": [letters.row_of(message) for message in found.rows],
        "trays": trays(here, counts, tray),
        "names_event": event_id is None,
        "mail_is_set": bool(current_app.config["MAIL_SERVER"]),
        "more": more and address(here, **more),
    }


def wanted_tray() -> Tray | None:
    try:
        return Tray(request.args["state"]) if "state" in request.args else None
    except ValueError:
        abort(404)


def trays(here: str, counts: dict[Tray, int], wanted: Tray | None) -> list[Tab]:
    """A tab for each tray with messages in it, and for the one that is looked at."""
    tabs = [Tab(_("All"), sum(counts.values()), here, wanted is None)]
    return tabs + [
        Tab(
            letters.TRAYS[tray].word,
            counts[tray],
            address(here, state=tray),
            wanted == tray,
        )
        for tray in Tray
        if counts[tray] or wanted == tray
    ]


def address(here: str, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{here}?{urlencode(given)}"


# --- one message --------------------------------------------------------------------

DONE = {
    "again": _("It is queued again, as if for the first time."),
    "copy": _("A new mail that tells how it stands now is on its way."),
}


@bp.get("/messages/<uuid:uuid>")
@guards.signed_in
def message(uuid: UUID) -> ResponseReturnValue:
    found = readable_message(uuid)
    html = desk.page(
        "message.html",
        row=letters.row_of(found),
        mail=framed.masked_mail(found),
        registration_url=url_for(
            "registration.show",
            slug=found.event.slug,
            reference=found.registration.reference,
        ),
        again=may_go_again(found),
        done=DONE.get(request.args.get("done", "")),
    )
    return framed.page(html)


@bp.get("/messages/<uuid:uuid>/preview")
@guards.signed_in
def message_preview(uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    return framed.frame(framed.masked_mail(readable_message(uuid)))


@bp.post("/messages/<uuid:uuid>/again")
@guards.signed_in
def send_again(uuid: UUID) -> ResponseReturnValue:
    """Queue one that failed anew; of one that was sent, write a new one that tells how
    it stands now, since what it told may be past."""
    found = readable_message(uuid)
    if not desk.may(Action.MANAGE_REGISTRATIONS, found.event):
        abort(404)
    now, who = db.utcnow(), desk.actor()
    message_id, registration_id = found.id, found.registration.id
    match queries.tray_of(found):
        case Tray.FAILED:
            done = "again"
            db.write(lambda _again: try_again(message_id, actor=who, now=now))
        case Tray.SENT if found.kind != MessageKind.PASSED_ON:
            done = "copy"
            db.write(
                lambda _again: registrations.send_again(
                    registration_id, actor=who, now=now
                )
            )
        case _:
            raise errors.Outdated
    return redirect(url_for(".message", uuid=uuid, done=done), code=303)


@bp.get("/messages/<uuid:uuid>/again")
@guards.signed_in
def button_is_elsewhere(uuid: UUID) -> ResponseReturnValue:
    return redirect(url_for(".message", uuid=readable_message(uuid).uuid), code=303)


def may_go_again(message: Message) -> Tray | None:
    """FAILED or SENT, where `send_again` would do something about it."""
    tray, registration = queries.tray_of(message), message.registration
    can = {
        Tray.FAILED: is_true(message),
        # How it stands now is not for the address that had it before.
        Tray.SENT: message.kind != MessageKind.PASSED_ON
        and registration.is_live
        and message.event.status == Status.PUBLISHED
        and message.event.erased_at is None,
    }
    return tray if can.get(tray) else None


def readable_message(uuid: UUID) -> Message:
    found = teams.find_message(desk.me(), uuid)
    if found is None:
        abort(404)
    return found
