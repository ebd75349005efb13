"""Organizers: their events at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from rsvp import i18n, queries
from rsvp.db import utcnow
from rsvp.models import Event
from rsvp.web import desk, guards
from rsvp.web.desk import Filled, Shown

bp = Blueprint("organizer", __name__, url_prefix="/organize")
bp.after_request(desk.keep_private)


@dataclass(frozen=True)
class EventRow:
    event: Event
    state: Shown
    hours: str
    seats: list[Filled]
    # The public page, for whoever may be sent there.
    link: str | None
    link_text: str | None


@bp.get("/")
@guards.signed_in
def events() -> ResponseReturnValue:
    past, after = "past" in request.args, request.args.get("after", "")
    if not after.isprintable():
        abort(404)
    now = utcnow()
    found = queries.overview(desk.me(), now, past=past, after=after or None)
    return desk.page(
        "events.html",
        rows=[event_row(event, now) for event in found.rows],
        past=past,
        several_teams=len({event.team_id for event in found.rows}) > 1,
        more=None
        if found.is_last
        else url_for(
            ".events", past="yes" if past else None, after=found.rows[-1].slug
        ),
    )


def event_row(event: Event, now: datetime) -> EventRow:
    link = desk.public_link(event)
    begins, ends = event.starts_at, event.ends_at
    return EventRow(
        event=event,
        state=desk.PHASES[event.phase(now)],
        hours=f"{i18n.clock(begins, event.zone)}–{i18n.clock(ends, event.zone)}"
        f" {desk.zone_letters(begins, event.zone)}",
        seats=desk.filled(event),
        link=link,
        link_text=link and link.partition("://")[2],
    )


# --- one event ----------------------------------------------------------------------


@bp.get("/events/<slug>")
@guards.signed_in
def event(slug: str) -> ResponseReturnValue:
    found = desk.my_event(slug)
    return desk.event_page("event.html", found, "overview", seats=desk.filled(found))
