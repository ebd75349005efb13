"""Reminders: mails to attendees some time before the start or after the end.

When one goes out follows from the event's times and is kept (`due_at`). Each occasion
is the day of the start, or of the end: an event that moves to another day is told of
anew, one that moves within its day is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload

from rsvp.db import current_session, fresh
from rsvp.domain import quiet_hours, trusted_clock, waitlist
from rsvp.domain.checkin import attendance
from rsvp.domain.messages import bulk, outbox
from rsvp.models import CheckIn, Event, Message, Registration, Reminder
from rsvp.models.event import Anchor, Mode, Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import State

BATCH_SIZE = 200
"""How many registrations are written to in one transaction."""

MAX_THANK_YOU_DELAY = timedelta(days=7)
"""How late a thank-you may come: after that it would only puzzle people."""

KIND_BY_ANCHOR = {
    Anchor.START: MessageKind.REMINDER,
    Anchor.END: MessageKind.THANK_YOU,
}


# --- when ---------------------------------------------------------------------------


def reschedule(event: Event, now: datetime) -> None:
    """Set when each reminder of an event goes out, by the event's times as they are.

    What is to come goes (again) when its time comes; nobody gets one twice for the same
    day. What would have been due by now is let go: whoever changed the times, or made
    the reminder, has just told people more than it would. Mails that wait in the outbox
    and are of another day by now are dropped. Needs the event's lock.
    """
    for reminder in event.reminders:
        due_at = send_time(reminder, event)
        if due_at > now:
            reminder.done_for, reminder.reached_id = None, 0
        elif due_at != reminder.due_at:
            reminder.done_for = anchor_day(reminder, event)
        reminder.due_at = due_at
    if event.id is not None:
        drop_outdated_messages(event, now)


def drop_outdated_messages(event: Event, now: datetime) -> None:
    current = [occasion_of(reminder, event) for reminder in event.reminders]
    for kind in KIND_BY_ANCHOR.values():
        of_another_day = and_(
            Message.event_id == event.id, Message.occasion.not_in(current)
        )
        outbox.supersede(of_another_day, kind, now)


def send_time(reminder: Reminder, event: Event) -> datetime:
    """Return when a reminder goes out: not at night, unless the event is near."""
    minutes = timedelta(minutes=reminder.minutes)
    is_before = reminder.anchor == Anchor.START
    anchor = anchor_at(reminder, event)
    return by_daylight(
        anchor - minutes if is_before else anchor + minutes, reminder, event
    )


def by_daylight(at: datetime, reminder: Reminder, event: Event) -> datetime:
    if reminder.anchor == Anchor.START:
        return quiet_hours.mail_time_before_start(at, event)
    return quiet_hours.mail_time(at, event)


def anchor_day(reminder: Reminder, event: Event) -> date:
    """Return the day that it is sent for, in the event's zone."""
    return anchor_at(reminder, event).astimezone(event.zone).date()


def anchor_at(reminder: Reminder, event: Event) -> datetime:
    return event.starts_at if reminder.anchor == Anchor.START else event.ends_at


def occasion_of(reminder: Reminder, event: Event) -> str:
    return f"reminder:{reminder.key}:{anchor_day(reminder, event).isoformat()}"


# --- what is due --------------------------------------------------------------------


@dataclass(frozen=True)
class DueReminder:
    """A reminder whose time has come, of an event that takes place."""

    id: int
    event_id: int


def due_reminders(now: datetime) -> list[DueReminder]:
    """Return the reminders to be sent at `now`, the oldest first."""
    rows = current_session().execute(
        select(Reminder.id, Reminder.event_id)
        .join(Event, Event.id == Reminder.event_id)
        .where(
            Reminder.due_at <= now,
            Reminder.done_for.is_(None),
            Event.status == Status.PUBLISHED,
            Event.erased_at.is_(None),
        )
        .order_by(Reminder.due_at, Reminder.id)
    )
    return [DueReminder(*row) for row in rows]


def is_too_late(reminder: Reminder, event: Event, now: datetime) -> bool:
    """Whether a reminder would no longer help: the event has begun, the evening is long
    past, or its time had passed when it was made (an import brings nobody a
    surprise)."""
    # What a clock that ran ahead says of when it was made is not so.
    if now >= reminder.made_at > reminder.due_at:
        return True
    if reminder.anchor == Anchor.START:
        return now >= event.starts_at
    return now - reminder.due_at > MAX_THANK_YOU_DELAY


# --- sending ------------------------------------------------------------------------


@dataclass(frozen=True)
class BatchResult:
    """How many mails were written, and whether there may be more to write."""

    written: int
    has_more: bool


NOTHING_SENT = BatchResult(0, has_more=False)


def send_batch(due: DueReminder, now: datetime) -> BatchResult:
    """Queue the next mails of a reminder, to registrations by their id.

    Safe to repeat, and for two workers at once: one of them goes on, the other finds
    nothing to do.
    """
    reminder = lock_reminder(due)
    if reminder is None or not is_due(reminder, now):
        return NOTHING_SENT
    event = reminder.event
    if is_too_late(reminder, event, now):
        # Of a clock that is not trusted it may not be so: then it keeps its time.
        if trusted_clock.last_run_if_apart(now) is None:
            reminder.done_for = anchor_day(reminder, event)
        return NOTHING_SENT
    registrations = next_registrations(reminder, event)
    written = write_messages(reminder, event, registrations, now)
    has_more = len(registrations) == BATCH_SIZE
    if registrations:
        reminder.reached_id = registrations[-1].id
    if not has_more:
        reminder.done_for = anchor_day(reminder, event)
    return BatchResult(written, has_more)


def lock_reminder(due: DueReminder) -> Reminder | None:
    """Lock and return the reminder, unless another worker has it: that one goes on.

    The event comes first, as for whoever changes it: until this is committed nobody can
    call it off, so no reminder is written after that.
    """
    session = current_session()
    event = select(Event.id).where(Event.id == due.event_id)
    session.execute(event.with_for_update(read=True))
    query = (
        select(Reminder)
        .where(Reminder.id == due.id)
        .options(joinedload(Reminder.event).selectinload(Event.admissions))
        .with_for_update(skip_locked=True, of=Reminder)
    )
    return session.scalars(fresh(query)).one_or_none()


def is_due(reminder: Reminder, now: datetime) -> bool:
    """Whether it is due, asked again under the lock: it may have been done, moved or
    called off. A worker that comes late, and at night, leaves it for the morning."""
    event = reminder.event
    return (
        reminder.due_at <= now
        and by_daylight(now, reminder, event) <= now
        and reminder.done_for is None
        and event.status == Status.PUBLISHED
        and event.erased_at is None
    )


def next_registrations(reminder: Reminder, event: Event) -> Sequence[Registration]:
    """Return the next registrations that a reminder is for."""
    query = (
        select(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.id > reminder.reached_id,
            *bulk.accepts_optional_mail(),
            *recipient_conditions(reminder, event),
        )
        .order_by(Registration.id)
        .limit(BATCH_SIZE)
    )
    return current_session().scalars(query).all()


def recipient_conditions(reminder: Reminder, event: Event) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Registration.state.in_(reminder.states or [State.CONFIRMED])
    ]
    admissions = [a for a in event.admissions if a.key in reminder.admissions]
    if reminder.admissions:
        conditions.append(
            Registration.admission_id.in_([admission.id for admission in admissions])
        )
    if reminder.anchor == Anchor.END and anyone_checked_in(event):
        online = [a.id for a in event.admissions if a.mode == Mode.ONLINE]
        conditions.append(
            or_(Registration.admission_id.in_(online), attendance.was_checked_in())
        )
    return conditions


def anyone_checked_in(event: Event) -> bool:
    scanned = select(CheckIn.id).where(CheckIn.event_id == event.id).limit(1)
    return current_session().scalar(scanned) is not None


def write_messages(
    reminder: Reminder,
    event: Event,
    registrations: Sequence[Registration],
    now: datetime,
) -> int:
    """Queue a mail to each. Return to how many: not to who has it already."""
    if not registrations:
        return 0
    kind, occasion = (
        KIND_BY_ANCHOR[Anchor(reminder.anchor)],
        occasion_of(reminder, event),
    )
    admissions = {admission.id: admission for admission in event.admissions}
    attendees = bulk.coming_by_registration(
        [registration.id for registration in registrations]
    )
    places = waitlist.positions_of(event, registrations)
    scanned = reminder.anchor == Anchor.END and anyone_checked_in(event)
    bulk_messages = []
    for registration in registrations:
        admission = admissions[registration.admission_id]
        extra_facts = reminder_facts(reminder) | bulk.deadline_facts(registration)
        if scanned and admission.mode == Mode.IN_PERSON:
            extra_facts["came"] = True
        place = places.get(registration.id)
        facts = outbox.build_facts(
            admission, attendees[registration.id], place, **extra_facts
        )
        bulk_messages.append(bulk.BulkMessage(registration, facts))
    # An older reminder that is still in the outbox says the same, and says it wrong.
    earlier = and_(
        Message.registration_id.in_(
            [registration.id for registration in registrations]
        ),
        Message.occasion != occasion,
    )
    outbox.supersede(earlier, kind, now)
    return bulk.enqueue_many(
        kind, bulk_messages, event_id=event.id, occasion=occasion, now=now
    )


def reminder_facts(reminder: Reminder) -> dict[str, Any]:
    """Return what the facts of its mails say about the reminder."""
    facts = {
        "reminder": reminder.key,
        "what": reminder.anchor,
        "states": reminder.states or [State.CONFIRMED],
        "subject": reminder.subject,
        "text": reminder.text,
    }
    return {key: value for key, value in facts.items() if value}
