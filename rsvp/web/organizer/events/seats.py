"""Seats: how many there are and who has them; organizers change capacities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from rsvp import errors
from rsvp.db import current_session, utcnow, write
from rsvp.domain import edit_versions
from rsvp.domain.events import capacity_changes
from rsvp.domain.teams import Action
from rsvp.formats.eventfile.parse import MAX_CAPACITY
from rsvp.models import Admission, Event
from rsvp.models.audit import EventVerb
from rsvp.models.event import Phase, Promotion, Status
from rsvp.models.registration import State
from rsvp.queries import audit as audit_queries
from rsvp.queries import registrations as registration_queries
from rsvp.web import form_actions, guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import Mistake
from rsvp.web.organizer import edit_conflicts, layout
from rsvp.web.organizer.edit_conflicts import EditConflict
from rsvp.web.organizer.events import bp
from rsvp.web.presentation import seats as presentation_seats
from rsvp.web.presentation.seats import SeatsFilled

MAX_ECHO = 20
"""Of what was typed instead of a number, so much comes back."""

DONE_MESSAGES = {
    "capacity": _l("The capacity is set."),
    "room": _l("The cap of the room is set."),
    "reserved": _l("The reserved seats are set."),
    "kept": edit_conflicts.KEPT_MESSAGE,
}


@dataclass(frozen=True)
class LabelledNumber:
    label: str
    number: int


@dataclass(frozen=True)
class CapacityRow:
    """An admission, or the room: how full it is, who holds its seats, and the form that
    changes its cap. `key` tells forms on the page apart."""

    key: str
    filled: SeatsFilled
    numbers: list[LabelledNumber]
    url: str


# --- looking ------------------------------------------------------------------------


@bp.get("/events/<slug>/seats")
@guards.signed_in
def show_seats(slug: str) -> ResponseReturnValue:
    return render_seats(layout.get_event_or_404(slug))


def render_seats(
    event: Event, mistake: Mistake | None = None, conflict: EditConflict | None = None
) -> str:
    """The page; `mistake` belongs beside the field of the form with its key, and has
    what was typed there, after a conflict too."""
    kept_seats = registration_queries.kept_seats(event.id)
    bars = presentation_seats.seats_filled(event)
    admissions = zip(event.admissions, bars, strict=False)
    is_over = event.phase(utcnow()) in (Phase.OVER, Phase.CANCELLED)
    return layout.render_event_page(
        "events/seats.html",
        event,
        "seats",
        admissions=[
            admission_row(event, admission, bar, kept_seats.get(admission.id, {}))
            for admission, bar in admissions
        ],
        room=room_row(event, bars[-1]) if event.room_capacity is not None else None,
        room_url=url_for("organizer.events.set_room_capacity", slug=event.slug),
        may_change=layout.may(Action.EDIT_EVENT, event) and not is_over,
        promotion_text=promotion_text(event),
        mistakes={mistake.field: mistake} if mistake else {},
        versions=form_versions(event, mistake.field if mistake else None, conflict),
        conflict=conflict,
        done=done_message(),
    )


def form_versions(
    event: Event, sent_key: str | None, conflict: EditConflict | None
) -> dict[str, str]:
    """The version of what each form on the page is filled from, by its key. The one
    that was sent with a mistake keeps its own."""
    return {
        key: edit_conflicts.version_for_form(values)
        if key == sent_key and conflict is None
        else edit_versions.version_of(values)
        for key in ("room", "reserved", *(f"way-{a.key}" for a in event.admissions))
        for values in [capacity_changes.seat_values(current_seats(event, key))]
    }


def current_seats(event: Event, key: str) -> int | None:
    """The number that the form with this key changes."""
    if key == "room":
        return event.room_capacity
    if key == "reserved":
        return event.reserved_seats
    return next(a.capacity for a in event.admissions if f"way-{a.key}" == key)


def admission_row(
    event: Event,
    admission: Admission,
    filled: SeatsFilled,
    kept_seats: dict[State, int],
) -> CapacityRow:
    offered, held = kept_seats.get(State.OFFERED, 0), kept_seats.get(State.HELD, 0)
    confirmed = admission.seats_taken - admission.reserved - offered - held
    numbers = [
        LabelledNumber(_("confirmed"), confirmed),
        LabelledNumber(_("reserved"), admission.reserved),
        LabelledNumber(_("offered"), offered),
        LabelledNumber(_("held until the address is confirmed"), held),
        LabelledNumber(_("waiting"), admission.waiting),
        LabelledNumber(_("over the cap"), filled.over),
    ]
    return CapacityRow(
        key=f"way-{admission.key}",
        filled=filled,
        numbers=[numbers[0], *(number for number in numbers[1:] if number.number)],
        url=url_for(
            "organizer.events.set_admission_capacity",
            slug=event.slug,
            key=admission.key,
        ),
    )


def room_row(event: Event, filled: SeatsFilled) -> CapacityRow:
    numbers = [
        LabelledNumber(_("given to people"), event.room_taken - event.reserved_seats),
        LabelledNumber(_("reserved"), event.reserved_seats),
        LabelledNumber(_("waiting"), event.room_waiting),
        LabelledNumber(_("over the cap"), filled.over),
    ]
    return CapacityRow(
        key="room",
        filled=filled,
        numbers=[numbers[0], *(number for number in numbers[1:] if number.number)],
        url=url_for("organizer.events.set_room_capacity", slug=event.slug),
    )


def promotion_text(event: Event) -> str:
    """Return what more seats come to for those who wait."""
    if not any(admission.waiting for admission in event.admissions):
        return _("Nobody waits, so nobody moves up.")
    if event.status != Status.PUBLISHED or event.paused:
        return _(
            "The line stands still, so nobody moves up before registration goes on."
        )
    if not event.is_waitlist_running(utcnow()):
        return _(
            "Doors are open, so nobody moves up by themselves: free places go to those "
            "who stand there."
        )
    if event.promotion == Promotion.OFFER:
        return _("More seats are offered to the head of the line at once, by mail.")
    return _("More seats go to the head of the line at once, and a mail says so.")


def done_message() -> str | None:
    message = DONE_MESSAGES.get(request.args.get("done", ""))
    if message is None:
        return None
    number = min(MAX_CAPACITY, max(0, request.args.get("moved", 0, type=int)))
    if not number:
        return str(message)
    moved = ngettext(
        "%(num)d registration moved up, and was mailed.",
        "%(num)d registrations moved up, and were mailed.",
        number,
    )
    return f"{message} {moved}"


seats_form = partial(
    form_actions.action,
    bp,
    page="organizer.events.show_seats",
    find=layout.get_event_or_404,
)
"""Routes a form of the page of seats."""


# --- changing -----------------------------------------------------------------------


@seats_form("/events/<slug>/seats/<key>/capacity")
@guards.signed_in
def set_admission_capacity(slug: str, key: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    admission = next((a for a in event.admissions if a.key == key), None)
    if admission is None:
        abort(404)
    admission_id = admission.id
    return change_seats(
        event,
        f"way-{key}",
        "capacity",
        lambda event_id, seats, **by: capacity_changes.set_admission_capacity(
            event_id, admission_id, seats, **by
        ),
    )


@seats_form("/events/<slug>/seats/room")
@guards.signed_in
def set_room_capacity(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    if not event.is_in_person:
        abort(404)
    return change_seats(event, "room", "room", capacity_changes.set_room_capacity)


@seats_form("/events/<slug>/seats/reserved")
@guards.signed_in
def set_reserved_seats(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    return change_seats(
        event,
        "reserved",
        "reserved",
        capacity_changes.set_reserved_seats,
    )


def change_seats(
    event: Event, key: str, done: str, action: Callable[..., list[int]]
) -> ResponseReturnValue:
    """Set a number of seats, of which an empty field says that there is no limit."""
    if "seats" not in request.form:
        abort(400)
    text = organizer.read_line("seats")
    seats = organizer.read_whole_number("seats", 0, MAX_CAPACITY)
    if text and seats is None:
        message = _(
            "Write a whole number from 0 to %(most)s.", most=f"{MAX_CAPACITY:,}"
        )
        return render_seats(event, Mistake(key, message, text[:MAX_ECHO])), 422
    event_id, slug, actor, now = event.id, event.slug, layout.current_actor(), utcnow()
    version = edit_conflicts.sent_version()
    values = capacity_changes.seat_values
    typed = values((seats or 0) if key == "reserved" else seats)
    current = values(current_seats(event, key))
    if edit_conflicts.only_others_edited(version, current=current, typed=typed):
        done = "kept"
    try:
        moved = write(
            action, event_id, typed["seats"], version=version, actor=actor, now=now
        )
    except errors.TooFewToReserve as refusal:
        current_session().rollback()
        event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
        message = too_few_message(event, key, refusal.facts)
        return render_seats(event, Mistake(key, message, text)), 422
    except errors.EditConflict as refusal:
        event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
        conflict = seats_conflict(event, key, version or "", typed)
        return render_seats(event, Mistake(key, "", text), conflict), refusal.status
    url = url_for(
        "organizer.events.show_seats", slug=slug, done=done, moved=len(moved) or None
    )
    return redirect(url, code=303)


def seats_conflict(
    event: Event, key: str, version: str, typed: dict[str, int | None]
) -> EditConflict:
    """What somebody else has made of the number meanwhile, and who it was."""
    verbs: dict[str, tuple[EventVerb, Any]] = {
        "room": (EventVerb.SET_ROOM, _("Cap of the room")),
        "reserved": (EventVerb.RESERVE, _("Reserved seats")),
    }
    details = {}
    if key in verbs:
        verb, label = verbs[key]
    else:
        admission = next(a for a in event.admissions if f"way-{a.key}" == key)
        verb, details = EventVerb.SET_CAPACITY, {"admission": admission.key}
        label = _("Capacity of “%(name)s”", name=admission.name)
    conflict = edit_conflicts.find_conflict(
        version,
        current=capacity_changes.seat_values(current_seats(event, key)),
        typed=typed,
        labels={"seats": label},
        ids={"seats": key},
        text_of=lambda _name, seats: _("No limit") if seats is None else str(seats),
    )
    entry = audit_queries.find_last_change(event.id, verb, details)
    return edit_conflicts.said_by(conflict, event, entry)


def too_few_message(event: Event, key: str, facts: dict[str, Any]) -> str:
    if key != "reserved":
        return ngettext(
            "%(num)d seat is reserved, so there can’t be fewer. Reserve fewer first.",
            "%(num)d seats are reserved, so there can’t be fewer. Reserve fewer first.",
            event.reserved_seats,
        )
    if facts["seats"] is None:
        return _("Set a capacity first: without a limit nothing has to be kept.")
    return ngettext(
        "There is %(num)d seat to keep from.",
        "There are only %(num)d seats to keep from.",
        facts["seats"],
    )
