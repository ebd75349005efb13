"""Roster: who has registered for an event, page by page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import queries
from rsvp.domain.teams import Action
from rsvp.folding import folded
from rsvp.models import Event, Registration
from rsvp.models.registration import State
from rsvp.queries import Count, Filter
from rsvp.web import counted, desk, filters, guards
from rsvp.web.desk import Moment, Shown

bp = Blueprint("roster", __name__, url_prefix="/organize/events/<slug>/registrations")
bp.after_request(desk.keep_private)


@dataclass(frozen=True)
class Row:
    """One registration in the list. `found` are the guests that a search meant."""

    registration: Registration
    state: Shown
    place: int | None
    admission: str
    guests: int
    found: list[str]
    registered: Moment


@bp.get("")
@guards.signed_in
def registrations(slug: str) -> ResponseReturnValue:
    event = desk.my_event(slug, Action.SEE_NAMES)
    manages = desk.may(Action.MANAGE_REGISTRATIONS, event)
    wanted = filters.wanted_filter(event, sees_addresses=manages)
    matching = counts_of(event, wanted)
    found = queries.bookings(event.id, wanted, after=desk.page_start("after"))
    places = queries.places(event, found.rows, None if wanted else matching)
    return desk.event_page(
        "registrations.html",
        event,
        "people",
        rows=rows_of(event, found.rows, places, wanted),
        seats=desk.filled(event),
        manages=manages,
        wanted=wanted,
        query=filters.query_of(event, wanted),
        may_export=desk.may(Action.EXPORT, event),
        states=desk.STATES,
        total=total_of(matching, is_filtered=bool(wanted)),
        breakdown=breakdown_of(matching),
        in_line_order=queries.in_line_order(wanted),
        is_first="after" not in request.args,
        first=address_of(event, wanted),
        more=None
        if found.is_last
        else address_of(event, wanted, queries.cursor(found.rows[-1], wanted)),
    )


# --- the filter ---------------------------------------------------------------------


def address_of(event: Event, wanted: Filter, after: int | None = None) -> str:
    """The list with this filter, from its beginning or behind a cursor."""
    query = filters.query_of(event, wanted)
    return url_for(".registrations", slug=event.slug, after=after, **query)


# --- what it shows ------------------------------------------------------------------


def rows_of(
    event: Event, found: list[Registration], places: dict[int, int], wanted: Filter
) -> list[Row]:
    names = {admission.id: admission.name for admission in event.admissions}
    words = folded(wanted.search).split()
    return [
        Row(
            registration=one,
            state=desk.STATES[one.state],
            place=places.get(one.id),
            admission=names[one.admission_id],
            guests=max(0, one.seats - 1),
            found=guests_found(one, words),
            registered=desk.moment(one.registered_at, event.zone),
        )
        for one in found
    ]


def guests_found(registration: Registration, words: list[str]) -> list[str]:
    if not words:
        return []
    guests = [a.name for a in registration.attendees if a.position > 0 and a.name]
    return [name for name in guests if any(word in folded(name) for word in words)]


def counts_of(event: Event, wanted: Filter) -> list[Count]:
    """How many match: of a search counted now, else from what is held of the event."""
    if wanted.search:
        return queries.counts(event.id, wanted)
    return [
        count
        for count in counted.held_counts(event)
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
    found = [(shown, numbers[State(key)]) for key, shown in desk.STATES.items()]
    return [pair for pair in found if pair[1]] if len(numbers) > 1 else []
