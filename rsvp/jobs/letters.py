"""Letters: a claimed message, read with all that it tells, as it goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import current_app
from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload

from rsvp import accounts, mailer, tokens
from rsvp.db import current_session
from rsvp.domain import messages, undelivered
from rsvp.formats import accountmails, mails, samples
from rsvp.jobs.claiming import Claim
from rsvp.models import Event, Message, Registration
from rsvp.models.ledger import MessageKind, MessageState


@dataclass(frozen=True)
class Letter:
    """A mail to be sent; `was_refused`: earlier ones to its address were."""

    mail: mailer.Message
    was_refused: bool


# Made once: putting it together for each message costs more than running it.
CLAIMED = (
    select(Message)
    .where(
        Message.id == bindparam("claimed"),
        Message.state == MessageState.QUEUED,
        Message.attempts == bindparam("attempt"),
    )
    .options(
        joinedload(Message.user),
        joinedload(Message.mailing),
        joinedload(Message.event).selectinload(Event.admissions),
        joinedload(Message.registration).options(
            joinedload(Registration.admission),
            # In the same read: had it been handed over since, the new address's
            # codes would go to the old one.
            joinedload(Registration.attendees),
        ),
    )
)


def load(claim: Claim) -> Message | None:
    """The message with all that it tells, unless somebody else has it by now."""
    mine = {"claimed": claim.id, "attempt": claim.attempt}
    return current_session().scalars(CLAIMED, mine).unique().one_or_none()


def is_wanted(message: Message, now: datetime) -> bool:
    """Whether a mail that was written earlier should go out now."""
    if message.kind == MessageKind.UNDELIVERED and message.user is not None:
        return undelivered.is_wanted(message, message.user)
    return messages.is_still_wanted(message, now)


def was_refused(message: Message) -> bool:
    registration: Registration | None = message.registration
    return registration is not None and registration.address_failed_at is not None


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
        unsubscribe=written.unsubscribe,
    )


def written_mail(message: Message, at: datetime) -> mails.Mail:
    public_url = current_app.config["PUBLIC_URL"]
    code_key = current_app.config["CODE_KEY"]
    if message.user is not None and message.kind == MessageKind.NOTE:
        like = like_whom(message)
        return samples.trial(message, like, code_key=code_key, public_url=public_url)
    if message.kind == MessageKind.UNDELIVERED:
        return accountmails.undelivered(
            message,
            references=undelivered.references(message.event.id),
            link=f"{public_url}/organize/events/{message.event.slug}/messages?state=failed",
            public_url=public_url,
        )
    if message.user is not None:
        # Made anew for each try, so that its time begins when it can be read.
        return accountmails.new_password(
            message,
            link=accounts.reset_link(message.user, at),
            good_for=tokens.RESET_TOKEN_LIFE,
            public_url=public_url,
        )
    return mails.compose(message, code_key=code_key, public_url=public_url, at=at)


def like_whom(message: Message) -> Registration | None:
    """The registration whose mail an organizer tries out; None: nobody's yet."""
    like = message.facts.get("like")
    if not like:
        return None
    found = select(Registration).where(
        Registration.event_id == message.event_id,
        Registration.uuid == UUID(like),
        Registration.search != "",  # not erased meanwhile
    )
    return current_session().scalar(found)
