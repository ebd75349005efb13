"""Custom texts: organizers' own words in mails, with placeholders filled in."""

from __future__ import annotations

import re

from rsvp import i18n
from rsvp.formats import location
from rsvp.formats.mail import unproved_names
from rsvp.formats.mail.context import MailContext
from rsvp.i18n import gettext as _
from rsvp.models.event import Mode
from rsvp.models.message import EVENT_NOTICE_KINDS, OPTIONAL_KINDS, MessageKind
from rsvp.text import cleaning, placeholders


def custom_texts_of(context: MailContext) -> dict[str, str]:
    """Return what the event's organizers say in this kind of mail instead of us, or
    besides: `{"subject": …, "headline": …, "text": …}`, as it reads; none in a mail
    that may go to a stranger and must not say what it is about."""
    if context.is_neutral:
        return {}
    words = dict((context.event.wording or {}).get(context.kind, {}))
    if context.kind in (MessageKind.REMINDER, MessageKind.THANK_YOU):
        # Each reminder may have words of its own.
        words |= {
            n: context.facts[n] for n in ("subject", "text") if context.facts.get(n)
        }
    values = placeholder_values(context) if words else {}
    return {
        name: placeholders.fill_in(text, values) for name, text in words.items() if text
    }


def placeholder_values(context: MailContext) -> dict[str, str]:
    """Return the values of `placeholders.PLACEHOLDERS` in this mail."""
    event, registration = context.event, context.registration
    name, place = "", _("Online")
    # Whoever has it now is not for who had it before to know.
    if context.is_addressed_to_holder:
        name = unproved_names.salutation_for(
            registration, is_strangers=may_come_from_stranger(context)
        )
    if context.mode == Mode.IN_PERSON:
        place = ", ".join(location.venue_lines(event))
    return {
        "name": name,
        "event": context.title,
        "date": i18n.day(event.starts_at, event.zone, context.language),
        "time": context.clock(event.starts_at),
        "place": place,
        "admission": context.admission,
        "seats": str(context.seats),
        "until": context.deadline if context.facts.get("until") else "",
        "reference": registration.reference,
        "contact": cleaning.strip_controls(event.contact or ""),
    }


def may_come_from_stranger(context: MailContext) -> bool:
    """Whether somebody who registers a stranger may cause mails of this kind."""
    return context.kind not in (*OPTIONAL_KINDS, *EVENT_NOTICE_KINDS)


def subject_line(text: str) -> str:
    """Return words for a subject or a headline: in one line, without control
    characters."""
    return cleaning.strip_controls(text)


def split_paragraphs(text: str) -> tuple[str, ...]:
    """Split a text into paragraphs: an empty line ends one, and lines stay lines."""
    cleaned = cleaning.strip_controls(text, keep_lines=True)
    return tuple(part for part in re.split(r"\n\s*\n", cleaned) if part.strip())
