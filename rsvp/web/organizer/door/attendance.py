"""Attendance: who is in, and check-in by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from rsvp import i18n
from rsvp.db import utcnow, write
from rsvp.domain.checkin import scans as checkin_scans
from rsvp.domain.teams import Action
from rsvp.models import Event
from rsvp.models.checkin import check_in_ends_at, check_in_starts_at
from rsvp.queries import checkin as checkin_queries
from rsvp.queries.attendees import RegistrationFilter
from rsvp.queries.checkin import Arrival
from rsvp.web import form_actions, guards
from rsvp.web.organizer import layout
from rsvp.web.organizer.door import bp
from rsvp.web.organizer.registrations.filters import search_from_args
from rsvp.web.presentation import short_times, text
from rsvp.web.presentation.short_times import ShortTime


@dataclass(frozen=True)
class ArrivalRow:
    arrival: Arrival
    came: ShortTime
    left: ShortTime | None


@bp.get("/events/<slug>/check-in")
@guards.signed_in
def show_attendance(slug: str) -> ResponseReturnValue:
    """Numbers for all who may see the event; names for those who may see names."""
    event = layout.get_event_or_404(slug, Action.SEE_NUMBERS)
    sees_names = layout.may(Action.SEE_NAMES, event)
    shows_awaited = "awaited" in request.args
    now = utcnow()
    return layout.render_event_page(
        "door/attendance.html",
        event,
        "check-in",
        attendance=checkin_queries.attendance_of(event),
        at=short_times.short_time(now, event.zone),
        sees_names=sees_names,
        name_of=text.attendee_name,
        may_let_in=layout.may(Action.CHECK_IN, event)
        and check_in_starts_at(event) <= now < check_in_ends_at(event),
        counts_from=short_times.short_time(check_in_starts_at(event), event.zone),
        is_early=now < check_in_starts_at(event),
        shows_awaited=shows_awaited,
        **(people_context(event, shows_awaited) if sees_names else {}),
    )


def people_context(event: Event, shows_awaited: bool) -> dict[str, Any]:
    """The list under the numbers: who is still to come, or who came when."""
    if shows_awaited:
        search = search_from_args()
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        filter_ = RegistrationFilter(search=search, sees_addresses=manages)
        page = checkin_queries.list_not_arrived(
            event.id, filter_, after=layout.page_cursor("after")
        )
        more = {"awaited": "yes", "search": search or None}
        return {
            "rows": page.rows,
            "search": search,
            "more": None
            if page.is_last
            else attendance_url(event, **more, after=page.rows[-1].id),
        }
    arrivals = checkin_queries.list_arrivals(
        event.id, before=layout.page_cursor("before")
    )
    return {
        "rows": [
            ArrivalRow(
                arrival,
                short_time_on_event_day(arrival.in_at, event),
                short_time_on_event_day(arrival.out_at, event)
                if arrival.out_at
                else None,
            )
            for arrival in arrivals.rows
        ],
        "more": None
        if arrivals.is_last
        else attendance_url(event, before=arrivals.rows[-1].id),
    }


def short_time_on_event_day(at: datetime, event: Event) -> ShortTime:
    """The time of day alone on the day of the event, else the day as well."""
    zone = event.zone
    if at.astimezone(zone).date() == event.starts_at.astimezone(zone).date():
        return ShortTime(at.isoformat(timespec="seconds"), i18n.clock(at, zone))
    return short_times.short_time(at, zone)


def attendance_url(event: Event, **values: Any) -> str:
    return url_for("organizer.door.show_attendance", slug=event.slug, **values)


@form_actions.action(
    bp, "/events/<slug>/check-ins/<uuid:uuid>", page="organizer.door.show_attendance"
)
@guards.signed_in
def check_in_attendee(slug: str, uuid: UUID) -> ResponseReturnValue:
    """Check in by hand: whoever has no code at hand, or no phone."""
    return change_check_in(slug, uuid, checkin_scans.check_in)


@form_actions.action(
    bp,
    "/events/<slug>/check-ins/<uuid:uuid>/undoing",
    page="organizer.door.show_attendance",
)
@guards.signed_in
def undo_check_in(slug: str, uuid: UUID) -> ResponseReturnValue:
    return change_check_in(slug, uuid, checkin_scans.undo_check_in)


def change_check_in(
    slug: str, uuid: UUID, action: Callable[..., object]
) -> ResponseReturnValue:
    event_id = layout.get_event_or_404(slug, Action.CHECK_IN).id
    attendee_id = checkin_queries.find_attendee_id(event_id, uuid) or abort(404)
    actor, now = layout.current_actor(), utcnow()
    write(action, attendee_id, event_id, actor=actor, now=now)
    return redirect(url_for("organizer.door.show_attendance", slug=slug), code=303)
