"""A real mail server on a port of its own, which answers as a test has written down."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

RESET, STALL, GOODBYE, LOST = "reset", "stall", "goodbye", "lost"
DRIP = "drip"
STALLS_FOR = 20  # seconds; longer than any time-out in the tests


@dataclass
class Received:
    """A mail that the server took, and how it came."""

    sender: str
    recipients: list[str]
    data: bytes
    encrypted: bool

    @property
    def mail(self) -> EmailMessage:
        parsed = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class MailServer:
    """What it received, and what it will answer to the next mails, one entry for each:

    `451 …` or `550 …` to DATA, `rcpt 550 …` to RCPT, `mail 530 …` to MAIL, RESET in the
    middle of the data, STALL (no answer), DRIP (to RCPT one that comes letter by
    letter), GOODBYE (hang up before the mail), LOST (the mail is taken, and the line is
    dead before the answer). Once the script is empty everything is accepted.

    `by_domain` has answers to each mail to a domain, of the same kind. To those of
    `held` nothing is answered until `release` is called; `holding` is set once one of
    them is there. With `is_mute` it takes connections and says nothing at all.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.script: deque[str] = deque()
        self.by_domain: dict[str, str] = {}
        self.held: set[str] = set()
        self.holding = threading.Event()
        self.let_go = threading.Event()
        self.is_mute = False
        self.news = threading.Condition()
        self.connections = 0
        self.tries = 0
        self.tls = tls
        self.controller: Controller | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        server = self

        class OneController(Controller):
            def factory(self) -> SMTP:
                return ScriptedSMTP(
                    server, Handler(server), tls_context=server.tls, hostname="mx"
                )

        self.controller = OneController(None, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        self.connections = 0  # the controller tried itself

    def stop(self) -> None:
        self.release()
        if self.controller:
            self.controller.stop()
            self.controller = None

    def wait_for(self, number: int, seconds: float = 30) -> None:
        """Until it has taken so many mails."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.received) >= number, seconds)

    def release(self) -> None:
        self.let_go.set()

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [r.mail for r in self.received if r.recipients == [address]]

    @property
    def recipients(self) -> list[str]:
        return [address for each in self.received for address in each.recipients]


class ScriptedSMTP(SMTP):
    def __init__(self, server: MailServer, handler: Handler, **more: Any) -> None:
        super().__init__(handler, enable_SMTPUTF8=False, **more)
        self.mail_server = server

    def connection_made(self, transport: Any) -> None:
        self.mail_server.connections += 1
        if not self.mail_server.is_mute:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.mail_server.is_mute:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        return None if self.mail_server.is_mute else super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.mail_server.is_mute:
            super().connection_lost(error)

    async def smtp_RCPT(self, arg: str) -> None:
        domain = arg.partition("@")[2].partition(">")[0]
        self.planned = self.planned or self.mail_server.by_domain.get(domain, "")
        if domain in self.mail_server.held:
            self.mail_server.holding.set()
            while not self.mail_server.let_go.is_set():
                await asyncio.sleep(0.01)
        if self.planned == DRIP:
            await self.drip("250-", STALLS_FOR)
        await super().smtp_RCPT(arg)

    async def drip(self, begin: str, seconds: float) -> None:
        """An answer that seems never to end, each letter soon after another."""
        self.transport.write(begin.encode())
        for _ in range(int(seconds / 0.1)):
            if self.transport.is_closing():
                return
            self.transport.write(b"x")
            await asyncio.sleep(0.1)
        self.transport.write(b"\r\n")

    async def smtp_DATA(self, arg: str) -> None:
        if self.planned == RESET:
            await self.push("354 go on")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)

    async def smtp_MAIL(self, arg: str) -> None:
        self.mail_server.tries += 1
        script = self.mail_server.script
        self.planned = script.popleft() if script else ""
        if self.planned == STALL:
            await asyncio.sleep(STALLS_FOR)
        if self.planned == GOODBYE:
            self.transport.close()
            return
        await super().smtp_MAIL(arg)


class Handler:
    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_MAIL(
        self, smtp: Any, session: Session, envelope: Envelope, address: str, _: Any
    ) -> str:
        if smtp.planned.startswith("mail "):
            return str(smtp.planned.removeprefix("mail "))
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, smtp: Any, session: Session, envelope: Envelope, address: str, _: Any
    ) -> str:
        if smtp.planned.startswith("rcpt "):
            return str(smtp.planned.removeprefix("rcpt "))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: Any, session: Session, envelope: Envelope) -> str:
        if smtp.planned[:1].isdigit():
            return str(smtp.planned)
        assert isinstance(envelope.content, bytes)
        self.server.received.append(
            Received(
                str(envelope.mail_from),
                [str(address) for address in envelope.rcpt_tos],
                envelope.content,
                session.ssl is not None,
            )
        )
        with self.server.news:
            self.server.news.notify_all()
        if smtp.planned == LOST:
            smtp.transport.abort()
        return "250 OK"


@contextlib.contextmanager
def running_server(server: MailServer) -> Iterator[MailServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def smtp(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that the application is set to use."""
    with running_server(MailServer()) as server:
        monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
        monkeypatch.setitem(app.config, "MAIL_PORT", server.port)
        monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 5)
        yield server


def self_signed(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate that nobody vouches for, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "mail.crt", folder / "mail.key"
    pem = serialization.Encoding.PEM
    certificate_file.write_bytes(certificate.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
