"""Sender: sends the messages that are due, each at least once.

A worker claims due messages by a lease, sends each outside of any transaction and notes
how it went. One that dies keeps nobody waiting: when its lease ends another worker
sends again, under the same Message-ID.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import DetachedInstanceError

from rsvp.db import current_session, writing
from rsvp.domain import trusted_clock
from rsvp.domain.messages import delivery_failures
from rsvp.extensions import mail
from rsvp.jobs.delivery import domain_backoff
from rsvp.jobs.delivery.batches import Batch
from rsvp.jobs.delivery.claims import (
    LEASE,
    Claim,
    mark_sent,
    release,
    update_if_claimed,
    update_message,
)
from rsvp.jobs.delivery.render import (
    PreparedMail,
    build_mail,
    earliest_send_time,
    has_failed_address,
    is_wanted,
    load_message,
)
from rsvp.jobs.delivery.smtp_errors import (
    SITE_REFUSED,
    FailureScope,
    SendFailure,
    classify_error,
    domain_reason,
    is_expected,
    loggable_reason,
)
from rsvp.mailer import connection as mailer_connection
from rsvp.mailer.connection import SmtpStep
from rsvp.models import Message
from rsvp.models.message import MAX_RETRY_DELAY, MessageState

log = logging.getLogger("rsvp.jobs")

RETRY_MINUTES = (1, 2, 5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480)
RETRY_PAUSES = [timedelta(minutes=minutes) for minutes in RETRY_MINUTES]
"""How long after each failed try the next one comes: 48 hours in all."""
GIVE_UP_AGE = sum(RETRY_PAUSES, -RETRY_PAUSES[0])
"""From when a message was written until it is given up, at the least."""

MAX_SEND_TIME = timedelta(minutes=2)
"""What one mail may take in all. With the half of a lease after which none is begun,
that is less than the lease."""
UNTRUSTED_CLOCK_PAUSE = timedelta(minutes=10)
"""After how long a mail is looked at again that may be past by a clock that is not
trusted."""
SLOW_SECONDS = 5.0
"""Seconds that a mail may take before others are let go first."""
DOMAIN_GIVEN_UP = "no mail to this domain was taken for two days"


@dataclass
class DeliveryReport:
    """How many messages were sent, put off to a later try, or given up."""

    sent: int = 0
    retried: int = 0
    failed: int = 0

    @property
    def tried(self) -> int:
        return self.sent + self.retried + self.failed


@dataclass
class Delivery:
    """One SMTP connection and the messages that go over it."""

    started_at: datetime
    report: DeliveryReport
    is_over: Callable[[], bool] = lambda: False
    clock: float = field(default_factory=time.monotonic)
    connection: mailer_connection.SmtpConnection | None = None
    # Failures of the server in a row, and why, in words that name nobody; and of each
    # domain, answers to try later.
    server_failures: int = 0
    server_failure_reason: str = ""
    retries_by_domain: Counter[str] = field(default_factory=Counter)
    # What is claimed and not tried yet. Another thread may take it away meanwhile.
    untried: list[Claim] = field(default_factory=list)
    # Of these, what many get.
    batch: Batch = field(default_factory=Batch)
    lock: threading.Lock = field(default_factory=threading.Lock)
    lease_ends_at: datetime | None = None
    sending_since: float | None = None

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def now(self) -> datetime:
        """The caller's instant, plus what has passed since."""
        return self.started_at + timedelta(seconds=time.monotonic() - self.clock)

    # --- what is left of a batch ---

    def next_claim(self) -> Claim | None:
        with self.lock:
            return self.untried.pop(0) if self.untried else None

    def take_untried(self, domain: str | None = None) -> list[Claim]:
        """Take away the claims that were not tried yet (of one domain), to be
        released."""
        with self.lock:
            claims = [c for c in self.untried if domain in (None, c.domain)]
            self.untried = [c for c in self.untried if c not in claims]
            return claims

    @property
    def is_slow(self) -> bool:
        """Whether the mail that is being sent takes long."""
        since = self.sending_since
        return since is not None and time.monotonic() - since > SLOW_SECONDS

    # --- sending ---

    def send_all(self, claims: list[Claim]) -> bool:
        """Send all claimed messages; return whether there is reason to go on."""
        claimed_at = self.now()
        self.lease_ends_at = claimed_at + LEASE
        with self.lock:
            self.untried = list(claims)
        self.retries_by_domain.clear()
        try:
            self.batch = self.load_batch(claims)
            return self.send_each(claimed_at)
        except Exception:
            # Nobody needs to wait for the end of our lease.
            with contextlib.suppress(DBAPIError):
                release(self.take_untried())
            raise
        finally:
            self.batch.flush_sent()

    def load_batch(self, claims: list[Claim]) -> Batch:
        try:
            return Batch(claims)
        except (MemoryError, DBAPIError):
            raise
        except Exception as error:
            # One of them can't be read. Which, is seen when each is read alone.
            log.error("messages can't be read together: %s", type(error).__name__)
            return Batch()

    def send_each(self, claimed_at: datetime) -> bool:
        while (claim := self.next_claim()) is not None:
            is_late = self.now() - claimed_at > LEASE / 2
            if is_late or self.is_over():
                release([claim, *self.take_untried()])
                return is_late
            self.send(claim)
            if self.server_failures >= 2:
                # The server is gone or stalls: each further try would only take time.
                for untried in self.take_untried():
                    self.retry_later(untried, self.server_failure_reason)
                return False
        return True

    def send(self, claim: Claim) -> None:
        self.batch.flush_if_old(self.now())
        prepared = self.render(claim)
        if prepared is None:
            return
        if self.seconds_left() <= 0:
            # We were held up: another has it by now.
            release([claim])
            return
        self.sending_since = began = time.monotonic()
        try:
            self.send_smtp(prepared.mail)
        except MemoryError:
            raise
        except Exception as error:
            # Whatever it is, it must not end the worker: that would try again at once,
            # and for ever.
            self.sending_since = None
            if not is_expected(error):
                self.log_error(claim, "sent", error)
            self.handle_error(claim, classify_error(error, self.step), self.step)
        else:
            self.sending_since = None
            took = timedelta(seconds=time.monotonic() - began)
            self.record_sent(claim, took, was_refused=prepared.was_refused)

    def render(self, claim: Claim) -> PreparedMail | None:
        """Render the mail of a claimed message as it is now; None if it is not to be
        sent."""
        try:
            message, now = self.read(claim), self.now()
        except (MemoryError, DBAPIError):
            raise
        except Exception as error:
            self.retry_unrendered(claim, error)
            return None
        try:
            if message is None:
                release([claim])
                return None
            if not is_wanted(message, now):
                trusted = trusted_clock.last_run_if_apart(now)
                may_be = trusted is not None and is_wanted(message, trusted)
                current_session().rollback()
                if may_be:
                    self.reschedule(now + UNTRUSTED_CLOCK_PAUSE, claim)
                else:
                    self.supersede(claim)
                return None
            if (at := earliest_send_time(message, now)) > now:
                current_session().rollback()
                self.reschedule(at, claim)
                return None
            mail = build_mail(message, now)
            # Here, where what can't be written is that one message's trouble.
            _ = mail.as_bytes_cached
            return PreparedMail(mail, was_refused=has_failed_address(message))
        except DetachedInstanceError:
            # It tells more than was read in advance: this time all is read.
            return self.render(claim)
        except MemoryError:
            raise
        except Exception as error:
            self.retry_unrendered(claim, error)
            return None
        finally:
            # What was read is closed before anything is sent.
            current_session().rollback()

    def retry_unrendered(self, claim: Claim, error: Exception) -> None:
        """Retry a message later that can't be rendered: a mistake of ours must not keep
        other people's mails from going out."""
        self.log_error(claim, "written", error)
        current_session().rollback()
        name = type(error).__name__
        self.retry_later(claim, f"the mail could not be written ({name})")

    def read(self, claim: Claim) -> Message | None:
        """Load a claimed message as it is now; None if somebody else has it."""
        return self.batch.pop_unchanged(claim, self.now()) or load_message(claim)

    @property
    def step(self) -> SmtpStep:
        return self.connection.step if self.connection else SmtpStep.CONNECT

    def seconds_left(self) -> float:
        """Return how many seconds the next mail may take."""
        if self.lease_ends_at is None:
            return MAX_SEND_TIME.total_seconds()
        return min(MAX_SEND_TIME, self.lease_ends_at - self.now()).total_seconds()

    def send_smtp(self, outgoing: mailer_connection.OutgoingMail) -> None:
        """Send a mail, over a new connection if the open one was closed. Raises OSError
        and smtplib's errors; `step` then says how far it got."""
        was_open = self.connection is not None
        ends_at = time.monotonic() + self.seconds_left()
        try:
            self.transfer(outgoing, ends_at)
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPSenderRefused) as error:
            if not was_open or self.step != SmtpStep.SENDER or not has_hung_up(error):
                raise
            # It had only waited too long for us, or takes so many over each connection:
            # once more, over a new one.
            self.disconnect()
            self.transfer(outgoing, ends_at)

    def transfer(
        self, outgoing: mailer_connection.OutgoingMail, ends_at: float
    ) -> None:
        if self.connection is None:
            self.connection = mail.connect()
            self.connection.ends_at = ends_at
            try:
                self.connection.__enter__()
            except BaseException:
                self.connection = None
                raise
        self.connection.ends_at = ends_at
        outgoing.send(self.connection)

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.__exit__(None, None, None)
            self.connection = None

    # --- how it went ---

    def record_sent(self, claim: Claim, took: timedelta, *, was_refused: bool) -> None:
        if claim.id in self.batch.ids:
            self.batch.add_sent(claim, self.now())
        else:
            mark_sent(claim, self.now())
        self.report.sent += 1
        self.server_failures = 0
        self.retries_by_domain.pop(claim.domain, None)
        log.info("message %d sent, try %d", claim.id, claim.attempt)
        is_slow = took > timedelta(seconds=SLOW_SECONDS)
        if was_refused or claim.domain_failures or is_slow:
            with writing():
                if was_refused:
                    delivery_failures.clear_address_failed(claim.id)
                if is_slow:
                    domain_backoff.slow_down(claim.domain, took, self.now())
                elif claim.domain_failures:
                    domain_backoff.mark_recovered(claim.domain)
        if is_slow:
            release(self.take_untried(claim.domain))

    def supersede(self, claim: Claim) -> None:
        """Mark a message as superseded that is outdated; a later one, or none, tells
        how things stand."""
        update_message(claim, state=MessageState.SUPERSEDED.value, lease_until=None)
        log.info("message %d dropped: what it says is not so any more", claim.id)

    def reschedule(self, at: datetime, claim: Claim) -> None:
        """Postpone a message that is early, or late in the day, untried. What waits
        longer than any may is looked at once more in between."""
        at = min(at, self.now() + MAX_RETRY_DELAY)
        update_message(claim, due_at=at, attempts=claim.attempt - 1, lease_until=None)
        log.info("message %d waits until %s", claim.id, at.isoformat(" ", "minutes"))

    def log_error(self, claim: Claim, what: str, error: Exception) -> None:
        """Log an error without its own text, which may quote the message."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        name = type(error).__name__
        log.error("message %d can't be %s: %s\n%s", claim.id, what, name, frames)

    def handle_error(self, claim: Claim, failure: SendFailure, step: SmtpStep) -> None:
        self.batch.flush_sent()
        if failure.ends_connection:
            self.disconnect()
        if failure.scope == FailureScope.SERVER:
            self.server_failures += 1
            # What was said of a recipient is for those who may read that mail.
            is_of_all = step in (SmtpStep.CONNECT, SmtpStep.SENDER)
            self.server_failure_reason = failure.reason if is_of_all else SITE_REFUSED
        if failure.is_final:
            self.mark_failed(claim, failure.reason, refuses=failure.refuses_address)
            return
        self.retry_later(claim, failure.reason)
        if failure.scope == FailureScope.MESSAGE:
            self.retries_by_domain[claim.domain] += 1
        is_repeated = self.retries_by_domain[claim.domain] > 1 or claim.domain_failures
        if failure.scope == FailureScope.DOMAIN or (
            failure.scope == FailureScope.MESSAGE and is_repeated
        ):
            self.pause_domain(claim, failure.reason)

    def pause_domain(self, claim: Claim, reason: str) -> None:
        """Pause the domain; what goes there waits, untried."""
        public_reason, now, given_up = domain_reason(reason), self.now(), []
        with writing():
            length = domain_backoff.pause_domain(
                claim.domain, claim.domain_failures, public_reason, now
            )
            is_trusted = trusted_clock.last_run_if_apart(now) is None
            if is_trusted and domain_backoff.is_given_up(claim.domain_failures + 1):
                given_up = domain_backoff.fail_old_messages(
                    claim.domain, f"{DOMAIN_GIVEN_UP}: {public_reason}", now
                )
        release(self.take_untried(claim.domain))
        log.warning("a domain rests for %s after message %d", length, claim.id)
        self.report.failed += len(given_up)
        for event_id in sorted(
            {row.event_id for row in given_up if row.registration_id}
        ):
            with writing():
                delivery_failures.notify_organizers(
                    delivery_failures.lock_event_row(event_id), now
                )

    def retry_later(self, claim: Claim, reason: str) -> None:
        pause = self.pause_after(claim)
        if pause is None:
            self.mark_failed(claim, reason)
            return
        update_message(
            claim, last_error=reason, due_at=self.now() + pause, lease_until=None
        )
        self.report.retried += 1
        log.warning(
            "message %d put off by %s after try %d: %s",
            claim.id,
            pause,
            claim.attempt,
            loggable_reason(reason),
        )

    def pause_after(self, claim: Claim) -> timedelta | None:
        """Return how long to wait for the next try; None where there were enough.

        A worker that is killed counts as a try of all that it had in hand. One that is
        killed again and again must not use up the two days within an hour, so the
        message's age counts, too.
        """
        since = claim.written_at or self.started_at
        age = max(self.now() - since, timedelta())
        if claim.attempt > len(RETRY_PAUSES) and age >= GIVE_UP_AGE:
            return None
        tries = min(claim.attempt, len(RETRY_PAUSES))
        return min(RETRY_PAUSES[tries - 1], RETRY_PAUSES[0] + 2 * age)

    def mark_failed(self, claim: Claim, reason: str, *, refuses: bool = False) -> None:
        """Mark a message as failed for good: the row says why, and the organizers are
        notified."""
        now = self.now()
        with writing():
            event_id = delivery_failures.lock_event_of_message(claim.id)
            failed = {"state": MessageState.FAILED.value, "lease_until": None}
            if (
                update_if_claimed(claim, last_error=reason, due_at=now, **failed)
                and event_id
            ):
                if refuses:
                    delivery_failures.mark_address_failed(claim.id, reason, now)
                delivery_failures.notify_organizers(event_id, now)
        self.report.failed += 1
        log.error(
            "message %d given up after try %d: %s",
            claim.id,
            claim.attempt,
            loggable_reason(reason),
        )


def has_hung_up(error: smtplib.SMTPException) -> bool:
    """Whether the server has closed the connection, without a word or with 421."""
    return (
        getattr(error, "smtp_code", mailer_connection.CLOSING)
        == mailer_connection.CLOSING
    )
