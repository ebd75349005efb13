"""Failures: what a mail server's answer, or none, means for a message, for the domain
it goes to, and for the server.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum, auto

from rsvp.mailer.connection import MailRefused, NoMailServer, Step
from rsvp.mailer.smtp import Unusable
from rsvp.text.cleaning import one_line

LONGEST_REASON = 500


class Whose(StrEnum):
    """What a failure is about: the one message, all that goes to its domain, or all."""

    MESSAGE = auto()
    DOMAIN = auto()
    SERVER = auto()


@dataclass(frozen=True)
class Trouble:
    """Why a message could not be sent.

    `is_final`: it never will be. `refuses_address`: the server knows no such address,
    or wants no mail for it. `hangs_up`: the connection is of no more use.
    """

    reason: str
    whose: Whose = Whose.MESSAGE
    is_final: bool = False
    refuses_address: bool = False
    hangs_up: bool = False


SIGN_IN_FIRST = (530, 534, 535, 538)
"""The codes that say so at other times than signing in (RFC 4954)."""
GOING = 421

PASSES_NOTHING_ON = re.compile(
    r"\brelay(ing)?( access)? (is )?(denied|prohibited|not (permitted|allowed))\b"
    r"|\bunable to relay\b|\brcpthosts\b",
    re.IGNORECASE,
)
"""What servers say to a recipient, and mean us: for us they pass no mail on."""
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
"""A code that says more (RFC 3463)."""

NO_SUCH_LETTERS = "the mail server can't write to an address like this one"
REFUSED_FOR_ANOTHER = "the mail server takes no mails from this site right now"


def judge(error: Exception, step: Step) -> Trouble:
    """What an error while sending means, by how far the mail had got.

    Until the recipient was named it can't be about the recipient's domain. Connecting,
    signing in and naming the sender are the same for every mail: what fails there is
    the operator's to mend, and no mail's end.
    """
    told_whom = step in (Step.RECIPIENT, Step.DATA)
    if isinstance(error, smtplib.SMTPNotSupportedError) and told_whom:
        return Trouble(NO_SUCH_LETTERS, is_final=True)
    if not is_expected(error):
        whose = Whose.MESSAGE if told_whom else Whose.SERVER
        return Trouble(explain(error), whose, hangs_up=True)
    answer = answer_of(error)
    if answer is None:
        whose = Whose.DOMAIN if told_whom else Whose.SERVER
        return Trouble(explain(error), whose, hangs_up=True)
    code, text = answer
    if isinstance(error, MailRefused):
        return Trouble(text)
    if not told_whom or code in SIGN_IN_FIRST:
        return Trouble(text, Whose.SERVER, hangs_up=True)
    if code == GOING or code < 400:  # it hangs up, or has lost the thread
        return Trouble(text, Whose.DOMAIN, hangs_up=True)
    if code < 500 or (step == Step.RECIPIENT and PASSES_NOTHING_ON.search(text)):
        return Trouble(text)
    return Trouble(text, is_final=True, refuses_address=step == Step.RECIPIENT)


def is_expected(error: Exception) -> bool:
    """Whether it is of a kind that servers and networks cause (smtplib's are OSErrors,
    too), and not a mistake of ours."""
    return isinstance(error, (OSError, NoMailServer))


def answer_of(error: Exception) -> tuple[int, str] | None:
    """The server's code and words, or None where it was no answer of a server."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, said),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return None
    words = one_line(said.decode(errors="replace") if isinstance(said, bytes) else said)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # Its words may repeat what we signed in with.
        more = ENHANCED.match(words)
        codes = f"{code} {more[0]}" if more else str(code)
        return code, f"the mail server refused our sign-in ({codes})"
    if code < 400:
        return code, f"the mail server's answer was out of turn ({code})"
    return code, f"{code} {words or 'without a reason'}"[:LONGEST_REASON]


def explain(error: BaseException) -> str:
    """A failure without an answer, in words for organizers. They name nobody: an
    error's own text is left out where it is not known to be harmless."""
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        # What was read or written when it happened says more.
        cause = error.__cause__
        return "the mail server hung up" if cause is None else explain(cause)
    for kind, words in KNOWN:
        if isinstance(error, kind):
            return words
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return explain_encryption(error)
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return "the mail server's name can't be looked up right now"
        return "the mail server's name is not known"
    if isinstance(error, UnicodeError):
        return "the mail server's name, or what was to be said to it, can't be written"
    why = error.strerror if isinstance(error, OSError) else None
    return f"the mail server could not be reached: {why or type(error).__name__}"


KNOWN: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "the mail server did not answer in time"),
    (ConnectionRefusedError, "the mail server refused the connection"),
    (ConnectionError, "the mail server hung up"),
    (ssl.SSLEOFError, "the mail server hung up"),
    (ssl.SSLZeroReturnError, "the mail server hung up"),
    (NoMailServer, "no mail server is set"),
)


def explain_encryption(error: ssl.SSLError) -> str:
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return "the mail server does not encrypt from the first byte on"
    why = (error.reason or type(error).__name__).replace("_", " ").lower()
    return f"no encrypted connection could be made: {why}"


def loggable(reason: str) -> str:
    """A reason for the log: of a server's answer, which may quote the address, only the
    code."""
    return reason[:3] if is_answer(reason) else reason


def of_domain(reason: str) -> str:
    """The same in words, for whoever may see which domains take no mail."""
    return f"it answered {reason[:3]}" if is_answer(reason) else reason


def is_answer(reason: str) -> bool:
    return reason[:3].isdigit()
