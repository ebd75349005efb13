"""Failures: what a mail server's answer, or none, means for a message."""

from __future__ import annotations

import smtplib
import ssl

from rsvp import mailer

LONGEST_REASON = 500


class TryLater(Exception):
    """The message could not be sent now; the text says why."""


class GiveUp(Exception):
    """The message will never be accepted; the text says why."""


OUR_FAULT = (
    smtplib.SMTPSenderRefused,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPHeloError,
    smtplib.SMTPConnectError,
)
"""Answers that are not about the message but about us: the operator can mend that."""


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
    return code, mailer.one_line(f"{code} {text}")[:LONGEST_REASON]


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
