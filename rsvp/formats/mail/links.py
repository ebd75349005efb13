"""Mail links: where a mail leads, and which of that is secret."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from rsvp import tokens
from rsvp.formats.location import join_link
from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.models import Attendee, Event, Registration
from rsvp.models.message import OPTIONAL_KINDS, MessageKind

MASK = "••••"
"""What stands for secret links and codes in a mail that is shown to organizers."""


@dataclass(frozen=True)
class MailUrls:
    """The addresses that mails of this site lead to; secret ones are masked in what
    organizers see."""

    public_url: str
    code_key: bytes
    masked: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.public_url).hostname or "localhost"

    def registration(self, registration: Registration) -> str:
        uuid, version = registration.uuid, registration.link_version
        return self.secret_url("r", tokens.mailed_token(self.code_key, uuid, version))

    def unsubscribe(self, registration: Registration) -> str:
        uuid, version = registration.uuid, registration.link_version
        return self.secret_url("u", tokens.mute_token(self.code_key, uuid, version))

    def ticket(self, attendee: Attendee) -> str:
        uuid, version = attendee.uuid, attendee.code_version
        return self.secret_url("t", tokens.ticket_token(self.code_key, uuid, version))

    def event(self, event: Event) -> str:
        return f"{self.public_url}/events/{event.slug}"

    def secret_url(self, path: str, secret: str) -> str:
        return f"{self.public_url}/{path}/{MASK if self.masked else secret}"


@dataclass(frozen=True)
class MailLinks:
    """Links of a mail. All but `event` are secret; empty where the registration is no
    more the recipient's. `button` is where the one button leads, `second` where the
    other answer of a question does, and `mute` where one asks for no more mails like
    this one."""

    manage: str
    button: str
    second: str
    erase: str
    event: str
    join: str | None
    mute: str | None = None


def mail_links(context: MailContext, urls: MailUrls) -> MailLinks:
    registration, event = context.registration, urls.event(context.event)
    if not context.is_addressed_to_holder:
        return MailLinks("", "", "", "", event, None)
    manage = urls.registration(registration)
    asks = context.situation == MailSituation.ASKED or context.asks_about_change
    # Who wrote it themselves put the link in where it belongs.
    joins = context.is_seated_now and context.kind != MessageKind.NOTE
    is_optional = context.kind in OPTIONAL_KINDS
    return MailLinks(
        manage=manage,
        button=f"{manage}/coming" if asks else manage,
        second=f"{manage}/coming#give-up",
        erase=f"{manage}/erasure",
        event=event,
        join=join_link(registration) if joins else None,
        mute=urls.unsubscribe(registration) if is_optional else None,
    )
