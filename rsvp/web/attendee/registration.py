"""Registration: the page of a registration, behind its secret link."""

from __future__ import annotations

from datetime import datetime

from flask import (
    current_app,
    render_template,
)
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from rsvp import db, tokens
from rsvp.domain import waitlist
from rsvp.formats import location
from rsvp.models import Registration
from rsvp.text.mail_addresses import suggest_address
from rsvp.web import guards
from rsvp.web.attendee import access, bp
from rsvp.web.attendee import ticket as attendee_ticket
from rsvp.web.attendee.access import should_show_unmailed
from rsvp.web.attendee.available_actions import (
    allowed_actions,
    lazy_event_state,
    seats_on_offer,
)
from rsvp.web.attendee.reconfirmation_text import open_reconfirmation
from rsvp.web.attendee.status import status_for_attendee
from rsvp.web.attendee.ticket import ticket_view
from rsvp.web.forms.offer import OfferForm

# --- by the manage link -------------------------------------------------------------


def render_registration(
    registration: Registration,
    token: str,
    now: datetime,
    offered_form: OfferForm | None = None,
) -> str:
    """Return a registration's page; `offered_form` brings back who was named for an
    offer of fewer."""
    counts = lazy_event_state(registration)
    place = waitlist.position_of(registration)
    actions = allowed_actions(registration, now, counts)
    return render_template(
        "attendee/registration.html",
        registration=registration,
        event=registration.event,
        admission=registration.admission,
        token=token,
        status=status_for_attendee(registration, now, place, counts),
        actions=actions,
        reconfirmation=open_reconfirmation(registration, now),
        offer_form=offered_form or offer_form(registration, now),
        tickets=[
            ticket_view(attendee, registration, actions.cancel_guest)
            for attendee in registration.attendees
        ],
        join_url=location.join_link(registration),
        mute_token=mute_token(registration) if registration.muted_at else None,
        suggested_address=suggest_address(registration.email)
        if actions.change_details and is_address_in_doubt(registration, token)
        else None,
        is_unmailed=should_show_unmailed(registration.event),
        now=now,
    )


def is_address_in_doubt(registration: Registration, token: str) -> bool:
    """Whether the address may be mistyped: nothing shows that a mail arrived there."""
    return registration.proved_at is None and not tokens.is_mailed(token)


def mute_token(registration: Registration) -> str:
    code_key = current_app.config["CODE_KEY"]
    return tokens.mute_token(code_key, registration.uuid, registration.link_version)


def offer_form(
    registration: Registration, now: datetime, data: MultiDict[str, str] | None = None
) -> OfferForm:
    return OfferForm(
        registration,
        seats_on_offer(registration, now, lazy_event_state(registration)),
        data,
    )


# --- one attendee's ticket ----------------------------------------------------------


@bp.get("/r/<token>")
@guards.by_link
def show_registration(token: str) -> ResponseReturnValue:
    return render_registration(access.open_registration(token), token, db.utcnow())


@bp.get("/r/<token>/calendar.ics")
@guards.by_link
def download_registration_calendar(token: str) -> ResponseReturnValue:
    registration = access.open_registration(token)
    return attendee_ticket.calendar_response(registration, registration.attendees[0])
