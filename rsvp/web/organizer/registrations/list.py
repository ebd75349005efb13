"""Roster: who has registered for an event, page by page, and requests decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db, errors
from rsvp.domain.registrations import approval
from rsvp.domain.teams import Action
from rsvp.models import Event, Registration
from rsvp.models.event import Status
from rsvp.models.registration import REFERENCE_LENGTH, State
from rsvp.queries import registrations as registration_queries
from rsvp.queries.attendees import Filter
from rsvp.queries.registrations import Count
from rsvp.text.search import folded
from rsvp.web import guards
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import LONGEST_REASON, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Moment, Shown
from rsvp.web.organizer.registrations import detail, filters

bp = Blueprint("roster", __name__, url_prefix="/organize/events/<slug>/registrations")
bp.after_request(layout.keep_private)


@dataclass(frozen=True)
class Row:
    """One registration in the list. `found` are the guests that a search meant; `until`
    says until when an offer or a held place is kept."""

    registration: Registration
    state: Shown
    answer: Shown | None
    place: int | None
    until: tuple[Any, Moment] | None
    admission: str
    guests: int
    found: list[str]
    registered: Moment


@bp.get("")
@guards.signed_in
def show(slug: str) -> ResponseReturnValue:
    return page(layout.my_event(slug, Action.SEE_NAMES))


def page(
    event: Event, mistake: Mistake | None = None, ticked: Sequence[str] = ()
) -> str:
    """The list; `mistake` is what is wrong with a decision about those `ticked`."""
    manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
    wanted = filters.wanted_filter(event, sees_addresses=manages)
    matching = counts_of(event, wanted)
    found = registration_queries.bookings(
        event.id, wanted, after=layout.page_start("after")
    )
    places = registration_queries.places(
        event, found.rows, None if wanted else matching
    )
    return layout.event_page(
        "registrations/list.html",
        event,
        "people",
        rows=rows_of(event, found.rows, places, wanted),
        seats=layout.filled(event),
        manages=manages,
        wanted=wanted,
        query=filters.query_of(event, wanted),
        may_export=layout.may(Action.EXPORT, event),
        states=states_of(event, wanted),
        answers=layout.ANSWERS if layout.may_have_asked(event) or wanted.coming else {},
        entries=entries_of(event, wanted),
        entry=filters.entry_of(wanted.checked_in),
        total=total_of(matching, is_filtered=bool(wanted)),
        breakdown=breakdown_of(matching),
        in_line_order=registration_queries.in_line_order(wanted),
        oldest_first=registration_queries.oldest_first(wanted),
        is_first="after" not in request.args,
        first=address_of(event, wanted),
        more=None
        if found.is_last
        else address_of(
            event, wanted, registration_queries.cursor(found.rows[-1], wanted)
        ),
        decides=manages and may_decide(event, wanted),
        decided=decided_of(event) if manages else None,
        ticked=all_of(found.rows) if "ticked" in request.args else ticked,
        mistake=mistake,
        longest_reason=LONGEST_REASON,
    )


def may_decide(event: Event, wanted: Filter) -> bool:
    acts = wanted.state == State.REQUESTED and event.status == Status.PUBLISHED
    return acts and event.erased_at is None and db.utcnow() < event.ends_at


def all_of(rows: Sequence[Registration]) -> list[str]:
    return [one.reference for one in rows]


# --- deciding -----------------------------------------------------------------------

MOST_AT_ONCE = 100
"""How many requests may be decided with one button."""

REFERENCE = re.compile(rf"[0-9A-Z]{{{REFERENCE_LENGTH}}}")


@dataclass(frozen=True)
class Decided:
    """What came of a decision about several requests: how many, and which could not be
    decided, since they changed meanwhile or nothing was free and there is no line."""

    approved: int
    waitlisted: int
    declined: int
    changed: Sequence[Registration]
    full: Sequence[Registration]

    @property
    def lines(self) -> list[str]:
        told = (
            (self.approved, approved_words),
            (self.waitlisted, waitlisted_words),
            (self.declined, declined_words),
        )
        return [words(number) for number, words in told if number]


def approved_words(number: int) -> str:
    return ngettext(
        "%(num)d is approved and has a place.",
        "%(num)d are approved and have a place.",
        number,
    )


def waitlisted_words(number: int) -> str:
    return ngettext(
        "%(num)d is approved and waits in line, since no place is free.",
        "%(num)d are approved and wait in line, since no place is free.",
        number,
    )


def declined_words(number: int) -> str:
    return ngettext("%(num)d is declined.", "%(num)d are declined.", number)


@bp.post("/decisions")
@guards.signed_in
def decide(slug: str) -> ResponseReturnValue:
    """Approve or decline those ticked, each for itself: one that changed meanwhile
    keeps nobody else from an answer."""
    event = layout.my_event(slug, Action.MANAGE_REGISTRATIONS)
    sent = filter(REFERENCE.fullmatch, request.form.getlist("reference"))
    ticked = list(dict.fromkeys(sent))
    why, decision = organizer.line("why"), request.form.get("decision")
    if mistake := mistake_in(ticked, why):
        return page(event, mistake, ticked[:MOST_AT_ONCE]), 422
    if decision not in ("approve", "decline"):
        abort(400)
    query = filters.query_of(event, filters.wanted_filter(event))
    ids = {
        one.reference: one.id
        for one in registration_queries.by_references(event.id, ticked)
    }
    numbers = Counter[str]()
    refused: dict[str, list[str]] = {"changed": [], "full": []}
    for reference, registration_id in ids.items():
        try:
            numbers[decide_one(registration_id, decision, why or None)] += 1
        except (errors.AdmissionFull, errors.LineFull):
            refused["full"].append(reference)
        except (errors.NotRequested, errors.AlreadyOver):
            refused["changed"].append(reference)
    told: dict[str, Any] = dict(numbers)
    told |= {name: ".".join(some) for name, some in refused.items() if some}
    return redirect(url_for(".show", slug=slug, **query, **told), code=303)


def mistake_in(ticked: list[str], why: str) -> Mistake | None:
    if not ticked:
        return Mistake("reference", _("Please tick at least one request."), why)
    if len(ticked) > MOST_AT_ONCE:
        words = _("Please tick at most %(count)d at a time.", count=MOST_AT_ONCE)
        return Mistake("reference", words, why)
    if len(why) > LONGEST_REASON:
        return Mistake("why", organizer.too_long(LONGEST_REASON), why)
    return None


def decide_one(registration_id: int, decision: str, why: str | None) -> str:
    """Decide one in a transaction of its own, and say what it is now."""
    actor, now = layout.actor(), db.utcnow()
    if decision == "decline":
        db.write(
            lambda _again: approval.decline(
                registration_id, why=why, actor=actor, now=now
            )
        )
        return "declined"
    state = db.write(
        lambda _again: approval.approve(registration_id, why=why, actor=actor, now=now)
    )
    return "approved" if state == State.CONFIRMED else "waitlisted"


@bp.get("/decisions")
@guards.signed_in
def button_is_elsewhere(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.SEE_NAMES)
    there = url_for(".show", slug=event.slug, state=State.REQUESTED)
    return redirect(there, code=303)


def decided_of(event: Event) -> Decided | None:
    """What the address says came of the last decision; None where it says nothing."""
    found = Decided(
        approved=told_number("approved"),
        waitlisted=told_number("waitlisted"),
        declined=told_number("declined"),
        changed=told_registrations(event, "changed"),
        full=told_registrations(event, "full"),
    )
    return found if found.lines or found.changed or found.full else None


def told_number(name: str) -> int:
    return min(MOST_AT_ONCE, max(0, request.args.get(name, 0, type=int)))


def told_registrations(event: Event, name: str) -> Sequence[Registration]:
    told = request.args.get(name, "").split(".")[:MOST_AT_ONCE]
    references = [reference for reference in told if REFERENCE.fullmatch(reference)]
    return (
        registration_queries.by_references(event.id, references) if references else ()
    )


# --- the filter ---------------------------------------------------------------------


def address_of(event: Event, wanted: Filter, after: int | None = None) -> str:
    """The list with this filter, from its beginning or behind a cursor."""
    query = filters.query_of(event, wanted)
    return url_for(".show", slug=event.slug, after=after, **query)


COMMON = (State.CONFIRMED, State.WAITLISTED, State.CANCELLED)
"""The states a list can be filtered by before any registration is in them."""


def states_of(event: Event, wanted: Filter) -> dict[str, Shown]:
    """The states worth asking for: those that occur, the common ones, the one asked."""
    occurring = {count.state for count in cached_counts.held_counts(event)}
    offered = {*COMMON, *occurring, wanted.state}
    return {key: shown for key, shown in layout.STATES.items() if key in offered}


def entries_of(event: Event, wanted: Filter) -> dict[str, Any]:
    """Offered once a door may have let somebody in."""
    is_asked = wanted.checked_in is not None
    return layout.ENTRIES if is_asked or layout.may_have_let_in(event) else {}


# --- what it shows ------------------------------------------------------------------


def rows_of(
    event: Event, found: list[Registration], places: dict[int, int], wanted: Filter
) -> list[Row]:
    names = {admission.id: admission.name for admission in event.admissions}
    words = folded(wanted.search).split()
    return [
        Row(
            registration=one,
            state=layout.STATES[one.state],
            answer=detail.answer_of(one),
            place=places.get(one.id),
            until=detail.until_of(one),
            admission=names[one.admission_id],
            guests=max(0, one.seats - 1),
            found=guests_found(one, words),
            registered=layout.moment(one.registered_at, event.zone),
        )
        for one in found
    ]


def guests_found(registration: Registration, words: list[str]) -> list[str]:
    if not words:
        return []
    guests = [a.name for a in registration.attendees if a.position > 0 and a.name]
    return [name for name in guests if any(word in folded(name) for word in words)]


def counts_of(event: Event, wanted: Filter) -> list[Count]:
    """How many match: of a search, and of what scans and answers change, counted now,
    else from what is held of the event."""
    if wanted.search or wanted.coming or wanted.checked_in is not None:
        return registration_queries.counts(event.id, wanted)
    return [
        count
        for count in cached_counts.held_counts(event)
        if wanted.state in (None, count.state)
        and wanted.admission_id in (None, count.admission_id)
    ]


def total_of(counts: list[Count], *, is_filtered: bool) -> str:
    """How many there are, or how many match: `3 registrations, 5 people match`."""
    registrations = sum(count.registrations for count in counts)
    people = sum(count.people for count in counts)
    parties = ngettext("%(num)d registration", "%(num)d registrations", registrations)
    persons = ngettext("%(num)d person", "%(num)d people", people)
    if not is_filtered:
        return _("%(registrations)s, %(people)s", registrations=parties, people=persons)
    if registrations == 0:
        return _("No registration matches")
    return _(
        "%(registrations)s, %(people)s match", registrations=parties, people=persons
    )


def breakdown_of(counts: list[Count]) -> list[tuple[Shown, int]]:
    """The same by state, where there is more than one."""
    numbers = Counter[State]()
    for count in counts:
        numbers[count.state] += count.registrations
    found = [(shown, numbers[State(key)]) for key, shown in layout.STATES.items()]
    return [pair for pair in found if pair[1]] if len(numbers) > 1 else []
