"""Mail on the wire: headers, what stands in them, and whom the connection trusts."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from sqlalchemy import select

from rsvp.extensions import db
from rsvp.jobs.delivery import pool, render
from rsvp.jobs.delivery import sender as delivery_sender
from rsvp.models import Message
from rsvp.text import cleaning
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.mail.messages import (
    KEY,
    NOW,
    build_event,
    build_message,
    build_registration,
)
from tests.support.smtp_server import MailServer, running_server, self_signed


@pytest.fixture
def texts(sqlite_app, monkeypatch):
    monkeypatch.setitem(sqlite_app.config, "CODE_KEY", KEY)
    with sqlite_app.app_context():
        yield


def wire(message):
    """The mail as a client gets it: parsed from the bytes that go over the wire."""
    data = render.build_mail(message, NOW).as_bytes()
    return message_from_bytes(data, policy=policy.default)


# --- headers ------------------------------------------------------------------------


def test_the_headers_say_who_when_and_that_nobody_typed_it(texts):
    message = build_message("confirmation", build_registration(build_event()))
    mail = wire(message)

    assert mail["to"] == "ada@example.org"
    assert mail.get_all("to") == ["ada@example.org"]
    assert mail["cc"] is None and mail["bcc"] is None
    assert mail["from"].addresses[0].addr_spec == "rsvp@rsvp.example.org"
    assert mail["reply-to"] == "letters@winter-letters.example.org"
    assert mail["message-id"] == f"<{message.uuid}@rsvp.example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["date"].datetime == NOW
    assert mail["mime-version"] == "1.0"


def test_every_line_on_the_wire_is_short_ascii(texts):
    registration = build_registration(
        build_event(title="Sopa y cartas — ñandú " * 8), "Søren"
    )
    data = render.build_mail(
        build_message("confirmation", registration), NOW
    ).as_bytes()

    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 998


@for_each(
    "contact", ["a@example.org\r\nBcc: b@example.org", "Nobody", "", None], fresh=True
)
def test_a_bad_contact_address_injects_nothing(texts, contact):
    message = build_message(
        "confirmation", build_registration(build_event(contact=contact))
    )
    mail = wire(message)

    assert mail["bcc"] is None
    assert mail["to"] == "ada@example.org"


def test_the_time_of_sending_is_the_workers(texts):
    message = build_message("confirmation", build_registration(build_event()))
    at = datetime(2027, 1, 20, 9, 30, tzinfo=UTC)
    assert render.build_mail(message, at).message()["date"].datetime == at


def test_only_what_goes_to_many_may_be_ended_with_one_click(texts):
    registration = build_registration(build_event())
    ticket = render.build_mail(build_message("confirmation", registration), NOW)
    assert not [name for name in ticket.message() if name.startswith("List-")]

    ticket.unsubscribe = link = "https://rsvp.example.org/u/" + "x" * 43
    mail = ticket.message()
    assert mail["list-unsubscribe"] == f"<{link}>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


@for_each(
    "title",
    [
        "Ada\r\nBcc: b@example.org",
        "Ünïcode " * 30,
        # Readers of mail would make letters of these, and so does the library.
        "=?utf-8?q?Ada=0D=0ABcc:_b@example.org?=",
        "Hello =?utf-8?b?QWRhDQpCY2M6IGJAZXhhbXBsZS5vcmc=?=, welcome",
        "=?utf-8?q?Ada=0D=0A=0D=0AAnother_mail?= and " + "soup " * 60,
        "=?utf-8?q?=D0?= ünïcode",
        "=?nothing?q?a?=",
        "What =?= is this?",
    ],
    fresh=True,
)
def test_what_people_write_stays_in_its_header(texts, title):
    letter = render.build_mail(
        build_message("confirmation", build_registration(build_event())), NOW
    )
    letter.subject = cleaning.one_line(title)
    mail = letter.message()

    assert mail["bcc"] is None
    assert mail["subject"] == cleaning.one_line(title)
    assert set(mail.keys()) == {
        "From",
        "To",
        "Subject",
        "Reply-To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    }


@for_each(
    "title",
    ["می\u200cخواهم بیایم", "👩\u200d👧 and 🏳️\u200d🌈", "שלום!\u200f (18:00)"],
    fresh=True,
)
def test_what_joins_letters_and_pictures_stays_in_a_subject(texts, title):
    registration = build_registration(build_event(title=title))

    mail = wire(build_message("confirmation", registration))
    assert mail["subject"] == f"Your ticket for {title}"


@for_each(
    "title",
    [
        "& Führung Freunde für über “Lesen” Bücherei München",
        "für Abend über & München Führung “Lesen” Bücherei",
        "der & Café – Bücherei für über München",
    ],
    fresh=True,
)
def test_a_long_subject_keeps_each_space(texts, title):
    registration = build_registration(build_event(title=title))

    mail = wire(build_message("confirmation", registration))
    assert mail["subject"] == f"Your ticket for {title}"


def test_a_long_name_of_the_sender_keeps_each_space(texts, sqlite_app, monkeypatch):
    sender = "“Lesen” Freundinnen und Führung München – Bücherei <rsvp@example.org>"
    monkeypatch.setitem(sqlite_app.config, "MAIL_DEFAULT_SENDER", sender)
    letter = render.build_mail(
        build_message("confirmation", build_registration(build_event())), NOW
    )

    # Not by the policy's own reader, which makes spaces of folds.
    written = message_from_bytes(letter.as_bytes())["from"]
    assert str(make_header(decode_header(written))) == sender


# --- certificates -------------------------------------------------------------------


def deliver() -> delivery_sender.DeliveryReport:
    return pool.deliver_due(NOON)


def why() -> str:
    db.session.rollback()
    return db.session.scalars(select(Message)).one().last_error


@pytest.fixture
def tls_server(app, monkeypatch, tmp_path):
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with running_server(MailServer(tls=context)) as server:
        server.certificate = certificate
        for name, value in {
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": server.port,
            "MAIL_USE_TLS": True,
            "MAIL_TIMEOUT": 5,
        }.items():
            monkeypatch.setitem(app.config, name, value)
        yield server


def test_starttls_with_an_untrusted_certificate_is_refused(app, tls_server):
    register(make_event())

    assert deliver().retried == 1
    assert tls_server.received == []
    assert "certificate is not trusted" in why()


def test_starttls_with_a_trusted_certificate(app, tls_server, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server.certificate))
    register(make_event())

    assert deliver().sent == 1
    assert tls_server.received[0].encrypted


def test_a_server_without_starttls_gets_nothing_in_the_clear(app, smtp, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_USE_TLS", True)
    register(make_event())

    assert deliver().retried == 1
    assert smtp.received == []
    assert "STARTTLS" in why()
