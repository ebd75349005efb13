"""Seats: how many there are, who holds them, and the caps that organizers change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from rsvp import errors
from rsvp.db import current_session, utcnow, write
from rsvp.domain.events import capacity_changes
from rsvp.domain.teams import Action
from rsvp.formats.eventfile.parse import LARGEST_CAPACITY
from rsvp.models import Admission, Event
from rsvp.models.event import Phase, Promotion, Status
from rsvp.models.registration import State
from rsvp.queries import registrations as registration_queries
from rsvp.web import guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Filled

bp = Blueprint("seats", __name__, url_prefix="/organize/events/<slug>/seats")
bp.after_request(layout.keep_private)

LONGEST_SHOWN = 20
"""Of what was typed instead of a number, so much comes back."""

DONE = {
    "capacity": lazy_gettext("The capacity is set."),
    "room": lazy_gettext("The cap of the room is set."),
    "reserved": lazy_gettext("The reserved seats are set."),
}


@dataclass(frozen=True)
class Number:
    word: str
    number: int


@dataclass(frozen=True)
class Holding:
    """An admission, or the room: how full it is, who holds its seats, and the form that
    changes its cap. `key` tells forms on the page apart."""

    key: str
    filled: Filled
    numbers: list[Number]
    url: str


# --- looking ------------------------------------------------------------------------


@bp.get("")
@guards.signed_in
def show(slug: str) -> ResponseReturnValue:
    return page(layout.my_event(slug))


def page(event: Event, mistake: Mistake | None = None) -> str:
    """The page; `mistake` belongs beside the field of the form with its key."""
    kept = registration_queries.kept_seats(event.id)
    bars = layout.filled(event)
    ways = zip(event.admissions, bars, strict=False)
    is_over = event.phase(utcnow()) in (Phase.OVER, Phase.CANCELLED)
    return layout.event_page(
        "events/seats.html",
        event,
        "seats",
        ways=[way(event, one, bar, kept.get(one.id, {})) for one, bar in ways],
        room=room(event, bars[-1]) if event.room_capacity is not None else None,
        room_url=url_for(".set_room", slug=event.slug),
        may_change=layout.may(Action.EDIT_EVENT, event) and not is_over,
        moves_up=moves_up(event),
        mistakes={mistake.field: mistake} if mistake else {},
        done=done_words(),
    )


def way(
    event: Event, admission: Admission, filled: Filled, kept: dict[State, int]
) -> Holding:
    offered, held = kept.get(State.OFFERED, 0), kept.get(State.HELD, 0)
    confirmed = admission.seats_taken - admission.reserved - offered - held
    numbers = [
        Number(_("confirmed"), confirmed),
        Number(_("reserved"), admission.reserved),
        Number(_("offered"), offered),
        Number(_("held until the address is confirmed"), held),
        Number(_("waiting"), admission.waiting),
        Number(_("over the cap"), filled.over),
    ]
    return Holding(
        key=f"way-{admission.key}",
        filled=filled,
        numbers=[numbers[0], *(each for each in numbers[1:] if each.number)],
        url=url_for(".set_capacity", slug=event.slug, key=admission.key),
    )


def room(event: Event, filled: Filled) -> Holding:
    numbers = [
        Number(_("given to people"), event.room_taken - event.reserved_seats),
        Number(_("reserved"), event.reserved_seats),
        Number(_("waiting"), event.room_waiting),
        Number(_("over the cap"), filled.over),
    ]
    return Holding(
        key="room",
        filled=filled,
        numbers=[numbers[0], *(each for each in numbers[1:] if each.number)],
        url=url_for(".set_room", slug=event.slug),
    )


def moves_up(event: Event) -> str:
    """What more seats come to for those who wait."""
    if not any(admission.waiting for admission in event.admissions):
        return _("Nobody waits, so nobody moves up.")
    if event.status != Status.PUBLISHED or event.paused:
        return _(
            "The line stands still, so nobody moves up before registration goes on."
        )
    if not event.line_runs(utcnow()):
        return _(
            "Doors are open, so nobody moves up by themselves: free places go to those "
            "who stand there."
        )
    if event.promotion == Promotion.OFFER:
        return _("More seats are offered to the head of the line at once, by mail.")
    return _("More seats go to the head of the line at once, and a mail says so.")


def done_words() -> str | None:
    words = DONE.get(request.args.get("done", ""))
    if words is None:
        return None
    number = min(LARGEST_CAPACITY, max(0, request.args.get("moved", 0, type=int)))
    if not number:
        return str(words)
    moved = ngettext(
        "%(num)d registration moved up, and was mailed.",
        "%(num)d registrations moved up, and were mailed.",
        number,
    )
    return f"{words} {moved}"


# --- changing -----------------------------------------------------------------------


@bp.post("/<key>/capacity")
@guards.signed_in
def set_capacity(slug: str, key: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    admission = next((a for a in event.admissions if a.key == key), None)
    if admission is None:
        abort(404)
    admission_id = admission.id
    return change(
        event,
        f"way-{key}",
        "capacity",
        lambda event_id, seats, **who: capacity_changes.set_capacity(
            event_id, admission_id, seats, **who
        ),
    )


@bp.post("/room")
@guards.signed_in
def set_room(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    if not event.is_in_person:
        abort(404)
    return change(event, "room", "room", capacity_changes.set_room)


@bp.post("/reserved")
@guards.signed_in
def reserve(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    return change(
        event,
        "reserved",
        "reserved",
        lambda event_id, seats, **who: capacity_changes.reserve(
            event_id, seats or 0, **who
        ),
    )


@bp.get("/<key>/capacity")
@bp.get("/room")
@bp.get("/reserved")
@guards.signed_in
def buttons_are_elsewhere(slug: str, **_key: str) -> ResponseReturnValue:
    """Whoever opens the address of a button finds the page it is on."""
    there = url_for(".show", slug=layout.my_event(slug).slug)
    return redirect(there, code=303)


def change(
    event: Event, key: str, done: str, verb: Callable[..., list[int]]
) -> ResponseReturnValue:
    """Set a number of seats, of which an empty field says that there is no limit."""
    if "seats" not in request.form:
        abort(400)
    text = organizer.line("seats")
    seats = organizer.whole_number("seats", 0, LARGEST_CAPACITY)
    if text and seats is None:
        words = _(
            "Write a whole number from 0 to %(most)s.", most=f"{LARGEST_CAPACITY:,}"
        )
        return page(event, Mistake(key, words, text[:LONGEST_SHOWN])), 422
    event_id, slug, actor, now = event.id, event.slug, layout.actor(), utcnow()
    try:
        moved = write(lambda _again: verb(event_id, seats, actor=actor, now=now))
    except errors.TooFewToReserve as refusal:
        current_session().rollback()
        event = layout.my_event(slug, Action.EDIT_EVENT)
        words = too_few(event, key, refusal.facts)
        return page(event, Mistake(key, words, text)), 422
    there = url_for(".show", slug=slug, done=done, moved=len(moved) or None)
    return redirect(there, code=303)


def too_few(event: Event, key: str, facts: dict[str, Any]) -> str:
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
