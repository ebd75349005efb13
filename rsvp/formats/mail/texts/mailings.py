"""Note: what the organizers wrote themselves, in their own words alone."""

from __future__ import annotations

from rsvp.formats.feeds import icalendar
from rsvp.formats.mail.texts.custom import line, paragraphs, values_of
from rsvp.formats.mail.texts.shared import Words, _, title_of
from rsvp.models import Message
from rsvp.text import placeholders


def note(message: Message) -> Words:
    """A test brings its words along; others have those of their mailing."""
    values = values_of(message)
    subject = line(placeholders.filled(written(message, "subject"), values))
    own = paragraphs(placeholders.filled(written(message, "text"), values))
    if not subject:
        subject = _("From the organizers of %(title)s", title=title_of(message))
    if message.event.discreet:
        # What they call it may stand in their words: it shows on no locked screen.
        headline = _("The organizers write to you.")
        return Words(
            subject=_("Your registration"),
            headline=headline,
            lead=(),
            own=(subject, *own),
            signature=signature(message),
        )
    return Words(
        subject=subject,
        headline=subject,
        lead=(),
        own=own,
        preview=" ".join(" ".join(own[:1]).split()),
        signature=signature(message),
    )


def written(message: Message, name: str) -> str:
    if name in message.facts:
        return str(message.facts[name])
    return str(getattr(message.mailing, name, ""))


def signature(message: Message) -> str:
    hosts = [icalendar.clean(host["name"]) for host in message.event.hosts or []]
    if hosts:
        return ", ".join(hosts)
    if message.event.discreet:
        return _("The organizers")
    return _("The organizers of %(title)s", title=title_of(message))
