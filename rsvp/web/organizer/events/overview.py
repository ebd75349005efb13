"""Overview: an event's page for organizers: numbers, and what waits for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp.db import utcnow
from rsvp.domain import reconfirmation
from rsvp.domain.teams import Action
from rsvp.models import Event
from rsvp.models.event import Phase
from rsvp.models.registration import LIVE_STATES, State
from rsvp.queries import filters
from rsvp.queries import outbox as outbox_queries
from rsvp.queries import registrations as registration_queries
from rsvp.queries.filters import ReconfirmationStatus
from rsvp.queries.outbox import DeliveryStatus
from rsvp.web import guards
from rsvp.web.caching import counts as cached_counts
from rsvp.web.organizer import layout
from rsvp.web.organizer.events import bp
from rsvp.web.presentation import seats as presentation_seats
from rsvp.web.presentation import short_times

# --- one event ----------------------------------------------------------------------


@dataclass(frozen=True)
class LabelledNumber:
    label: str
    number: int


@dataclass(frozen=True)
class TodoItem:
    """Something that no rule will settle by itself, and where to look at it."""

    text: str
    url: str | None


@bp.get("/events/<slug>")
@guards.signed_in
def show_event(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug)
    return layout.render_event_page(
        "events/overview.html",
        event,
        "overview",
        seats=presentation_seats.seats_filled(event),
        numbers=registration_numbers(event),
        reconfirmation_summary=reconfirmation_summary(event),
        todo_items=todo_items(event),
        done=cancelled_message(),
        has_live_registrations=has_live_registrations(event),
    )


def cancelled_message() -> str | None:
    """Return what the page says once the event is called off."""
    if "told" not in request.args:
        return None
    mailed = max(0, request.args.get("told", 0, type=int))
    if not mailed:
        return _("The event is cancelled. Nobody had to be told.")
    return ngettext(
        "The event is cancelled, and a mail about it is on its way to %(num)d address.",
        "The event is cancelled, and mails about it are on their way to %(num)d "
        "addresses.",
        mailed,
    )


def has_live_registrations(event: Event) -> bool:
    """Whether it has to stay public: somebody has a place, waits for one or asks."""
    return any(
        count.state in LIVE_STATES for count in cached_counts.cached_counts(event)
    )


def registration_numbers(event: Event) -> list[LabelledNumber]:
    """Count people by the state of their registration; of most states only where there
    are any."""
    people, registrations = Counter[State](), 0
    for count in cached_counts.cached_counts(event):
        people[count.state] += count.people
        registrations += count.registrations
    kept_seats = kept_seats_by_state(event)
    confirmed, waiting = people[State.CONFIRMED], people[State.WAITLISTED]
    asking, reserved = people[State.REQUESTED], event.reserved_seats
    offered, held = kept_seats[State.OFFERED], kept_seats[State.HELD]
    numbers = [
        LabelledNumber(
            ngettext("person confirmed", "people confirmed", confirmed), confirmed
        ),
        LabelledNumber(ngettext("person waiting", "people waiting", waiting), waiting),
        LabelledNumber(ngettext("person asking", "people asking", asking), asking),
        LabelledNumber(ngettext("seat offered", "seats offered", offered), offered),
        LabelledNumber(ngettext("seat held", "seats held", held), held),
        LabelledNumber(ngettext("seat reserved", "seats reserved", reserved), reserved),
        LabelledNumber(
            ngettext("registration", "registrations", registrations), registrations
        ),
    ]
    always = (0, 1, len(numbers) - 1)
    return [
        number for at, number in enumerate(numbers) if number.number or at in always
    ]


NOT_RUNNING = (Phase.DRAFT, Phase.CANCELLED, Phase.OVER)


def reconfirmation_summary(event: Event) -> str | None:
    """How the question whether people still come stands: what they said so far, or when
    they will be asked; None where nobody is."""
    now = utcnow()
    if event.phase(now) in NOT_RUNNING or not layout.may_have_reconfirmations(event):
        return None
    answers = filters.count_reconfirmations(event.id)
    if answers:
        # Lines end with a dot, and never begin with one.
        return _(
            "Asked %(asked)d\N{NO-BREAK SPACE}· said yes %(yes)d\N{NO-BREAK SPACE}· "
            "no answer %(none)d%(until)s",
            asked=sum(answers.values()),
            yes=answers.get(ReconfirmationStatus.YES, 0),
            none=answers.get(ReconfirmationStatus.ASKED, 0)
            + answers.get(ReconfirmationStatus.FLAGGED, 0),
            until=answer_deadline_text(event, now),
        )
    # Nobody is asked at night: it may be later than planned.
    at = reconfirmation.ask_time(event, now) if event.ask_at else now
    if at <= now:
        return None
    return _(
        "People are asked on %(when)s.", when=short_times.weekday_time(at, event.zone)
    )


def answer_deadline_text(event: Event, now: datetime) -> str:
    if event.answer_by is None or now >= event.answer_by:
        return ""
    when = short_times.weekday_time(event.answer_by, event.zone)
    return _(", until %(when)s", when=when)


def kept_seats_by_state(event: Event) -> Counter[State]:
    """Seats kept for an answer, in all admissions together."""
    kept = Counter[State]()
    for seats in registration_queries.kept_seats(event.id).values():
        kept.update(seats)
    return kept


def todo_items(event: Event) -> list[TodoItem]:
    items = []
    if requests := count_open_requests(event):
        text = ngettext(
            "%(num)d request to decide", "%(num)d requests to decide", requests
        )
        url = url_for(
            "organizer.registrations.list_registrations",
            slug=event.slug,
            state=State.REQUESTED,
        )
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        items.append(TodoItem(text, url if manages else None))
    if silent := count_flagged(event):
        text = ngettext(
            "%(num)d registration without a yes: keep it or give it on",
            "%(num)d registrations without a yes: keep them or give them on",
            silent,
        )
        url = url_for(
            "organizer.registrations.list_registrations",
            slug=event.slug,
            coming=ReconfirmationStatus.FLAGGED,
        )
        manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
        items.append(TodoItem(text, url if manages else None))
    unreached = outbox_queries.count_unreached(event.id)
    if unreached and layout.may(Action.READ_MESSAGES, event):
        text = ngettext(
            "Mail to %(num)d person doesn’t arrive",
            "Mail to %(num)d people doesn’t arrive",
            unreached,
        )
        url = url_for(
            "organizer.messages.list_event_messages",
            slug=event.slug,
            state=DeliveryStatus.FAILED,
        )
        items.append(TodoItem(text, url))
    for seats in presentation_seats.seats_filled(event):
        if seats.over:
            text = _(
                "%(name)s: over by %(count)d. Nobody new gets in until it is under.",
                name=seats.name,
                count=seats.over,
            )
            items.append(
                TodoItem(text, url_for("organizer.events.show_seats", slug=event.slug))
            )
    return items


def count_flagged(event: Event) -> int:
    """How many were asked whether they still come, or could not be, and leave it to the
    organizers what becomes of their places."""
    is_on = event.phase(utcnow()) not in (Phase.CANCELLED, Phase.OVER)
    if not is_on or not layout.may_have_reconfirmations(event):
        return 0
    return filters.count_reconfirmations(event.id).get(ReconfirmationStatus.FLAGGED, 0)


def count_open_requests(event: Event) -> int:
    """Count the requests that somebody can still decide."""
    if event.phase(utcnow()) in (Phase.CANCELLED, Phase.OVER):
        return 0
    return sum(
        count.registrations
        for count in cached_counts.cached_counts(event)
        if count.state == State.REQUESTED
    )
