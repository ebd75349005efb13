"""Texts of mailings, which organizers write themselves."""

from __future__ import annotations

from rsvp.formats.mail.context import MailContext
from rsvp.formats.mail.texts.custom import (
    placeholder_values,
    split_paragraphs,
    subject_line,
)
from rsvp.formats.mail.texts.shared import MailWords
from rsvp.i18n import gettext as _
from rsvp.text import placeholders


def mailing_words(context: MailContext) -> MailWords:
    """Return the words of a mailing. A test brings its words along; others have those
    of their mailing."""
    values = placeholder_values(context)
    subject = subject_line(
        placeholders.fill_in(mailing_text(context, "subject"), values)
    )
    paragraphs = split_paragraphs(
        placeholders.fill_in(mailing_text(context, "text"), values)
    )
    if not subject:
        subject = _("From the organizers of %(title)s", title=context.title)
    if context.event.discreet:
        # What they call it may stand in their words: it shows on no locked screen.
        headline = _("The organizers write to you.")
        return MailWords(
            subject=_("Your registration"),
            headline=headline,
            lead=(),
            own=(subject, *paragraphs),
            signature=signature(context),
        )
    return MailWords(
        subject=subject,
        headline=subject,
        lead=(),
        own=paragraphs,
        preview=" ".join(" ".join(paragraphs[:1]).split()),
        signature=signature(context),
    )


def mailing_text(context: MailContext, name: str) -> str:
    if name in context.facts:
        return str(context.facts[name])
    return str(getattr(context.message.mailing, name, ""))


def signature(context: MailContext) -> str:
    if context.hosts:
        return ", ".join(context.hosts)
    if context.event.discreet:
        return _("The organizers")
    return _("The organizers of %(title)s", title=context.title)
