"""Delivery: the mails that are due go out, each at least once.

A worker claims due messages by a lease, sends each outside of any transaction and notes
how it went. One that dies keeps nobody waiting: when its lease ends another worker
sends again, under the same Message-ID.
"""

from __future__ import annotations

import logging
import smtplib
import threading
import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app

from rsvp import mailer
from rsvp.db import current_session
from rsvp.extensions import mail
from rsvp.jobs.claiming import BATCH, LEASE, Claim, claim, give_back, note, note_sent
from rsvp.jobs.failures import (
    OUR_FAULT,
    GiveUp,
    TryLater,
    answer_of,
    explain,
    loggable,
)
from rsvp.jobs.letters import letter_of, load
from rsvp.models.ledger import MessageState

log = logging.getLogger("rsvp.jobs")

MINUTES = (1, 2, 5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480)
PAUSES = [timedelta(minutes=minutes) for minutes in MINUTES]
"""How long after each failed try the next one comes: 48 hours in all."""


@dataclass
class DeliveryReport:
    """How many messages were sent, put off to a later try, or given up."""

    sent: int = 0
    retried: int = 0
    failed: int = 0

    @property
    def tried(self) -> int:
        return self.sent + self.retried + self.failed


def deliver_due(
    now: datetime, limit: int | None = None, *, stop: threading.Event | None = None
) -> DeliveryReport:
    """Send up to `limit` messages that are due at `now` (None: all of them).

    Without a mail server nothing is sent. Must not be called inside `writing()`.
    """
    report = DeliveryReport()
    if not current_app.config["MAIL_SERVER"]:
        return report
    with Delivery(now, report, stop) as delivery:
        while limit is None or report.tried < limit:
            room = BATCH if limit is None else min(BATCH, limit - report.tried)
            claims = claim(delivery.now(), room)
            if not claims or not delivery.send_all(claims):
                break
    return report


# --- sending ------------------------------------------------------------------------


@dataclass
class Delivery:
    """One SMTP connection and the messages that go over it."""

    started_at: datetime
    report: DeliveryReport
    stop: threading.Event | None = None
    connection: mailer.Connection | None = None
    troubles: int = 0
    clock: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def now(self) -> datetime:
        """The caller's instant, plus what has passed since."""
        return self.started_at + timedelta(seconds=time.monotonic() - self.clock)

    def send_all(self, claims: list[Claim]) -> bool:
        """Send each, and say whether there is reason to go on."""
        claimed_at = self.now()
        for position, each in enumerate(claims):
            is_late = self.now() - claimed_at > LEASE / 2
            if is_late or (self.stop is not None and self.stop.is_set()):
                give_back(claims[position:])
                return is_late
            try:
                self.send(each)
            except TryLater as reason:
                self.put_off(each, str(reason))
            except GiveUp as reason:
                self.give_up(each, str(reason))
            if self.troubles >= 2:
                # The server is gone or stalls: each further try would only take time.
                for rest in claims[position + 1 :]:
                    self.put_off(rest, "the mail server could not be reached")
                return False
        return True

    def send(self, claim: Claim) -> None:
        letter = self.write(claim)
        if letter is None:
            return
        was_open = self.connection is not None
        try:
            self.hand_over(letter)
        except smtplib.SMTPServerDisconnected as error:
            if not was_open:
                raise self.trouble(error) from error
            # It may only have waited too long for us: once more, over a new one.
            self.hang_up()
            try:
                self.hand_over(letter)
            except (OSError, smtplib.SMTPException) as second:
                raise self.trouble(second) from second
        except (OSError, smtplib.SMTPException) as error:
            raise self.trouble(error) from error
        self.troubles = 0
        note_sent(claim, self.now())
        self.report.sent += 1
        log.info("message %d sent, try %d", claim.id, claim.attempt)

    def write(self, claim: Claim) -> mailer.Message | None:
        """The mail of a claimed message; None if it is no longer to be sent."""
        message = load(claim)
        try:
            return None if message is None else letter_of(message, self.now())
        except Exception as error:
            # A mistake of ours must not keep other people's mails from going out. Its
            # text is left out: it may quote the message.
            where = "".join(traceback.format_tb(error.__traceback__))
            name = type(error).__name__
            log.error("message %d can't be written: %s\n%s", claim.id, name, where)
            raise TryLater(f"the mail could not be written ({name})") from None
        finally:
            # What was read is closed before anything is sent.
            current_session().rollback()

    def hand_over(self, letter: mailer.Message) -> None:
        if self.connection is None:
            self.connection = mail.connect()
            try:
                self.connection.__enter__()
            except BaseException:
                self.connection = None
                raise
        letter.send(self.connection)

    def trouble(self, error: Exception) -> TryLater | GiveUp:
        """What a failure means for the message, and whether the connection still is."""
        answer = answer_of(error)
        if isinstance(error, smtplib.SMTPNotSupportedError) and self.connection:
            return GiveUp("the mail server can't write to an address like this one")
        if answer is None:
            self.troubles += 1
            self.hang_up()
            return TryLater(explain(error))
        code, text = answer
        if code == 421 or isinstance(error, OUR_FAULT):  # 421: the server hangs up
            self.troubles += 1
            self.hang_up()
            return TryLater(text)
        if code < 500:
            return TryLater(text)
        return GiveUp(text)

    def put_off(self, claim: Claim, reason: str) -> None:
        if claim.attempt > len(PAUSES):
            self.give_up(claim, reason)
            return
        pause = PAUSES[claim.attempt - 1]
        note(claim, last_error=reason, due_at=self.now() + pause, lease_until=None)
        self.report.retried += 1
        log.warning(
            "message %d put off by %s after try %d: %s",
            claim.id,
            pause,
            claim.attempt,
            loggable(reason),
        )

    def give_up(self, claim: Claim, reason: str) -> None:
        note(
            claim, last_error=reason, state=MessageState.FAILED.value, lease_until=None
        )
        self.report.failed += 1
        log.error(
            "message %d given up after try %d: %s",
            claim.id,
            claim.attempt,
            loggable(reason),
        )

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.__exit__(None, None, None)
            self.connection = None
