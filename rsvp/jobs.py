"""What the worker does: it sends the mails that wait, and erases what is past keeping.

A worker claims due messages by a lease, sends each outside of any transaction and notes
how it went. One that dies keeps nobody waiting: when its lease ends another worker
sends again, under the same Message-ID. So each mail goes out at least once.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Select, exists, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased, joinedload

from rsvp import accounts, mailer, tokens
from rsvp.db import current_session, utcnow, writing
from rsvp.domain import privacy, registrations
from rsvp.extensions import mail
from rsvp.formats import accountmails, mails
from rsvp.models import Event, Message, Registration
from rsvp.models.ledger import MessageState

log = logging.getLogger("rsvp.jobs")

LEASE = timedelta(minutes=10)
BATCH = 20
"""How many messages a worker claims at once: at most what it can send within half the
lease at usual speed; what is left when half has passed goes back."""

MINUTES = (1, 2, 5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480)
PAUSES = [timedelta(minutes=minutes) for minutes in MINUTES]
"""How long after each failed try the next one comes: 48 hours in all."""

POLL_SECONDS = 1.0
ERASE_EVERY = timedelta(hours=1)
SETTLE_EVERY = timedelta(seconds=5)
PAUSE_AFTER_TROUBLE = 5.0
LONGEST_REASON = 500


@dataclass
class DeliveryReport:
    """How many messages were sent, put off to a later try, or given up."""

    sent: int = 0
    retried: int = 0
    failed: int = 0

    @property
    def tried(self) -> int:
        return self.sent + self.retried + self.failed


@dataclass(frozen=True)
class Claim:
    """A message this worker may send until its lease ends: the `attempt`-th try."""

    id: int
    attempt: int


class TryLater(Exception):
    """The message could not be sent now; the text says why."""


class GiveUp(Exception):
    """The message will never be accepted; the text says why."""


def run_worker(
    stop: threading.Event,
    *,
    poll_seconds: float = POLL_SECONDS,
    clock: Callable[[], datetime] = utcnow,
) -> None:
    """Send what is due, as it becomes due, until `stop` is set.

    Needs an application context. What is being sent is finished first, for at most
    MAIL_TIMEOUT seconds; the rest of the batch goes back. Offers and held places that
    have ended are given on within seconds; once an hour, data whose time is over is
    erased.
    """
    if not current_app.config["MAIL_SERVER"]:
        log.info("no mail server is set: messages wait in the outbox")
        poll_seconds = SETTLE_EVERY.total_seconds()
    erase_next = settle_next = clock()
    while not stop.is_set():
        pause = poll_seconds
        try:
            if clock() >= settle_next:
                settle_next = clock() + SETTLE_EVERY
                settle_due(clock())
            if clock() >= erase_next:
                erase_next = clock() + ERASE_EVERY
                erase_due(clock())
            if deliver_due(clock(), stop=stop).sent:
                pause = 0
        except DBAPIError as error:
            log.error("the outbox can't be read: %s", type(error.orig).__name__)
            current_session().rollback()
            pause = max(poll_seconds, PAUSE_AFTER_TROUBLE)
        stop.wait(pause)


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


def settle_due(now: datetime) -> int:
    """End the offers and held places whose time is over, and give their seats on; how
    many they were."""
    session = current_session()
    due = registrations.due_to_settle(now)
    session.rollback()
    ended = 0
    for event_id in due:
        with writing():
            ended += registrations.settle(event_id, now=now)
    return ended


def erase_due(now: datetime) -> int:
    """Erase attendees' data whose time is over; of how many events."""
    session = current_session()
    due = privacy.due_for_erasure(now)
    session.rollback()
    for event_id in due:
        with writing():
            privacy.erase(event_id, actor="worker", now=now)
        log.info("event %d: attendees' data erased", event_id)
    return len(due)


# --- claiming -----------------------------------------------------------------------


def claim(now: datetime, limit: int) -> list[Claim]:
    """Lease the messages that are due, oldest first, one for each registration."""
    session = current_session()
    # Most of the time there is nothing: that takes one read and no write lock.
    due = session.scalars(due_messages(now).limit(1)).first()
    session.rollback()
    if due is None:
        return []
    with writing() as session:
        wanted = due_messages(now).limit(limit).with_for_update(skip_locked=True)
        ids = session.scalars(wanted).all()
        # Workers that were killed while sending it each time count as tries too.
        claimed = session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(lease_until=now + LEASE, attempts=Message.attempts + 1)
            .returning(Message.id, Message.attempts)
        )
        return sorted((Claim(*row) for row in claimed), key=lambda c: ids.index(c.id))


def due_messages(now: datetime) -> Select[Any]:
    """Ids of what may be sent: a registration's messages go out in order, so one waits
    while an earlier one is queued (or being sent)."""
    earlier = aliased(Message)
    waits = exists().where(
        earlier.registration_id == Message.registration_id,
        # Who had it before may be out of reach: nobody else's mails wait for that.
        earlier.recipient_key == Message.recipient_key,
        earlier.id < Message.id,
        earlier.state == MessageState.QUEUED,
    )
    return (
        select(Message.id)
        .where(
            Message.state == MessageState.QUEUED,
            Message.due_at <= now,
            or_(Message.lease_until.is_(None), Message.lease_until <= now),
            ~waits,
        )
        .order_by(Message.due_at, Message.id)
    )


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


def load(claim: Claim) -> Message | None:
    """The message with all that it tells, unless somebody else has it by now."""
    wanted = (
        select(Message)
        .where(
            Message.id == claim.id,
            Message.state == MessageState.QUEUED,
            Message.attempts == claim.attempt,
        )
        .options(
            joinedload(Message.user),
            joinedload(Message.event).selectinload(Event.admissions),
            joinedload(Message.registration).options(
                joinedload(Registration.admission),
                # In the same read: had it been handed over since, the new address's
                # codes would go to the old one.
                joinedload(Registration.attendees),
            ),
        )
    )
    return current_session().scalars(wanted).unique().one_or_none()


def letter_of(message: Message, at: datetime) -> mailer.Message:
    """The mail as it goes over the wire."""
    written = written_mail(message, at)
    calendar = written.calendar and mailer.Part(
        written.calendar_name, "calendar", written.calendar
    )
    return mailer.Message(
        subject=written.subject,
        recipient=message.recipient,
        text=written.text,
        html=written.html,
        message_id=written.message_id,
        at=at,
        reply_to=written.reply_to,
        pictures=[
            mailer.Part(cid, "png", picture) for cid, picture in written.images.items()
        ],
        calendar=calendar or None,
        method=written.method,
    )


def written_mail(message: Message, at: datetime) -> mails.Mail:
    public_url = current_app.config["PUBLIC_URL"]
    if message.user is not None:
        # Made anew for each try, so that its time begins when it can be read.
        return accountmails.new_password(
            message,
            link=accounts.reset_link(message.user, at),
            good_for=tokens.RESET_TOKEN_LIFE,
            public_url=public_url,
        )
    code_key = current_app.config["CODE_KEY"]
    return mails.compose(message, code_key=code_key, public_url=public_url)


# --- what failures mean -------------------------------------------------------------

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


# --- noting how it went -------------------------------------------------------------


def note_sent(claim: Claim, now: datetime) -> None:
    with writing() as session:
        session.execute(
            update(Message)
            .where(
                Message.id == claim.id,
                # One that was superseded while it went out has gone out all the same.
                Message.state.in_((MessageState.QUEUED, MessageState.SUPERSEDED)),
            )
            .values(
                state=MessageState.SENT, sent_at=now, lease_until=None, last_error=None
            )
        )


def note(claim: Claim, **values: object) -> None:
    """Change the message, unless another worker took it over after our lease."""
    with writing() as session:
        session.execute(
            update(Message)
            .where(
                Message.id == claim.id,
                Message.state == MessageState.QUEUED,
                Message.attempts == claim.attempt,
            )
            .values(**values)
        )


def give_back(claims: list[Claim]) -> None:
    """Leave messages that were not tried to whoever comes next."""
    for claim in claims:
        note(claim, lease_until=None, attempts=claim.attempt - 1)
