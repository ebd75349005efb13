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
    troubles: int = 0
    why: str = ""
    put_offs: Counter[str] = field(default_factory=Counter)
    # What is claimed and not tried yet. Another thread may take it away meanwhile.
    rest: list[Claim] = field(default_factory=list)
    # Of these, what many get.
    for_many: Batch = field(default_factory=Batch)
    lock: threading.Lock = field(default_factory=threading.Lock)
    lease_ends_at: datetime | None = None
    handing_over_since: float | None = None

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def now(self) -> datetime:
        """The caller's instant, plus what has passed since."""
        return self.started_at + timedelta(seconds=time.monotonic() - self.clock)

    # --- what is left of a batch ---

    def next(self) -> Claim | None:
        with self.lock:
            return self.rest.pop(0) if self.rest else None

    def take_rest(self, domain: str | None = None) -> list[Claim]:
        """What was not tried yet (of one domain), which is nobody's now."""
        with self.lock:
            taken = [c for c in self.rest if domain in (None, c.domain)]
            self.rest = [c for c in self.rest if c not in taken]
            return taken

    @property
    def is_slow(self) -> bool:
        """Whether the mail that is being sent takes long."""
        since = self.handing_over_since
        return since is not None and time.monotonic() - since > SLOW_SECONDS

    # --- sending ---

    def send_all(self, claims: list[Claim]) -> bool:
        """Send each, and say whether there is reason to go on."""
        claimed_at = self.now()
        self.lease_ends_at = claimed_at + LEASE
        with self.lock:
            self.rest = list(claims)
        self.put_offs.clear()
        try:
            self.for_many = self.gather(claims)
            return self.send_each(claimed_at)
        except Exception:
            # Nobody needs to wait for the end of our lease.
            with contextlib.suppress(DBAPIError):
                release(self.take_rest())
            raise
        finally:
            self.for_many.settle()

    def gather(self, claims: list[Claim]) -> Batch:
        try:
            return Batch(claims)
        except (MemoryError, DBAPIError):
            raise
        except Exception as error:
            # One of them can't be read. Which, is seen when each is read alone.
            log.error("messages can't be read together: %s", type(error).__name__)
            return Batch()

    def send_each(self, claimed_at: datetime) -> bool:
        while (each := self.next()) is not None:
            is_late = self.now() - claimed_at > LEASE / 2
            if is_late or self.is_over():
                release([each, *self.take_rest()])
                return is_late
            self.send(each)
            if self.troubles >= 2:
                # The server is gone or stalls: each further try would only take time.
                for one in self.take_rest():
                    self.put_off(one, self.why)
                return False
        return True

    def send(self, claim: Claim) -> None:
        self.for_many.settle_old(self.now())
        letter = self.write(claim)
        if letter is None:
            return
        if self.seconds_left() <= 0:
            # We were held up: another has it by now.
            release([claim])
            return
        self.handing_over_since = began = time.monotonic()
        try:
            self.hand_over(letter.mail)
        except MemoryError:
            raise
        except Exception as error:
            # Whatever it is, it must not end the worker: that would try again at once,
            # and for ever.
            self.handing_over_since = None
            if not is_expected(error):
                self.tell_mistake(claim, "sent", error)
            self.deal_with(claim, classify_error(error, self.step), self.step)
        else:
            self.handing_over_since = None
            took = timedelta(seconds=time.monotonic() - began)
            self.note(claim, took, was_refused=letter.was_refused)

    def write(self, claim: Claim) -> PreparedMail | None:
        """The mail of a claimed message, as things stand now; None if it is not to be
        sent."""
        try:
            message, now = self.read(claim), self.now()
        except (MemoryError, DBAPIError):
            raise
        except Exception as error:
            self.leave_unwritten(claim, error)
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
                    self.leave_until(now + UNTRUSTED_CLOCK_PAUSE, claim)
                else:
                    self.drop(claim)
                return None
            if (at := earliest_send_time(message, now)) > now:
                current_session().rollback()
                self.leave_until(at, claim)
                return None
            mail = build_mail(message, now)
            # Here, where what can't be written is that one message's trouble.
            _ = mail.written
            return PreparedMail(mail, was_refused=has_failed_address(message))
        except DetachedInstanceError:
            # It tells more than was read in advance: this time all is read.
            return self.write(claim)
        except MemoryError:
            raise
        except Exception as error:
            self.leave_unwritten(claim, error)
            return None
        finally:
            # What was read is closed before anything is sent.
            current_session().rollback()

    def leave_unwritten(self, claim: Claim, error: Exception) -> None:
        """A mistake of ours must not keep other people's mails from going out."""
        self.tell_mistake(claim, "written", error)
        current_session().rollback()
        name = type(error).__name__
        self.put_off(claim, f"the mail could not be written ({name})")

    def read(self, claim: Claim) -> Message | None:
        """A claimed message as it is now, unless somebody else has it."""
        return self.for_many.take(claim, self.now()) or load_message(claim)

    @property
    def step(self) -> SmtpStep:
        return self.connection.step if self.connection else SmtpStep.CONNECT

    def seconds_left(self) -> float:
        """How long the mail that is to be sent may take."""
        if self.lease_ends_at is None:
            return MAX_SEND_TIME.total_seconds()
        return min(MAX_SEND_TIME, self.lease_ends_at - self.now()).total_seconds()

    def hand_over(self, letter: mailer_connection.OutgoingMail) -> None:
        """Raises OSError and smtplib's errors; `step` then says how far it got."""
        was_open = self.connection is not None
        ends_at = time.monotonic() + self.seconds_left()
        try:
            self.transfer(letter, ends_at)
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPSenderRefused) as error:
            if not was_open or self.step != SmtpStep.SENDER or not has_hung_up(error):
                raise
            # It had only waited too long for us, or takes so many over each connection:
            # once more, over a new one.
            self.hang_up()
            self.transfer(letter, ends_at)

    def transfer(self, letter: mailer_connection.OutgoingMail, ends_at: float) -> None:
        if self.connection is None:
            self.connection = mail.connect()
            self.connection.ends_at = ends_at
            try:
                self.connection.__enter__()
            except BaseException:
                self.connection = None
                raise
        self.connection.ends_at = ends_at
        letter.send(self.connection)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.__exit__(None, None, None)
            self.connection = None

    # --- how it went ---

    def note(self, claim: Claim, took: timedelta, *, was_refused: bool) -> None:
        if claim.id in self.for_many.ids:
            self.for_many.note_sent(claim, self.now())
        else:
            mark_sent(claim, self.now())
        self.report.sent += 1
        self.troubles = 0
        self.put_offs.pop(claim.domain, None)
        log.info("message %d sent, try %d", claim.id, claim.attempt)
        is_slow = took > timedelta(seconds=SLOW_SECONDS)
        if was_refused or claim.troubles or is_slow:
            with writing():
                if was_refused:
                    delivery_failures.clear_address_failed(claim.id)
                if is_slow:
                    domain_backoff.slow_down(claim.domain, took, self.now())
                elif claim.troubles:
                    domain_backoff.mark_recovered(claim.domain)
        if is_slow:
            release(self.take_rest(claim.domain))

    def drop(self, claim: Claim) -> None:
        """It is past; a later one, or none, tells how things stand."""
        update_message(claim, state=MessageState.SUPERSEDED.value, lease_until=None)
        log.info("message %d dropped: what it says is not so any more", claim.id)

    def leave_until(self, at: datetime, claim: Claim) -> None:
        """It is too early, or too late in the day: untried, it waits. What waits longer
        than any may is looked at once more in between."""
        at = min(at, self.now() + MAX_RETRY_DELAY)
        update_message(claim, due_at=at, attempts=claim.attempt - 1, lease_until=None)
        log.info("message %d waits until %s", claim.id, at.isoformat(" ", "minutes"))

    def tell_mistake(self, claim: Claim, what: str, error: Exception) -> None:
        """For the log. An error's own text is left out: it may quote the message."""
        where = "".join(traceback.format_tb(error.__traceback__))
        name = type(error).__name__
        log.error("message %d can't be %s: %s\n%s", claim.id, what, name, where)

    def deal_with(self, claim: Claim, trouble: SendFailure, step: SmtpStep) -> None:
        self.for_many.settle()
        if trouble.hangs_up:
            self.hang_up()
        if trouble.whose == FailureScope.SERVER:
            self.troubles += 1
            # What was said of a recipient is for those who may read that mail.
            is_of_all = step in (SmtpStep.CONNECT, SmtpStep.SENDER)
            self.why = trouble.reason if is_of_all else SITE_REFUSED
        if trouble.is_final:
            self.give_up(claim, trouble.reason, refuses=trouble.refuses_address)
            return
        self.put_off(claim, trouble.reason)
        if trouble.whose == FailureScope.MESSAGE:
            self.put_offs[claim.domain] += 1
        is_repeated = self.put_offs[claim.domain] > 1 or claim.troubles
        if trouble.whose == FailureScope.DOMAIN or (
            trouble.whose == FailureScope.MESSAGE and is_repeated
        ):
            self.pause(claim, trouble.reason)

    def pause(self, claim: Claim, reason: str) -> None:
        """Leave the domain alone for a while; what goes there waits, untried."""
        why, now, old = domain_reason(reason), self.now(), []
        with writing():
            length = domain_backoff.pause_domain(claim.domain, claim.troubles, why, now)
            is_trusted = trusted_clock.last_run_if_apart(now) is None
            if is_trusted and domain_backoff.is_given_up(claim.troubles + 1):
                old = domain_backoff.fail_old_messages(
                    claim.domain, f"{DOMAIN_GIVEN_UP}: {why}", now
                )
        release(self.take_rest(claim.domain))
        log.warning("a domain rests for %s after message %d", length, claim.id)
        self.report.failed += len(old)
        for event_id in sorted({row.event_id for row in old if row.registration_id}):
            with writing():
                delivery_failures.notify_organizers(
                    delivery_failures.lock_event_row(event_id), now
                )

    def put_off(self, claim: Claim, reason: str) -> None:
        pause = self.pause_after(claim)
        if pause is None:
            self.give_up(claim, reason)
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
        """How long to wait for the next try; None where there were enough.

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

    def give_up(self, claim: Claim, reason: str, *, refuses: bool = False) -> None:
        """It never will be sent: the row says why, and the organizers are told."""
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
