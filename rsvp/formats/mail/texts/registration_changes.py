"""Texts of mails about a changed registration, and of mails sent again."""

from __future__ import annotations

from rsvp.formats.mail.texts import endings
from rsvp.formats.mail.texts.places import ticket_subject
from rsvp.formats.mail.texts.shared import (
    MailSituation,
    TextParts,
    approval_sentence,
    attendance_sentences,
    cause_of,
    fewer_seats_sentence,
    promotion_sentence,
    requested_sentence,
    resend_reason,
    seats_of,
    situation_of,
    state_sentence,
    title_of,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message
from rsvp.text import cleaning

# --- what changed -------------------------------------------------------------------


def registration_changed(message: Message) -> TextParts:
    subject = _("Your registration for %(title)s has changed", title=title_of(message))
    writer = CHANGE_WRITERS.get(cause_of(message) or "", details_changed)
    headline, lead = writer(message)
    return subject, headline, lead


def guest_cancelled(message: Message) -> tuple[str, list[str]]:
    seats, who = (
        seats_of(message),
        cleaning.strip_controls(message.facts.get("who") or ""),
    )
    headline = _("One of your guests is no longer coming.")
    if who and message.registration.proved_at is not None:
        headline = _("%(name)s is no longer coming.", name=who)
    stays = ngettext(
        "Your own place stays as it is.",
        "The other %(num)d of you stay registered.",
        seats,
    )
    if situation_of(message) == MailSituation.SEATED:
        free = _("The place is free for somebody else; that ticket is no longer valid.")
        return headline, [free, stays]
    if situation_of(message) == MailSituation.IN_LINE:
        return headline, [stays, waitlist_place_sentence(message)]
    return headline, [state_sentence(message)]


def guest_added(message: Message) -> tuple[str, list[str]]:
    headline = ngettext(
        "You are one person now.",
        "A guest was added: you are %(num)d people now.",
        seats_of(message),
    )
    match situation_of(message):
        case MailSituation.SEATED:
            return headline, attendance_sentences(message)
        case MailSituation.IN_LINE:
            return headline, [
                waitlist_place_sentence(message),
                _("A larger party takes a new place, at the end of the line."),
                promotion_sentence(message),
                fewer_seats_sentence(message),
            ]
    return headline, [state_sentence(message)]


def admission_changed(message: Message) -> tuple[str, list[str]]:
    admission = cleaning.strip_controls(
        message.facts.get("admission") or message.registration.admission.name
    )
    headline = _("You will attend in another way.")
    if not message.event.discreet:
        headline = _("Your registration is for “%(way)s” now.", way=admission)
    match situation_of(message):
        case MailSituation.SEATED:
            return headline, [state_sentence(message), *attendance_sentences(message)]
        case MailSituation.IN_LINE:
            return headline, [
                waitlist_place_sentence(message),
                promotion_sentence(message),
            ]
    return headline, [state_sentence(message)]


def details_changed(message: Message) -> tuple[str, list[str]]:
    return _("Your registration has changed."), [
        _("Names or answers are different now; see the page below."),
        state_sentence(message),
    ]


CHANGE_WRITERS = {
    "guest_cancelled": guest_cancelled,
    "guest_added": guest_added,
    "moved": admission_changed,
}


# --- once more ----------------------------------------------------------------------


def ticket_again(message: Message) -> TextParts:
    title, reason = title_of(message), resend_reason(message) or registered_again_text()
    match situation_of(message):
        case MailSituation.SEATED:
            return confirmed_again(message, reason)
        case MailSituation.IN_LINE:
            subject = _("You’re on the waitlist for %(title)s", title=title)
            lead = [reason, promotion_sentence(message), fewer_seats_sentence(message)]
            return subject, waitlist_place_sentence(message), lead
        case MailSituation.REQUESTED:
            subject = _("Your request for %(title)s", title=title)
            return subject, requested_sentence(message), [reason, approval_sentence()]
        case MailSituation.HELD | MailSituation.OFFERED:
            subject = _("Your registration for %(title)s", title=title)
            return subject, state_sentence(message), [reason]
        case MailSituation.RELEASED:
            return endings.released(message)
        case MailSituation.DECLINED:
            return endings.declined(message)
        case MailSituation.LAPSED:
            return endings.lapsed(message)
    return endings.cancelled(message)


def confirmed_again(message: Message, reason: str) -> TextParts:
    seats, subject = seats_of(message), ticket_subject(message)
    if cause_of(message) == "new_codes":
        headline = ngettext(
            "You have a new ticket.", "You have %(num)d new tickets.", seats
        )
    else:
        subject = _("Once more: %(subject)s", subject=subject)
        headline = ngettext(
            "You have a place already.", "You have %(num)d places already.", seats
        )
    if cause_of(message) == "lost":
        headline = state_sentence(message)
    return subject, headline, [reason, *attendance_sentences(message)]


def registered_again_text() -> str:
    return _(
        "Somebody, most likely you, registered with this address again. It already has "
        "a registration, so nothing has changed."
    )
