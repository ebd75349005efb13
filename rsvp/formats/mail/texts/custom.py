"""Custom texts: organizers' own words in mails, with placeholders filled in."""

from __future__ import annotations

import re

from rsvp import i18n
from rsvp.formats import location
from rsvp.formats.mail import unproved_names
from rsvp.formats.mail.texts.shared import (
    clock_text,
    deadline_text,
    is_neutral,
    mode_of,
    seats_of,
    title_of,
)
from rsvp.i18n import gettext as _
from rsvp.models import Message
from rsvp.models.event import Mode
from rsvp.models.message import EVENT_NOTICE_KINDS, OPTIONAL_KINDS, MessageKind
from rsvp.text import cleaning, placeholders


def custom_texts_of(message: Message) -> dict[str, str]:
    """Return what the event's organizers say in this kind of mail instead of us, or
    besides: `{"subject": …, "headline": …, "text": …}`, as it reads; none in a mail
    that may go to a stranger and must not say what it is about."""
    if is_neutral(message):
        return {}
    words = dict((message.event.wording or {}).get(message.kind, {}))
    if message.kind in (MessageKind.REMINDER, MessageKind.THANK_YOU):
        # Each reminder may have words of its own.
        words |= {
            n: message.facts[n] for n in ("subject", "text") if message.facts.get(n)
        }
    values = placeholder_values(message) if words else {}
    return {
        name: placeholders.fill_in(text, values) for name, text in words.items() if text
    }


def placeholder_values(message: Message) -> dict[str, str]:
    """Return the values of `placeholders.PLACEHOLDERS` in this mail."""
    event, registration = message.event, message.registration
    language = i18n.language_for(registration.language)
    # Whoever has it now is not for who had it before to know.
    is_theirs = (
        message.recipient_key == registration.email_key
        and message.kind != MessageKind.PASSED_ON
    )
    place = _("Online")
    if mode_of(message) == Mode.IN_PERSON:
        place = ", ".join(location.venue_lines(event))
    return {
        "name": unproved_names.salutation_for(
            registration, is_strangers=may_come_from_stranger(message)
        )
        if is_theirs
        else "",
        "event": title_of(message),
        "date": i18n.day(event.starts_at, event.zone, language),
        "time": clock_text(message, event.starts_at),
        "place": place,
        "admission": cleaning.strip_controls(
            message.facts.get("admission") or registration.admission.name
        ),
        "seats": str(seats_of(message)),
        "until": deadline_text(message) if message.facts.get("until") else "",
        "reference": registration.reference,
        "contact": cleaning.strip_controls(event.contact or ""),
    }


def may_come_from_stranger(message: Message) -> bool:
    """Whether somebody who registers a stranger may cause mails of this kind."""
    return message.kind not in (*OPTIONAL_KINDS, *EVENT_NOTICE_KINDS)


def subject_line(text: str) -> str:
    """Return words for a subject or a headline: in one line, without control
    characters."""
    return cleaning.strip_controls(text)


def split_paragraphs(text: str) -> tuple[str, ...]:
    """Split a text into paragraphs: an empty line ends one, and lines stay lines."""
    cleaned = cleaning.strip_controls(text, keep_lines=True)
    return tuple(part for part in re.split(r"\n\s*\n", cleaned) if part.strip())
