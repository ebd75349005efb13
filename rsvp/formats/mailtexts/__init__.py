"""Mail texts: what each kind of message says, the most important sentence first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rsvp.formats.mailtexts import again, asking, ending, news, placing, reminding
from rsvp.formats.mailtexts.labels import Labels, labels_of
from rsvp.formats.mailtexts.note import note
from rsvp.formats.mailtexts.sentences import (
    Parts,
    Standing,
    Words,
    _,
    asks_about_change,
    changes_of,
    had_a_place,
    is_neutral,
    is_online,
    is_seated_now,
    mode_of,
    seats_of,
    standing,
)
from rsvp.formats.mailtexts.wording import line, own_words, paragraphs
from rsvp.models import Message
from rsvp.models.ledger import MessageKind

__all__ = [
    "Labels",
    "Standing",
    "Words",
    "asks_about_change",
    "changes_of",
    "had_a_place",
    "has_writer",
    "is_neutral",
    "is_online",
    "is_seated_now",
    "labels_of",
    "mode_of",
    "parts_of",
    "seats_of",
    "standing",
    "words",
]

WRITERS: dict[MessageKind, Callable[[Message], Parts]] = {
    MessageKind.CONFIRM_ADDRESS: placing.confirm_address,
    MessageKind.REQUESTED: placing.requested,
    MessageKind.CONFIRMATION: placing.confirmation,
    MessageKind.WAITLISTED: placing.waitlisted,
    MessageKind.OFFER: placing.offer,
    MessageKind.PROMOTED: placing.promoted,
    MessageKind.CHANGED: again.changed,
    MessageKind.PASSED_ON: ending.passed_on,
    MessageKind.CANCELLED: ending.cancelled,
    MessageKind.DECLINED: ending.declined,
    MessageKind.LAPSED: ending.lapsed,
    MessageKind.RELEASED: ending.released,
    MessageKind.TICKET_AGAIN: again.ticket_again,
    MessageKind.EVENT_CHANGED: news.event_changed,
    MessageKind.EVENT_CANCELLED: ending.event_cancelled,
    MessageKind.THANK_YOU: reminding.thank_you,
    MessageKind.STILL_COMING: asking.still_coming,
}

BY_THE_CLOCK: dict[MessageKind, Callable[[Message, datetime], Parts]] = {
    MessageKind.REMINDER: reminding.reminder,
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
