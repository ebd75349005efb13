"""Delivery failures: addresses that take no mail, and telling the organizers.

An address that a mail server refuses for good is noted with its registration, until a
mail reaches it or another one takes its place. The organizers are told, by a mail that
names nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import aliased

from rsvp.db import current_session, lock_rows
from rsvp.domain import teams
from rsvp.domain.messages import outbox
from rsvp.domain.teams import Action
from rsvp.models import Event, Message, Registration, User
from rsvp.models.message import MessageKind, MessageState

GATHERING_TIME = timedelta(minutes=10)
MIN_NOTICE_INTERVAL = timedelta(hours=1)


# --- addresses ----------------------------------------------------------------------


def mark_address_failed(message_id: int, why: str, now: datetime) -> None:
    """Note that the address of a message's registration takes no mail, if it still is
    the one that the message went to."""
    set_address_failed(message_id, now, why)


def clear_address_failed(message_id: int) -> None:
    """Note that an address that had refused earlier messages has taken one."""
    set_address_failed(message_id, None, None)


def set_address_failed(message_id: int, at: datetime | None, why: str | None) -> None:
    current_session().execute(
        update(Registration)
        .where(*has_recipient_address(message_id))
        .values(address_failed_at=at, address_failed_why=why)
        .execution_options(synchronize_session=False)
    )


def has_recipient_address(message_id: int) -> tuple[ColumnElement[bool], ...]:
    registration_id = select(Message.registration_id).where(Message.id == message_id)
    address = select(Message.recipient_key).where(Message.id == message_id)
    return (
        Registration.id == registration_id.scalar_subquery(),
        Registration.email_key == address.scalar_subquery(),
    )


# --- who is out of reach ------------------------------------------------------------


def unreached_registrations(event_id: int) -> Select[int, str]:
    """Select the registrations, with their references, whose last mail could not be
    delivered: none that reached the same address came after it."""
    later = aliased(Message)
    is_overtaken = exists().where(
        later.registration_id == Message.registration_id,
        later.recipient_key == Message.recipient_key,
        later.id > Message.id,
        later.state == MessageState.SENT,
    )
    return (
        select(Registration.id, Registration.reference)
        .join(Message, Message.registration_id == Registration.id)
        .where(
            Message.event_id == event_id,
            Message.state == MessageState.FAILED,
            # Not what was erased, nor what went to who had it before.
            Message.recipient_key != "",
            Message.recipient_key == Registration.email_key,
            ~is_overtaken,
        )
        .distinct()
        .order_by(Registration.id)
    )


def unreached_references(event_id: int) -> list[str]:
    return [
        row.reference
        for row in current_session().execute(unreached_registrations(event_id))
    ]


def count_unreached(event_id: int) -> int:
    unreached = unreached_registrations(event_id).order_by(None).subquery()
    return current_session().scalar(select(func.count()).select_from(unreached)) or 0


# --- telling the organizers ---------------------------------------------------------


def lock_event_of_message(message_id: int) -> int | None:
    """Lock the event that a message to an attendee is about; None for other mails."""
    session = current_session()
    event_id = session.scalar(
        select(Message.event_id).where(
            Message.id == message_id, Message.registration_id.is_not(None)
        )
    )
    return lock_event_row(event_id) if event_id is not None else None


def lock_event_row(event_id: int) -> int:
    query = select(Event.id).where(Event.id == event_id)
    current_session().execute(lock_rows(query))
    return event_id


def notify_organizers(event_id: int, now: datetime) -> None:
    """Queue a mail to everybody who may read the event's messages: in some minutes, to
    gather what else fails by then, and once an hour at most. Needs the event's lock."""
    session = current_session()
    event = session.get_one(Event, event_id)
    for user in teams.users_who_may(Action.READ_MESSAGES, event.team_id):
        last = session.execute(
            select(Message.state, Message.due_at)
            .where(
                Message.user_id == user.id,
                Message.event_id == event_id,
                Message.kind == MessageKind.UNDELIVERED,
            )
            .order_by(Message.id.desc())
            .limit(1)
        ).one_or_none()
        if last and last.state == MessageState.QUEUED:
            continue  # it tells how things stand when it goes out
        due_at = now + GATHERING_TIME
        if last:
            # Whatever the clock was when the last one went out.
            soonest = min(last.due_at, now) + MIN_NOTICE_INTERVAL
            due_at = max(due_at, soonest)
        outbox.insert_for_user(
            user.id,
            user.email,
            MessageKind.UNDELIVERED,
            now=now,
            event_id=event_id,
            due_at=due_at,
        )


def is_notice_relevant(message: Message, user: User) -> bool:
    """Whether there still is something to tell, and to one who may know."""
    event = message.event
    member = teams.membership_for(user, event.team)
    return (
        user.active
        and teams.may(member, Action.READ_MESSAGES, event)
        and count_unreached(event.id) > 0
    )
