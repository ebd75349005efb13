"""Rows: messages as lists show them: kind, delivery status, times, and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from rsvp.db import utcnow
from rsvp.domain.teams import Action
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.queries import outbox as outbox_queries
from rsvp.queries.outbox import DeliveryStatus
from rsvp.text.states import StateLabel
from rsvp.web.organizer import layout
from rsvp.web.presentation import short_times
from rsvp.web.presentation.short_times import ShortTime

KIND_LABELS = {
    MessageKind.CONFIRM_ADDRESS: _l("Please confirm your address"),
    MessageKind.REQUESTED: _l("Your request is here"),
    MessageKind.CONFIRMATION: _l("Confirmation"),
    MessageKind.WAITLISTED: _l("On the waitlist"),
    MessageKind.OFFER: _l("A place is offered"),
    MessageKind.PROMOTED: _l("A place came free"),
    MessageKind.CHANGED: _l("Something changed"),
    MessageKind.PASSED_ON: _l("Passed on"),
    MessageKind.CANCELLED: _l("Cancelled"),
    MessageKind.DECLINED: _l("Declined"),
    MessageKind.LAPSED: _l("Lapsed"),
    MessageKind.RELEASED: _l("The place was given on"),
    MessageKind.TICKET_AGAIN: _l("The ticket again"),
    MessageKind.EVENT_CHANGED: _l("The event has changed"),
    MessageKind.EVENT_CANCELLED: _l("The event is cancelled"),
    MessageKind.REMINDER: _l("Reminder"),
    MessageKind.STILL_COMING: _l("Still coming?"),
    MessageKind.THANK_YOU: _l("Thank you"),
    MessageKind.NOTE: _l("Your own mail"),
}
DELIVERY_LABELS = {
    DeliveryStatus.QUEUED: StateLabel("queued", _l("Waiting")),
    DeliveryStatus.RETRYING: StateLabel("retrying", _l("Trying again")),
    DeliveryStatus.SENT: StateLabel("sent", _l("Sent")),
    DeliveryStatus.FAILED: StateLabel("failed", _l("Not delivered")),
    DeliveryStatus.SUPERSEDED: StateLabel("superseded", _l("Dropped")),
}

BEING_SENT_LABEL = StateLabel("retrying", _l("Being sent"))
"""Of one that a worker has in its hands: its try is counted by then, but not over."""


@dataclass(frozen=True)
class MessageRow:
    message: Message
    kind: Any
    state: StateLabel
    written: ShortTime
    sent: ShortTime | None
    next_try: ShortTime | None
    # Of one that has never been tried, and waits for its time.
    sends_at: ShortTime | None
    reason: str | None
    # Its domain, where that takes no mail at the moment.
    paused: str | None


def message_rows(messages: Sequence[Message]) -> list[MessageRow]:
    now = utcnow()
    pauses = outbox_queries.paused_domains(messages, now)
    return [
        message_row(message, pauses.get(message.domain), now) for message in messages
    ]


def message_row(
    message: Message, pause_until: datetime | None, now: datetime
) -> MessageRow:
    zone, status = message.event.zone, outbox_queries.delivery_status(message)
    waits = status in (DeliveryStatus.QUEUED, DeliveryStatus.RETRYING)
    is_held = waits and message.is_being_sent(now)
    is_paused = waits and not is_held and pause_until is not None
    # One whose time has come, and no worker took it yet, has no time to tell.
    waits_for_a_try = (
        status == DeliveryStatus.RETRYING and not is_held and message.due_at > now
    )
    next_try = message.due_at if waits_for_a_try else None
    if is_paused and pause_until is not None:
        next_try = max(message.due_at, pause_until)
    waits_for_its_time = (
        status == DeliveryStatus.QUEUED and not is_paused and not message.is_due(now)
    )
    return MessageRow(
        message=message,
        kind=KIND_LABELS[MessageKind(message.kind)],
        state=BEING_SENT_LABEL if is_held else DELIVERY_LABELS[status],
        written=short_times.short_time(message.created_at, zone),
        sent=short_times.short_time(message.sent_at, zone) if message.sent_at else None,
        next_try=short_times.short_time(next_try, zone) if next_try else None,
        sends_at=short_times.short_time(message.due_at, zone)
        if waits_for_its_time
        else None,
        # Of one that went out in the end, an early failure is of no interest.
        reason=None
        if status in (DeliveryStatus.SENT, DeliveryStatus.SUPERSEDED)
        else message.last_error,
        paused=message.domain if is_paused else None,
    )


def may_correct_address(message: Message) -> bool:
    """Whether it failed to reach a registration that another address could mend."""
    registration = message.registration
    return (
        outbox_queries.delivery_status(message) == DeliveryStatus.FAILED
        and layout.may(Action.MANAGE_REGISTRATIONS, message.event)
        and message.recipient_key == registration.email_key
        and registration.is_live
        and not registration.is_erased
        and message.event.status == Status.PUBLISHED
        and message.event.erased_at is None
    )
