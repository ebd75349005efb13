"""Texts of mails about a cancelled, declined, lapsed or released registration."""

from __future__ import annotations

from collections.abc import Callable

from rsvp.formats.mail.context import MailContext
from rsvp.formats.mail.texts.shared import (
    TextParts,
    quote_organizers,
    tickets_void_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models.registration import State


def cancelled(context: MailContext) -> TextParts:
    registration, old_state = context.registration, context.state_before
    by_holder = registration.ended_by == "attendee"
    headline, thanks = CANCELLED_TEXTS.get(old_state or "", place_cancelled)()
    lead = [thanks]
    if not by_holder:
        lead = [
            _("The organizers cancelled it."),
            quote_organizers(registration.ended_why),
        ]
    return (
        _("Your registration for %(title)s is cancelled", title=context.title),
        headline,
        [*lead, tickets_void_sentence() if context.had_a_place else ""],
    )


def place_cancelled() -> tuple[str, str]:
    return (
        _("Your registration is cancelled."),
        _("Thank you for telling: somebody else can come instead."),
    )


def wait_cancelled() -> tuple[str, str]:
    return (
        _("You are no longer on the waitlist."),
        _("Those behind you have moved up."),
    )


def offer_cancelled() -> tuple[str, str]:
    return (
        _("You let the place go, and your wait is over."),
        _("Thank you for telling: it goes to those who wait after you."),
    )


def request_cancelled() -> tuple[str, str]:
    return _("Your request is withdrawn."), _("Thank you for telling.")


def held_cancelled() -> tuple[str, str]:
    return (
        _("Your registration is cancelled."),
        _("The place that was kept for you is free again."),
    )


CANCELLED_TEXTS: dict[str, Callable[[], tuple[str, str]]] = {
    State.WAITLISTED: wait_cancelled,
    State.OFFERED: offer_cancelled,
    State.REQUESTED: request_cancelled,
    State.HELD: held_cancelled,
}


def declined(context: MailContext) -> TextParts:
    return (
        _("Your request for %(title)s was declined", title=context.title),
        ngettext(
            "The organizers can’t give you a place.",
            "The organizers can’t give you %(num)d places.",
            context.seats,
        ),
        [
            quote_organizers(context.registration.ended_why),
            _("Thank you for asking. You don’t need to do anything."),
        ],
    )


def lapsed(context: MailContext) -> TextParts:
    title = context.title
    match context.state_before:
        case State.HELD:
            return (
                _("Not confirmed in time: %(title)s", title=title),
                _("Your address was not confirmed in time."),
                [
                    _("What was kept for you is free for others again."),
                    _(
                        "You can still confirm on the page below: if there is room, "
                        "you have a place after all."
                    ),
                ],
            )
        case State.OFFERED:
            return (
                _("Your offer for %(title)s has ended", title=title),
                _("The offer has ended without an answer."),
                [
                    _("It went on to those who wait after you."),
                    _(
                        "You can still accept on the page below: if there is room, "
                        "you have a place after all."
                    ),
                ],
            )
        case State.REQUESTED:
            return (
                _("Your request for %(title)s has lapsed", title=title),
                _("Your request was not decided on in time."),
                [_("The event is over. We’re sorry that you waited for nothing.")],
            )
    return (
        _("No place came free for %(title)s", title=title),
        _("No place came free for you."),
        [_("The event is over, and so is the waitlist. Thank you for waiting.")],
    )


def released(context: MailContext) -> TextParts:
    seats = context.seats
    after = _("You would still like to come? Ask the organizers: there may be room.")
    if context.cause == "no_answer":
        reason = _("We asked whether you still come, and there was no answer.")
    elif context.cause == "not_reached":
        reason = _(
            "Nobody could ask you whether you still come, so the organizers chose."
        )
    else:
        reason = _("The event had begun, and you were not there.")
        after = _("If you still come, you are let in while there is room.")
    return (
        ngettext(
            "Your place for %(title)s was given on",
            "Your places for %(title)s were given on",
            seats,
            title=context.title,
        ),
        ngettext(
            "Your place was given to somebody else.",
            "Your %(num)d places were given to others.",
            seats,
        ),
        [reason, after],
    )


def passed_on(context: MailContext) -> TextParts:
    return (
        ngettext(
            "Your place for %(title)s was passed on",
            "Your places for %(title)s were passed on",
            context.seats,
            title=context.title,
        ),
        _("The registration belongs to somebody else now."),
        [
            _("It was passed on by its link, which was in your mails."),
            _("Links and tickets in those mails no longer work."),
            _("You did not want that? Reply to this mail: it goes to the organizers.")
            if context.event.contact
            else "",
        ],
    )


def event_cancelled(context: MailContext) -> TextParts:
    title = context.title
    return (
        _("Cancelled: %(title)s", title=title),
        _("The event is cancelled.")
        if context.event.discreet
        else _("%(title)s is cancelled.", title=title),
        [
            _("The organizers had to call it off. We’re sorry."),
            quote_organizers(context.facts.get("why")),
            _("You don’t need to do anything. Your registration no longer counts."),
        ],
    )
