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
    """The registration this link opens, else the same 404 whatever is wrong with it.

    Whoever sends a form with a link from our mail shows by it that the address is
    theirs; the link of the page after the form has then ended, which raises LinkEnded.
    """
    found = registration_or_404(token)
    g.language = i18n.language_for(found.language)
    if tokens.is_mailed(token):
        if request.method == "POST" and found.proved_at is None:
            found = mark_address_proved(found, token)
    elif found.proved_at is not None:
        raise errors.LinkEnded
    return found


def registration_or_404(token: str) -> Registration:
    found = by_link.find_linked_registration(token, cached_events.cached_event)
    if found is None:
        abort(404)
    return found


def mark_address_proved(found: Registration, token: str) -> Registration:
    """The same, once it is noted; 404 where the link has ended in that moment."""
    own, event, version = found.id, found.event_id, found.link_version
    now = utcnow()
    db.write(lambda _again: address_proof.prove_address(own, event, version, now=now))
    return registration_or_404(token)


def write_as_attendee(verb: Callable[[], T]) -> T:
    """Do it in the name of whoever has a link, and give what `verb` gives; mails that
    this causes are counted by the network that asks, too."""
    mark = tokens.network_hash(current_app.config["CODE_KEY"], guards.client_network())
    return db.write(lambda _again: mail_limits.run_for_network(mark, verb))


def redirect_to_registration(
    token: str, changed: int | None = None, now: datetime | None = None
) -> ResponseReturnValue:
    """Lead to its page, which says so where what was `changed` (by its id) at `now` is
    not mailed."""
    mail = None
    if changed is not None and now is not None and is_unmailed_change(changed, now):
        mail = NOT_MAILED
    return redirect(
        url_for("attendee.show_registration", token=token, mail=mail), code=303
    )


def is_unmailed_change(changed: int, now: datetime) -> bool:
    """Whether a change was not mailed and that may be said, also in an address."""
    if outbox.was_mailed(changed, now):
        return False
    event = current_session().get_one(Registration, changed).event
    return not event.answers_by_mail_only


NOT_MAILED = "none"
"""What the page's address says after a change that was not mailed."""


def should_show_unmailed(event: Event) -> bool:
    """Whether to say that the change just made is not mailed: not where that tells what
    an address has had."""
    was_left_out = request.args.get("mail") == NOT_MAILED
    return was_left_out and not event.answers_by_mail_only


def open_ticket(token: str) -> Attendee:
    found = by_link.find_linked_ticket(token, cached_events.cached_event)
    if found is None:
        abort(404)
    g.language = i18n.language_for(found.registration.language)
    return found
