"""Render a claimed message as an outgoing mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, bindparam, func, literal, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import current_connection, current_session
from rsvp.domain import quiet_hours, reconfirmation
from rsvp.domain.messages import delivery_failures, relevance
from rsvp.formats.mail import account, render, samples
from rsvp.jobs.delivery.claims import Claim
from rsvp.mailer import connection
from rsvp.models import Attendee, Event, Message, Registration
from rsvp.models.message import MessageKind, MessageState
from rsvp.models.registration import AttendeeState


@dataclass(frozen=True)
class PreparedMail:
    """A mail to be sent; `was_refused`: earlier ones to its address were."""

    mail: connection.OutgoingMail
    was_refused: bool


# Made once: putting it together for each message costs more than running it.
SELECT_MESSAGES = select(Message).options(
    joinedload(Message.user),
    joinedload(Message.mailing),
    joinedload(Message.event).selectinload(Event.admissions),
    joinedload(Message.registration).options(
        joinedload(Registration.admission),
        # In the same read: had it been handed over since, the new address's codes
        # would go to the old one.
        joinedload(Registration.attendees),
    ),
)
SELECT_CLAIMED = SELECT_MESSAGES.where(
    Message.id == bindparam("claimed"),
    Message.state == MessageState.QUEUED,
    Message.attempts == bindparam("attempt"),
)


def load_message(claim: Claim) -> Message | None:
    """Load a claimed message with all that its mail tells; None if somebody else has it
    by now."""
    key = {"claimed": claim.id, "attempt": claim.attempt}
    return current_session().scalars(SELECT_CLAIMED, key).unique().one_or_none()


# --- what many get ------------------------------------------------------------------

SELECT_BULK = SELECT_MESSAGES.where(
    Message.id.in_(bindparam("claimed", expanding=True)), Message.rank > 0
)
ATTENDEE_FACTOR = literal(1 << 20, BigInteger)
CODES_CHECKSUM = (
    select(
        func.coalesce(
            func.sum(ATTENDEE_FACTOR * Attendee.id + Attendee.code_version), 0
        )
    )
    .where(
        Attendee.registration_id == Registration.id,
        Attendee.state == AttendeeState.COMING,
    )
    .scalar_subquery()
)
# What decides whether a mail still goes out, to whom, and with which links and codes.
MESSAGE_COLUMNS = ("id", "state", "attempts")
REGISTRATION_COLUMNS = (
    "state",
    "email_key",
    "link_version",
    "admission_id",
    "decide_by",
    "muted_at",
    "address_failed_at",
    "answer_by",
    "answered_at",
)
EVENT_COLUMNS = ("version", "status", "erased_at")
SELECT_DECISIVE = (
    select(
        *(getattr(Message, name) for name in MESSAGE_COLUMNS),
        *(getattr(Registration, name) for name in REGISTRATION_COLUMNS),
        *(getattr(Event, name) for name in EVENT_COLUMNS),
        CODES_CHECKSUM,
    )
    .join(Registration, Registration.id == Message.registration_id)
    .join(Event, Event.id == Message.event_id)
    .where(Message.id.in_(bindparam("claimed", expanding=True)))
)


def load_bulk(claims: Sequence[Claim]) -> dict[int, Message]:
    """Load the bulk messages among some claimed ones together, by their ids. They are
    detached, and may be outdated when each is sent: `find_unchanged` tells."""
    tries = {claim.id: claim.attempt for claim in claims}
    # A session of its own, since what is read outlives it.
    with Session(current_session().get_bind()) as session:
        messages = session.scalars(SELECT_BULK, {"claimed": list(tries)}).unique().all()
        claimed = [one for one in messages if one.attempts == tries[one.id]]
        for message in claimed:
            if message.registration is not None:
                set_committed_value(message.registration, "event", message.event)
    return {message.id: message for message in claimed}


def find_unchanged(messages: Sequence[Message]) -> set[int]:
    """Return the ids of those messages that are still claimed by us, with all that
    decides about them as it was read."""
    ids = [message.id for message in messages]
    rows = current_connection().execute(SELECT_DECISIVE, {"claimed": ids})
    current = {row[0]: tuple(row) for row in rows}
    return {
        message.id
        for message in messages
        if message.id in current and current[message.id] == decisive_values(message)
    }


def decisive_values(message: Message) -> tuple[object, ...]:
    """Return what SELECT_DECISIVE reads of a message to a registration, as it was read
    earlier."""
    registration, event = message.registration, message.event
    return (
        *(getattr(message, name) for name in MESSAGE_COLUMNS),
        *(getattr(registration, name) for name in REGISTRATION_COLUMNS),
        *(getattr(event, name) for name in EVENT_COLUMNS),
        sum(
            (attendee.id << 20) + attendee.code_version
            for attendee in registration.coming_attendees
        ),
    )


# --- as it goes out -----------------------------------------------------------------


def is_wanted(message: Message, now: datetime) -> bool:
    """Whether a mail that was written earlier should go out now."""
    if message.kind == MessageKind.UNDELIVERED and message.user is not None:
        return delivery_failures.is_notice_relevant(message, message.user)
    return relevance.is_still_relevant(message, now)


def earliest_send_time(message: Message, now: datetime) -> datetime:
    """Return when a message may go out, as seen at `now`: not at night, unless the
    event is near. Many reminders take their time, and a mail server's pause may end at
    any hour."""
    event = message.event
    match message.kind:
        case MessageKind.REMINDER:
            return quiet_hours.mail_time_before_start(now, event)
        case MessageKind.THANK_YOU:
            return quiet_hours.mail_time(now, event)
        case MessageKind.STILL_COMING if event.ask_at is not None:
            return reconfirmation.ask_time(event, now)
    return now


def has_failed_address(message: Message) -> bool:
    registration: Registration | None = message.registration
    return registration is not None and registration.address_failed_at is not None


def build_mail(message: Message, at: datetime) -> connection.OutgoingMail:
    """Build the outgoing mail of a message."""
    rendered = render_mail(message, at)
    calendar = rendered.calendar and connection.MailPart(
        rendered.calendar_name, "calendar", rendered.calendar
    )
    return connection.OutgoingMail(
        subject=rendered.subject,
        recipient=message.recipient,
        text=rendered.text,
        html=rendered.html,
        message_id=rendered.message_id,
        at=at,
        reply_to=rendered.reply_to,
        pictures=[
            connection.MailPart(cid, "png", picture)
            for cid, picture in rendered.images.items()
        ],
        calendar=calendar or None,
        method=rendered.method,
        unsubscribe=rendered.unsubscribe,
    )


def render_mail(message: Message, at: datetime) -> render.RenderedMail:
    public_url = current_app.config["PUBLIC_URL"]
    code_key = current_app.config["CODE_KEY"]
    if message.user is not None and message.kind == MessageKind.NOTE:
        sample = trial_registration(message)
        return samples.compose_trial(
            message, sample, code_key=code_key, public_url=public_url
        )
    if message.kind == MessageKind.UNDELIVERED:
        return account.delivery_failures_mail(
            message,
            references=delivery_failures.unreached_references(message.event.id),
            link=f"{public_url}/organize/events/{message.event.slug}/messages?state=failed",
            public_url=public_url,
        )
    if message.user is not None:
        # Made anew for each try, so that its time begins when it can be read.
        return account.password_reset_mail(
            message,
            link=account_security.password_reset_link(message.user, at),
            good_for=tokens.PASSWORD_RESET_TOKEN_LIFE,
            public_url=public_url,
        )
    return render.compose(message, code_key=code_key, public_url=public_url, at=at)


def trial_registration(message: Message) -> Registration | None:
    """Return the registration whose mail an organizer tries out; None: a made-up
    one."""
    uuid = message.facts.get("like")
    if not uuid:
        return None
    query = select(Registration).where(
        Registration.event_id == message.event_id,
        Registration.uuid == UUID(uuid),
        Registration.search != "",  # not erased meanwhile
    )
    return current_session().scalar(query)
