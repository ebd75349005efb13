"""Status: the state of a registration in words, for its page and for a guest's ticket.

For its own page, which whoever registered reads, and for the view-only ticket, which
any guest may.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from rsvp import i18n
from rsvp.domain.audit import ATTENDEE
from rsvp.models import Event, Registration
from rsvp.models.event import Mode, Promotion, Status
from rsvp.models.registration import State
from rsvp.text.states import STATE_LABELS, StateLabel
from rsvp.web.attendee.available_actions import (
    LazyEventState,
    can_accept_late,
    seats_after_lapse,
    state_at,
)
from rsvp.web.presentation.dates import time_tag


@dataclass(frozen=True)
class StatusText:
    """A state in words: `state` as the pill shows it; `title` says it in a sentence,
    `lines` what it means and what happens next, `ticket_note` is what the ticket says
    in place of a code."""

    state: StateLabel
    title: str
    lines: tuple[str, ...] = ()
    ticket_note: str = ""


CANCELLED = STATE_LABELS[State.CANCELLED]


def label_for(state: str) -> StateLabel:
    """Return a state's label in the word for whom it is about."""
    return STATE_LABELS[state].for_attendee()


# --- in words, for the holder -------------------------------------------------------


def status_for_attendee(
    registration: Registration, now: datetime, place: int | None, counts: LazyEventState
) -> StatusText:
    event, (state, ended_from) = registration.event, state_at(registration, now)
    if event.status == Status.CANCELLED:
        return event_cancelled_status()
    if event.erased_at or registration.is_erased:
        return StatusText(
            CANCELLED.reworded(_("Erased")),
            _("Nothing is kept here any more"),
            (_("The data of this registration has been erased."),),
        )
    match state:
        case State.CONFIRMED:
            return confirmed_status(registration, now)
        case State.HELD:
            return held_status(registration)
        case State.REQUESTED:
            return requested_status(registration, now)
        case State.WAITLISTED:
            return waitlisted_status(registration, now, place, counts)
        case State.OFFERED:
            return offered_status(registration)
        case State.RELEASED:
            return released_status(registration, now)
        case State.DECLINED:
            return declined_status(registration)
        case State.LAPSED:
            return lapsed_status(registration, ended_from, now, counts)
    return cancelled_status(registration)


def event_cancelled_status() -> StatusText:
    return StatusText(
        CANCELLED.reworded(_("Event cancelled")),
        _("This event will not take place"),
        ticket_note=_("The event is cancelled."),
    )


def confirmed_status(registration: Registration, now: datetime) -> StatusText:
    event, seats = registration.event, registration.seats
    title = ngettext("You have a place", "You have %(num)d places", seats)
    lines: tuple[str, ...] = ()
    if now >= event.ends_at:
        title = _("Thank you for coming")
    elif registration.admission.mode == Mode.IN_PERSON:
        lines = (
            ngettext(
                "Show this code at the door, on your phone or on paper.",
                "Each of you shows a code at the door, on a phone or on paper.",
                seats,
            ),
        )
    elif not event.join_url:
        lines = (
            _("The link to join stands here as soon as the organizer has set it."),
        )
    return StatusText(label_for(State.CONFIRMED), title, lines)


def held_status(registration: Registration) -> StatusText:
    line = ngettext(
        "Your place is kept until %(when)s. Confirm before then, and it is yours.",
        "Your %(num)d places are kept until %(when)s. Confirm before then, and they "
        "are yours.",
        registration.seats,
        **deadline_values(registration),
    )
    return StatusText(
        label_for(State.HELD),
        _("Is this your address?"),
        (
            _("You registered as %(email)s.", email=registration.email),
            Markup(line),  # noqa: S704 - `until` escapes
        ),
        _("This is not a ticket yet."),
    )


def requested_status(registration: Registration, now: datetime) -> StatusText:
    lines = (_("The organizer decides who can come. We mail you either way."),)
    if now >= registration.event.ends_at:
        lines = (_("The event was over before anybody answered."),)
    return StatusText(
        label_for(State.REQUESTED),
        ngettext(
            "You have asked for a place",
            "You have asked for %(num)d places",
            registration.seats,
        ),
        lines,
        _("This is not a ticket yet."),
    )


def waitlisted_status(
    registration: Registration, now: datetime, place: int | None, counts: LazyEventState
) -> StatusText:
    title = _("You’re on the waitlist")
    if place:
        title = _(
            "You’re on the waitlist, %(place)s in line", place=i18n.ordinal(place)
        )
    return StatusText(
        label_for(State.WAITLISTED),
        title,
        tuple(waitlist_explanation(registration, now, counts)),
        _("This is not a ticket yet."),
    )


def waitlist_explanation(
    registration: Registration, now: datetime, counts: LazyEventState
) -> list[str]:
    event, seats = registration.event, registration.seats
    if now >= event.ends_at:
        return [_("No place came free before the event was over.")]
    if now >= event.doors_open_at:
        if registration.admission.mode == Mode.ONLINE:
            return [_("It is about to begin, so no more places are given by mail.")]
        return [
            _(
                "The doors are open, so no more places are given by mail. Free seats "
                "go to those who are there, first to those in line: ask at the door."
            )
        ]
    if event.paused:
        return [
            _("The organizer has paused the line for now. You keep your place in it.")
        ]
    lines = [promotion_explanation(event, seats)]
    if seats > 1:
        state = counts()
        left = (state.seats_left(registration.admission_id) if state else None) or 0
        if registration.fewer_ok:
            lines.append(
                _(
                    "Fewer of you is fine: if only some places come free, we offer you "
                    "those, and you choose who comes."
                )
            )
        elif 0 < left < seats:
            lines.append(passed_over_text(left))
    return lines


def promotion_explanation(event: Event, seats: int) -> str:
    if event.promotion == Promotion.CONFIRM:
        return ngettext(
            "If a place comes free for you we’ll mail you, and it is yours at once. "
            "There is nothing you need to do.",
            "If %(num)d places come free together we’ll mail you, and they are yours "
            "at once. There is nothing you need to do.",
            seats,
        )
    return ngettext(
        "If a place comes free for you we’ll mail you and keep it for 24 hours, or "
        "shorter when the event is near. Say yes before then, and it is yours.",
        "If %(num)d places come free together we’ll mail you and keep them for 24 "
        "hours, or shorter when the event is near. Say yes before then, and they are "
        "yours.",
        seats,
    )


def passed_over_text(left: int) -> str:
    return ngettext(
        "%(num)d place is free, fewer than you need. Others behind you with smaller "
        "parties may go first; you keep your place in line.",
        "%(num)d places are free, fewer than you need. Others behind you with smaller "
        "parties may go first; you keep your place in line.",
        left,
    )


def offered_status(registration: Registration) -> StatusText:
    seats = registration.held_seats
    if seats < registration.seats:
        title = ngettext(
            "One of your %(seats)d places is free",
            "%(num)d of your %(seats)d places are free",
            seats,
            seats=registration.seats,
        )
    else:
        title = ngettext(
            "A place is free for you", "%(num)d places are free for you", seats
        )
    line = ngettext(
        "It is kept for you until %(when)s. After that it goes to whoever is next.",
        "They are kept for you until %(when)s. After that they go to whoever is next.",
        seats,
        **deadline_values(registration),
    )
    return StatusText(
        label_for(State.OFFERED),
        title,
        (Markup(line),),  # noqa: S704 - `until` escapes
        _("This is not a ticket yet."),
    )


def released_status(registration: Registration, now: datetime) -> StatusText:
    lines = [_("You were not there after the start, so somebody else could have it.")]
    if registration.asked_at is None and registration.flagged_at is not None:
        lines = [
            _(
                "Nobody could ask you whether you still come, and the organizer gave "
                "the place on."
            )
        ]
    elif registration.state_since < registration.event.starts_at:
        lines = [
            _(
                "We asked whether you still come and had no answer in time, so "
                "somebody else could have it."
            )
        ]
    if now < registration.event.ends_at:
        lines.append(
            _(
                "You can come after all? Ask the organizer: while a place is free, it "
                "can be yours again."
            )
        )
    return StatusText(
        label_for(State.RELEASED),
        ngettext(
            "Your place was given on",
            "Your %(num)d places were given on",
            registration.seats,
        ),
        tuple(lines),
        _("This place was given on."),
    )


def declined_status(registration: Registration) -> StatusText:
    lines = [_("The organizer could not give you a place.")]
    if registration.ended_why:
        lines.append(_("They wrote: “%(words)s”", words=registration.ended_why))
    return StatusText(
        label_for(State.DECLINED),
        _("There is no place for you this time"),
        tuple(lines),
        _("This is not a ticket."),
    )


def lapsed_status(
    registration: Registration,
    ended_from: str | None,
    now: datetime,
    counts: LazyEventState,
) -> StatusText:
    can_accept = can_accept_late(registration, ended_from, now, counts)
    match ended_from:
        case State.OFFERED:
            title = _("The offer has ended")
            lines = [
                seats_still_free_text(registration, counts)
                if can_accept
                else too_late_text(registration.seats)
            ]
        case State.HELD:
            title = _("The time to confirm is over")
            lines = [_("Nobody confirmed the address in time, so no place was kept.")]
            if can_accept:
                lines.append(
                    _(
                        "You can still confirm it: if a place is free it is yours, "
                        "else you join the line where there is one."
                    )
                )
        case State.WAITLISTED:
            title = _("No place came free")
            lines = [_("The line ended with the event.")]
        case State.REQUESTED:
            title = _("Your request was not answered")
            lines = [_("The event was over before anybody answered.")]
        case _other:
            title = _("This registration has ended")
            lines = []
    return StatusText(
        label_for(State.LAPSED), title, tuple(lines), _("This is not a ticket.")
    )


def seats_still_free_text(registration: Registration, counts: LazyEventState) -> str:
    left = seats_after_lapse(registration, counts)
    if left < registration.seats:
        return ngettext(
            "One of your %(seats)d places is still free: take it, and it is yours.",
            "%(num)d of your %(seats)d places are still free: take them, and they are "
            "yours.",
            left,
            seats=registration.seats,
        )
    return ngettext(
        "The place is still free: take it, and it is yours.",
        "The places are still free: take them, and they are yours.",
        left,
    )


def too_late_text(seats: int) -> str:
    return ngettext(
        "We heard nothing in time, so the place went to whoever was next.",
        "We heard nothing in time, so the places went to whoever was next.",
        seats,
    )


def cancelled_status(registration: Registration) -> StatusText:
    title = _("This registration is cancelled")
    if registration.ended_by in (None, ATTENDEE):
        match registration.ended_from:
            case State.OFFERED:
                title = _("You said no to the offer")
            case State.WAITLISTED:
                title = _("You left the waitlist")
            case State.REQUESTED:
                title = _("You took back your request")
            case _place:
                title = _("You gave up your place")
    return StatusText(CANCELLED, title, ticket_note=_("This place was given up."))


def deadline_values(registration: Registration) -> dict[str, Any]:
    assert registration.decide_by is not None
    return {"when": time_tag(registration.decide_by, registration.event.zone)}


# --- in words, for a guest ----------------------------------------------------------


def status_for_guest(
    registration: Registration, is_coming: bool, now: datetime
) -> StatusText:
    """Return the status in the words of the view-only ticket: whoever reads it can do
    nothing about it, and is told nothing about the others."""
    state, _was = state_at(registration, now)
    if registration.event.status == Status.CANCELLED:
        return event_cancelled_status()
    if not is_coming or state == State.CANCELLED:
        return StatusText(
            CANCELLED,
            _("This place was given up"),
            ticket_note=_("This place was given up."),
        )
    not_yet = _("This is not a ticket yet.")
    match state:
        case State.CONFIRMED:
            is_over = now >= registration.event.ends_at
            title = _("Thank you for coming") if is_over else _("You have a place")
            return StatusText(label_for(State.CONFIRMED), title)
        case State.HELD:
            line = _("Whoever registered you has to confirm it first.")
            title = _("Your place is not confirmed yet")
            return StatusText(label_for(State.HELD), title, (not_yet, line), not_yet)
        case State.REQUESTED:
            line = _("Whoever registered you is mailed as soon as it is decided.")
            title = _("The organizer has not decided yet")
            return StatusText(
                label_for(State.REQUESTED), title, (not_yet, line), not_yet
            )
        case State.WAITLISTED:
            line = _("Whoever registered you is mailed as soon as a place comes free.")
            title = _("You’re on the waitlist")
            return StatusText(
                label_for(State.WAITLISTED), title, (not_yet, line), not_yet
            )
        case State.OFFERED:
            line = _("Whoever registered you was mailed, and has to say yes first.")
            title = _("A place is kept for now")
            return StatusText(label_for(State.OFFERED), title, (not_yet, line), not_yet)
        case State.RELEASED:
            label, title = label_for(state), _("This place was given on")
        case _over:
            # Whether it was declined is not for a guest to know.
            label = label_for(State.LAPSED)
            title = _("There is no place on this ticket")
    line = _("Ask whoever registered you.")
    return StatusText(label, title, (line,), _("This is not a ticket."))
