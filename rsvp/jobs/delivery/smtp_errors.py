"""SMTP errors: what a failure means for the message, its domain or the server."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum, auto

from rsvp.mailer.connection import MailRefused, NoMailServer, SmtpStep
from rsvp.mailer.smtp import UnusableServer
from rsvp.text.cleaning import one_line

MAX_REASON_LENGTH = 500


class FailureScope(StrEnum):
    """What a failure is about: the one message, all that goes to its domain, or all."""

    MESSAGE = auto()
    DOMAIN = auto()
    SERVER = auto()


@dataclass(frozen=True)
class SendFailure:
    """Why a message could not be sent.

    `is_final`: it never will be. `refuses_address`: the server knows no such address,
    or wants no mail for it. `ends_connection`: it is of no more use.
    """

    reason: str
    scope: FailureScope = FailureScope.MESSAGE
    is_final: bool = False
    refuses_address: bool = False
    ends_connection: bool = False


SIGN_IN_CODES = (530, 534, 535, 538)
"""The codes that say so at other times than signing in (RFC 4954)."""
CLOSING_CODE = 421

RELAY_DENIED = re.compile(
    r"\brelay(ing)?( access)? (is )?(denied|prohibited|not (permitted|allowed))\b"
    r"|\bunable to relay\b|\brcpthosts\b",
    re.IGNORECASE,
)
"""What servers say to a recipient, and mean us: for us they pass no mail on."""
ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
"""A code that says more (RFC 3463)."""

ADDRESS_UNSUPPORTED = "the mail server can't write to an address like this one"
SITE_REFUSED = "the mail server takes no mails from this site right now"


def classify_error(error: Exception, step: SmtpStep) -> SendFailure:
    """Return what an error while sending means, by how far the mail had got.

    Until the recipient was named it can't be about the recipient's domain. Connecting,
    signing in and naming the sender are the same for every mail: what fails there is
    the operator's to mend, and no mail's end.
    """
    named_recipient = step in (SmtpStep.RECIPIENT, SmtpStep.DATA)
    if isinstance(error, smtplib.SMTPNotSupportedError) and named_recipient:
        return SendFailure(ADDRESS_UNSUPPORTED, is_final=True)
    if not is_expected(error):
        scope = FailureScope.MESSAGE if named_recipient else FailureScope.SERVER
        return SendFailure(explain_error(error), scope, ends_connection=True)
    answer = server_answer(error)
    if answer is None:
        scope = FailureScope.DOMAIN if named_recipient else FailureScope.SERVER
        return SendFailure(explain_error(error), scope, ends_connection=True)
    code, text = answer
    if isinstance(error, MailRefused):
        return SendFailure(text)
    if not named_recipient or code in SIGN_IN_CODES:
        return SendFailure(text, FailureScope.SERVER, ends_connection=True)
    if code == CLOSING_CODE or code < 400:  # it hangs up, or has lost the thread
        return SendFailure(text, FailureScope.DOMAIN, ends_connection=True)
    if code < 500 or (step == SmtpStep.RECIPIENT and RELAY_DENIED.search(text)):
        return SendFailure(text)
    return SendFailure(text, is_final=True, refuses_address=step == SmtpStep.RECIPIENT)


def is_expected(error: Exception) -> bool:
    """Whether an error is of a kind that servers and networks cause (smtplib's are
    OSErrors, too), and not a mistake of ours."""
    return isinstance(error, (OSError, NoMailServer))


def server_answer(error: Exception) -> tuple[int, str] | None:
    """Return the server's code and text, or None where it was no answer of a server."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, text),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return None
    words = one_line(text.decode(errors="replace") if isinstance(text, bytes) else text)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # Its words may repeat what we signed in with.
        more = ENHANCED_CODE.match(words)
        codes = f"{code} {more[0]}" if more else str(code)
        return code, f"the mail server refused our sign-in ({codes})"
    if code < 400:
        return code, f"the mail server's answer was out of turn ({code})"
    return code, f"{code} {words or 'without a reason'}"[:MAX_REASON_LENGTH]


def explain_error(error: BaseException) -> str:
    """Return why sending failed without an answer, in words for organizers. They name
    nobody: an error's own text is left out where it is not known to be harmless."""
    if isinstance(error, UnusableServer):
        return str(error)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        # What was read or written when it happened says more.
        cause = error.__cause__
        return "the mail server hung up" if cause is None else explain_error(cause)
    for kind, words in KNOWN_ERRORS:
        if isinstance(error, kind):
            return words
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return explain_tls_error(error)
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return "the mail server's name can't be looked up right now"
        return "the mail server's name is not known"
    if isinstance(error, UnicodeError):
        return "the mail server's name, or what was to be said to it, can't be written"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"the mail server could not be reached: {reason or type(error).__name__}"


KNOWN_ERRORS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "the mail server did not answer in time"),
    (ConnectionRefusedError, "the mail server refused the connection"),
    (ConnectionError, "the mail server hung up"),
    (ssl.SSLEOFError, "the mail server hung up"),
    (ssl.SSLZeroReturnError, "the mail server hung up"),
    (NoMailServer, "no mail server is set"),
)


def explain_tls_error(error: ssl.SSLError) -> str:
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return "the mail server does not encrypt from the first byte on"
    reason = (error.reason or type(error).__name__).replace("_", " ").lower()
    return f"no encrypted connection could be made: {reason}"


def loggable_reason(reason: str) -> str:
    """Return a reason for the log: of a server's answer, which may quote the address,
    only the code."""
    return reason[:3] if is_server_answer(reason) else reason


def domain_reason(reason: str) -> str:
    """Return the same in words, for whoever may see which domains take no mail."""
    return f"it answered {reason[:3]}" if is_server_answer(reason) else reason


def is_server_answer(reason: str) -> bool:
    return reason[:3].isdigit()
