"""Ticket: one attendee's view-only page, QR code and calendar file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask import Response, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from rsvp import db, tokens
from rsvp.db import utcnow
from rsvp.formats import location
from rsvp.formats import qr as format_qr
from rsvp.formats.feeds import icalendar
from rsvp.models import Attendee, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.registration import State
from rsvp.web import guards
from rsvp.web.attendee import access, bp
from rsvp.web.attendee.status import status_for_guest


@bp.get("/t/<token>")
@guards.by_link
def show_ticket(token: str) -> ResponseReturnValue:
    return render_ticket(access.open_ticket(token), db.utcnow())


@bp.get("/t/<token>/calendar.ics")
@guards.by_link
def download_ticket_calendar(token: str) -> ResponseReturnValue:
    attendee = access.open_ticket(token)
    return calendar_response(attendee.registration, attendee)


@dataclass(frozen=True)
class TicketView:
    """One attendee as a ticket shows them; `code` only where it opens the door."""

    position: int
    name: str | None
    is_coming: bool
    code: str | None
    grouped_code: str | None
    qr: Markup | None
    url: str
    may_be_cancelled: bool


def render_ticket(attendee: Attendee, now: datetime) -> str:
    registration = attendee.registration
    return render_template(
        "attendee/ticket.html",
        registration=registration,
        event=registration.event,
        admission=registration.admission,
        status=status_for_guest(registration, attendee.is_coming, now),
        ticket=ticket_view(attendee, registration, may_cancel=False),
        join_url=location.join_link(registration) if attendee.is_coming else None,
        now=now,
    )


def ticket_view(
    attendee: Attendee, registration: Registration, may_cancel: bool
) -> TicketView:
    """What the page shows of one attendee; the QR only where it opens the door."""
    code = None
    if (
        attendee.is_coming
        and registration.state == State.CONFIRMED
        and registration.event.status == Status.PUBLISHED
        and registration.admission.mode == Mode.IN_PERSON
    ):
        key = current_app.config["CODE_KEY"]
        code = tokens.code_text(
            tokens.attendee_code(key, attendee.uuid, attendee.code_version)
        )
    return TicketView(
        position=attendee.position,
        name=attendee.name,
        is_coming=attendee.is_coming,
        code=code,
        grouped_code=tokens.group_code(code) if code else None,
        qr=format_qr.qr_svg(code) if code else None,
        url=ticket_url(attendee),
        may_be_cancelled=may_cancel and attendee.is_coming and attendee.position > 0,
    )


def ticket_url(attendee: Attendee) -> str:
    """The view-only ticket's address in full, to be passed on."""
    token = tokens.ticket_token(
        current_app.config["CODE_KEY"], attendee.uuid, attendee.code_version
    )
    path: str = url_for("attendee.show_ticket", token=token)
    return f"{current_app.config['PUBLIC_URL']}{path}"


def calendar_response(registration: Registration, attendee: Attendee) -> Response:
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname or "localhost"
    url = ticket_url(attendee)
    file = icalendar.registration_calendar(
        registration, host=host, url=url, at=utcnow(), is_off=not attendee.is_coming
    )
    response = Response(file, content_type="text/calendar; charset=utf-8")
    name = "appointment" if registration.event.discreet else registration.event.slug
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response
