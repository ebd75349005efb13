"""Composed mails: each is written once, for all the tests that ask about it.

They are shared, so nobody changes them. Whoever asks for one has `writes_mails`.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache

from rsvp.formats.mail.render import RenderedMail
from rsvp.jobs.delivery import render
from rsvp.mailer.connection import OutgoingMail
from rsvp.models import Message
from rsvp.models.event import Status
from tests.support.mail.mail_case import MailCase
from tests.support.mail.messages import (
    HALL,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)
from tests.support.mail.parsed import compose


@dataclass(frozen=True)
class ComposedMail:
    """A mail with the message that it is of."""

    message: Message
    mail: RenderedMail

    @property
    def shown(self) -> str:
        """All that can be read in it, the calendar entry's folded lines made whole."""
        calendar = (self.mail.calendar or b"").decode().replace("\r\n ", "")
        return self.mail.text + self.mail.html + calendar


@dataclass(frozen=True)
class SentMail:
    """A mail as it goes out, and as it is read at the other end."""

    message: Message
    outgoing: OutgoingMail
    data: bytes
    parsed: EmailMessage


def compose_case(
    case: MailCase,
    *,
    is_online: bool = False,
    discreet: bool = False,
    masked: bool = False,
) -> ComposedMail:
    return _compose_case(case, is_online, discreet, masked)


@cache
def _compose_case(
    case: MailCase, is_online: bool, discreet: bool, masked: bool
) -> ComposedMail:
    message = case.message(
        status=status_for(case.kind), is_online=is_online, discreet=discreet
    )
    return ComposedMail(message, compose(message, masked=masked))


def compose_in_state(
    kind: str,
    state: str,
    *,
    is_online: bool = False,
    status: str = Status.PUBLISHED,
    discreet: bool = False,
    masked: bool = False,
) -> ComposedMail:
    """A mail of a kind to a party of two, however its registration stands by now."""
    return _compose_in_state(kind, state, is_online, status, discreet, masked)


@cache
def _compose_in_state(
    kind: str, state: str, is_online: bool, status: str, discreet: bool, masked: bool
) -> ComposedMail:
    event = build_event(HALL, WEBINAR, status=status, discreet=discreet)
    registration = build_registration(
        event, "Ada", "Grace", state=state, admission=int(is_online)
    )
    message = build_message(kind, registration, place=2)
    return ComposedMail(message, compose(message, masked=masked))


def send_case(case: MailCase, *, is_online: bool = False) -> SentMail:
    return _send_case(case, is_online)


@cache
def _send_case(case: MailCase, is_online: bool) -> SentMail:
    message = case.message(status=status_for(case.kind), is_online=is_online)
    outgoing = render.build_mail(message, message.due_at)
    data = outgoing.as_bytes()
    parsed = message_from_bytes(data, policy=policy.default)
    return SentMail(message, outgoing, data, parsed)


def status_for(kind: str) -> str:
    return Status.CANCELLED if kind == "event_cancelled" else Status.PUBLISHED
