"""Texts of mailings, which organizers write themselves."""

from __future__ import annotations

from rsvp.formats.mail.texts.custom import (
    placeholder_values,
    split_paragraphs,
    subject_line,
)
from rsvp.formats.mail.texts.shared import MailWords, title_of
from rsvp.i18n import gettext as _
from rsvp.models import Message
from rsvp.text import cleaning, placeholders


def mailing_words(message: Message) -> MailWords:
    """Return the words of a mailing. A test brings its words along; others have those
    of their mailing."""
    values = placeholder_values(message)
    subject = subject_line(
        placeholders.fill_in(mailing_text(message, "subject"), values)
    )
    paragraphs = split_paragraphs(
        placeholders.fill_in(mailing_text(message, "text"), values)
    )
    if not subject:
        subject = _("From the organizers of %(title)s", title=title_of(message))
    if message.event.discreet:
        # What they call it may stand in their words: it shows on no locked screen.
        headline = _("The organizers write to you.")
        return MailWords(
            subject=_("Your registration"),
            headline=headline,
            lead=(),
            own=(subject, *paragraphs),
            signature=signature(message),
        )
    return MailWords(
        subject=subject,
        headline=subject,
        lead=(),
        own=paragraphs,
        preview=" ".join(" ".join(paragraphs[:1]).split()),
        signature=signature(message),
    )


def mailing_text(message: Message, name: str) -> str:
    if name in message.facts:
        return str(message.facts[name])
    return str(getattr(message.mailing, name, ""))


def signature(message: Message) -> str:
    hosts = [
        cleaning.strip_controls(host["name"]) for host in message.event.hosts or []
    ]
    if hosts:
        return ", ".join(hosts)
    if message.event.discreet:
        return _("The organizers")
    return _("The organizers of %(title)s", title=title_of(message))
