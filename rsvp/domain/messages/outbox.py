"""Messages: a row in the outbox for each thing people are told, in the same commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, insert, select, update

from rsvp import errors
from rsvp.db import changed_one, current_connection, current_session, table_of
from rsvp.domain import audit
from rsvp.domain.messages import mail_limits
from rsvp.domain.messages.mail_limits import Cause
from rsvp.models import Admission, Attendee, AuditEntry, Message, Registration, User
from rsvp.models.event import Status
from rsvp.models.message import RANKS, MessageKind, MessageState, in_nobodys_hand
from rsvp.models.registration import LIVE, AttendeeState, State

ROW = insert(table_of(Message))


def facts(
    admission: Admission,
    attendees: Sequence[UUID],
    place: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What a message tells, frozen: `{"seats": int, "admission": name, "mode": mode,
    "attendees": [uuid hex of those coming], "place": int or None, …}`. With a
    cancellation `was` is the state before it; with a change `who` gave up; `what`
    was done, where a kind of mail has several reasons."""
    return {
        "seats": len(attendees),
        "admission": admission.name,
        "mode": admission.mode,
        "attendees": [attendee.hex for attendee in attendees],
        "place": place,
    } | more


def queue(
    kind: MessageKind,
    *,
    event_id: int,
    registration_id: int,
    recipient: str,
    recipient_key: str,
    facts: dict[str, Any],
    now: datetime,
    is_first: bool = False,
    **more: Any,
) -> None:
    """Write one mail; an older one of its kind that has not gone out is superseded.

    `is_first` skips looking for older ones, for a registration made just now. `more`
    are further columns, among them those that a counted mail is counted by.
    """
    if not is_first:
        supersede(Message.registration_id == registration_id, kind, now)
    written = row(
        kind,
        recipient,
        recipient_key,
        now,
        event_id=event_id,
        registration_id=registration_id,
        facts=facts,
        **more,
    )
    current_connection().execute(ROW, written)


def row(
    kind: MessageKind, recipient: str, recipient_key: str, now: datetime, **more: Any
) -> dict[str, Any]:
    """A mail to be sent at once, as a row; `more` are further columns."""
    return {
        "uuid": uuid4(),
        "kind": kind,
        "recipient": recipient,
        "recipient_key": recipient_key,
        "from_form": False,
        "mailbox": None,
        "network": None,
        "facts": {},
        "state": MessageState.QUEUED,
        "created_at": now,
        "due_at": now,
        "attempts": 0,
        "rank": RANKS.get(kind, 0),
        "domain": domain_of(recipient_key),
        **more,
    }


def domain_of(address: str) -> str:
    """What stands behind the @: whose server takes the mail."""
    return address.rpartition("@")[2]


def supersede(about: ColumnElement[bool], kind: MessageKind, now: datetime) -> None:
    """Drop the messages of a kind that have not gone out, for a newer one of it."""
    current_connection().execute(
        update(Message)
        .where(
            about,
            Message.kind == kind,
            Message.state == MessageState.QUEUED,
            # One that a worker is sending at this moment goes out.
            in_nobodys_hand(now),
        )
        .values(state=MessageState.SUPERSEDED)
    )


def hold_back(registration_id: int) -> None:
    """Drop what has not gone out about a registration, since its address is no longer
    whose it was. What is being sent at this moment goes out, and is not tried again.

    Who had it before is still told that it was passed on.
    """
    current_connection().execute(
        update(Message)
        .where(
            Message.registration_id == registration_id,
            Message.state == MessageState.QUEUED,
            Message.kind != MessageKind.PASSED_ON,
        )
        .values(state=MessageState.SUPERSEDED)
    )


def tell(
    registration: Registration,
    kind: MessageKind,
    *,
    cause: Cause,
    now: datetime,
    place: int | None = None,
    **more: Any,
) -> bool:
    """Queue a mail to whoever holds this registration, about those who are coming, and
    say whether it was.

    Where a stranger may have caused it and it is one too many, an entry of the audit
    log takes its place.
    """
    recipient_key, event_id = registration.email_key, registration.event_id
    counted_by = mail_limits.marks(kind, cause, recipient_key, event_id, now)
    if counted_by is None:
        state = registration.state
        note_not_mailed(event_id, registration.id, state, kind, cause, now)
        return False
    session = current_session()
    coming = session.scalars(
        select(Attendee.uuid)
        .where(
            Attendee.registration_id == registration.id,
            Attendee.state == AttendeeState.COMING,
        )
        .order_by(Attendee.position)
    ).all()
    queue(
        kind,
        event_id=event_id,
        registration_id=registration.id,
        recipient=registration.email,
        recipient_key=recipient_key,
        facts=facts(registration.admission, coming, place, **more),
        now=now,
        **counted_by,
    )
    return True


def note_not_mailed(
    event_id: int,
    registration_id: int,
    state: str,
    kind: MessageKind,
    cause: Cause,
    now: datetime,
) -> None:
    audit.record(
        mail_limits.NOT_MAILED,
        actor=audit.ATTENDEE,
        now=now,
        event_id=event_id,
        registration_id=registration_id,
        states=(state, state),
        details={"kind": kind, "cause": cause, "why": mail_limits.OVER_THE_LIMIT},
    )


def was_mailed(registration_id: int, now: datetime) -> bool:
    """Whether nobody had to go without a mail about what was done to it at `now`."""
    missing = select(AuditEntry.id).where(
        AuditEntry.registration_id == registration_id,
        AuditEntry.verb == mail_limits.NOT_MAILED,
        AuditEntry.at == now,
    )
    return current_session().scalar(missing.limit(1)) is None


def remind(
    registration: Registration,
    *,
    cause: Cause,
    now: datetime,
    place: int | None = None,
    **more: Any,
) -> bool:
    """Tell once more how it stands: what waits for an answer is asked again, else it is
    the ticket or the place in line. Says whether there is a mail."""
    kind = ASKED_AGAIN.get(registration.state, MessageKind.TICKET_AGAIN)
    if registration.decide_by is not None:
        more["until"] = registration.decide_by.isoformat()
    if registration.offered_seats is not None:
        more["offered"] = registration.offered_seats
    if waits_to_tell(NEW_CODES, registration.id, kind):
        # It takes the place of the mail that says so.
        more["what"] = NEW_CODES
    return tell(registration, kind, cause=cause, now=now, place=place, **more)


def waits_to_tell(what: str, registration_id: int, kind: MessageKind) -> bool:
    """Whether a mail of this kind, which says that this was done, has not gone out."""
    waiting = select(Message.facts).where(
        Message.registration_id == registration_id,
        Message.kind == kind,
        Message.state == MessageState.QUEUED,
    )
    return any(
        facts.get("what") == what for facts in current_session().scalars(waiting)
    )


NEW_CODES = "new_codes"
"""What an organizer did who made the earlier codes and links worth nothing."""

ASKED_AGAIN: dict[str, MessageKind] = {
    State.HELD: MessageKind.CONFIRM_ADDRESS,
    State.OFFERED: MessageKind.OFFER,
}


def tell_all(event_id: int, kind: MessageKind, *, now: datetime, **more: Any) -> int:
    """Queue a mail to each live registration of an event, and say how many."""
    registrations = (
        current_session()
        .scalars(
            select(Registration)
            .where(Registration.event_id == event_id, Registration.state.in_(LIVE))
            .order_by(Registration.id)
        )
        .all()
    )
    for registration in registrations:
        tell(registration, kind, cause=Cause.ORGANIZER, now=now, **more)
    return len(registrations)


def tell_user(user: User, kind: MessageKind, *, now: datetime) -> None:
    """Queue a mail about an account to its owner; nobody else ever sees it.

    What it tells that is secret is not written down: the worker makes it up as it
    writes the mail.
    """
    supersede(Message.user_id == user.id, kind, now)
    write_to(user.id, user.email, kind, now=now)


def write_to(
    user_id: int, address: str, kind: MessageKind, *, now: datetime, **more: Any
) -> None:
    """Write one mail to an account; `more` are further columns. It goes out before what
    many get: one person waits for it."""
    written = row(kind, address, address, now, user_id=user_id, **{"rank": 0} | more)
    current_connection().execute(ROW, written)


# --- just before it goes out --------------------------------------------------------

HOPES = (
    *(MessageKind.CONFIRM_ADDRESS, MessageKind.REQUESTED, MessageKind.CONFIRMATION),
    *(MessageKind.WAITLISTED, MessageKind.OFFER, MessageKind.PROMOTED),
    *(MessageKind.CHANGED, MessageKind.TICKET_AGAIN, MessageKind.EVENT_CHANGED),
)
"""The kinds that speak of a place that somebody has, or may get. Once that is over
another mail says so; one of these that has not gone out by then would only confuse."""


ENDS = (
    *(MessageKind.CANCELLED, MessageKind.DECLINED),
    *(MessageKind.LAPSED, MessageKind.RELEASED),
)
"""The kinds that speak of an end. Who was brought back meanwhile is told so by another
mail, or stands at the door and is let in."""


def is_still_wanted(message: Message, now: datetime) -> bool:
    """Whether a message that waits should go out at `now`: not what is over and told of
    by a later one, and of extras nothing that is not so any more."""
    if message.registration_id is None:
        return True
    if message.kind in ENDS:
        return not message.registration.is_live
    if message.kind in HOPES:
        return hopes_in_time(message, now)
    wanted = WANTED.get(MessageKind(message.kind))
    return wanted is None or (may_get_extras(message) and wanted(message, now))


def hopes_in_time(message: Message, now: datetime) -> bool:
    event = message.event
    # Whoever asks for the link again may want it afterwards, too.
    is_past = now >= event.ends_at and message.kind != MessageKind.TICKET_AGAIN
    is_off = event.status == Status.CANCELLED
    return message.registration.is_live and not is_off and not is_past


def may_get_extras(message: Message) -> bool:
    """Whether more than tickets and changes goes to this registration, at this
    address, and it is in a state that the message was written for."""
    registration, event = message.registration, message.event
    states = message.facts.get("states")
    return (
        event.erased_at is None
        and registration.muted_at is None
        and registration.address_failed_at is None
        and is_for_its_holder(message)
        and (states is None or registration.state in states)
    )


def reminds_in_time(message: Message, now: datetime) -> bool:
    event = message.event
    takes_place = event.status == Status.PUBLISHED and now < event.starts_at
    return takes_place and message.registration.is_live


def asks_in_time(message: Message, now: datetime) -> bool:
    registration, event = message.registration, message.event
    until = registration.answer_by
    return (
        event.status == Status.PUBLISHED
        and registration.state == State.CONFIRMED
        and registration.answered_at is None
        and (until is None or now < until)
        and is_of_this_deadline(message)
    )


def thanks_in_time(message: Message, now: datetime) -> bool:
    """An event may have been moved since."""
    event = message.event
    return event.status == Status.PUBLISHED and now >= event.ends_at


def says_anything(_message: Message, _now: datetime) -> bool:
    """What organizers write themselves they may write about anything."""
    return True


WANTED: dict[MessageKind, Callable[[Message, datetime], bool]] = {
    MessageKind.REMINDER: reminds_in_time,
    MessageKind.STILL_COMING: asks_in_time,
    MessageKind.THANK_YOU: thanks_in_time,
    MessageKind.NOTE: says_anything,
}


# --- once more ----------------------------------------------------------------------

# While a registration is in one of these states, a mail of the kind tells the truth.
TRUE_WHILE: dict[str, tuple[State, ...]] = {
    MessageKind.CONFIRM_ADDRESS: (State.HELD,),
    MessageKind.REQUESTED: (State.REQUESTED,),
    MessageKind.CONFIRMATION: (State.CONFIRMED,),
    MessageKind.PROMOTED: (State.CONFIRMED,),
    MessageKind.WAITLISTED: (State.WAITLISTED,),
    MessageKind.OFFER: (State.OFFERED,),
    MessageKind.CHANGED: LIVE,
    # Whatever the new holder did with it since, it was passed on.
    MessageKind.PASSED_ON: tuple(State),
    MessageKind.TICKET_AGAIN: LIVE,
    MessageKind.CANCELLED: (State.CANCELLED,),
    MessageKind.DECLINED: (State.DECLINED,),
    MessageKind.LAPSED: (State.LAPSED,),
    MessageKind.RELEASED: (State.RELEASED,),
    MessageKind.EVENT_CHANGED: LIVE,
    MessageKind.EVENT_CANCELLED: LIVE,
    MessageKind.REMINDER: LIVE,
    MessageKind.THANK_YOU: (State.CONFIRMED,),
    MessageKind.STILL_COMING: (State.CONFIRMED,),
    # What organizers wrote is theirs to send.
    MessageKind.NOTE: tuple(State),
}


def is_true(message: Message) -> bool:
    """Whether what the message says is still so, as its registration stands now, and
    is said to who holds it."""
    event, registration = message.event, message.registration
    is_off = event.status == Status.CANCELLED
    says_so = message.kind == MessageKind.EVENT_CANCELLED
    return (
        event.erased_at is None
        and (is_off is says_so or message.kind == MessageKind.NOTE)
        and registration.state in TRUE_WHILE.get(message.kind, ())
        and is_for_its_holder(message)
        and is_of_this_deadline(message)
    )


def is_of_this_deadline(message: Message) -> bool:
    """Of an earlier offer or question the deadline is another, whatever came of it."""
    until = message.facts.get("until")
    registration = message.registration
    if message.kind in (MessageKind.OFFER, MessageKind.CONFIRM_ADDRESS):
        ends_at = registration.decide_by
    elif message.kind == MessageKind.STILL_COMING:
        ends_at = registration.answer_by if registration.awaits_answer else None
    else:
        return True
    return until is not None and datetime.fromisoformat(until) == ends_at


def is_for_its_holder(message: Message) -> bool:
    """Whether it goes where it should now: what it links to is the holder's alone."""
    if not message.recipient:
        return False  # erased
    is_farewell = message.kind == MessageKind.PASSED_ON
    return is_farewell or message.recipient_key == message.registration.email_key


def try_again(message_id: int, *, actor: str, now: datetime) -> None:
    """Queue a mail that could not be delivered anew, as if it were the first try.

    Raises Outdated where it did not fail, or what it says is not so any more.
    """
    session = current_session()
    message = session.get_one(Message, message_id)
    # Whoever cancels it meanwhile waits, or was first.
    session.scalars(
        select(Registration)
        .where(Registration.id == message.registration_id)
        .with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()
    is_of_use = is_true(message) and is_still_wanted(message, now)
    queued = is_of_use and changed_one(
        update(Message)
        .where(Message.id == message_id, Message.state == MessageState.FAILED)
        .values(
            state=MessageState.QUEUED,
            due_at=now,
            attempts=0,
            lease_until=None,
            last_error=None,
        )
    )
    if not queued:
        raise errors.Outdated
    audit.record(
        "try_again",
        actor=actor,
        now=now,
        event_id=message.event_id,
        registration_id=message.registration_id,
    )
