"""List: an event's registrations, filtered and page by page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db
from rsvp.domain.teams import Action
from rsvp.models import Event, Registration
from rsvp.models.event import Status
from rsvp.models.registration import REFERENCE_LENGTH, State
from rsvp.queries import registrations as registration_queries
from rsvp.queries.attendees import RegistrationFilter
from rsvp.queries.registrations import StateCount
from rsvp.text import states
from rsvp.text.search import folded
from rsvp.text.states import StateLabel
from rsvp.web import guards
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms.organizer import MAX_REASON_LENGTH, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp, detail, filters
from rsvp.web.presentation import filter_labels, seats, short_times
from rsvp.web.presentation.short_times import ShortTime


@dataclass(frozen=True)
class RegistrationRow:
    """One registration in the list. `matching_guests` are those that a search meant;
    `until` says until when an offer or a held place is kept."""

    registration: Registration
    state: StateLabel
    answer: StateLabel | None
    place: int | None
    until: tuple[Any, ShortTime] | None
    admission: str
    guests: int
    matching_guests: list[str]
    registered: ShortTime


@bp.get("/events/<slug>/registrations")
@guards.signed_in
def list_registrations(slug: str) -> ResponseReturnValue:
    return render_list(layout.get_event_or_404(slug, Action.SEE_NAMES))


def render_list(
    event: Event, mistake: Mistake | None = None, ticked: Sequence[str] = ()
) -> str:
    """The list; `mistake` is what is wrong with a decision about those `ticked`."""
    manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
    filter_ = filters.filter_from_args(event, sees_addresses=manages)
    matching = matching_counts(event, filter_)
    page = registration_queries.list_registrations(
        event.id, filter_, after=layout.page_cursor("after")
    )
    places = registration_queries.waitlist_positions(
        event, page.rows, None if filter_ else matching
    )
    return layout.render_event_page(
        "registrations/list.html",
        event,
        "people",
        rows=registration_rows(event, page.rows, places, filter_),
        seats=seats.seats_filled(event),
        manages=manages,
        filter=filter_,
        query=filters.filter_query(event, filter_),
        may_export=layout.may(Action.EXPORT, event),
        states=state_choices(event, filter_),
        reconfirmation_choices=filter_labels.RECONFIRMATION_LABELS
        if layout.may_have_reconfirmations(event) or filter_.coming
        else {},
        check_in_choices=check_in_choices(event, filter_),
        checked_in=filters.checked_in_param(filter_.checked_in),
        total=total_text(matching, is_filtered=bool(filter_)),
        breakdown=counts_by_state(matching),
        in_line_order=registration_queries.is_waitlist_order(filter_),
        oldest_first=registration_queries.is_oldest_first(filter_),
        is_first="after" not in request.args,
        first=list_url(event, filter_),
        more=None
        if page.is_last
        else list_url(
            event, filter_, registration_queries.cursor_of(page.rows[-1], filter_)
        ),
        decides=manages and may_decide_requests(event, filter_),
        decision_result=decision_result(event) if manages else None,
        ticked=references_of(page.rows) if "ticked" in request.args else ticked,
        mistake=mistake,
        longest_reason=MAX_REASON_LENGTH,
    )


def may_decide_requests(event: Event, filter_: RegistrationFilter) -> bool:
    is_list_of_requests = (
        filter_.state == State.REQUESTED and event.status == Status.PUBLISHED
    )
    return (
        is_list_of_requests and event.erased_at is None and db.utcnow() < event.ends_at
    )


def references_of(registrations: Sequence[Registration]) -> list[str]:
    return [registration.reference for registration in registrations]


# --- deciding -----------------------------------------------------------------------

MAX_DECISIONS = 100
"""How many requests may be decided with one button."""

REFERENCE_PATTERN = re.compile(rf"[0-9A-Z]{{{REFERENCE_LENGTH}}}")


@dataclass(frozen=True)
class DecisionResult:
    """What came of a decision about several requests: how many, and which could not be
    decided, since they changed meanwhile or nothing was free and there is no line."""

    approved: int
    waitlisted: int
    declined: int
    changed: Sequence[Registration]
    full: Sequence[Registration]

    @property
    def lines(self) -> list[str]:
        messages = (
            (self.approved, approved_message),
            (self.waitlisted, waitlisted_message),
            (self.declined, declined_message),
        )
        return [message(number) for number, message in messages if number]


def approved_message(number: int) -> str:
    return ngettext(
        "%(num)d is approved and has a place.",
        "%(num)d are approved and have a place.",
        number,
    )


def waitlisted_message(number: int) -> str:
    return ngettext(
        "%(num)d is approved and waits in line, since no place is free.",
        "%(num)d are approved and wait in line, since no place is free.",
        number,
    )


def declined_message(number: int) -> str:
    return ngettext("%(num)d is declined.", "%(num)d are declined.", number)


def decision_result(event: Event) -> DecisionResult | None:
    """What the address says came of the last decision; None where it says nothing."""
    result = DecisionResult(
        approved=count_from_args("approved"),
        waitlisted=count_from_args("waitlisted"),
        declined=count_from_args("declined"),
        changed=registrations_from_args(event, "changed"),
        full=registrations_from_args(event, "full"),
    )
    return result if result.lines or result.changed or result.full else None


def count_from_args(name: str) -> int:
    return min(MAX_DECISIONS, max(0, request.args.get(name, 0, type=int)))


def registrations_from_args(event: Event, name: str) -> Sequence[Registration]:
    sent = request.args.get(name, "").split(".")[:MAX_DECISIONS]
    references = [
        reference for reference in sent if REFERENCE_PATTERN.fullmatch(reference)
    ]
    return (
        registration_queries.list_by_references(event.id, references)
        if references
        else ()
    )


# --- the filter ---------------------------------------------------------------------


def list_url(
    event: Event, filter_: RegistrationFilter, after: int | None = None
) -> str:
    """The list with this filter, from its beginning or behind a cursor."""
    query = filters.filter_query(event, filter_)
    return url_for(
        "organizer.registrations.list_registrations",
        slug=event.slug,
        after=after,
        **query,
    )


COMMON_STATES = (State.CONFIRMED, State.WAITLISTED, State.CANCELLED)
"""The states a list can be filtered by before any registration is in them."""


def state_choices(event: Event, filter_: RegistrationFilter) -> dict[str, StateLabel]:
    """The states worth asking for: those that occur, the common ones, the one asked."""
    occurring = {count.state for count in cached_counts.cached_counts(event)}
    offered = {*COMMON_STATES, *occurring, filter_.state}
    return {key: shown for key, shown in states.STATE_LABELS.items() if key in offered}


def check_in_choices(event: Event, filter_: RegistrationFilter) -> dict[str, Any]:
    """Return the choices once a door may have let somebody in."""
    is_asked = filter_.checked_in is not None
    return (
        filter_labels.CHECK_IN_LABELS
        if is_asked or layout.may_have_check_ins(event)
        else {}
    )


# --- what it shows ------------------------------------------------------------------


def registration_rows(
    event: Event,
    registrations: list[Registration],
    places: dict[int, int],
    filter_: RegistrationFilter,
) -> list[RegistrationRow]:
    names = {admission.id: admission.name for admission in event.admissions}
    words = folded(filter_.search).split()
    return [
        RegistrationRow(
            registration=registration,
            state=states.STATE_LABELS[registration.state],
            answer=detail.reconfirmation_label(registration),
            place=places.get(registration.id),
            until=detail.deadline_with_label(registration),
            admission=names[registration.admission_id],
            guests=max(0, registration.seats - 1),
            matching_guests=matching_guests(registration, words),
            registered=short_times.short_time(registration.registered_at, event.zone),
        )
        for registration in registrations
    ]


def matching_guests(registration: Registration, words: list[str]) -> list[str]:
    if not words:
        return []
    guests = [a.name for a in registration.attendees if a.position > 0 and a.name]
    return [name for name in guests if any(word in folded(name) for word in words)]


def matching_counts(event: Event, filter_: RegistrationFilter) -> list[StateCount]:
    """How many match: of a search, and of what scans and answers change, counted now,
    else from what is held of the event."""
    if filter_.search or filter_.coming or filter_.checked_in is not None:
        return registration_queries.count_by_state(event.id, filter_)
    return [
        count
        for count in cached_counts.cached_counts(event)
        if filter_.state in (None, count.state)
        and filter_.admission_id in (None, count.admission_id)
    ]


def total_text(counts: list[StateCount], *, is_filtered: bool) -> str:
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


def counts_by_state(counts: list[StateCount]) -> list[tuple[StateLabel, int]]:
    """Return the counts by state, where there is more than one."""
    numbers = Counter[State]()
    for count in counts:
        numbers[count.state] += count.registrations
    counted = [
        (shown, numbers[State(key)]) for key, shown in states.STATE_LABELS.items()
    ]
    return [pair for pair in counted if pair[1]] if len(numbers) > 1 else []
