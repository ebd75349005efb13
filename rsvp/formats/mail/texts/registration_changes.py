"""Texts of mails about a changed registration, and of mails sent again."""

from __future__ import annotations

from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.formats.mail.texts import endings
from rsvp.formats.mail.texts.places import ticket_subject
from rsvp.formats.mail.texts.shared import (
    TextParts,
    approval_sentence,
    attendance_sentences,
    fewer_seats_sentence,
    promotion_sentence,
    requested_sentence,
    resend_reason,
    state_sentence,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.text import cleaning

# --- what changed -------------------------------------------------------------------


def registration_changed(context: MailContext) -> TextParts:
    subject = _("Your registration for %(title)s has changed", title=context.title)
    writer = CHANGE_WRITERS.get(context.cause or "", details_changed)
    headline, lead = writer(context)
    return subject, headline, lead


def guest_cancelled(context: MailContext) -> tuple[str, list[str]]:
    who = cleaning.strip_controls(context.facts.get("who") or "")
    headline = _("One of your guests is no longer coming.")
    if who and context.registration.proved_at is not None:
        headline = _("%(name)s is no longer coming.", name=who)
    stays = ngettext(
        "Your own place stays as it is.",
        "The other %(num)d of you stay registered.",
        context.seats,
    )
    if context.situation == MailSituation.SEATED:
        free = _("The place is free for somebody else; that ticket is no longer valid.")
        return headline, [free, stays]
    if context.situation == MailSituation.IN_LINE:
        return headline, [stays, waitlist_place_sentence(context)]
    return headline, [state_sentence(context)]


def guest_added(context: MailContext) -> tuple[str, list[str]]:
    headline = ngettext(
        "You are one person now.",
        "A guest was added: you are %(num)d people now.",
        context.seats,
    )
    match context.situation:
        case MailSituation.SEATED:
            return headline, attendance_sentences(context)
        case MailSituation.IN_LINE:
            return headline, [
                waitlist_place_sentence(context),
                _("A larger party takes a new place, at the end of the line."),
                promotion_sentence(context),
                fewer_seats_sentence(context),
            ]
    return headline, [state_sentence(context)]


def admission_changed(context: MailContext) -> tuple[str, list[str]]:
    headline = _("You will attend in another way.")
    if not context.event.discreet:
        headline = _("Your registration is for “%(way)s” now.", way=context.admission)
    match context.situation:
        case MailSituation.SEATED:
            return headline, [state_sentence(context), *attendance_sentences(context)]
        case MailSituation.IN_LINE:
            return headline, [
                waitlist_place_sentence(context),
                promotion_sentence(context),
            ]
    return headline, [state_sentence(context)]


def details_changed(context: MailContext) -> tuple[str, list[str]]:
    return _("Your registration has changed."), [
        _("Names or answers are different now; see the page below."),
        state_sentence(context),
    ]


CHANGE_WRITERS = {
    "guest_cancelled": guest_cancelled,
    "guest_added": guest_added,
    "moved": admission_changed,
}


# --- once more ----------------------------------------------------------------------


def ticket_again(context: MailContext) -> TextParts:
    title, reason = context.title, resend_reason(context) or registered_again_text()
    match context.situation:
        case MailSituation.SEATED:
            return confirmed_again(context, reason)
        case MailSituation.IN_LINE:
            subject = _("You’re on the waitlist for %(title)s", title=title)
            lead = [reason, promotion_sentence(context), fewer_seats_sentence(context)]
            return subject, waitlist_place_sentence(context), lead
        case MailSituation.REQUESTED:
            subject = _("Your request for %(title)s", title=title)
            return subject, requested_sentence(context), [reason, approval_sentence()]
        case MailSituation.HELD | MailSituation.OFFERED:
            subject = _("Your registration for %(title)s", title=title)
            return subject, state_sentence(context), [reason]
        case MailSituation.RELEASED:
            return endings.released(context)
        case MailSituation.DECLINED:
            return endings.declined(context)
        case MailSituation.LAPSED:
            return endings.lapsed(context)
    return endings.cancelled(context)


def confirmed_again(context: MailContext, reason: str) -> TextParts:
    seats, subject = context.seats, ticket_subject(context)
    if context.cause == "new_codes":
        headline = ngettext(
            "You have a new ticket.", "You have %(num)d new tickets.", seats
        )
    else:
        subject = _("Once more: %(subject)s", subject=subject)
        headline = ngettext(
            "You have a place already.", "You have %(num)d places already.", seats
        )
    if context.cause == "lost":
        headline = state_sentence(context)
    return subject, headline, [reason, *attendance_sentences(context)]


def registered_again_text() -> str:
    return _(
        "Somebody, most likely you, registered with this address again. It already has "
        "a registration, so nothing has changed."
    )
