"""The outbox: one row for each mail, written in the commit of what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, insert, select, update

from rsvp import errors
from rsvp.db import (
    changed_one,
    current_connection,
    current_session,
    fresh,
    lock_rows,
    table_of,
)
from rsvp.domain import audit
from rsvp.domain.messages import mail_limits
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.messages.relevance import is_still_relevant, is_still_true
from rsvp.models import Admission, Attendee, AuditEntry, Message, Registration, User
from rsvp.models.audit import Verb
from rsvp.models.message import (
    RANK_BY_KIND,
    MessageKind,
    MessageState,
    is_not_being_sent,
)
from rsvp.models.registration import LIVE_STATES, AttendeeState, State

INSERT_MESSAGE = insert(table_of(Message))


def build_facts(
    admission: Admission,
    attendees: Sequence[UUID],
    place: int | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return what a message tells, frozen: `{"seats": int, "admission": name, "mode":
    mode, "attendees": [uuid hex of those coming], "place": int or None, …}`. With a
    cancellation `was` is the state before it; with a change `who` gave up;
    `what` was done, where a kind of mail has several reasons."""
    return {
        "seats": len(attendees),
        "admission": admission.name,
        "mode": admission.mode,
        "attendees": [attendee.hex for attendee in attendees],
        "place": place,
    } | others


def enqueue_to_address(
    kind: MessageKind,
    *,
    event_id: int,
    registration_id: int,
    recipient: str,
    recipient_key: str,
    facts: dict[str, Any],
    now: datetime,
    is_first: bool = False,
    **columns: Any,
) -> None:
    """Queue one mail; an older one of its kind that has not gone out is superseded.

    `is_first` skips looking for older ones, for a registration made just now. `columns`
    are further columns, among them those that a counted mail is counted by.
    """
    if not is_first:
        supersede(Message.registration_id == registration_id, kind, now)
    row = message_row(
        kind,
        recipient,
        recipient_key,
        now,
        event_id=event_id,
        registration_id=registration_id,
        facts=facts,
        **columns,
    )
    current_connection().execute(INSERT_MESSAGE, row)


def message_row(
    kind: MessageKind, recipient: str, recipient_key: str, now: datetime, **columns: Any
) -> dict[str, Any]:
    """Return a mail to be sent at once, as a row; `columns` are further columns."""
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
        "rank": RANK_BY_KIND.get(kind, 0),
        "domain": mail_domain(recipient_key),
        **columns,
    }


def mail_domain(address: str) -> str:
    """Return what stands behind the @: whose server takes the mail."""
    return address.rpartition("@")[2]


def supersede(about: ColumnElement[bool], kind: MessageKind, now: datetime) -> None:
    """Supersede the messages of a kind that have not gone out, for a newer one of
    it."""
    current_connection().execute(
        update(Message)
        .where(
            about,
            Message.kind == kind,
            Message.state == MessageState.QUEUED,
            # One that a worker is sending at this moment goes out.
            is_not_being_sent(now),
        )
        .values(state=MessageState.SUPERSEDED)
    )


def drop_unsent(registration_id: int) -> None:
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


def enqueue(
    registration: Registration,
    kind: MessageKind,
    *,
    cause: Cause,
    now: datetime,
    place: int | None = None,
    **facts: Any,
) -> bool:
    """Queue a mail to whoever holds this registration, about those who are coming.
    Return whether it was queued.

    Where a stranger may have caused it and it is one too many, an entry of the audit
    log takes its place.
    """
    recipient_key, event_id = registration.email_key, registration.event_id
    counting = mail_limits.counting_columns(kind, cause, recipient_key, event_id, now)
    if counting is None:
        state = registration.state
        record_not_mailed(event_id, registration.id, state, kind, cause, now)
        return False
    session = current_session()
    attendees = session.scalars(
        select(Attendee.uuid)
        .where(
            Attendee.registration_id == registration.id,
            Attendee.state == AttendeeState.COMING,
        )
        .order_by(Attendee.position)
    ).all()
    enqueue_to_address(
        kind,
        event_id=event_id,
        registration_id=registration.id,
        recipient=registration.email,
        recipient_key=recipient_key,
        facts=build_facts(registration.admission, attendees, place, **facts),
        now=now,
        **counting,
    )
    return True


def record_not_mailed(
    event_id: int,
    registration_id: int,
    state: str,
    kind: MessageKind,
    cause: Cause,
    now: datetime,
) -> None:
    audit.record(
        Verb.NOT_MAILED,
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
        AuditEntry.verb == Verb.NOT_MAILED,
        AuditEntry.at == now,
    )
    return current_session().scalar(missing.limit(1)) is None


def enqueue_again(
    registration: Registration,
    *,
    cause: Cause,
    now: datetime,
    place: int | None = None,
    **facts: Any,
) -> bool:
    """Queue once more how it stands: what waits for an answer is asked again, else it
    is the ticket or the place in line. Return whether there is a mail."""
    kind = RESEND_KIND_BY_STATE.get(registration.state, MessageKind.TICKET_AGAIN)
    if registration.decide_by is not None:
        facts["until"] = registration.decide_by.isoformat()
    if registration.offered_seats is not None:
        facts["offered"] = registration.offered_seats
    if is_queued_about(NEW_CODES, registration.id, kind):
        # It takes the place of the mail that says so.
        facts["what"] = NEW_CODES
    return enqueue(registration, kind, cause=cause, now=now, place=place, **facts)


def is_queued_about(reason: str, registration_id: int, kind: MessageKind) -> bool:
    """Whether a mail of this kind, which says that this was done, has not gone out."""
    query = select(Message.facts).where(
        Message.registration_id == registration_id,
        Message.kind == kind,
        Message.state == MessageState.QUEUED,
    )
    return any(
        queued_facts.get("what") == reason
        for queued_facts in current_session().scalars(query)
    )


NEW_CODES = "new_codes"
"""What an organizer did who made the earlier codes and links worth nothing."""

STATUS_KIND_BY_STATE = {
    State.HELD: MessageKind.CONFIRM_ADDRESS,
    State.REQUESTED: MessageKind.REQUESTED,
    State.WAITLISTED: MessageKind.WAITLISTED,
    State.OFFERED: MessageKind.OFFER,
    State.CONFIRMED: MessageKind.CONFIRMATION,
}
"""What an address is mailed that is new to the registration: how it stands."""

RESEND_KIND_BY_STATE: dict[str, MessageKind] = {
    State.HELD: MessageKind.CONFIRM_ADDRESS,
    State.OFFERED: MessageKind.OFFER,
}


def enqueue_for_event(
    event_id: int, kind: MessageKind, *, now: datetime, **facts: Any
) -> int:
    """Queue a mail to each live registration of an event. Return how many."""
    registrations = (
        current_session()
        .scalars(
            select(Registration)
            .where(
                Registration.event_id == event_id, Registration.state.in_(LIVE_STATES)
            )
            .order_by(Registration.id)
        )
        .all()
    )
    for registration in registrations:
        enqueue(registration, kind, cause=Cause.ORGANIZER, now=now, **facts)
    return len(registrations)


def enqueue_to_user(user: User, kind: MessageKind, *, now: datetime) -> None:
    """Queue a mail about an account to its owner; nobody else ever sees it.

    What it tells that is secret is not written down: the worker makes it up as it
    writes the mail.
    """
    supersede(Message.user_id == user.id, kind, now)
    insert_for_user(user.id, user.email, kind, now=now)


def insert_for_user(
    user_id: int, address: str, kind: MessageKind, *, now: datetime, **columns: Any
) -> None:
    """Queue one mail to an account; `columns` are further columns. It goes out before
    what many get: one person waits for it."""
    row = message_row(
        kind, address, address, now, user_id=user_id, **{"rank": 0} | columns
    )
    current_connection().execute(INSERT_MESSAGE, row)


# --- just before it goes out --------------------------------------------------------


# --- once more ----------------------------------------------------------------------


def retry_failed(message_id: int, *, actor: str, now: datetime) -> None:
    """Queue a mail that could not be delivered again, as if it were the first try.

    Raises Outdated where it did not fail, or what it says is not so any more.
    """
    session = current_session()
    message = session.get_one(Message, message_id)
    # Whoever cancels it meanwhile waits, or was first.
    query = select(Registration).where(Registration.id == message.registration_id)
    session.scalars(fresh(lock_rows(query))).one()
    is_of_use = is_still_true(message) and is_still_relevant(message, now)
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
        Verb.TRY_AGAIN,
        actor=actor,
        now=now,
        event_id=message.event_id,
        registration_id=message.registration_id,
    )
