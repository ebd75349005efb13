"""A mail server that says to the letter what a test has written down, right or wrong,
and asks for passwords as strictly as the standards let it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.smtp_server import self_signed

CLOSE = b"[close]"
"""At the end of an answer: hang up after it."""
BANNER, END_OF_DATA = "banner", "."
CHALLENGE = b"<1896.697170952@mx.example.org>"
AT_MOST = {"command": 512, "answer": 12288}


class RawServer(socketserver.ThreadingTCPServer):
    """`answers` has, for the first word of a command, what is said to it, instead of
    the usual; `offers` is what EHLO tells, `offers_in_clear` what it tells before
    encryption, if that is less. With `tls` it knows STARTTLS. `account` is whom it lets
    in, by `known_ways` alone; `heard` has each line that came, `taken` each mail."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.port: int = self.server_address[1]
        self.answers: dict[str, bytes] = {}
        self.offers: list[str] = ["SMTPUTF8"]
        self.offers_in_clear: list[str] | None = None
        self.known_ways = {"CRAM-MD5", "PLAIN", "LOGIN"}
        self.tls: ssl.SSLContext | None = None
        self.account: tuple[str, str] | None = None
        self.heard: list[bytes] = []
        self.taken: list[bytes] = []


class Dialogue(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.say(BANNER, b"220 mx.example.org"):
                while self.answer():
                    pass

    def line(self) -> bytes:
        line = self.rfile.readline()
        self.server.heard.append(line.rstrip(b"\r\n"))
        return line

    def say(self, what: str, usual: bytes) -> bool:
        """Whether the dialogue goes on."""
        said = self.server.answers.get(what, usual + b"\r\n")
        self.wfile.write(said.removesuffix(CLOSE))
        return not said.endswith(CLOSE)

    def answer(self) -> bool:
        line = self.line()
        if not line:
            return False
        word, _, rest = line.strip().partition(b" ")
        command = word.decode("latin-1").upper()
        match command:
            case "EHLO":
                said = ["mx.example.org", *self.offers()]
                usual = b"\r\n".join(
                    f"250{' ' if n == len(said) else '-'}{one}".encode()
                    for n, one in enumerate(said, 1)
                )
                return self.say(command, usual)
            case "STARTTLS" if self.server.tls:
                goes_on = self.say(command, b"220 go on")
                self.encrypt(self.server.tls)
                return goes_on
            case "AUTH" if command not in self.server.answers:
                return self.say("", self.signed_in(line, rest.split(b" ")))
            case "DATA":
                return self.say(command, b"354 go on") and self.data()
            case "QUIT":
                self.say(command, b"221 bye")
                return False
            case "HELO" | "MAIL" | "RCPT" | "RSET":
                return self.say(command, b"250 OK")
        return self.say(command, b"500 what?")

    def data(self) -> bool:
        if not self.server.answers.get("DATA", b"354").startswith(b"354"):
            return True
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.taken.append(b"".join(lines))
        return self.say(END_OF_DATA, b"250 taken")

    # --- STARTTLS and AUTH ---

    def offers(self) -> list[str]:
        server = self.server
        if self.is_encrypted or not server.tls:
            return server.offers
        in_clear = server.offers_in_clear
        return ["STARTTLS", *(server.offers if in_clear is None else in_clear)]

    @property
    def is_encrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket)

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")  # type: ignore[assignment]
        self.wfile = self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]

    def signed_in(self, line: bytes, words: list[bytes]) -> bytes:
        user, password = (one.encode() for one in self.server.account or ("", ""))
        if len(line) > AT_MOST["command"]:
            return b"500 5.5.6 too long"
        match [word.decode() for word in words]:
            case [way, *_] if way not in self.server.known_ways:
                return b"504 5.5.4 no such way"
            case ["PLAIN", *more]:
                told = decoded(more[0].encode()) if more else self.asked(b"")
                is_right = told == b"\0" + user + b"\0" + password
            case ["LOGIN"]:
                told = self.asked(b"Username:")
                is_right = (told, self.asked(b"Password:")) == (user, password)
            case ["CRAM-MD5"]:
                made = hmac.new(password, CHALLENGE, "md5").hexdigest().encode()
                is_right = self.asked(CHALLENGE) == user + b" " + made
            case _:
                return b"504 5.5.4 no such way"
        return b"235 2.7.0 welcome" if is_right else b"535 5.7.8 no"

    def asked(self, challenge: bytes) -> bytes:
        self.wfile.write(b"334 " + base64.b64encode(challenge) + b"\r\n")
        line = self.line()
        assert len(line) <= AT_MOST["answer"]
        return decoded(line.strip())


def decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b"not base64: " + text


@pytest.fixture
def encrypting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """For a server, with a certificate that is trusted during the test."""
    certificate, key = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@contextlib.contextmanager
def listening(server: RawServer) -> Iterator[RawServer]:
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def raw(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A mail server that the application is set to use."""
    with listening(RawServer()) as server:
        settings: dict[str, Any] = {"MAIL_SERVER": "127.0.0.1", "MAIL_TIMEOUT": 5}
        for name, value in (settings | {"MAIL_PORT": server.port}).items():
            monkeypatch.setitem(app.config, name, value)
        yield server
