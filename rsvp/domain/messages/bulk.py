"""Bulk messages: one mail to each of many registrations, each of them once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from rsvp.db import current_connection, current_session, insert_or_ignore
from rsvp.domain.messages import outbox
from rsvp.models import Attendee, Message, Registration
from rsvp.models.message import MessageKind
from rsvp.models.registration import AttendeeState

# A conflict means: the registration has a mail for this occasion already.
INSERT_IGNORE = insert_or_ignore(Message, returning=Message.id)


@dataclass(frozen=True)
class BulkMessage:
    """One of many mails: to which registration, and its facts."""

    registration: Registration
    facts: dict[str, Any]


def accepts_optional_mail() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of registrations that get more than tickets and changes:
    their people did not ask for no more, and their address takes mail and is not
    forgotten."""
    return (
        Registration.muted_at.is_(None),
        Registration.address_failed_at.is_(None),
        Registration.email_key != "",
    )


def deadline_facts(registration: Registration) -> dict[str, Any]:
    """Return until when an offer or a held place is to be answered, as facts."""
    if registration.decide_by is None:
        return {}
    facts: dict[str, Any] = {"until": registration.decide_by.isoformat()}
    if registration.offered_seats is not None:
        facts["offered"] = registration.offered_seats
    return facts


def coming_by_registration(registration_ids: Sequence[int]) -> dict[int, list[UUID]]:
    """Return the uuids of those who are coming, by registration."""
    uuids_by_registration: dict[int, list[UUID]] = defaultdict(list)
    rows = current_session().execute(
        select(Attendee.registration_id, Attendee.uuid)
        .where(
            Attendee.registration_id.in_(registration_ids),
            Attendee.state == AttendeeState.COMING,
        )
        .order_by(Attendee.registration_id, Attendee.position)
    )
    for registration_id, uuid in rows:
        uuids_by_registration[registration_id].append(uuid)
    return uuids_by_registration


def enqueue_many(
    kind: MessageKind,
    bulk_messages: Sequence[BulkMessage],
    *,
    event_id: int,
    occasion: str | None,
    now: datetime,
    **columns: Any,
) -> int:
    """Queue one mail to each. Return how many. For an `occasion` nobody gets a second
    one, whoever else writes them at the same time. `columns` are further columns."""
    if not bulk_messages:
        return 0
    return insert_once(
        [
            outbox.message_row(
                kind,
                message.registration.email,
                message.registration.email_key,
                now,
                event_id=event_id,
                registration_id=message.registration.id,
                occasion=occasion,
                facts=message.facts,
                **columns,
            )
            for message in bulk_messages
        ]
    )


def insert_once(rows: Sequence[dict[str, Any]]) -> int:
    """Insert these messages but for those whose registration has one for the occasion.
    Return how many were inserted."""
    connection = current_connection()
    written = connection.execute(INSERT_IGNORE[connection.dialect.name], rows)
    return len(written.all())
