"""Sentences shared by several kinds of mail."""

from __future__ import annotations

from dataclasses import dataclass

from rsvp import i18n
from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models.event import NoAnswer, Promotion
from rsvp.text import cleaning


@dataclass(frozen=True)
class MailWords:
    """What a mail says. `own` are paragraphs of the organizers', before our sentences;
    `preview` is what lists of mails show beside the subject, where that is not the
    headline; a mail that they wrote alone has their `signature`."""

    subject: str
    headline: str
    lead: tuple[str, ...]
    own: tuple[str, ...] = ()
    preview: str = ""
    signature: str = ""


TextParts = tuple[str, str, list[str]]
"""Subject, first sentence, and those after it; empty ones are left out."""


def quote_organizers(text: str | None) -> str:
    """The organizers' own words, quoted; nothing where there are none."""
    quoted = cleaning.strip_controls(text or "")
    return _("They wrote: “%(why)s”", why=quoted) if quoted else ""


def attendance_sentences(context: MailContext) -> list[str]:
    if context.is_online:
        if not context.event.join_url:
            return [_("The link to join will be on your registration’s page.")]
        return [
            _("Join with the link below. It is for those registered: don’t pass it on.")
        ]
    return [
        ngettext(
            "Show the code on your ticket at the door, on your phone or on paper.",
            "Each of you has a ticket with its own code. Show them at the door, on a "
            "phone or on paper.",
            context.seats,
        )
    ]


def reconfirmation_notice(context: MailContext) -> str:
    """Say that we ask before the event whether they still come, and what happens then;
    nothing where they won't be asked."""
    event, registration = context.event, context.registration
    since, written = registration.state_since, context.message.created_at
    if registration.muted_at or not event.will_ask_to_reconfirm(
        registration.admission, since
    ):
        return ""
    assert event.ask_hours is not None and event.ask_at is not None
    if written is not None and written >= event.ask_at:
        return ""
    days, hours = divmod(event.ask_hours, 24)
    asks = ngettext(
        "An hour before it begins we ask you by mail whether you still come.",
        "%(num)d hours before it begins we ask you by mail whether you still come.",
        event.ask_hours,
    )
    if not hours:
        asks = ngettext(
            "A day before it begins we ask you by mail whether you still come.",
            "%(num)d days before it begins we ask you by mail whether you still come.",
            days,
        )
    return f"{asks} {no_answer_sentence(context, event.no_answer)}"


def no_answer_sentence(context: MailContext, then: str | None) -> str:
    """Say what becomes of the place of who does not say whether they still come."""
    seats = context.seats
    if then == NoAnswer.FLAG:
        return ngettext(
            "If we don’t hear from you, the organizers may give your place on.",
            "If we don’t hear from you, the organizers may give your places on.",
            seats,
        )
    return ngettext(
        "If we don’t hear from you, your place goes to the next in line.",
        "If we don’t hear from you, your %(num)d places go to the next in line.",
        seats,
    )


def promotion_sentence(context: MailContext) -> str:
    seats = context.seats
    if context.event.promotion == Promotion.CONFIRM:
        return ngettext(
            "As soon as a place comes free, it is yours and we mail you the ticket. "
            "You don’t need to do anything.",
            "As soon as %(num)d places are free together, they are yours and we mail "
            "you the tickets. You don’t need to do anything.",
            seats,
        )
    return ngettext(
        "As soon as a place comes free, we mail you and keep it for you until you "
        "answer. The mail says how long.",
        "As soon as %(num)d places are free together, we mail you and keep them for "
        "you until you answer. The mail says how long.",
        seats,
    )


def fewer_seats_sentence(context: MailContext) -> str:
    if not context.registration.fewer_ok or context.seats < 2:
        return ""
    return _("You said that fewer is fine, so we may offer you a part of them before.")


def waitlist_place_sentence(context: MailContext) -> str:
    place = context.facts.get("place")
    if not place:
        return _("You’re on the waitlist.")
    return _("You’re on the waitlist, %(place)s in line.", place=i18n.ordinal(place))


def requested_sentence(context: MailContext) -> str:
    return ngettext(
        "You’ve asked for a place.",
        "You’ve asked for %(num)d places.",
        context.seats,
    )


def approval_sentence() -> str:
    return _(
        "The organizers decide on each request, and we mail you as soon as they have. "
        "Until then no place is kept for you."
    )


def seats_kept_sentence(context: MailContext, seats: int) -> str:
    return ngettext(
        "A place is kept for you until %(until)s.",
        "%(num)d places are kept for you until %(until)s.",
        seats,
        until=context.deadline,
    )


def state_sentence(context: MailContext) -> str:
    seats = context.seats
    match context.situation:
        case MailSituation.SEATED:
            return ngettext("You have a place.", "You have %(num)d places.", seats)
        case MailSituation.IN_LINE:
            return waitlist_place_sentence(context)
        case MailSituation.REQUESTED:
            return requested_sentence(context)
        case MailSituation.HELD:
            return _("Your address waits to be confirmed.")
        case MailSituation.OFFERED:
            return _("A place is kept for you until you answer.")
    return tickets_void_sentence()


def tickets_void_sentence() -> str:
    return _("Any ticket from an earlier mail is no longer valid.")


def new_links_sentence() -> str:
    return _("Links and codes in earlier mails no longer work.")


def resend_reason(context: MailContext) -> str:
    """Say why something is told once more, or to another address, where it is."""
    match context.cause:
        case "sent_again":
            return _("The organizers send you this once more. Nothing has changed.")
        case "new_codes":
            return _(
                "The organizers made new codes and links for you. Those in earlier "
                "mails no longer work."
            )
        case "lost":
            return _(
                "Somebody, most likely you, asked for this mail once more. Nothing has "
                "changed."
            )
        case "address":
            return _(
                "The registration belongs to this address now. Links in earlier mails "
                "no longer work."
            )
    return ""
