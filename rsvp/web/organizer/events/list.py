"""List: the organizer's events, upcoming or past, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.models import Event
from rsvp.queries import organizer_events as organizer_event_queries
from rsvp.text import states
from rsvp.text.states import StateLabel
from rsvp.web import guards
from rsvp.web.organizer import layout
from rsvp.web.organizer.events import bp
from rsvp.web.presentation import seats as presentation_seats
from rsvp.web.presentation import short_times, urls
from rsvp.web.presentation.seats import SeatsFilled


@dataclass(frozen=True)
class EventRow:
    event: Event
    state: StateLabel
    hours: str
    seats: list[SeatsFilled]
    # The public page, for whoever may be sent there.
    link: str | None
    link_text: str | None


@bp.get("/")
@guards.signed_in
def list_events() -> ResponseReturnValue:
    past, after = "past" in request.args, request.args.get("after", "")
    if not after.isprintable():
        abort(404)
    now = utcnow()
    page = organizer_event_queries.list_events(
        layout.signed_in_user(), now, past=past, after=after or None
    )
    return layout.render_page(
        "events/list.html",
        rows=[event_row(event, now) for event in page.rows],
        past=past,
        several_teams=len({event.team_id for event in page.rows}) > 1,
        more=None
        if page.is_last
        else url_for(
            "organizer.events.list_events",
            past="yes" if past else None,
            after=page.rows[-1].slug,
        ),
    )


def event_row(event: Event, now: datetime) -> EventRow:
    link = urls.public_event_url(event)
    begins, ends = event.starts_at, event.ends_at
    return EventRow(
        event=event,
        state=states.PHASE_LABELS[event.phase(now)],
        hours=f"{i18n.clock(begins, event.zone)}–{i18n.clock(ends, event.zone)}"
        f" {short_times.zone_abbreviation(begins, event.zone)}",
        seats=presentation_seats.seats_filled(event),
        link=link,
        link_text=link and link.partition("://")[2],
    )
