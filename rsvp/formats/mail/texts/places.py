"""Texts of mails about a confirmed, requested, offered or waitlisted place."""

from __future__ import annotations

from rsvp.formats.mail.texts.shared import (
    TextParts,
    approval_sentence,
    attendance_sentences,
    cause_of,
    deadline_text,
    fewer_seats_sentence,
    is_online,
    new_links_sentence,
    promotion_sentence,
    quote_organizers,
    reconfirmation_notice,
    requested_sentence,
    resend_reason,
    seats_of,
    title_of,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message

# --- asked first --------------------------------------------------------------------


def confirm_address(message: Message) -> TextParts:
    seats = seats_of(message)
    if message.event.discreet:
        # Whoever gets this by a mistyped address learns nothing from it.
        return (
            _("Please confirm your registration"),
            _("Please confirm by %(until)s.", until=deadline_text(message)),
            [
                resend_reason(message),
                _("Somebody, most likely you, registered with this address."),
                _("Open the page below and press the button there."),
                _("It was not you? Do nothing, and it ends by itself."),
            ],
        )
    return (
        _("Please confirm your address: %(title)s", title=title_of(message)),
        ngettext(
            "A place is kept for you until %(until)s.",
            "%(num)d places are kept for you until %(until)s.",
            seats,
            until=deadline_text(message),
        ),
        [
            resend_reason(message),
            _(
                "Please confirm by then that this is your address: open the page below "
                "and press the button there."
            ),
            _("Your link to join comes by mail after that.")
            if is_online(message)
            else ngettext(
                "Your ticket comes by mail after that.",
                "Your tickets come by mail after that.",
                seats,
            ),
            _("It was not you? Do nothing, and it ends by itself."),
        ],
    )


def requested(message: Message) -> TextParts:
    return (
        _("Your request for %(title)s", title=title_of(message)),
        requested_sentence(message),
        [
            resend_reason(message),
            approval_sentence(),
            _("You don’t need to do anything."),
        ],
    )


# --- a place ------------------------------------------------------------------------


def confirmation(message: Message) -> TextParts:
    headline, lead = CONFIRMATION_WRITERS.get(cause_of(message) or "", confirmed)(
        message
    )
    organizers_words = quote_organizers(message.facts.get("why"))
    after = [*attendance_sentences(message), reconfirmation_notice(message)]
    return ticket_subject(message), headline, [*lead, organizers_words, *after]


def ticket_subject(message: Message) -> str:
    title = title_of(message)
    if is_online(message):
        return _("Your link for %(title)s", title=title)
    return ngettext(
        "Your ticket for %(title)s",
        "Your %(num)d tickets for %(title)s",
        seats_of(message),
        title=title,
    )


Opening = tuple[str, list[str]]


def confirmed(message: Message) -> Opening:
    if is_online(message):
        return _("You’re registered."), []
    return ngettext(
        "Your place is confirmed.",
        "Your %(num)d places are confirmed.",
        seats_of(message),
    ), []


def approved(message: Message) -> Opening:
    return ngettext(
        "The organizers said yes: your place is confirmed.",
        "The organizers said yes: your %(num)d places are confirmed.",
        seats_of(message),
    ), []


def address_confirmed(message: Message) -> Opening:
    return ngettext(
        "Thank you: your place is confirmed.",
        "Thank you: your %(num)d places are confirmed.",
        seats_of(message),
    ), []


def accepted(message: Message) -> Opening:
    return ngettext(
        "You took the place: it’s yours.",
        "You took the %(num)d places: they’re yours.",
        seats_of(message),
    ), []


def reinstated(message: Message) -> Opening:
    headline = ngettext(
        "You have your place back.",
        "You have your %(num)d places back.",
        seats_of(message),
    )
    return headline, [
        _("The organizers brought your registration back."),
        ""
        if is_online(message)
        else _("The codes of your earlier tickets work again."),
    ]


def passed_on(message: Message) -> Opening:
    headline = ngettext(
        "Somebody passed their place on to you.",
        "Somebody passed their %(num)d places on to you.",
        seats_of(message),
    )
    return headline, [
        _("It’s yours now. If you can’t come, please give it up so that others can.")
    ]


def corrected(message: Message) -> Opening:
    headline, _none = confirmed(message)
    return headline, [_("It belongs to this address now."), new_links_sentence()]


CONFIRMATION_WRITERS = {
    "approved": approved,
    "confirmed_address": address_confirmed,
    "accepted": accepted,
    "reinstated": reinstated,
    "passed_on": passed_on,
    "address": corrected,
}


def promoted(message: Message) -> TextParts:
    seats, cause = seats_of(message), cause_of(message)
    lead = attendance_sentences(message)
    if cause == "seat_present":
        headline = ngettext(
            "You got a place at the door.", "You got %(num)d places at the door.", seats
        )
        return ticket_subject(message), headline, lead
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
        _("You’re off the waitlist: %(title)s", title=title_of(message)),
        headline,
        [
            *lead,
            _("Can’t come any more? Please say so soon: others are waiting."),
            reconfirmation_notice(message),
        ],
    )


# --- an offer, and the line ---------------------------------------------------------


def offer(message: Message) -> TextParts:
    seats = seats_of(message)
    offered = int(message.facts.get("offered") or seats)
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
            title=title_of(message),
        ),
        ngettext(
            "A place is kept for you until %(until)s.",
            "%(num)d places are kept for you until %(until)s.",
            offered,
            until=deadline_text(message),
        ),
        [
            resend_reason(message),
            _("The organizers offer it to you, whatever your place in line.")
            if cause_of(message) == "by_hand"
            else "",
            fewer if offered < seats else "",
            _("Please answer by then, on the page below: take it or let it go.")
            if message.registration.was_put_off
            else _(
                "Please answer by then, on the page below: take it, let it go, or let "
                "others go first this once and keep your place in line."
            ),
            _("Without an answer it goes to those who wait after you."),
        ],
    )


def waitlisted(message: Message) -> TextParts:
    organizers_words = quote_organizers(message.facts.get("why"))
    return (
        _("You’re on the waitlist for %(title)s", title=title_of(message)),
        waitlist_place_sentence(message),
        [
            why_waitlisted(message),
            organizers_words,
            promotion_sentence(message),
            fewer_seats_sentence(message),
        ],
    )


def why_waitlisted(message: Message) -> str:
    match cause_of(message):
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
    return resend_reason(message)
