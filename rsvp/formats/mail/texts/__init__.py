"""Mail texts: subject and sentences of each kind of message."""

from __future__ import annotations

from collections.abc import Callable

from rsvp.formats.mail.context import MailContext
from rsvp.formats.mail.texts import (
    endings,
    event_changes,
    places,
    registration_changes,
    reminders,
)
from rsvp.formats.mail.texts.custom import (
    custom_texts_of,
    split_paragraphs,
    subject_line,
)
from rsvp.formats.mail.texts.mailings import mailing_words
from rsvp.formats.mail.texts.shared import MailWords, TextParts
from rsvp.i18n import gettext as _
from rsvp.models.message import MessageKind

WRITERS: dict[MessageKind, Callable[[MailContext], TextParts]] = {
    MessageKind.CONFIRM_ADDRESS: places.confirm_address,
    MessageKind.REQUESTED: places.requested,
    MessageKind.CONFIRMATION: places.confirmation,
    MessageKind.WAITLISTED: places.waitlisted,
    MessageKind.OFFER: places.offer,
    MessageKind.PROMOTED: places.promoted,
    MessageKind.CHANGED: registration_changes.registration_changed,
    MessageKind.PASSED_ON: endings.passed_on,
    MessageKind.CANCELLED: endings.cancelled,
    MessageKind.DECLINED: endings.declined,
    MessageKind.LAPSED: endings.lapsed,
    MessageKind.RELEASED: endings.released,
    MessageKind.TICKET_AGAIN: registration_changes.ticket_again,
    MessageKind.EVENT_CHANGED: event_changes.event_changed,
    MessageKind.EVENT_CANCELLED: endings.event_cancelled,
    MessageKind.REMINDER: reminders.reminder,
    MessageKind.THANK_YOU: reminders.thank_you,
    MessageKind.STILL_COMING: reminders.still_coming,
}


def mail_words(context: MailContext) -> MailWords:
    """Return the subject, first sentence and the ones after it, with the organizers'
    custom texts where they have some for this kind: what people must know, we say in
    any case.

    What a discreet event is called stands in no subject and no preview: they show on
    locked screens.
    """
    if context.kind == MessageKind.NOTE:
        return mailing_words(context)
    subject, headline, lead = write_parts(context)
    custom, preview = custom_texts_of(context), ""
    if context.event.discreet:
        preview = headline
        if context.kind != MessageKind.CONFIRM_ADDRESS:
            subject = _("Your registration")
    elif "subject" in custom:
        # What they left open may be empty: a mail needs a subject all the same.
        subject = subject_line(custom["subject"]) or subject
    return MailWords(
        subject=subject,
        headline=subject_line(custom.get("headline", "")) or headline,
        lead=tuple(text for text in lead if text),
        own=split_paragraphs(custom.get("text", "")),
        preview=preview,
    )


def has_writer(kind: MessageKind) -> bool:
    return kind in WRITERS


def write_parts(context: MailContext) -> TextParts:
    return WRITERS[context.kind](context)
