"""Organizers: their events at a glance, and whether each takes registrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import i18n
from rsvp.db import utcnow, write
from rsvp.domain import mailings, reconfirmation
from rsvp.domain.events import lifecycle
from rsvp.domain.teams import Action
from rsvp.models import Event
from rsvp.models.event import Phase, Status
from rsvp.models.registration import LIVE, State
from rsvp.queries import filters
from rsvp.queries import outbox as outbox_queries
from rsvp.queries import registrations as registration_queries
from rsvp.queries.filters import Coming
from rsvp.queries.outbox import Tray
from rsvp.web import guards
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import LONGEST_REASON, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Filled, Shown

bp = Blueprint("organizer", __name__, url_prefix="/organize")
bp.after_request(layout.keep_private)


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
    found = outbox_queries.overview(layout.me(), now, past=past, after=after or None)
    return layout.page(
        "events/list.html",
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
    link = layout.public_link(event)
    begins, ends = event.starts_at, event.ends_at
    return EventRow(
        event=event,
        state=layout.PHASES[event.phase(now)],
        hours=f"{i18n.clock(begins, event.zone)}–{i18n.clock(ends, event.zone)}"
        f" {layout.zone_letters(begins, event.zone)}",
        seats=layout.filled(event),
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
    found = layout.my_event(slug)
    return layout.event_page(
        "events/overview.html",
        found,
        "overview",
        seats=layout.filled(found),
        numbers=numbers_of(found),
        coming=coming_in(found),
        needs=needs_of(found),
        done=told_words(),
        has_people=has_people(found),
    )


def told_words() -> str | None:
    """What the page says once the event is called off."""
    if "told" not in request.args:
        return None
    told = max(0, request.args.get("told", 0, type=int))
    if not told:
        return _("The event is cancelled. Nobody had to be told.")
    return ngettext(
        "The event is cancelled, and a mail about it is on its way to %(num)d address.",
        "The event is cancelled, and mails about it are on their way to %(num)d "
        "addresses.",
        told,
    )


def has_people(event: Event) -> bool:
    """Whether it has to stay public: somebody has a place, waits for one or asks."""
    return any(count.state in LIVE for count in cached_counts.held_counts(event))


def numbers_of(event: Event) -> list[Number]:
    """How many people there are by how they stand; of most states only where there are
    any."""
    people, registrations = Counter[State](), 0
    for count in cached_counts.held_counts(event):
        people[count.state] += count.people
        registrations += count.registrations
    kept = kept_of(event)
    confirmed, waiting = people[State.CONFIRMED], people[State.WAITLISTED]
    asking, reserved = people[State.REQUESTED], event.reserved_seats
    offered, held = kept[State.OFFERED], kept[State.HELD]
    numbers = [
        Number(ngettext("person confirmed", "people confirmed", confirmed), confirmed),
        Number(ngettext("person waiting", "people waiting", waiting), waiting),
        Number(ngettext("person asking", "people asking", asking), asking),
        Number(ngettext("seat offered", "seats offered", offered), offered),
        Number(ngettext("seat held", "seats held", held), held),
        Number(ngettext("seat reserved", "seats reserved", reserved), reserved),
        Number(ngettext("registration", "registrations", registrations), registrations),
    ]
    always = (0, 1, len(numbers) - 1)
    return [one for at, one in enumerate(numbers) if one.number or at in always]


def coming_in(event: Event) -> str | None:
    """How the question whether people still come stands: what they said so far, or when
    they will be asked; None where nobody is."""
    now = utcnow()
    if not layout.may_have_asked(event) or event.phase(now) in (
        *(Phase.DRAFT, Phase.CANCELLED, Phase.OVER),
    ):
        return None
    said = filters.how_many_said(event.id)
    if said:
        # Lines end with a dot, and never begin with one.
        return _(
            "Asked %(asked)d\N{NO-BREAK SPACE}· said yes %(yes)d\N{NO-BREAK SPACE}· "
            "no answer %(none)d%(until)s",
            asked=sum(said.values()),
            yes=said.get(Coming.YES, 0),
            none=said.get(Coming.ASKED, 0) + said.get(Coming.FLAGGED, 0),
            until=until_of(event, now),
        )
    # Nobody is asked at night: it may be later than planned.
    at = reconfirmation.time_to_ask(event, now) if event.ask_at else now
    if at <= now:
        return None
    return _("People are asked on %(when)s.", when=layout.near_moment(at, event.zone))


def until_of(event: Event, now: datetime) -> str:
    if event.answer_by is None or now >= event.answer_by:
        return ""
    when = layout.near_moment(event.answer_by, event.zone)
    return _(", until %(when)s", when=when)


def kept_of(event: Event) -> Counter[State]:
    """Seats kept for an answer, in all admissions together."""
    kept = Counter[State]()
    for seats in registration_queries.kept_seats(event.id).values():
        kept.update(seats)
    return kept


def needs_of(event: Event) -> list[Need]:
    needs = []
    if requests := requests_in(event):
        words = ngettext(
            "%(num)d request to decide", "%(num)d requests to decide", requests
        )
        there = url_for("roster.show", slug=event.slug, state=State.REQUESTED)
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        needs.append(Need(words, there if manages else None))
    if silent := flagged_in(event):
        words = ngettext(
            "%(num)d registration without a yes: keep it or give it on",
            "%(num)d registrations without a yes: keep them or give them on",
            silent,
        )
        there = url_for("roster.show", slug=event.slug, coming=Coming.FLAGGED)
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        needs.append(Need(words, there if manages else None))
    unreached = outbox_queries.unreached(event.id)
    if unreached and layout.may(Action.READ_MESSAGES, event):
        words = ngettext(
            "Mail to %(num)d person doesn’t arrive",
            "Mail to %(num)d people doesn’t arrive",
            unreached,
        )
        there = url_for("outbox.event_messages", slug=event.slug, state=Tray.FAILED)
        needs.append(Need(words, there))
    for seats in layout.filled(event):
        if seats.over:
            words = _(
                "%(name)s: over by %(count)d. Nobody new gets in until it is under.",
                name=seats.name,
                count=seats.over,
            )
            needs.append(Need(words, url_for("seats.show", slug=event.slug)))
    return needs


def flagged_in(event: Event) -> int:
    """How many were asked whether they still come, or could not be, and leave it to the
    organizers what becomes of their places."""
    is_on = event.phase(utcnow()) not in (Phase.CANCELLED, Phase.OVER)
    if not is_on or not layout.may_have_asked(event):
        return 0
    return filters.how_many_said(event.id).get(Coming.FLAGGED, 0)


def requests_in(event: Event) -> int:
    """How many requests somebody can still decide."""
    if event.phase(utcnow()) in (Phase.CANCELLED, Phase.OVER):
        return 0
    return sum(
        count.registrations
        for count in cached_counts.held_counts(event)
        if count.state == State.REQUESTED
    )


# --- public or not, open or paused --------------------------------------------------


@bp.post("/events/<slug>/publication")
@guards.signed_in
def publish(slug: str) -> ResponseReturnValue:
    return change(slug, lifecycle.publish)


@bp.post("/events/<slug>/publication/end")
@guards.signed_in
def unpublish(slug: str) -> ResponseReturnValue:
    return change(slug, lifecycle.unpublish)


@bp.post("/events/<slug>/pause")
@guards.signed_in
def pause(slug: str) -> ResponseReturnValue:
    return change(slug, lifecycle.pause)


@bp.post("/events/<slug>/pause/end")
@guards.signed_in
def resume(slug: str) -> ResponseReturnValue:
    return change(slug, lifecycle.resume)


@bp.get("/events/<slug>/publication")
@bp.get("/events/<slug>/publication/end")
@bp.get("/events/<slug>/pause")
@bp.get("/events/<slug>/pause/end")
@guards.signed_in
def buttons_are_elsewhere(slug: str) -> ResponseReturnValue:
    """Whoever opens the address of a button finds the page it is on."""
    there = url_for(".event", slug=layout.my_event(slug).slug)
    return redirect(there, code=303)


def change(slug: str, verb: Callable[..., None]) -> ResponseReturnValue:
    event_id = layout.my_event(slug, Action.EDIT_EVENT).id
    actor, now = layout.actor(), utcnow()
    write(lambda _again: verb(event_id, actor=actor, now=now))
    return redirect(url_for(".event", slug=slug), code=303)


# --- called off ---------------------------------------------------------------------


@bp.get("/events/<slug>/cancellation")
@guards.signed_in
def cancellation(slug: str) -> ResponseReturnValue:
    return cancellation_page(layout.my_event(slug, Action.EDIT_EVENT))


def cancellation_page(event: Event, mistake: Mistake | None = None) -> str:
    counts = [c for c in cached_counts.held_counts(event) if c.state in LIVE]
    return layout.event_page(
        "events/cancel.html",
        event,
        "overview",
        may_cancel=event.phase(utcnow()) not in (Phase.CANCELLED, Phase.OVER),
        is_draft=event.status == Status.DRAFT,
        registrations=sum(count.registrations for count in counts),
        people=sum(count.people for count in counts),
        scheduled=len(mailings.scheduled(event.id)),
        mistake=mistake,
        longest_reason=LONGEST_REASON,
    )


@bp.post("/events/<slug>/cancellation")
@guards.signed_in
def cancel(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    why = organizer.line("why")
    if len(why) > LONGEST_REASON:
        words = organizer.too_long(LONGEST_REASON)
        return cancellation_page(event, Mistake("why", words, why)), 422
    event_id, actor, now = event.id, layout.actor(), utcnow()
    told = write(
        lambda _again: lifecycle.cancel(event_id, why=why or None, actor=actor, now=now)
    )
    return redirect(url_for(".event", slug=slug, told=told), code=303)
