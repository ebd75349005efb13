"""Mail connection: Flask-Mail's message and connection, extended.

Inline pictures belong to the HTML (multipart/related), a server that does not answer
must not hold us for ever, and an encrypted connection is one to a server whose
certificate was checked.
"""

from __future__ import annotations

import contextlib
import math
import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime, parseaddr
from enum import StrEnum, auto
from functools import cached_property, lru_cache
from typing import Any

import flask_mail
from email_validator import validate_email
from flask import current_app

from rsvp.mailer import mime
from rsvp.mailer.smtp import TimedSMTP, TimedSMTPOverTLS, UnusableServer
from rsvp.text.cleaning import one_line

# 7-bit: nothing on the way has a reason to rewrite it.
PARSE_POLICY = default
HEADER_POLICY = SMTP.clone(cte_type="7bit")
UTF8_HEADER_POLICY = HEADER_POLICY.clone(utf8=True)
CHECKED_LOCAL_PART = "postmaster"
SIMPLE_HEADER = re.compile(r"[A-Za-z0-9@._+-][A-Za-z0-9@._+ '!-]{0,60}", re.ASCII)
"""What means the same in any header, however it is read."""
ENCODED_WORD_START = "=?"
"""How a word begins that stands for other letters (RFC 2047)."""
PLAIN_ADDRESS = re.compile(r"(\w+(?:[.+-]\w+)*)@(\w+(?:[.-]\w+)*)", re.ASCII)
"""An address without a name that says what it says, without being taken apart."""

OK, WILL_FORWARD, CLOSING, TOO_LARGE = 250, 251, 421, 552
"""Answers of a mail server: taken, taken for somebody else, closing down; too large."""

QUIT_SECONDS = 5.0
"""Seconds that a server may take to say goodbye."""

SENDER_UNSUPPORTED = (
    "the mail server can't send for an address like ours, with other letters than "
    "ASCII before the @"
)


class NoMailServer(RuntimeError):
    """No mail server is set, so there is nothing to connect to."""


class MailRefused(smtplib.SMTPResponseException):
    """Refused together with its sender, but for what this one mail is: for its size, or
    for letters of its recipient's address."""


@dataclass(frozen=True)
class MailPart:
    """A picture in the HTML (`name` is its Content-ID) or a file beside it."""

    name: str
    subtype: str
    data: bytes


class OutgoingMail(flask_mail.Message):
    """One mail to one recipient, as a standard EmailMessage.

    `pictures` are PNGs shown where the HTML says `cid:<name>`; `calendar` is attached
    with `method`, the one its text has. `message_id` is the same for every try.
    `unsubscribe` is where a POST asks for no more mails of its kind.
    """

    def __init__(
        self,
        *,
        subject: str,
        recipient: str,
        text: str,
        html: str,
        message_id: str,
        at: datetime,
        reply_to: str | None = None,
        pictures: Sequence[MailPart] = (),
        calendar: MailPart | None = None,
        method: str = "PUBLISH",
        unsubscribe: str | None = None,
    ) -> None:
        # Not the library's own: for a Message-ID that we replace it would look up this
        # machine's name, which may ask the DNS for each mail.
        self.from_setting = current_app.config["MAIL_DEFAULT_SENDER"]
        self.sender = parse_known_address(self.from_setting).addr_spec
        self.to = parse_address(recipient)
        self.recipients = [self.to.addr_spec]
        self.subject = one_line(subject)
        self.alts = {"html": html}
        self.body = text
        self.reply_to = reply_address(reply_to)
        self.msgId = f"<{message_id}>"
        self.at = at
        self.date = at.timestamp()
        self.cc, self.bcc, self.attachments = [], [], []
        self.mail_options = []
        self.pictures = pictures
        self.calendar = calendar
        self.method = method
        self.unsubscribe = unsubscribe
        if self.needs_utf8:
            self.mail_options = ["SMTPUTF8"]

    @property
    def needs_utf8(self) -> bool:
        """Whether an address has other letters than ASCII before its @ (RFC 6531)."""
        return not f"{self.recipients[0]}{self.sender}".isascii()

    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.as_bytes(), policy=PARSE_POLICY)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @cached_property
    def as_bytes_cached(self) -> bytes:
        """The whole mail as it is sent, rendered once. Raises ValueError where
        something in it can't be written."""
        return self.as_bytes()

    def as_bytes(self) -> bytes:
        """Render the whole mail: mixed(alternative(text, related(html, pictures)),
        calendar).

        The calendar is a file beside the text: as an alternative some clients would
        show it instead of the mail.
        """
        html = mime.text_part(self.html or "", "html")
        if self.pictures:
            html = mime.multipart(
                "related", [html, *map(inline_picture, self.pictures)]
            )
        body = mime.multipart(
            "alternative", [mime.text_part(self.body or "", "plain"), html]
        )
        if self.calendar:
            body = mime.multipart("mixed", [body, self.calendar_part(self.calendar)])
        return self.head() + body

    def head(self) -> bytes:
        utf8 = self.needs_utf8
        lines = [
            address_header("From", self.from_setting, utf8),
            fold_header("To", self.to, utf8),
            fold_header("Subject", self.subject, utf8),
        ]
        if self.reply_to:
            lines.append(address_header("Reply-To", str(self.reply_to), utf8))
        plain = {
            "Date": format_datetime(self.at),
            "Message-ID": self.msgId,
            # No vacation notes in return (RFC 3834).
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        }
        if self.unsubscribe:
            # One click, without a page to look at (RFC 8058).
            plain["List-Unsubscribe"] = f"<{self.unsubscribe}>"
            plain["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        plain["MIME-Version"] = "1.0"
        return b"".join(
            [*lines, *(mime.header_line(*header) for header in plain.items())]
        )

    def calendar_part(self, calendar: MailPart) -> bytes:
        return mime.text_part(
            calendar.data.decode(),
            calendar.subtype,
            parameters=f'; method="{self.method}"',
            attached_as=calendar.name,
        )

    def as_string(self) -> str:
        return self.message().as_string()

    def has_bad_headers(self) -> bool:
        """Return False: EmailMessage refuses a line break in a header, and none gets
        that far."""
        return False


class SmtpStep(StrEnum):
    """How far a mail has got on its way to the server."""

    CONNECT = auto()
    SENDER = auto()
    RECIPIENT = auto()
    DATA = auto()


class SmtpConnection(flask_mail.Connection):
    """An SMTP connection with time limits that checks certificates.

    The authorities are the system's; SSL_CERT_FILE names others. `step` says how far
    the last mail got. An answer may take `timeout` seconds; at `ends_at` (of
    time.monotonic) all is over: TimeoutError, or smtplib's SMTPServerDisconnected.
    """

    def __init__(self, mail: Any, timeout: float) -> None:
        super().__init__(mail)
        self.timeout = timeout
        self.ends_at = math.inf
        self.step = SmtpStep.CONNECT

    def seconds_left(self) -> float:
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return min(self.timeout, seconds)

    def configure_host(self) -> TimedSMTP:
        host: TimedSMTP
        if not self.mail.server:
            raise NoMailServer("set RSVP_MAIL_SERVER")
        if self.mail.use_ssl:
            host = TimedSMTPOverTLS(
                self.mail.server,
                self.mail.port,
                seconds_left=self.seconds_left,
                context=ssl.create_default_context(),
            )
        else:
            host = TimedSMTP(
                self.mail.server, self.mail.port, seconds_left=self.seconds_left
            )
        try:
            if self.mail.use_tls:
                host.starttls(context=ssl.create_default_context())
            if self.mail.username and self.mail.password:
                host.sign_in(self.mail.username, self.mail.password)
            host.ehlo_or_helo_if_needed()
        except BaseException:
            host.close()
            raise
        return host

    def send(
        self,
        message: flask_mail.Message,
        envelope_from: str | tuple[str, str] | None = None,
    ) -> None:
        """Send one mail; ours go as they are, with addresses in any alphabet."""
        if not isinstance(message, OutgoingMail):
            super().send(message, envelope_from)
            return
        assert self.host is not None, "connect first: `with mail.connect() as …`"
        self.transfer(self.host, message)
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        flask_mail.email_dispatched.send(app, message=message)

    def transfer(self, host: smtplib.SMTP, message: OutgoingMail) -> None:
        """Send one mail by the dialogue of RFC 5321, and note how far it got.

        Raises smtplib's errors, as its `sendmail` does, and MailRefused; after an
        answer that is a refusal the connection is good for the next mail.
        """
        sender, recipient = str(message.sender), str(message.recipients[0])
        data = message.as_bytes_cached
        self.step = SmtpStep.SENDER
        if message.needs_utf8 and not host.has_extn("smtputf8"):
            if not sender.isascii():
                raise UnusableServer(SENDER_UNSUPPORTED)
            self.step = SmtpStep.RECIPIENT
            raise smtplib.SMTPNotSupportedError("SMTPUTF8")
        options = list(message.mail_options)
        if host.has_extn("size"):
            options.append(f"size={len(data)}")
        code, text = host.mail(sender, options)
        if code != OK:
            self.reset_session(code)
            is_for_letters = message.needs_utf8 and sender.isascii()
            if code == TOO_LARGE or (is_for_letters and code != CLOSING):
                raise MailRefused(code, text)
            raise smtplib.SMTPSenderRefused(code, text, sender)
        self.step = SmtpStep.RECIPIENT
        code, text = host.rcpt(recipient)
        if code not in (OK, WILL_FORWARD):
            self.reset_session(code)
            raise smtplib.SMTPRecipientsRefused({recipient: (code, text)})
        self.step = SmtpStep.DATA
        try:
            code, text = host.data(data)
        except smtplib.SMTPDataError as error:
            self.reset_session(error.smtp_code)
            raise
        if code != OK:
            self.reset_session(code)
            raise smtplib.SMTPDataError(code, text)

    def reset_session(self, code: int) -> None:
        """Reset the session after a refusal. Where the server does not agree to that,
        the next mail goes over another connection. (421: the server has gone.)"""
        if code == CLOSING or self.host is None:
            return
        is_agreed_on = False
        with contextlib.suppress(OSError):
            is_agreed_on = self.host.rset()[0] == OK
        if not is_agreed_on:
            self.host.close()

    def __exit__(self, *_: object) -> None:
        """Quit; that the server has gone already is no mistake of ours."""
        if self.host is None:
            return
        self.ends_at = min(self.ends_at, time.monotonic() + QUIT_SECONDS)
        with contextlib.suppress(Exception):
            self.host.quit()
        self.host.close()
        self.host = None


class Mail(flask_mail.Mail):
    """Flask-Mail with our connection; settings are read when it connects.

    Without a mail server nothing can be sent by mistake, so tests need no special case.
    """

    def init_mail(self, config: Any, *_flags: object, **_more: object) -> Any:
        # Never with the application's debug flag: smtplib would print addresses.
        return super().init_mail(config, debug=False, testing=False)

    def connect(self) -> SmtpConnection:
        config = current_app.config
        return SmtpConnection(self.init_mail(config), timeout=config["MAIL_TIMEOUT"])


def fold_header(name: str, value: str | Address, utf8: bool) -> bytes:
    """Return a folded header with whatever people are called; the library knows how,
    and where nothing needs to be known, it takes its time."""
    text = str(value)
    if SIMPLE_HEADER.fullmatch(text):
        return mime.header_line(name, text)
    # The library would take encoded words apart, and write what is in them as it is:
    # line breaks and half characters, too. And where it folds other letters, it loses
    # spaces now and then, or adds some.
    if isinstance(value, str) and (ENCODED_WORD_START in value or not value.isascii()):
        return encode_header(name, Header(value, "utf-8", header_name=name))
    if isinstance(value, Address) and needs_encoded_name(value):
        header = Header(value.display_name, "utf-8", header_name=name)
        header.append(f"<{value.addr_spec}>", "us-ascii")
        return encode_header(name, header)
    policy = UTF8_HEADER_POLICY if utf8 else HEADER_POLICY
    stored: bytes = policy.fold_binary(name, policy.header_store_parse(name, value)[1])
    return stored


def needs_encoded_name(who: Address) -> bool:
    """Whether the name has other letters than ASCII, or what stands for them, and the
    address has none."""
    name = who.display_name
    return (
        ENCODED_WORD_START in name or not name.isascii()
    ) and who.addr_spec.isascii()


def encode_header(name: str, value: Header) -> bytes:
    lines = value.encode(linesep="\r\n")
    return f"{name}: {lines}\r\n".encode()


def inline_picture(picture: MailPart) -> bytes:
    name = f"{picture.name.partition('@')[0]}.{picture.subtype}"
    return mime.picture_part(picture.data, picture.subtype, cid=picture.name, name=name)


def parse_address(given: str | tuple[str, str]) -> Address:
    """Parse an address from a setting or a row, safe to stand in a header.

    Domains in other alphabets are written in ASCII. Raises ValueError for what is no
    address.
    """
    if isinstance(given, str) and (plain := PLAIN_ADDRESS.fullmatch(given)):
        return Address(username=plain[1], domain=plain[2])
    name, spec = parseaddr(given) if isinstance(given, str) else given
    local, at, domain = one_line(spec).rpartition("@")
    if not (local and at and domain):
        raise ValueError("not a mail address")
    if not domain.isascii():
        # The current rules (IDNA 2008), where ß is not ss: that is another's domain.
        checked = validate_email(
            f"{CHECKED_LOCAL_PART}@{domain}", check_deliverability=False
        )
        domain = checked.ascii_domain
    if local.isascii():
        return Address(one_line(name), addr_spec=f"{local}@{domain}")
    return Address(one_line(name), username=local, domain=domain)


# Senders and contacts are few, and the same for thousands of mails.
parse_known_address = lru_cache(maxsize=64)(parse_address)


@lru_cache(maxsize=64)
def address_header(name: str, given: str | tuple[str, str], utf8: bool) -> bytes:
    return fold_header(name, parse_address(given), utf8)


def reply_address(contact: str | None) -> str | None:
    """Return where answers go, or None: a contact that can't be one must not stop the
    mail."""
    try:
        spec = parse_known_address(contact or "").addr_spec
    except (ValueError, MessageError):
        return None
    return spec if spec.isascii() else None
