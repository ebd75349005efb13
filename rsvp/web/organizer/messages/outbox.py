"""Outbox: the messages that an organizer's events have caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from rsvp import db, errors
from rsvp.domain import teams
from rsvp.domain.messages.outbox import is_still_wanted, is_true, try_again
from rsvp.domain.registrations import organizer_actions, transfer
from rsvp.domain.teams import Action
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.message import TO_ACCOUNTS, MessageKind
from rsvp.queries import outbox as outbox_queries
from rsvp.queries.outbox import Tray, Wanted
from rsvp.text.mail_addresses import find_meant
from rsvp.web import guards
from rsvp.web.forms.changes import AddressForm
from rsvp.web.organizer import layout
from rsvp.web.organizer.messages import preview_frame, rows
from rsvp.web.organizer.registrations.filters import wanted_search

bp = Blueprint("outbox", __name__, url_prefix="/organize")
bp.after_request(layout.keep_private)


@dataclass(frozen=True)
class Tab:
    word: Any
    count: int
    url: str
    is_here: bool


@bp.get("/messages")
@guards.signed_in
def messages() -> ResponseReturnValue:
    if not teams.may_anywhere(layout.me(), Action.READ_MESSAGES):
        abort(404)
    if slug := request.args.get("event"):
        event = layout.my_event(slug, Action.READ_MESSAGES)
        there = url_for(".event_messages", slug=event.slug)
        return redirect(address(there, **query_of(wanted())), code=303)
    return layout.page("messages/outbox.html", **outbox(url_for(".messages")))


@bp.get("/events/<slug>/messages")
@guards.signed_in
def event_messages(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.READ_MESSAGES)
    here = url_for(".event_messages", slug=event.slug)
    return layout.event_page(
        "messages/event_outbox.html", event, "messages", **outbox(here, event.id)
    )


def outbox(here: str, event_id: int | None = None) -> dict[str, Any]:
    """What a list of messages shows, at the address `here`: all, or one event's."""
    looked_for, user = wanted(event_id), layout.me()
    found = outbox_queries.outbox(user, looked_for, before=layout.page_start("before"))
    counts = outbox_queries.outbox_counts(user, looked_for)
    query = query_of(looked_for)
    more = query | {"before": found.rows[-1].id} if not found.is_last else {}
    return {
        "rows": rows.rows_of(found.rows),
        "here": here,
        "wanted": looked_for,
        "kinds": rows.KINDS,
        "trays": trays(here, counts, looked_for),
        "names_event": event_id is None,
        "mail_is_set": bool(current_app.config["MAIL_SERVER"]),
        "more": more and address(here, **more),
    }


def wanted(event_id: int | None = None) -> Wanted:
    """What `?state=…&kind=…&search=…` asks for; what we don't know is a 404."""
    try:
        return Wanted(
            tray=Tray(request.args["state"]) if request.args.get("state") else None,
            event_id=event_id,
            kind=shown_kind(request.args.get("kind", "")),
            search=wanted_search(),
        )
    except ValueError:
        abort(404)


def shown_kind(name: str) -> MessageKind | None:
    kind = MessageKind(name) if name else None
    if kind in TO_ACCOUNTS:
        raise ValueError(name)
    return kind


def query_of(looked_for: Wanted) -> dict[str, Any]:
    """The same as an address writes it; empty for all."""
    query = {
        "state": looked_for.tray,
        "kind": looked_for.kind,
        "search": looked_for.search,
    }
    return {name: value for name, value in query.items() if value}


def trays(here: str, counts: dict[Tray, int], looked_for: Wanted) -> list[Tab]:
    """A tab for each tray with messages in it, and for the one that is looked at."""
    here_now, query = looked_for.tray, query_of(looked_for)
    query.pop("state", None)
    everything = address(here, **query)
    tabs = [Tab(_("All"), sum(counts.values()), everything, here_now is None)]
    return tabs + [
        Tab(
            rows.TRAYS[tray].word,
            counts[tray],
            address(here, state=tray, **query),
            here_now == tray,
        )
        for tray in Tray
        if counts[tray] or here_now == tray
    ]


def address(here: str, **query: Any) -> str:
    return f"{here}?{urlencode(query)}" if query else here


# --- one message --------------------------------------------------------------------

DONE = {
    "corrected": _(
        "From now on everything goes to the new address, and how it stands is on its "
        "way there."
    ),
    "again": _("It is queued again, as if for the first time."),
    "copy": _("A new mail that tells how it stands now is on its way."),
}


@bp.get("/messages/<uuid:uuid>")
@guards.signed_in
def message(uuid: UUID) -> ResponseReturnValue:
    return message_page(readable_message(uuid))


def message_page(found: Message, form: AddressForm | None = None) -> Response:
    """Its page; `form` brings back the address that was typed."""
    if form is None and rows.may_be_corrected(found):
        form = address_form(found.registration.email)
    [row] = rows.rows_of([found])
    html = layout.page(
        "messages/message.html",
        row=row,
        mail=preview_frame.masked_mail(found),
        registration_url=url_for(
            "registration.show",
            slug=found.event.slug,
            reference=found.registration.reference,
        ),
        again=may_go_again(found),
        form=form,
        done=DONE.get(request.args.get("done", "")),
    )
    return preview_frame.page(html)


@bp.get("/messages/<uuid:uuid>/preview")
@guards.signed_in
def message_preview(uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    return preview_frame.frame(preview_frame.masked_mail(readable_message(uuid)))


@bp.post("/messages/<uuid:uuid>/again")
@guards.signed_in
def send_again(uuid: UUID) -> ResponseReturnValue:
    """Queue one that failed anew; of one that was sent, write a new one that tells how
    it stands now, since what it told may be past."""
    found = readable_message(uuid)
    if not layout.may(Action.MANAGE_REGISTRATIONS, found.event):
        abort(404)
    now, who = db.utcnow(), layout.actor()
    message_id, registration_id = found.id, found.registration.id
    match outbox_queries.tray_of(found):
        case Tray.FAILED:
            done = "again"
            db.write(lambda _again: try_again(message_id, actor=who, now=now))
        case Tray.SENT if found.kind != MessageKind.PASSED_ON:
            done = "copy"
            db.write(
                lambda _again: organizer_actions.send_again(
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
    tray, registration = outbox_queries.tray_of(message), message.registration
    can = {
        Tray.FAILED: is_true(message) and is_still_wanted(message, db.utcnow()),
        # How it stands now is not for the address that had it before.
        Tray.SENT: message.kind != MessageKind.PASSED_ON
        and registration.is_live
        and message.event.status == Status.PUBLISHED
        and message.event.erased_at is None,
    }
    return tray if can.get(tray) else None


# --- correcting the address ---------------------------------------------------------


@bp.post("/messages/<uuid:uuid>/address")
@guards.signed_in
def correct_address(uuid: UUID) -> ResponseReturnValue:
    """The registration's mails, links and codes go to another address from now on."""
    found = readable_message(uuid)
    if not layout.may(Action.MANAGE_REGISTRATIONS, found.event):
        abort(404)
    if not rows.may_be_corrected(found):
        raise errors.Outdated
    form, own = address_form(data=request.form), found.registration.id
    if not form.validate():
        return message_page(found, form), 422
    email, email_key = form.read["email"], form.read["email_key"]
    if email == found.registration.email:
        form.refuse(_("This is the address it has."), "email")
        return message_page(found, form), 422
    code_key, who, now = current_app.config["CODE_KEY"], layout.actor(), db.utcnow()
    try:
        db.write(
            lambda _again: transfer.correct_address(
                own,
                email=email,
                email_key=email_key,
                code_key=code_key,
                actor=who,
                now=now,
            )
        )
    except errors.AddressInUse as refusal:
        form.refuse(_("Another registration has this address already."), "email")
        return message_page(readable_message(uuid), form), refusal.status
    return redirect(url_for(".message", uuid=uuid, done="corrected"), code=303)


@bp.get("/messages/<uuid:uuid>/address")
@guards.signed_in
def address_is_elsewhere(uuid: UUID) -> ResponseReturnValue:
    return redirect(url_for(".message", uuid=readable_message(uuid).uuid), code=303)


def address_form(
    email: str = "", data: MultiDict[str, str] | None = None
) -> AddressForm:
    hint = _(
        "A new link and new tickets go there. The old ones stop working, and what "
        "waits for the old address is not sent."
    )
    if data is None and (meant := find_meant(email)):
        asked = gettext("Was %(address)s meant?", address=meant)
        hint = f"{asked} {hint}"
    typed = MultiDict({"email": email}) if data is None else data
    return AddressForm(typed, label=_("The right address"), hint=hint)


def readable_message(uuid: UUID) -> Message:
    found = teams.find_message(layout.me(), uuid)
    if found is None:
        abort(404)
    return found
