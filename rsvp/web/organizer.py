"""Organizers: their events at a glance, and whether each takes registrations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import i18n, queries
from rsvp.db import utcnow, write
from rsvp.domain import publication
from rsvp.domain.teams import Action
from rsvp.models import Event
from rsvp.queries import Tray
from rsvp.web import counted, desk, guards
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


@dataclass(frozen=True)
class Number:
    word: str
    number: int


@dataclass(frozen=True)
class Need:
    """Something that no rule will settle by itself, and where to look at it."""

    words: str
    url: str | None


@bp.get("/events/<slug>")
@guards.signed_in
def event(slug: str) -> ResponseReturnValue:
    found = desk.my_event(slug)
    return desk.event_page(
        "event.html",
        found,
        "overview",
        seats=desk.filled(found),
        numbers=numbers_of(found),
        needs=needs_of(found),
        has_people=any(a.seats_taken or a.waiting for a in found.admissions),
    )


def numbers_of(event: Event) -> list[Number]:
    counts = counted.held_counts(event)
    return [
        Number(_("people confirmed"), sum(a.seats_taken for a in event.admissions)),
        Number(_("people waiting"), sum(a.waiting for a in event.admissions)),
        Number(_("registrations"), sum(count.registrations for count in counts)),
    ]


def needs_of(event: Event) -> list[Need]:
    needs = []
    failed = queries.undelivered(event.id)
    if failed and desk.may(Action.READ_MESSAGES, event):
        words = ngettext(
            "%(num)d mail could not be delivered",
            "%(num)d mails could not be delivered",
            failed,
        )
        there = url_for("outbox.event_messages", slug=event.slug, state=Tray.FAILED)
        needs.append(Need(words, there))
    for seats in desk.filled(event):
        if seats.over:
            words = _(
                "%(name)s: over by %(count)d. Nobody new gets in until it is under.",
                name=seats.name,
                count=seats.over,
            )
            needs.append(Need(words, None))
    return needs


# --- public or not, open or paused --------------------------------------------------


@bp.post("/events/<slug>/publication")
@guards.signed_in
def publish(slug: str) -> ResponseReturnValue:
    return change(slug, publication.publish)


@bp.post("/events/<slug>/publication/end")
@guards.signed_in
def unpublish(slug: str) -> ResponseReturnValue:
    return change(slug, publication.unpublish)


@bp.post("/events/<slug>/pause")
@guards.signed_in
def pause(slug: str) -> ResponseReturnValue:
    return change(slug, publication.pause)


@bp.post("/events/<slug>/pause/end")
@guards.signed_in
def resume(slug: str) -> ResponseReturnValue:
    return change(slug, publication.resume)


@bp.get("/events/<slug>/publication")
@bp.get("/events/<slug>/publication/end")
@bp.get("/events/<slug>/pause")
@bp.get("/events/<slug>/pause/end")
@guards.signed_in
def buttons_are_elsewhere(slug: str) -> ResponseReturnValue:
    """Whoever opens the address of a button finds the page it is on."""
    there = url_for(".event", slug=desk.my_event(slug).slug)
    return redirect(there, code=303)


def change(slug: str, verb: Callable[..., None]) -> ResponseReturnValue:
    event_id = desk.my_event(slug, Action.EDIT_EVENT).id
    actor, now = desk.actor(), utcnow()
    write(lambda _again: verb(event_id, actor=actor, now=now))
    return redirect(url_for(".event", slug=slug), code=303)
