"""Parsed mails: written from memory, and read back as a mail program does."""

from __future__ import annotations

from email import message_from_bytes, policy
from html.parser import HTMLParser

from rsvp import tokens
from rsvp.formats.mail import render as mail_render
from rsvp.jobs.delivery import render
from rsvp.models.message import ATTENDEE_KINDS
from tests.support.mail.messages import KEY, PUBLIC_URL, build_message

MAIL_KINDS = list(ATTENDEE_KINDS)


def compose(message, **options) -> mail_render.RenderedMail:
    return mail_render.compose(message, code_key=KEY, public_url=PUBLIC_URL, **options)


def parse_sent_mail(message):
    """The mail as a client gets it: parsed from the bytes that go over the wire."""
    data = render.build_mail(message, message.due_at).as_bytes()
    return message_from_bytes(data, policy=policy.default)


def plain_text_of(kind, registration, **facts) -> str:
    return compose(build_message(kind, registration, **facts)).text


def unwrapped_text(mail: mail_render.RenderedMail) -> str:
    """The plain text, however it was wrapped."""
    return " ".join(mail.text.split())


def secrets_of(registration) -> list[str]:
    """Everything about a registration that opens something."""
    found = [tokens.mailed_token(KEY, registration.uuid, 0)]
    for attendee in registration.attendees:
        found.append(tokens.ticket_token(KEY, attendee.uuid, 0))
        code = tokens.code_text(tokens.attendee_code(KEY, attendee.uuid, 0))
        found += [code, tokens.group_code(code)]
    return found


class HtmlMail(HTMLParser):
    """The links, pictures and text of an HTML mail; breaks on tags left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append(given)
        assert not [name for name in given if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
