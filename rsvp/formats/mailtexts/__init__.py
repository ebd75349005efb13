"""Mail texts: what each kind of message says, the most important sentence first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rsvp.formats.mailtexts import again, ending, placing, reminding
from rsvp.formats.mailtexts.labels import Labels, labels_of
from rsvp.formats.mailtexts.sentences import (
    Parts,
    Standing,
    Words,
    _,
    had_a_place,
    is_neutral,
    is_online,
    is_seated_now,
    mode_of,
    seats_of,
    standing,
)
from rsvp.models import Message
from rsvp.models.ledger import MessageKind

__all__ = [
    "Labels",
    "Standing",
    "Words",
    "had_a_place",
    "is_neutral",
    "is_online",
    "is_seated_now",
    "labels_of",
    "mode_of",
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
    MessageKind.EVENT_CANCELLED: ending.event_cancelled,
    MessageKind.THANK_YOU: reminding.thank_you,
}

BY_THE_CLOCK: dict[MessageKind, Callable[[Message, datetime], Parts]] = {
    MessageKind.REMINDER: reminding.reminder,
}
"""Those that say how far off something is, from when they are written."""


def words(message: Message, at: datetime) -> Words:
    """Subject, first sentence and the ones after it, as they are written at `at`.

    What a discreet event is called stands in none of them: they show on locked screens.
    """
    subject, headline, lead = parts_of(message, at)
    if message.event.discreet and message.kind != MessageKind.CONFIRM_ADDRESS:
        subject = _("Your registration")
    return Words(subject, headline, tuple(text for text in lead if text))


def parts_of(message: Message, at: datetime) -> Parts:
    kind = MessageKind(message.kind)
    if kind in BY_THE_CLOCK:
        return BY_THE_CLOCK[kind](message, at)
    return WRITERS[kind](message)
