"""Holder: what the pages behind a secret link show of a registration and a ticket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

from flask import (
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from rsvp import db, errors, i18n, tokens
from rsvp.db import current_session, utcnow
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.registrations import address_proof
from rsvp.formats import qr as format_qr
from rsvp.formats.feeds import icalendar
from rsvp.models import Attendee, Event, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.registration import State
from rsvp.queries import by_link
from rsvp.queries import events as event_queries
from rsvp.text.mail_addresses import find_meant
from rsvp.web import guards
from rsvp.web.attendee.available_actions import Acts, Counts, acts_of, seats_on_offer
from rsvp.web.attendee.reconfirmation_text import question_of
from rsvp.web.attendee.status import standing_for_guest, standing_of
from rsvp.web.caching import events as cached_events
from rsvp.web.forms.offer import OfferForm

T = TypeVar("T")

# --- by the manage link -------------------------------------------------------------


def own_registration(token: str) -> Registration:
    """The registration this link opens, else the same 404 whatever is wrong with it.

    Whoever sends a form with a link from our mail shows by it that the address is
    theirs; the link of the page after the form has then ended, which raises LinkEnded.
    """
    found = opened_by(token)
    g.language = i18n.language_for(found.language)
    if tokens.is_mailed(token):
        if request.method == "POST" and found.proved_at is None:
            found = proved(found, token)
    elif found.proved_at is not None:
        raise errors.LinkEnded
    return found


def opened_by(token: str) -> Registration:
    found = by_link.registration_by_link(token, cached_events.held_event)
    if found is None:
        abort(404)
    return found


def proved(found: Registration, token: str) -> Registration:
    """The same, once it is noted; 404 where the link has ended in that moment."""
    own, event, version = found.id, found.event_id, found.link_version
    now = utcnow()
    db.write(lambda _again: address_proof.prove_address(own, event, version, now=now))
    return opened_by(token)


def change(verb: Callable[[], T]) -> T:
    """Do it in the name of whoever has a link, and give what `verb` gives; mails that
    this causes are counted by the network that asks, too."""
    mark = tokens.network_mark(current_app.config["CODE_KEY"], guards.network())
    return db.write(lambda _again: mail_limits.by_network(mark, verb))


def to_registration(
    token: str, changed: int | None = None, now: datetime | None = None
) -> ResponseReturnValue:
    """Lead to its page, which says so where what was `changed` (by its id) at `now` is
    not mailed."""
    mail = None
    if changed is not None and now is not None and is_to_say(changed, now):
        mail = NOT_MAILED
    return redirect(url_for("attendee.registration", token=token, mail=mail), code=303)


def is_to_say(changed: int, now: datetime) -> bool:
    """Whether a change was not mailed and that may be said, also in an address."""
    if outbox.was_mailed(changed, now):
        return False
    event = current_session().get_one(Registration, changed).event
    return not event.answers_by_mail_only


NOT_MAILED = "none"
"""What the page's address says after a change that was not mailed."""


def is_unmailed(event: Event) -> bool:
    """Whether to say that the change just made is not mailed: not where that tells what
    an address has had."""
    was_left_out = request.args.get("mail") == NOT_MAILED
    return was_left_out and not event.answers_by_mail_only


def registration_html(
    found: Registration, token: str, now: datetime, offer: OfferForm | None = None
) -> str:
    """Its page; `offer` brings back who was named for an offer of fewer."""
    counts = counts_of(found)
    place = by_link.place_in_line(found)
    acts = acts_of(found, now, counts)
    return render_template(
        "attendee/registration.html",
        registration=found,
        event=found.event,
        admission=found.admission,
        token=token,
        standing=standing_of(found, now, place, counts),
        acts=acts,
        question=question_of(found, now),
        offer=offer or offer_form(found, now),
        tickets=[ticket_of(one, found, acts.drop_guest) for one in found.attendees],
        join_url=icalendar.join_link(found),
        mute_token=mute_token(found) if found.muted_at else None,
        meant=find_meant(found.email) if acts.change and doubts(found, token) else None,
        is_unmailed=is_unmailed(found.event),
        now=now,
    )


def doubts(found: Registration, token: str) -> bool:
    """Whether the address may be mistyped: nothing shows that a mail arrived there."""
    return found.proved_at is None and not tokens.is_mailed(token)


def mute_token(found: Registration) -> str:
    code_key = current_app.config["CODE_KEY"]
    return tokens.mute_token(code_key, found.uuid, found.link_version)


def offer_form(
    found: Registration, now: datetime, data: MultiDict[str, str] | None = None
) -> OfferForm:
    return OfferForm(found, seats_on_offer(found, now, counts_of(found)), data)


def acts_now(found: Registration, now: datetime) -> Acts:
    return acts_of(found, now, counts_of(found))


def counts_of(found: Registration) -> Counts:
    slug = found.event.slug
    return cache(lambda: event_queries.event_state(slug))


# --- one attendee's ticket ----------------------------------------------------------


@dataclass(frozen=True)
class Ticket:
    """One attendee as a ticket shows them; `code` only where it opens the door."""

    position: int
    name: str | None
    is_coming: bool
    code: str | None
    grouped_code: str | None
    qr: Markup | None
    url: str
    may_be_cancelled: bool


def ticket_holder(token: str) -> Attendee:
    found = by_link.ticket_by_link(token, cached_events.held_event)
    if found is None:
        abort(404)
    g.language = i18n.language_for(found.registration.language)
    return found


def ticket_html(attendee: Attendee, now: datetime) -> str:
    found = attendee.registration
    return render_template(
        "attendee/ticket.html",
        registration=found,
        event=found.event,
        admission=found.admission,
        standing=standing_for_guest(found, attendee.is_coming, now),
        ticket=ticket_of(attendee, found, may_cancel=False),
        join_url=icalendar.join_link(found) if attendee.is_coming else None,
        now=now,
    )


def ticket_of(attendee: Attendee, found: Registration, may_cancel: bool) -> Ticket:
    """What the page shows of one attendee; the QR only where it opens the door."""
    code = None
    if (
        attendee.is_coming
        and found.state == State.CONFIRMED
        and found.event.status == Status.PUBLISHED
        and found.admission.mode == Mode.IN_PERSON
    ):
        key = current_app.config["CODE_KEY"]
        code = tokens.code_text(
            tokens.attendee_code(key, attendee.uuid, attendee.code_version)
        )
    return Ticket(
        position=attendee.position,
        name=attendee.name,
        is_coming=attendee.is_coming,
        code=code,
        grouped_code=tokens.grouped(code) if code else None,
        qr=format_qr.qr_svg(code) if code else None,
        url=ticket_url(attendee),
        may_be_cancelled=may_cancel and attendee.is_coming and attendee.position > 0,
    )


def ticket_url(attendee: Attendee) -> str:
    """The view-only ticket's address in full, to be passed on."""
    token = tokens.ticket_token(
        current_app.config["CODE_KEY"], attendee.uuid, attendee.code_version
    )
    path: str = url_for("attendee.ticket", token=token)
    return f"{current_app.config['PUBLIC_URL']}{path}"


def calendar_file(found: Registration, attendee: Attendee) -> Response:
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname or "localhost"
    url = ticket_url(attendee)
    file = icalendar.registration_calendar(
        found, host=host, url=url, at=utcnow(), is_off=not attendee.is_coming
    )
    response = Response(file, content_type="text/calendar; charset=utf-8")
    name = "appointment" if found.event.discreet else found.event.slug
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response
