"""Texts of mails about a confirmed, requested, offered or waitlisted place."""

from __future__ import annotations

from rsvp.formats.mail.context import MailContext
from rsvp.formats.mail.texts.shared import (
    TextParts,
    approval_sentence,
    attendance_sentences,
    fewer_seats_sentence,
    new_links_sentence,
    promotion_sentence,
    quote_organizers,
    reconfirmation_notice,
    requested_sentence,
    resend_reason,
    seats_kept_sentence,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext

# --- asked first --------------------------------------------------------------------


def confirm_address(context: MailContext) -> TextParts:
    seats = context.seats
    if context.event.discreet:
        # Whoever gets this by a mistyped address learns nothing from it.
        return (
            _("Please confirm your registration"),
            _("Please confirm by %(until)s.", until=context.deadline),
            [
                resend_reason(context),
                _("Somebody, most likely you, registered with this address."),
                _("Open the page below and press the button there."),
                _("It was not you? Do nothing, and it ends by itself."),
            ],
        )
    return (
        _("Please confirm your address: %(title)s", title=context.title),
        seats_kept_sentence(context, seats),
        [
            resend_reason(context),
            _(
                "Please confirm by then that this is your address: open the page below "
                "and press the button there."
            ),
            _("Your link to join comes by mail after that.")
            if context.is_online
            else ngettext(
                "Your ticket comes by mail after that.",
                "Your tickets come by mail after that.",
                seats,
            ),
            _("It was not you? Do nothing, and it ends by itself."),
        ],
    )


def requested(context: MailContext) -> TextParts:
    return (
        _("Your request for %(title)s", title=context.title),
        requested_sentence(context),
        [
            resend_reason(context),
            approval_sentence(),
            _("You don’t need to do anything."),
        ],
    )


# --- a place ------------------------------------------------------------------------


def confirmation(context: MailContext) -> TextParts:
    headline, lead = CONFIRMATION_WRITERS.get(context.cause or "", confirmed)(context)
    organizers_words = quote_organizers(context.facts.get("why"))
    after = [*attendance_sentences(context), reconfirmation_notice(context)]
    return ticket_subject(context), headline, [*lead, organizers_words, *after]


def ticket_subject(context: MailContext) -> str:
    title = context.title
    if context.is_online:
        return _("Your link for %(title)s", title=title)
    return ngettext(
        "Your ticket for %(title)s",
        "Your %(num)d tickets for %(title)s",
        context.seats,
        title=title,
    )


Opening = tuple[str, list[str]]


def confirmed(context: MailContext) -> Opening:
    if context.is_online:
        return _("You’re registered."), []
    return ngettext(
        "Your place is confirmed.",
        "Your %(num)d places are confirmed.",
        context.seats,
    ), []


def approved(context: MailContext) -> Opening:
    return ngettext(
        "The organizers said yes: your place is confirmed.",
        "The organizers said yes: your %(num)d places are confirmed.",
        context.seats,
    ), []


def address_confirmed(context: MailContext) -> Opening:
    return ngettext(
        "Thank you: your place is confirmed.",
        "Thank you: your %(num)d places are confirmed.",
        context.seats,
    ), []


def accepted(context: MailContext) -> Opening:
    return ngettext(
        "You took the place: it’s yours.",
        "You took the %(num)d places: they’re yours.",
        context.seats,
    ), []


def reinstated(context: MailContext) -> Opening:
    headline = ngettext(
        "You have your place back.",
        "You have your %(num)d places back.",
        context.seats,
    )
    return headline, [
        _("The organizers brought your registration back."),
        "" if context.is_online else _("The codes of your earlier tickets work again."),
    ]


def passed_on(context: MailContext) -> Opening:
    headline = ngettext(
        "Somebody passed their place on to you.",
        "Somebody passed their %(num)d places on to you.",
        context.seats,
    )
    return headline, [
        _("It’s yours now. If you can’t come, please give it up so that others can.")
    ]


def corrected(context: MailContext) -> Opening:
    headline, _none = confirmed(context)
    return headline, [_("It belongs to this address now."), new_links_sentence()]


CONFIRMATION_WRITERS = {
    "approved": approved,
    "confirmed_address": address_confirmed,
    "accepted": accepted,
    "reinstated": reinstated,
    "passed_on": passed_on,
    "address": corrected,
}


def promoted(context: MailContext) -> TextParts:
    seats, cause = context.seats, context.cause
    lead = attendance_sentences(context)
    if cause == "seat_present":
        headline = ngettext(
            "You got a place at the door.", "You got %(num)d places at the door.", seats
        )
        return ticket_subject(context), headline, lead
    if cause == "confirm_above":
        headline = ngettext(
            "The organizers have made a place for you.",
            "The organizers have made %(num)d places for you.",
            seats,
        )
    else:
        headline = ngettext(
            "A place came free, and it’s yours.",
            "%(num)d places came free, and they’re yours.",
            seats,
        )
    return (
        _("You’re off the waitlist: %(title)s", title=context.title),
        headline,
        [
            *lead,
            _("Can’t come any more? Please say so soon: others are waiting."),
            reconfirmation_notice(context),
        ],
    )


# --- an offer, and the line ---------------------------------------------------------


def offer(context: MailContext) -> TextParts:
    seats, offered = context.seats, context.offered_seats
    fewer = ngettext(
        "You asked for %(seats)d places, and one is free. If you take it, say who of "
        "you comes; the rest of your party gives up its wait.",
        "You asked for %(seats)d places, and %(num)d are free. If you take them, say "
        "who of you comes; the rest of your party gives up its wait.",
        offered,
        seats=seats,
    )
    return (
        ngettext(
            "A place is free for you: %(title)s",
            "%(num)d places are free for you: %(title)s",
            offered,
            title=context.title,
        ),
        seats_kept_sentence(context, offered),
        [
            resend_reason(context),
            _("The organizers offer it to you, whatever your place in line.")
            if context.cause == "by_hand"
            else "",
            fewer if offered < seats else "",
            _("Please answer by then, on the page below: take it or let it go.")
            if context.registration.was_put_off
            else _(
                "Please answer by then, on the page below: take it, let it go, or let "
                "others go first this once and keep your place in line."
            ),
            _("Without an answer it goes to those who wait after you."),
        ],
    )


def waitlisted(context: MailContext) -> TextParts:
    organizers_words = quote_organizers(context.facts.get("why"))
    return (
        _("You’re on the waitlist for %(title)s", title=context.title),
        waitlist_place_sentence(context),
        [
            why_waitlisted(context),
            organizers_words,
            promotion_sentence(context),
            fewer_seats_sentence(context),
        ],
    )


def why_waitlisted(context: MailContext) -> str:
    match context.cause:
        case "approved":
            return _("The organizers said yes, but all places are taken at the moment.")
        case "confirmed_address":
            return _(
                "Your address is confirmed. By now all places are taken, though: the "
                "one kept for you had gone to somebody else."
            )
        case "put_off":
            return _(
                "You let others go first and kept your place. You can do so once: "
                "please answer the next offer with yes or no."
            )
        case "reinstated":
            return _(
                "The organizers brought your registration back, but all places are "
                "taken at the moment."
            )
        case "passed_on":
            return _("Somebody passed their place in line on to you.")
    return resend_reason(context)
