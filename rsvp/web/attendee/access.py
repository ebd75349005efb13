"""Access: secret links of registrations and tickets, opened and written through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from rsvp import db, errors, i18n, tokens
from rsvp.db import current_session, utcnow
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.registrations import address_proof
from rsvp.models import Attendee, Event, Registration
from rsvp.queries import by_link
from rsvp.web import guards
from rsvp.web.caching import events as cached_events

T = TypeVar("T")


def open_registration(token: str) -> Registration:
    """Return the registration this link opens, else the same 404 whatever is wrong with
    it.

    Whoever sends a form with a link from our mail shows by it that the address is
    theirs; the link of the page after the form has then ended, which raises LinkEnded.
    """
    registration = registration_or_404(token)
    g.language = i18n.language_for(registration.language)
    if tokens.is_mailed(token):
        if request.method == "POST" and registration.proved_at is None:
            registration = mark_address_proved(registration, token)
    elif registration.proved_at is not None:
        raise errors.LinkEnded
    return registration


def registration_or_404(token: str) -> Registration:
    registration = by_link.find_linked_registration(token, cached_events.cached_event)
    if registration is None:
        abort(404)
    return registration


def mark_address_proved(registration: Registration, token: str) -> Registration:
    """Note that the address is proved, and return the registration, or 404 where the
    link has ended in that moment."""
    registration_id, event_id, version = (
        registration.id,
        registration.event_id,
        registration.link_version,
    )
    now = utcnow()
    db.write(address_proof.prove_address, registration_id, event_id, version, now=now)
    return registration_or_404(token)


def write_as_attendee(action: Callable[[], T]) -> T:
    """Run `action` in a transaction as whoever has a link, and return what it returns;
    mails that this causes are counted by the network that asks, too."""
    mark = tokens.network_hash(current_app.config["CODE_KEY"], guards.client_network())
    return db.write(mail_limits.run_for_network, mark, action)


def redirect_to_registration(
    token: str, changed_id: int | None = None, now: datetime | None = None
) -> ResponseReturnValue:
    """Redirect to the registration's page, which says so where the change of
    `changed_id` at `now` is not mailed."""
    mail = None
    if (
        changed_id is not None
        and now is not None
        and is_unmailed_change(changed_id, now)
    ):
        mail = NOT_MAILED
    return redirect(
        url_for("attendee.show_registration", token=token, mail=mail), code=303
    )


def is_unmailed_change(registration_id: int, now: datetime) -> bool:
    """Whether a change was not mailed and that may be said, also in an address."""
    if outbox.was_mailed(registration_id, now):
        return False
    event = current_session().get_one(Registration, registration_id).event
    return not event.answers_by_mail_only


NOT_MAILED = "none"
"""What the page's address says after a change that was not mailed."""


def should_show_unmailed(event: Event) -> bool:
    """Whether to say that the change just made is not mailed: not where that tells what
    an address has had."""
    was_left_out = request.args.get("mail") == NOT_MAILED
    return was_left_out and not event.answers_by_mail_only


def open_ticket(token: str) -> Attendee:
    attendee = by_link.find_linked_ticket(token, cached_events.cached_event)
    if attendee is None:
        abort(404)
    g.language = i18n.language_for(attendee.registration.language)
    return attendee
