"""Mail texts: what each kind of message says, the most important sentence first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rsvp.formats.mail.texts import (
    asking,
    endings,
    event_changes,
    places,
    registration_changes,
    reminders,
)
from rsvp.formats.mail.texts.custom import line, own_words, paragraphs
from rsvp.formats.mail.texts.mailings import note
from rsvp.formats.mail.texts.shared import Parts, Words, _
from rsvp.models import Message
from rsvp.models.message import MessageKind

WRITERS: dict[MessageKind, Callable[[Message], Parts]] = {
    MessageKind.CONFIRM_ADDRESS: places.confirm_address,
    MessageKind.REQUESTED: places.requested,
    MessageKind.CONFIRMATION: places.confirmation,
    MessageKind.WAITLISTED: places.waitlisted,
    MessageKind.OFFER: places.offer,
    MessageKind.PROMOTED: places.promoted,
    MessageKind.CHANGED: registration_changes.changed,
    MessageKind.PASSED_ON: endings.passed_on,
    MessageKind.CANCELLED: endings.cancelled,
    MessageKind.DECLINED: endings.declined,
    MessageKind.LAPSED: endings.lapsed,
    MessageKind.RELEASED: endings.released,
    MessageKind.TICKET_AGAIN: registration_changes.ticket_again,
    MessageKind.EVENT_CHANGED: event_changes.event_changed,
    MessageKind.EVENT_CANCELLED: endings.event_cancelled,
    MessageKind.THANK_YOU: reminders.thank_you,
    MessageKind.STILL_COMING: asking.still_coming,
}

BY_THE_CLOCK: dict[MessageKind, Callable[[Message, datetime], Parts]] = {
    MessageKind.REMINDER: reminders.reminder,
}
"""Those that say how far off something is, from when they are written."""


def words(message: Message, at: datetime) -> Words:
    """Subject, first sentence and the ones after it, as they are written at `at`, with
    the organizers' own words where they have some for this kind: what people must know,
    we say in any case.

    What a discreet event is called stands in no subject and no preview: they show on
    locked screens.
    """
    if message.kind == MessageKind.NOTE:
        return note(message)
    subject, headline, lead = parts_of(message, at)
    own, preview = own_words(message), ""
    if message.event.discreet:
        preview = headline
        if message.kind != MessageKind.CONFIRM_ADDRESS:
            subject = _("Your registration")
    elif "subject" in own:
        # What they left open may be empty: a mail needs a subject all the same.
        subject = line(own["subject"]) or subject
    return Words(
        subject=subject,
        headline=line(own.get("headline", "")) or headline,
        lead=tuple(text for text in lead if text),
        own=paragraphs(own.get("text", "")),
        preview=preview,
    )


def has_writer(kind: MessageKind) -> bool:
    return kind in WRITERS or kind in BY_THE_CLOCK


def parts_of(message: Message, at: datetime) -> Parts:
    kind = MessageKind(message.kind)
    if kind in BY_THE_CLOCK:
        return BY_THE_CLOCK[kind](message, at)
    return WRITERS[kind](message)
