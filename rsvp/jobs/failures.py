"""Failures: what a mail server's answer, or none, means for a message, for the domain
it goes to, and for the server.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from enum import StrEnum, auto

from rsvp.mailer import Step
from rsvp.plaintext import one_line

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


OUR_FAULT = (
    smtplib.SMTPSenderRefused,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPHeloError,
    smtplib.SMTPConnectError,
)
"""Answers that are not about the message but about us: the operator can mend that."""
SIGN_IN_FIRST = (530, 534, 535, 538)
"""The codes that say so at other times (RFC 4954)."""

PASSES_NOTHING_ON = re.compile(
    r"\brelay(ing)?( access)? (is )?(denied|prohibited|not (permitted|allowed))\b"
    r"|\bunable to relay\b|\brcpthosts\b",
    re.IGNORECASE,
)
"""What servers say to a recipient, and mean us: for us they pass no mail on."""

NO_SUCH_LETTERS = "the mail server can't write to an address like this one"


def judge(error: Exception, step: Step) -> Trouble:
    """What an error while sending means, by how far the mail had got.

    Until the recipient was named it can't be about the recipient's domain.
    """
    told_whom = step in (Step.RECIPIENT, Step.DATA)
    if isinstance(error, smtplib.SMTPNotSupportedError) and step != Step.CONNECT:
        return Trouble(NO_SUCH_LETTERS, is_final=True)
    answer = answer_of(error)
    if answer is None:
        whose = Whose.DOMAIN if told_whom else Whose.SERVER
        return Trouble(explain(error), whose, hangs_up=True)
    code, text = answer
    if isinstance(error, OUR_FAULT) or code in SIGN_IN_FIRST:
        return Trouble(text, Whose.SERVER, hangs_up=True)
    if code == 421:  # it hangs up
        return Trouble(text, Whose.DOMAIN, hangs_up=True)
    if code < 500 or (step == Step.RECIPIENT and PASSES_NOTHING_ON.search(text)):
        return Trouble(text)
    return Trouble(text, is_final=True, refuses_address=step == Step.RECIPIENT)


def answer_of(error: Exception) -> tuple[int, str] | None:
    """The server's code and words, or None where it was no answer of a server."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, said),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return None
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return code, one_line(f"{code} {text}")[:LONGEST_REASON]


def explain(error: Exception) -> str:
    """A failure without an answer, in words for the organizer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "the mail server did not answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the mail server hung up"
    if isinstance(error, ConnectionRefusedError):
        return "the mail server refused the connection"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"the mail server could not be reached: {text}"[:LONGEST_REASON]


def loggable(reason: str) -> str:
    """A reason for the log: of a server's answer, which may quote the address, only the
    code."""
    return reason[:3] if reason[:3].isdigit() else reason
