"""Relevance: whether a queued mail should still go out, or may be sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import LIVE_STATES, State

PLACE_KINDS = (
    MessageKind.CONFIRM_ADDRESS,
    MessageKind.REQUESTED,
    MessageKind.CONFIRMATION,
    MessageKind.WAITLISTED,
    MessageKind.OFFER,
    MessageKind.PROMOTED,
    MessageKind.CHANGED,
    MessageKind.TICKET_AGAIN,
    MessageKind.EVENT_CHANGED,
)
"""The kinds that speak of a place that somebody has, or may get. Once that is over
another mail says so; one of these that has not gone out by then would only confuse."""

END_KINDS = (
    MessageKind.CANCELLED,
    MessageKind.DECLINED,
    MessageKind.LAPSED,
    MessageKind.RELEASED,
)
"""The kinds that speak of an end. Who was brought back meanwhile is told so by another
mail, or stands at the door and is let in."""


def is_still_relevant(message: Message, now: datetime) -> bool:
    """Whether a message that waits should go out at `now`: not what is over and told of
    by a later one, and of extras nothing that is not so any more."""
    if message.registration_id is None:
        return True
    if message.kind in END_KINDS:
        return not message.registration.is_live
    if message.kind in PLACE_KINDS:
        return is_place_mail_relevant(message, now)
    is_relevant = RELEVANCE_BY_KIND.get(MessageKind(message.kind))
    return is_relevant is None or (
        may_get_optional_mail(message) and is_relevant(message, now)
    )


def is_place_mail_relevant(message: Message, now: datetime) -> bool:
    event = message.event
    # Whoever asks for the link again may want it afterwards, too.
    is_past = now >= event.ends_at and message.kind != MessageKind.TICKET_AGAIN
    is_cancelled = event.status == Status.CANCELLED
    return message.registration.is_live and not is_cancelled and not is_past


def may_get_optional_mail(message: Message) -> bool:
    """Whether more than tickets and changes goes to this registration, at this
    address, and it is in a state that the message was written for."""
    registration, event = message.registration, message.event
    states = message.facts.get("states")
    return (
        event.erased_at is None
        and registration.muted_at is None
        and registration.address_failed_at is None
        and has_current_recipient(message)
        and (states is None or registration.state in states)
    )


def is_reminder_relevant(message: Message, now: datetime) -> bool:
    event = message.event
    takes_place = event.status == Status.PUBLISHED and now < event.starts_at
    return takes_place and message.registration.is_live


def is_reconfirmation_relevant(message: Message, now: datetime) -> bool:
    registration, event = message.registration, message.event
    until = registration.answer_by
    return (
        event.status == Status.PUBLISHED
        and registration.state == State.CONFIRMED
        and registration.answered_at is None
        and (until is None or now < until)
        and has_current_deadline(message)
    )


def is_thank_you_relevant(message: Message, now: datetime) -> bool:
    """Whether the event is over: it may have been moved since."""
    event = message.event
    return event.status == Status.PUBLISHED and now >= event.ends_at


def is_note_relevant(_message: Message, _now: datetime) -> bool:
    """Always: what organizers write themselves may be about anything."""
    return True


RELEVANCE_BY_KIND: dict[MessageKind, Callable[[Message, datetime], bool]] = {
    MessageKind.REMINDER: is_reminder_relevant,
    MessageKind.STILL_COMING: is_reconfirmation_relevant,
    MessageKind.THANK_YOU: is_thank_you_relevant,
    MessageKind.NOTE: is_note_relevant,
}


# While a registration is in one of these states, a mail of the kind tells the truth.
STATES_BY_KIND: dict[str, tuple[State, ...]] = {
    MessageKind.CONFIRM_ADDRESS: (State.HELD,),
    MessageKind.REQUESTED: (State.REQUESTED,),
    MessageKind.CONFIRMATION: (State.CONFIRMED,),
    MessageKind.PROMOTED: (State.CONFIRMED,),
    MessageKind.WAITLISTED: (State.WAITLISTED,),
    MessageKind.OFFER: (State.OFFERED,),
    MessageKind.CHANGED: LIVE_STATES,
    # Whatever the new holder did with it since, it was passed on.
    MessageKind.PASSED_ON: tuple(State),
    MessageKind.TICKET_AGAIN: LIVE_STATES,
    MessageKind.CANCELLED: (State.CANCELLED,),
    MessageKind.DECLINED: (State.DECLINED,),
    MessageKind.LAPSED: (State.LAPSED,),
    MessageKind.RELEASED: (State.RELEASED,),
    MessageKind.EVENT_CHANGED: LIVE_STATES,
    MessageKind.EVENT_CANCELLED: LIVE_STATES,
    MessageKind.REMINDER: LIVE_STATES,
    MessageKind.THANK_YOU: (State.CONFIRMED,),
    MessageKind.STILL_COMING: (State.CONFIRMED,),
    # What organizers wrote is theirs to send.
    MessageKind.NOTE: tuple(State),
}


def is_still_true(message: Message) -> bool:
    """Whether what the message says is still so, as its registration stands now, and
    is said to who holds it."""
    event, registration = message.event, message.registration
    is_cancelled = event.status == Status.CANCELLED
    says_so = message.kind == MessageKind.EVENT_CANCELLED
    return (
        event.erased_at is None
        and (is_cancelled is says_so or message.kind == MessageKind.NOTE)
        and registration.state in STATES_BY_KIND.get(message.kind, ())
        and has_current_recipient(message)
        and has_current_deadline(message)
    )


def has_current_deadline(message: Message) -> bool:
    """Whether its deadline is the current one: of an earlier offer it is another."""
    until = message.facts.get("until")
    registration = message.registration
    if message.kind in (MessageKind.OFFER, MessageKind.CONFIRM_ADDRESS):
        ends_at = registration.decide_by
    elif message.kind == MessageKind.STILL_COMING:
        ends_at = registration.answer_by if registration.awaits_answer else None
    else:
        return True
    return until is not None and datetime.fromisoformat(until) == ends_at


def has_current_recipient(message: Message) -> bool:
    """Whether it goes where it should now: what it links to is the holder's alone."""
    if not message.recipient:
        return False  # erased
    is_about_transfer = message.kind == MessageKind.PASSED_ON
    return is_about_transfer or message.recipient_key == message.registration.email_key
