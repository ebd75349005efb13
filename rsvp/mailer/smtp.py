"""SMTP client: bounded in time and size, sign-in with non-ASCII passwords.

The library's time-out is for each read: a server that says a letter now and then (some
do so on purpose, to those they take for spammers) would hold us for hours. It also
reads no line beyond 8 KiB, gives -1 for what is no answer, and knows ASCII passwords
only.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

SecondsLeft = Callable[[], float]
"""Seconds that the next read or write may take; TimeoutError where none are left."""

MAX_ANSWER_BYTES = 1024 * 1024
"""Bytes of one answer, all lines together. RFC 5321 has 512 a line; some say more."""
READ_BYTES = 16 * 1024
MAX_LINE_BYTES = 512
"""Bytes of a command (RFC 5321); a longer AUTH waits to be asked (RFC 4954)."""
MAX_CHALLENGES = 5

ANSWER = re.compile(rb"([2-5]\d\d)(?!\d)(-?)(.*)", re.DOTALL)
MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
MECHANISMS = ("CRAM-MD5", "PLAIN", "LOGIN")
"""Ways to sign in that we know, the ones to try first first."""
FULL_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)

READY, SIGNED_IN, CONTINUE, ALREADY_SIGNED_IN, CLOSING = 220, 235, 334, 503, 421

NO_SMTP = "the mail server's answer was none that SMTP knows"
ANSWER_TOO_LONG = "the mail server's answer had no end"
HUNG_UP = "the mail server hung up"
NO_ENCRYPTION = "the mail server offers no encryption after connecting (STARTTLS)"
TOO_MUCH_BEFORE_TLS = (
    "the mail server, or somebody on the way to it, said more than it may before "
    "encryption"
)
NO_SIGN_IN = "the mail server offers no sign-in"
NO_SIGN_IN_YET = f"{NO_SIGN_IN}; without encryption many offer none"


class UnusableServer(smtplib.SMTPException):
    """Nothing can be sent over this connection; the message is for organizers, and
    names nobody."""


class TimedSMTP(smtplib.SMTP):
    """An SMTP client with time limits. Raises what smtplib does, UnusableServer for
    what it has no words for, and TimeoutError before it sends anything too late."""

    def __init__(
        self, host: str, port: int, *, seconds_left: SecondsLeft, **more: Any
    ) -> None:
        self.seconds_left = seconds_left
        self.unread = bytearray()
        # Its own name is asked for below: the library would ask the DNS each time.
        super().__init__(host, port, local_hostname="", timeout=seconds_left(), **more)
        self.local_hostname = local_host_name() or local_address(self.connected())

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # The dot of a name that is whole is the DNS's alone: certificates have none.
        self._host = host.removesuffix(".")
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        return made

    def connected(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected(HUNG_UP)
        return self.sock

    # --- reading and writing ---

    def getreply(self) -> tuple[int, bytes]:
        """Return the code and the words of an answer, its lines joined by line
        breaks."""
        words: list[bytes] = []
        max_bytes = MAX_ANSWER_BYTES
        while True:
            line = self.read_line(max_bytes)
            max_bytes -= len(line)
            answer = ANSWER.fullmatch(line.rstrip(b" \t\r\n"))
            if not answer:
                self.close()
                raise UnusableServer(NO_SMTP)
            words.append(answer[3].strip())
            if not answer[2]:
                return int(answer[1]), b"\n".join(words)

    def read_line(self, max_bytes: int) -> bytes:
        searched = 0
        while (end := self.unread.find(b"\n", searched)) < 0:
            searched = len(self.unread)
            if searched >= max_bytes:
                self.close()
                raise UnusableServer(ANSWER_TOO_LONG)
            self.unread += self.read()
        line = bytes(self.unread[: end + 1])
        del self.unread[: end + 1]
        return line

    def read(self) -> bytes:
        source = self.connected()
        try:
            source.settimeout(self.seconds_left())
            data = source.recv(READ_BYTES)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(HUNG_UP) from error
        if not data:
            self.close()
            raise smtplib.SMTPServerDisconnected(HUNG_UP)
        return data

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        seconds, target = self.seconds_left(), self.connected()
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        try:
            target.settimeout(seconds)
            target.sendall(data)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(HUNG_UP) from error

    def close(self) -> None:
        self.unread.clear()
        super().close()

    # --- before the first mail ---

    def ehlo_or_helo_if_needed(self) -> None:
        """Greet as the library does; a server that says it is closing isn't asked
        again."""
        if self.helo_resp is not None or self.ehlo_resp is not None:
            return
        code, text = self.ehlo()
        if not 200 <= code <= 299 and code != CLOSING:
            code, text = self.helo()
        if not 200 <= code <= 299:
            raise smtplib.SMTPHeloError(code, text)

    def starttls(self, *, context: ssl.SSLContext) -> tuple[int, bytes]:  # type: ignore[override]
        """Encrypt; of what was said before nothing counts (RFC 3207)."""
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("starttls"):
            raise UnusableServer(NO_ENCRYPTION)
        code, text = self.docmd("STARTTLS")
        if code != READY:
            raise smtplib.SMTPResponseException(code, text)
        if self.unread:
            # It would be taken for what the server says encrypted.
            raise UnusableServer(TOO_MUCH_BEFORE_TLS)
        plain = self.connected()
        plain.settimeout(self.seconds_left())
        self.sock = context.wrap_socket(plain, server_hostname=self._host)
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False
        return code, text

    def sign_in(self, user: str, password: str) -> None:
        """Sign in by the first mechanism that works, in UTF-8 (RFC 4616, 4954).

        Raises SMTPAuthenticationError, and UnusableServer where the server offers no
        way that we know.
        """
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("auth"):
            is_encrypted = isinstance(self.sock, ssl.SSLSocket)
            raise UnusableServer(NO_SIGN_IN if is_encrypted else NO_SIGN_IN_YET)
        offered = self.esmtp_features["auth"].upper().split()
        refusal: smtplib.SMTPAuthenticationError | None = None
        # Some offer ways that they don't have, so each is tried.
        for mechanism in MECHANISMS:
            if mechanism not in offered:
                continue
            try:
                self.answer_all(mechanism, user.encode(), password.encode())
                return
            except smtplib.SMTPAuthenticationError as error:
                refusal = error
            except smtplib.SMTPServerDisconnected as error:
                if refusal:  # it has said why
                    raise refusal from error
                raise
        if refusal:
            raise refusal
        names = [name for name in offered if MECHANISM.fullmatch(name)][:5]
        known = ", ".join(MECHANISMS)
        raise UnusableServer(
            f"{NO_SIGN_IN} that we know ({known}), only {', '.join(names) or 'none'}"
        )

    def answer_all(self, mechanism: str, user: bytes, password: bytes) -> None:
        """Sign in by one mechanism. Raises SMTPAuthenticationError."""
        answers = [user, password] if mechanism == "LOGIN" else []
        command = f"AUTH {mechanism}"
        if mechanism == "PLAIN":
            answers = [b"\0" + user + b"\0" + password]
            at_once = f"{command} {base64_text(answers[0])}"
            if len(at_once) + len(smtplib.CRLF) <= MAX_LINE_BYTES:
                command, answers = at_once, []
        code, text = self.docmd(command)
        for _ in range(MAX_CHALLENGES):
            if code != CONTINUE:
                break
            if mechanism == "CRAM-MD5":
                answers = [cram_md5_answer(user, password, text)]
            # "*" ends it (RFC 4954): the server wants to know more than there is.
            code, text = self.docmd(base64_text(answers.pop(0)) if answers else "*")
        if code not in (SIGNED_IN, ALREADY_SIGNED_IN):
            raise smtplib.SMTPAuthenticationError(code, text)


class TimedSMTPOverTLS(TimedSMTP, smtplib.SMTP_SSL):
    """The same client, encrypted from the first byte on."""


def base64_text(answer: bytes) -> str:
    return base64.b64encode(answer).decode()


def cram_md5_answer(user: bytes, password: bytes, challenge: bytes) -> bytes:
    """Return the answer of CRAM-MD5 (RFC 2195)."""
    try:
        asked = base64.b64decode(challenge)
    except binascii.Error as error:
        raise UnusableServer(NO_SMTP) from error
    return user + b" " + hmac.new(password, asked, "md5").hexdigest().encode()


@functools.cache
def local_host_name() -> str:
    """Return this machine's name with its domain, for EHLO; empty where it has none."""
    try:
        name = socket.getfqdn()
    except (OSError, UnicodeError):
        return ""
    return name if FULL_NAME.fullmatch(name) else ""


def local_address(connected: socket.socket) -> str:
    """Return our end of a connection, as EHLO has it (RFC 5321, 4.1.3)."""
    address = connected.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
