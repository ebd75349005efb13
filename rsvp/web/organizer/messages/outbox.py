"""Outbox: messages of an organizer's events, listed, shown, resent and readdressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rsvp import db, errors
from rsvp.domain import teams
from rsvp.domain.messages.outbox import retry_failed
from rsvp.domain.messages.relevance import is_still_relevant, is_still_true
from rsvp.domain.registrations import organizer_actions, transfer
from rsvp.domain.teams import Action
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.message import ACCOUNT_KINDS, MessageKind
from rsvp.queries import outbox as outbox_queries
from rsvp.queries.outbox import DeliveryStatus, OutboxFilter
from rsvp.text.mail_addresses import suggest_address
from rsvp.web import form_actions, guards
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Email
from rsvp.web.organizer import layout
from rsvp.web.organizer.messages import bp, preview_frame, rows
from rsvp.web.organizer.registrations.filters import search_from_args


@dataclass(frozen=True)
class StatusTab:
    label: Any
    count: int
    url: str
    is_here: bool


@bp.get("/messages")
@guards.signed_in
def list_messages() -> ResponseReturnValue:
    if not teams.may_anywhere(layout.signed_in_user(), Action.READ_MESSAGES):
        abort(404)
    if slug := request.args.get("event"):
        event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
        url = url_for("organizer.messages.list_event_messages", slug=event.slug)
        return redirect(
            url_with_query(url, **filter_query(filter_from_args())), code=303
        )
    return layout.render_page(
        "messages/outbox.html",
        **outbox_context(url_for("organizer.messages.list_messages")),
    )


@bp.get("/events/<slug>/messages")
@guards.signed_in
def list_event_messages(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
    base_url = url_for("organizer.messages.list_event_messages", slug=event.slug)
    return layout.render_event_page(
        "messages/event_outbox.html",
        event,
        "messages",
        **outbox_context(base_url, event.id),
    )


def outbox_context(base_url: str, event_id: int | None = None) -> dict[str, Any]:
    """What a list of messages shows, at the address `base_url`: all, or one event's."""
    filter_, user = filter_from_args(event_id), layout.signed_in_user()
    page = outbox_queries.list_messages(
        user, filter_, before=layout.page_cursor("before")
    )
    counts = outbox_queries.count_messages(user, filter_)
    query = filter_query(filter_)
    more = query | {"before": page.rows[-1].id} if not page.is_last else {}
    return {
        "rows": rows.message_rows(page.rows),
        "base_url": base_url,
        "filter": filter_,
        "kinds": rows.KIND_LABELS,
        "status_tabs": status_tabs(base_url, counts, filter_),
        "names_event": event_id is None,
        "mail_is_set": bool(current_app.config["MAIL_SERVER"]),
        "more": more and url_with_query(base_url, **more),
    }


def filter_from_args(event_id: int | None = None) -> OutboxFilter:
    """What `?state=…&kind=…&search=…` asks for; what we don't know is a 404."""
    try:
        return OutboxFilter(
            status=DeliveryStatus(request.args["state"])
            if request.args.get("state")
            else None,
            event_id=event_id,
            kind=parse_kind(request.args.get("kind", "")),
            search=search_from_args(),
        )
    except ValueError:
        abort(404)


def parse_kind(name: str) -> MessageKind | None:
    kind = MessageKind(name) if name else None
    if kind in ACCOUNT_KINDS:
        raise ValueError(name)
    return kind


def filter_query(filter_: OutboxFilter) -> dict[str, Any]:
    """Return the filter as an address writes it; empty for all."""
    query = {
        "state": filter_.status,
        "kind": filter_.kind,
        "search": filter_.search,
    }
    return {name: value for name, value in query.items() if value}


def status_tabs(
    base_url: str, counts: dict[DeliveryStatus, int], filter_: OutboxFilter
) -> list[StatusTab]:
    """Return a tab for each status with messages in it, and for the one shown."""
    chosen, query = filter_.status, filter_query(filter_)
    query.pop("state", None)
    everything = url_with_query(base_url, **query)
    tabs = [StatusTab(_l("All"), sum(counts.values()), everything, chosen is None)]
    return tabs + [
        StatusTab(
            rows.DELIVERY_LABELS[status].label,
            counts[status],
            url_with_query(base_url, state=status, **query),
            chosen == status,
        )
        for status in DeliveryStatus
        if counts[status] or chosen == status
    ]


def url_with_query(base_url: str, **query: Any) -> str:
    return f"{base_url}?{urlencode(query)}" if query else base_url


# --- one message --------------------------------------------------------------------

DONE_MESSAGES = {
    "corrected": _l(
        "From now on everything goes to the new address, and how it stands is on its "
        "way there."
    ),
    "again": _l("It is queued again, as if for the first time."),
    "copy": _l("A new mail that tells how it stands now is on its way."),
}


def get_message_or_404(uuid: UUID) -> Message:
    message = teams.find_message(layout.signed_in_user(), uuid)
    if message is None:
        abort(404)
    return message


@bp.get("/messages/<uuid:uuid>")
@guards.signed_in
def show_message(uuid: UUID) -> ResponseReturnValue:
    return message_page(get_message_or_404(uuid))


def message_page(message: Message, form: NewAddressForm | None = None) -> Response:
    """Return a message's page; `form` brings back the address that was typed."""
    if form is None and rows.may_correct_address(message):
        form = prefilled_address_form(message.registration.email)
    [row] = rows.message_rows([message])
    html = layout.render_page(
        "messages/message.html",
        row=row,
        mail=preview_frame.masked_mail(message),
        registration_url=url_for(
            "organizer.registrations.show_registration",
            slug=message.event.slug,
            reference=message.registration.reference,
        ),
        resendable_status=resendable_status(message),
        form=form,
        done=DONE_MESSAGES.get(request.args.get("done", "")),
    )
    return preview_frame.page_with_frame(html)


@bp.get("/messages/<uuid:uuid>/preview")
@guards.signed_in
def show_message_preview(uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    return preview_frame.mail_frame(preview_frame.masked_mail(get_message_or_404(uuid)))


@form_actions.action(
    bp,
    "/messages/<uuid:uuid>/again",
    page="organizer.messages.show_message",
    find=get_message_or_404,
)
@guards.signed_in
def resend_message(uuid: UUID) -> ResponseReturnValue:
    """Queue one that failed anew; of one that was sent, write a new one that tells how
    it stands now, since what it told may be past."""
    message = get_message_or_404(uuid)
    if not layout.may(Action.MANAGE_REGISTRATIONS, message.event):
        abort(404)
    now, actor = db.utcnow(), layout.current_actor()
    message_id, registration_id = message.id, message.registration.id
    match outbox_queries.delivery_status(message):
        case DeliveryStatus.FAILED:
            done = "again"
            db.write(retry_failed, message_id, actor=actor, now=now)
        case DeliveryStatus.SENT if message.kind != MessageKind.PASSED_ON:
            done = "copy"
            db.write(
                organizer_actions.resend_mail, registration_id, actor=actor, now=now
            )
        case _:
            raise errors.Outdated
    return redirect(
        url_for("organizer.messages.show_message", uuid=uuid, done=done), code=303
    )


def resendable_status(message: Message) -> DeliveryStatus | None:
    """Return FAILED or SENT, where `resend_message` would do something about it."""
    status, registration = outbox_queries.delivery_status(message), message.registration
    can = {
        DeliveryStatus.FAILED: is_still_true(message)
        and is_still_relevant(message, db.utcnow()),
        # How it stands now is not for the address that had it before.
        DeliveryStatus.SENT: message.kind != MessageKind.PASSED_ON
        and registration.is_live
        and message.event.status == Status.PUBLISHED
        and message.event.erased_at is None,
    }
    return status if can.get(status) else None


# --- correcting the address ---------------------------------------------------------


class NewAddressForm(Form):
    """Where the mails of a registration should go."""

    email = Email(
        _l("The right address"),
        required=True,
        hint=_l(
            "A new link and new tickets go there. The old ones stop working, and what "
            "waits for the old address is not sent."
        ),
    )


@form_actions.action(
    bp,
    "/messages/<uuid:uuid>/address",
    page="organizer.messages.show_message",
    find=get_message_or_404,
)
@guards.signed_in
def correct_address(uuid: UUID) -> ResponseReturnValue:
    """Send the registration's mails, links and codes to another address from now on."""
    message = get_message_or_404(uuid)
    if not layout.may(Action.MANAGE_REGISTRATIONS, message.event):
        abort(404)
    if not rows.may_correct_address(message):
        raise errors.Outdated
    form, registration_id = NewAddressForm(request.form), message.registration.id
    if not form.validate():
        return message_page(message, form), 422
    email, email_key = form.email.data, form.email.key
    if email == message.registration.email:
        form.refuse(_("This is the address it has."), "email")
        return message_page(message, form), 422
    code_key, actor, now = (
        current_app.config["CODE_KEY"],
        layout.current_actor(),
        db.utcnow(),
    )
    try:
        db.write(
            transfer.correct_address,
            registration_id,
            email=email,
            email_key=email_key,
            code_key=code_key,
            actor=actor,
            now=now,
        )
    except errors.AddressInUse as refusal:
        form.refuse(_("Another registration has this address already."), "email")
        return message_page(get_message_or_404(uuid), form), refusal.status
    return redirect(
        url_for("organizer.messages.show_message", uuid=uuid, done="corrected"),
        code=303,
    )


def prefilled_address_form(email: str) -> NewAddressForm:
    """The form with the address there is, and what may have been meant by it."""
    form = NewAddressForm(saved={"email": email})
    if suggested := suggest_address(email):
        question = _("Was %(address)s meant?", address=suggested)
        form.email.description = f"{question} {form.email.description}"
    return form
