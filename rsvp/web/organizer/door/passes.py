"""Door passes: an event's passes and their phones, for organizers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from rsvp.db import utcnow, write
from rsvp.domain.checkin import passes as checkin_passes
from rsvp.domain.teams import Action
from rsvp.formats import qr as format_qr
from rsvp.models import Device, DoorPass, Event
from rsvp.models.checkin import DEFAULT_PHONES_MAX, check_in_ends_at, check_in_starts_at
from rsvp.queries import checkin as checkin_queries
from rsvp.text.states import StateLabel
from rsvp.web import form_actions, guards
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Box, WholeNumber
from rsvp.web.organizer import layout
from rsvp.web.organizer.door import bp
from rsvp.web.presentation import short_times, urls
from rsvp.web.presentation.short_times import ShortTime

PASS_WORKS = StateLabel("open", _l("Works now"))
PASS_OPENS_LATER = StateLabel("not_open", _l("Opens later"))
PASS_ENDED = StateLabel("over", _l("Over"))
PASS_REVOKED = StateLabel("cancelled", _l("Revoked"))
PHONE_RETIRED = StateLabel("cancelled", _l("Sent home"))


# --- passes and phones --------------------------------------------------------------


@dataclass(frozen=True)
class PhoneRow:
    device: Device
    enrolled: ShortTime
    seen: ShortTime
    scans: int
    works: bool

    @property
    def takes_place(self) -> bool:
        device = self.device
        return device.revoked_at is None and device.came_back_at is not None


@dataclass(frozen=True)
class PassRow:
    door_pass: DoorPass
    state: StateLabel
    made: ShortTime
    link: str
    qr: Markup
    phones: list[PhoneRow]

    @property
    def is_live(self) -> bool:
        return self.state in (PASS_WORKS, PASS_OPENS_LATER)

    @property
    def enrolled(self) -> int:
        """How many take a place."""
        return sum(phone.takes_place for phone in self.phones)


@bp.get("/events/<slug>/door")
@guards.signed_in
def list_passes(slug: str) -> ResponseReturnValue:
    return render_passes(layout.get_event_or_404(slug, Action.MANAGE_DOOR))


def render_passes(event: Event, form: PassForm | None = None) -> str:
    """The page; `form` is a form that comes back with mistakes."""
    now = utcnow()
    scans = checkin_queries.count_scans_by_device(event.id)
    rows = [
        pass_row(door_pass, scans, now)
        for door_pass in checkin_passes.list_passes(event.id)
    ]
    return layout.render_event_page(
        "door/passes.html",
        event,
        "door",
        live=[row for row in rows if row.is_live],
        ended=[row for row in rows if not row.is_live],
        counts_from=short_times.short_time(check_in_starts_at(event), event.zone),
        ends=short_times.short_time(check_in_ends_at(event), event.zone),
        is_early=now < check_in_starts_at(event),
        is_over=now >= check_in_ends_at(event),
        form=form or PassForm(),
        renewed=request.args.get("renewed"),
    )


def pass_row(door_pass: DoorPass, scans: dict[int, int], now: datetime) -> PassRow:
    event = door_pass.event
    token = checkin_passes.pass_token(door_pass, current_app.config["CODE_KEY"])
    link = f"{urls.site_url()}/door/{token}"
    return PassRow(
        door_pass=door_pass,
        state=pass_state(door_pass, now),
        made=short_times.short_time(door_pass.created_at, event.zone),
        link=link,
        qr=format_qr.link_svg(link),
        phones=[
            PhoneRow(
                device=device,
                enrolled=short_times.short_time(device.enrolled_at, event.zone),
                seen=short_times.short_time(device.seen_at, event.zone),
                scans=scans.get(device.id, 0),
                works=checkin_passes.may_scan(device, now),
            )
            for device in door_pass.devices
        ],
    )


def pass_state(door_pass: DoorPass, now: datetime) -> StateLabel:
    if door_pass.revoked_at is not None:
        return PASS_REVOKED
    if door_pass.works_at(now):
        return PASS_WORKS
    return PASS_ENDED if now >= check_in_ends_at(door_pass.event) else PASS_OPENS_LATER


class PassForm(Form):
    """How many phones a pass lets in, and from when on."""

    phones = WholeNumber(
        _l("For how many phones"),
        low=1,
        high=checkin_passes.MAX_PHONES,
        required=True,
        default=DEFAULT_PHONES_MAX,
        wrong=_l("Write a number from 1 to %(most)d.", most=checkin_passes.MAX_PHONES),
    )
    at_once = Box(_l("For a rehearsal: it works at once"))


@form_actions.action(
    bp, "/events/<slug>/door/passes", page="organizer.door.list_passes"
)
@guards.signed_in
def make_pass(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.MANAGE_DOOR)
    form = PassForm(request.form)
    if not form.validate():
        return render_passes(event, form), 422
    event_id = event.id
    write(
        checkin_passes.create_pass,
        event_id,
        code_key=current_app.config["CODE_KEY"],
        phones_max=form.phones.data,
        at_once=form.at_once.data,
        actor=layout.current_actor(),
        now=utcnow(),
    )
    return redirect_to_passes(slug)


@form_actions.action(
    bp,
    "/events/<slug>/door/passes/<uuid:uuid>/revocation",
    page="organizer.door.list_passes",
)
@guards.signed_in
def revoke_pass(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.MANAGE_DOOR)
    door_pass = checkin_passes.find_pass_of_event(event.id, uuid) or abort(404)
    pass_id = door_pass.id
    write(
        checkin_passes.revoke_pass, pass_id, actor=layout.current_actor(), now=utcnow()
    )
    return redirect_to_passes(slug)


@form_actions.action(
    bp,
    "/events/<slug>/door/phones/<uuid:uuid>/revocation",
    page="organizer.door.list_passes",
)
@guards.signed_in
def revoke_phone(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.MANAGE_DOOR)
    device = checkin_passes.find_device_of_event(event.id, uuid) or abort(404)
    device_id, was_renewed = device.id, device.door_pass.uuid
    code_key = current_app.config["CODE_KEY"]
    write(
        checkin_passes.block_device,
        device_id,
        code_key=code_key,
        actor=layout.current_actor(),
        now=utcnow(),
    )
    return redirect_to_passes(slug, was_renewed)


def redirect_to_passes(slug: str, renewed: UUID | None = None) -> ResponseReturnValue:
    """The page, with the new code open of a pass whose link was renewed."""
    return redirect(
        url_for("organizer.door.list_passes", slug=slug, renewed=renewed), code=303
    )


# --- who is in ----------------------------------------------------------------------
