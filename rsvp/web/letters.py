"""Letters: how organizers' pages tell of messages: kind, state, when, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from rsvp.models import Message
from rsvp.models.ledger import MessageKind, MessageState
from rsvp.web import desk
from rsvp.web.desk import Moment, Shown

KINDS = {
    MessageKind.CONFIRMATION: _("Confirmation"),
    MessageKind.WAITLISTED: _("On the waitlist"),
    MessageKind.PROMOTED: _("A place came free"),
    MessageKind.CHANGED: _("Something changed"),
    MessageKind.CANCELLED: _("Cancelled"),
    MessageKind.TICKET_AGAIN: _("The ticket again"),
    MessageKind.EVENT_CANCELLED: _("The event is cancelled"),
}
STATES = {
    MessageState.QUEUED: Shown("queued", "◔", _("Waiting")),
    MessageState.SENT: Shown("sent", "●", _("Sent")),
    MessageState.FAILED: Shown("failed", "✕", _("Not delivered")),
    MessageState.SUPERSEDED: Shown("superseded", "–", _("Replaced by a newer one")),
}
RETRYING = Shown("retrying", "↻", _("Trying again"))


@dataclass(frozen=True)
class MessageRow:
    message: Message
    kind: Any
    state: Shown
    written: Moment
    sent: Moment | None
    next_try: Moment | None
    reason: str | None


def row_of(message: Message) -> MessageRow:
    zone = message.event.zone
    state = STATES[MessageState(message.state)]
    waits = message.state == MessageState.QUEUED
    if waits and message.attempts:
        state = RETRYING
    return MessageRow(
        message=message,
        kind=KINDS[MessageKind(message.kind)],
        state=state,
        written=desk.moment(message.created_at, zone),
        sent=desk.moment(message.sent_at, zone) if message.sent_at else None,
        next_try=desk.moment(message.due_at, zone) if state is RETRYING else None,
        # Of one that went out in the end, an early failure is of no interest.
        reason=message.last_error if waits or state.key == "failed" else None,
    )
