"""Queries about the outbox: the messages an organizer may read, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager

from rsvp.db import current_session
from rsvp.domain import teams
from rsvp.domain.messages import delivery_failures
from rsvp.models import MailDomain, Message, Registration, User
from rsvp.models.message import MessageKind, MessageState
from rsvp.queries.pagination import Page, page_of
from rsvp.text import mail_addresses


class DeliveryStatus(StrEnum):
    """The state of a message, but that waiting after a failed try is another status
    than waiting for the first."""

    QUEUED = auto()
    RETRYING = auto()
    SENT = auto()
    FAILED = auto()
    SUPERSEDED = auto()


# Not by its attempts: one that is being sent for the first time has one, too.
HAS_FAILED_TRY = Message.last_error.is_not(None)


def delivery_status(message: Message) -> DeliveryStatus:
    if message.state == MessageState.QUEUED and message.last_error is not None:
        return DeliveryStatus.RETRYING
    return DeliveryStatus(message.state)


@dataclass(frozen=True)
class OutboxFilter:
    """Which messages to show: a status, an event, a kind, and what is found by
    a part of the recipient's address, or by the registration's reference."""

    status: DeliveryStatus | None = None
    event_id: int | None = None
    kind: MessageKind | None = None
    search: str = ""


def list_messages(
    user: User, filter_: OutboxFilter, before: int | None = None
) -> Page[Message]:
    """List the messages this person may read, newest first; `before` is the id that
    ended the page before."""
    query, status = filtered_messages(user, filter_), filter_.status
    if status is not None:
        state = (
            MessageState.QUEUED
            if status == DeliveryStatus.RETRYING
            else MessageState(status)
        )
        query = query.where(Message.state == state)
    if status in (DeliveryStatus.QUEUED, DeliveryStatus.RETRYING):
        query = query.where(
            HAS_FAILED_TRY if status == DeliveryStatus.RETRYING else ~HAS_FAILED_TRY
        )
    if before is not None:
        query = query.where(Message.id < before)
    return page_of(
        query.options(contains_eager(Message.event)).order_by(Message.id.desc())
    )


def count_messages(user: User, filter_: OutboxFilter) -> dict[DeliveryStatus, int]:
    """Return how many messages this person may read, by status."""
    query = (
        filtered_messages(user, filter_)
        .with_only_columns(Message.state, HAS_FAILED_TRY, func.count())
        .group_by(Message.state, HAS_FAILED_TRY)
    )
    counts_by_status = dict.fromkeys(DeliveryStatus, 0)
    for state, was_put_off, count in current_session().execute(query):
        waits_again = state == MessageState.QUEUED and was_put_off
        counts_by_status[
            DeliveryStatus.RETRYING if waits_again else DeliveryStatus(state)
        ] += count
    return counts_by_status


def filtered_messages(user: User, filter_: OutboxFilter) -> Select[Message]:
    query = teams.readable_messages(user)
    if filter_.event_id is not None:
        query = query.where(Message.event_id == filter_.event_id)
    if filter_.kind is not None:
        query = query.where(Message.kind == filter_.kind)
    if filter_.search:
        reference = "".join(filter_.search.upper().split())
        registration_ids = select(Registration.id).where(
            Registration.reference == reference
        )
        address = Message.recipient_key.contains(
            mail_addresses.to_lower_case(filter_.search), autoescape=True
        )
        query = query.where(or_(address, Message.registration_id.in_(registration_ids)))
    return query


def paused_domains(messages: Iterable[Message], now: datetime) -> dict[str, datetime]:
    """Return the paused domains of the messages that wait, and until when."""
    waiting = {m.domain for m in messages if m.state == MessageState.QUEUED}
    if not waiting:
        return {}
    rows = current_session().execute(
        select(MailDomain.domain, MailDomain.pause_until).where(
            MailDomain.domain.in_(waiting), MailDomain.is_paused(now)
        )
    )
    return {row.domain: row.pause_until for row in rows}


def count_unreached(event_id: int) -> int:
    """Return to how many registrations mail does not arrive."""
    return delivery_failures.count_unreached(event_id)
