"""Door desk: an event's passes, their phones, and who is in, for organizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from rsvp import i18n
from rsvp.db import utcnow, write
from rsvp.domain.checkin import passes as checkin_passes
from rsvp.domain.checkin import scans as checkin_scans
from rsvp.domain.teams import Action
from rsvp.formats import qr as format_qr
from rsvp.models import Device, DoorPass, Event
from rsvp.models.checkin import PHONES, counting_from, door_ends_at
from rsvp.queries import checkin as checkin_queries
from rsvp.queries.attendees import Filter
from rsvp.queries.checkin import Arrival
from rsvp.web import guards
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Moment, Shown
from rsvp.web.organizer.registrations.filters import wanted_search
from rsvp.web.presentation import template_globals

bp = Blueprint("door_desk", __name__, url_prefix="/organize")
bp.after_request(layout.keep_private)


WORKS = Shown("open", "●", _("Works now"))
OPENS = Shown("not_open", "◷", _("Opens later"))
ENDED = Shown("over", "–", _("Over"))
REVOKED = Shown("cancelled", "✕", _("Revoked"))
RETIRED = Shown("cancelled", "✕", _("Sent home"))


# --- passes and phones --------------------------------------------------------------


@dataclass(frozen=True)
class PhoneRow:
    device: Device
    enrolled: Moment
    seen: Moment
    scans: int
    works: bool

    @property
    def takes_place(self) -> bool:
        device = self.device
        return device.revoked_at is None and device.came_back_at is not None


@dataclass(frozen=True)
class PassRow:
    door_pass: DoorPass
    state: Shown
    made: Moment
    link: str
    qr: Markup
    phones: list[PhoneRow]

    @property
    def is_live(self) -> bool:
        return self.state in (WORKS, OPENS)

    @property
    def enrolled(self) -> int:
        """How many take a place."""
        return sum(phone.takes_place for phone in self.phones)


@bp.get("/events/<slug>/door")
@guards.signed_in
def passes(slug: str) -> ResponseReturnValue:
    return passes_page(layout.my_event(slug, Action.MANAGE_DOOR))


def passes_page(
    event: Event, *, phones: str = str(PHONES), mistake: str | None = None
) -> str:
    """The page; `mistake` is what is wrong with `phones`, the number that was typed."""
    now = utcnow()
    scans = checkin_queries.phones_scans(event.id)
    rows = [pass_row(each, scans, now) for each in checkin_passes.passes_of(event.id)]
    return layout.event_page(
        "door/passes.html",
        event,
        "door",
        live=[row for row in rows if row.is_live],
        ended=[row for row in rows if not row.is_live],
        counts_from=layout.moment(counting_from(event), event.zone),
        ends=layout.moment(door_ends_at(event), event.zone),
        is_early=now < counting_from(event),
        is_over=now >= door_ends_at(event),
        phones=phones,
        most=checkin_passes.MOST_PHONES,
        mistake=mistake,
        renewed=request.args.get("renewed"),
    )


def pass_row(door_pass: DoorPass, scans: dict[int, int], now: datetime) -> PassRow:
    event = door_pass.event
    token = checkin_passes.token_of(door_pass, current_app.config["CODE_KEY"])
    link = f"{layout.public_url()}/door/{token}"
    return PassRow(
        door_pass=door_pass,
        state=state_of(door_pass, now),
        made=layout.moment(door_pass.created_at, event.zone),
        link=link,
        qr=format_qr.link_svg(link),
        phones=[
            PhoneRow(
                device=device,
                enrolled=layout.moment(device.enrolled_at, event.zone),
                seen=layout.moment(device.seen_at, event.zone),
                scans=scans.get(device.id, 0),
                works=checkin_passes.works_at(device, now),
            )
            for device in door_pass.devices
        ],
    )


def state_of(door_pass: DoorPass, now: datetime) -> Shown:
    if door_pass.revoked_at is not None:
        return REVOKED
    if door_pass.works_at(now):
        return WORKS
    return ENDED if now >= door_ends_at(door_pass.event) else OPENS


@bp.post("/events/<slug>/door/passes")
@guards.signed_in
def make_pass(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.MANAGE_DOOR)
    typed = request.form.get("phones", "").strip()[:10]
    number = int(typed) if typed.isdecimal() else 0
    if not 1 <= number <= checkin_passes.MOST_PHONES:
        mistake = gettext(
            "Write a number from 1 to %(most)d.", most=checkin_passes.MOST_PHONES
        )
        return passes_page(event, phones=typed, mistake=mistake), 422
    event_id, at_once = event.id, "at_once" in request.form
    write(
        lambda _again: checkin_passes.make_pass(
            event_id,
            code_key=current_app.config["CODE_KEY"],
            phones_max=number,
            at_once=at_once,
            actor=layout.actor(),
            now=utcnow(),
        )
    )
    return back_to_passes(slug)


@bp.post("/events/<slug>/door/passes/<uuid:uuid>/revocation")
@guards.signed_in
def revoke_pass(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.MANAGE_DOOR)
    door_pass = checkin_passes.find_pass_of(event.id, uuid) or abort(404)
    pass_id = door_pass.id
    write(
        lambda _again: checkin_passes.revoke_pass(
            pass_id, actor=layout.actor(), now=utcnow()
        )
    )
    return back_to_passes(slug)


@bp.post("/events/<slug>/door/phones/<uuid:uuid>/revocation")
@guards.signed_in
def revoke_phone(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.MANAGE_DOOR)
    device = checkin_passes.find_phone_of(event.id, uuid) or abort(404)
    device_id, was_renewed = device.id, device.door_pass.uuid
    code_key = current_app.config["CODE_KEY"]
    write(
        lambda _again: checkin_passes.send_home(
            device_id, code_key=code_key, actor=layout.actor(), now=utcnow()
        )
    )
    return back_to_passes(slug, was_renewed)


def back_to_passes(slug: str, renewed: UUID | None = None) -> ResponseReturnValue:
    """The page, with the new code open of a pass whose link was renewed."""
    return redirect(url_for(".passes", slug=slug, renewed=renewed), code=303)


# --- who is in ----------------------------------------------------------------------


@dataclass(frozen=True)
class ArrivalRow:
    arrival: Arrival
    came: Moment
    left: Moment | None


@bp.get("/events/<slug>/check-in")
@guards.signed_in
def check_in(slug: str) -> ResponseReturnValue:
    """Numbers for all who may see the event; names for those who may see names."""
    event = layout.my_event(slug, Action.SEE_NUMBERS)
    sees_names = layout.may(Action.SEE_NAMES, event)
    shows_awaited = "awaited" in request.args
    now = utcnow()
    return layout.event_page(
        "door/attendance.html",
        event,
        "check-in",
        attendance=checkin_queries.attendance(event),
        at=layout.moment(now, event.zone),
        sees_names=sees_names,
        name_of=template_globals.name_of,
        may_let_in=layout.may(Action.CHECK_IN, event)
        and counting_from(event) <= now < door_ends_at(event),
        counts_from=layout.moment(counting_from(event), event.zone),
        is_early=now < counting_from(event),
        shows_awaited=shows_awaited,
        **(people(event, shows_awaited) if sees_names else {}),
    )


def people(event: Event, shows_awaited: bool) -> dict[str, Any]:
    """The list under the numbers: who is still to come, or who came when."""
    if shows_awaited:
        search = wanted_search()
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        wanted = Filter(search=search, sees_addresses=manages)
        found = checkin_queries.awaited(
            event.id, wanted, after=layout.page_start("after")
        )
        more = {"awaited": "yes", "search": search or None}
        return {
            "rows": found.rows,
            "search": search,
            "more": None
            if found.is_last
            else here(event, **more, after=found.rows[-1].id),
        }
    came = checkin_queries.arrivals(event.id, before=layout.page_start("before"))
    return {
        "rows": [
            ArrivalRow(
                arrival,
                hour(arrival.in_at, event),
                hour(arrival.out_at, event) if arrival.out_at else None,
            )
            for arrival in came.rows
        ],
        "more": None if came.is_last else here(event, before=came.rows[-1].id),
    }


def hour(at: datetime, event: Event) -> Moment:
    """The time of day alone on the day of the event, else the day as well."""
    zone = event.zone
    if at.astimezone(zone).date() == event.starts_at.astimezone(zone).date():
        return Moment(at.isoformat(timespec="seconds"), i18n.clock(at, zone))
    return layout.moment(at, zone)


def here(event: Event, **values: Any) -> str:
    return url_for(".check_in", slug=event.slug, **values)


@bp.post("/events/<slug>/check-ins/<uuid:uuid>")
@guards.signed_in
def let_in(slug: str, uuid: UUID) -> ResponseReturnValue:
    """By hand: for whoever has no code at hand, or no phone."""
    return by_hand(slug, uuid, checkin_scans.check_in)


@bp.post("/events/<slug>/check-ins/<uuid:uuid>/undoing")
@guards.signed_in
def take_back(slug: str, uuid: UUID) -> ResponseReturnValue:
    return by_hand(slug, uuid, checkin_scans.undo_check_in)


def by_hand(slug: str, uuid: UUID, act: Callable[..., object]) -> ResponseReturnValue:
    event_id = layout.my_event(slug, Action.CHECK_IN).id
    attendee_id = checkin_queries.attendee_of(event_id, uuid) or abort(404)
    actor, now = layout.actor(), utcnow()
    write(lambda _again: act(attendee_id, event_id, actor=actor, now=now))
    return redirect(url_for(".check_in", slug=slug), code=303)
