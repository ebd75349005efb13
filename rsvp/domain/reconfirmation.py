"""Reconfirmation: attendees are asked whether they still come; no answer has effects.

Each event is asked about once for each day it is set on. Who says yes keeps the place,
whatever the clock says; the lock of the event decides between a yes and the deadline.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import joinedload, load_only, selectinload

from rsvp import errors
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import capacity, quiet_hours, trusted_clock, waitlist
from rsvp.domain.checkin import attendance
from rsvp.domain.messages import outbox
from rsvp.domain.registrations import door_seating, locking
from rsvp.domain.transitions import NOT_ASKED, record_change
from rsvp.models import Admission, Attendee, Event, Message, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import RECENT_CONFIRMATION, Mode, NoAnswer, Status
from rsvp.models.message import MessageKind, MessageState
from rsvp.models.registration import AskedAbout, State

MIN_TIME_TO_ANSWER = timedelta(hours=2)
"""With less time than this to answer nobody is asked, where the event planned more."""

BATCH_SIZE = 100
"""How many registrations one commit asks, or deals with."""

# Why somebody is flagged: wants no such mails, gets none, was mailed for this day once
# already; was not mailed in time; did not answer.
MUTED, UNREACHABLE, MAILED_BEFORE = "muted", "address_failed", "mailed_before"
NOT_MAILED, NO_ANSWER = "not_mailed", door_seating.NO_ANSWER


def event_day(event: Event) -> date:
    """Return the day a question is about: an event that moves to another is asked
    anew."""
    return event.starts_local.date()


def occasion_of(event: Event) -> str:
    return f"still_coming:{event_day(event).isoformat()}"


# --- asking -------------------------------------------------------------------------


def events_to_ask(now: datetime) -> list[int]:
    """Return the ids of the events whose attendees are to be asked now."""
    return [
        event.id
        for event in events_with_reconfirmation(now)
        if event.asked_for != event_day(event) and now >= ask_time(event, now)
    ]


def events_with_reconfirmation(now: datetime) -> list[Event]:
    """Return the events to come that ask, with the columns that say when."""
    query = (
        select(Event)
        .where(
            Event.status == Status.PUBLISHED,
            Event.erased_at.is_(None),
            Event.ask_hours.is_not(None),
            Event.ends_at > now,
        )
        .options(
            load_only(
                Event.timezone,
                Event.starts_at,
                Event.starts_local,
                Event.ask_hours,
                Event.answer_hours,
                Event.asked_for,
                Event.settled_for,
            )
        )
        .order_by(Event.starts_at, Event.id)
    )
    return list(current_session().scalars(query))


def ask_time(event: Event, now: datetime) -> datetime:
    """Return when to ask, as seen at `now`: as planned or, late, at once; at night not
    before the morning, unless the event is near or the time to answer would be too
    short."""
    assert event.ask_at is not None and event.answer_by is not None
    ask_at = max(event.ask_at, now)
    morning = quiet_hours.mail_time(ask_at, event)
    is_near = event.starts_at - ask_at <= quiet_hours.NEAR_EVENT
    is_too_late = event.answer_by - morning < least_time_to_answer(event)
    return ask_at if is_near or is_too_late else morning


def least_time_to_answer(event: Event) -> timedelta:
    """Return the least time that people must have to answer."""
    assert event.ask_at is not None and event.answer_by is not None
    return min(MIN_TIME_TO_ANSWER, (event.answer_by - event.ask_at) / 2)


def ask_batch(event_id: int, *, now: datetime) -> int:
    """Ask those who have one of the limited places. Return how many were dealt with:
    fewer than BATCH_SIZE, then that was all of them.

    Who can't be asked is flagged instead. Where too little time is left to answer
    nobody is asked, and so nobody released. Safe to repeat, and at once in several
    workers.
    """
    event = capacity.lock_event(event_id).event
    if not is_reconfirmation_on(event, now) or event.asked_for == event_day(event):
        return 0
    if now < ask_time(event, now):
        return 0
    assert event.answer_by is not None
    registrations: list[Registration] = []
    if event.answer_by - now >= least_time_to_answer(event):
        registrations = registrations_to_ask(event, now)
    elif trusted_clock.last_run_if_apart(now) is not None:
        # It may not be so late: nobody is passed over by a clock that is not trusted.
        return 0
    mails = mails_about_day(event, registrations)
    for registration in registrations:
        for column, default in NOT_ASKED.items():
            setattr(registration, column, default)
        if registration.muted_at is not None:
            flag_registration(registration, MUTED, now)
        elif registration.address_failed_at is not None:
            flag_registration(registration, UNREACHABLE, now)
        elif registration.id in mails:
            # The event came back to a day it had left: a mail of before says nothing.
            flag_registration(registration, MAILED_BEFORE, now)
        else:
            ask_registration(event, registration, now)
    if len(registrations) < BATCH_SIZE:
        event.asked_for = event_day(event)
    current_session().flush()
    return len(registrations)


def is_reconfirmation_on(event: Event, now: datetime) -> bool:
    return (
        event.ask_hours is not None
        and event.status == Status.PUBLISHED
        and event.erased_at is None
        and now < event.ends_at
    )


def registrations_to_ask(event: Event, now: datetime) -> list[Registration]:
    """Lock and return those to ask next; not who took the place, or said yes to a
    change, less than a day ago, and nobody who is in."""
    is_limited: ColumnElement[bool] = Admission.capacity.is_not(None)
    if event.room_capacity is not None:
        is_limited = or_(is_limited, Admission.mode == Mode.IN_PERSON)
    query = (
        select(Registration)
        .join(Admission, Admission.id == Registration.admission_id)
        .where(
            Registration.event_id == event.id,
            Registration.state == State.CONFIRMED,
            Registration.search != "",  # erased
            is_limited,
            Registration.state_since <= now - RECENT_CONFIRMATION,
            Registration.asked_about.is_distinct_from(AskedAbout.COMING),
            or_(
                Registration.answered_at.is_(None),
                Registration.answered_at <= now - RECENT_CONFIRMATION,
            ),
            # Flagged, but not of a change: it was dealt with.
            or_(Registration.flagged_at.is_(None), Registration.asked_at.is_not(None)),
            ~attendance.was_checked_in(),
        )
        .options(
            joinedload(Registration.admission), selectinload(Registration.attendees)
        )
        .order_by(Registration.id)
        .limit(BATCH_SIZE)
    )
    return list(current_session().scalars(fresh(lock_rows(query, Registration))))


def mails_about_day(
    event: Event, registrations: Collection[Registration]
) -> dict[int, Message]:
    """Return the mail that asked each of these about this day, by registration id."""
    ids = [registration.id for registration in registrations]
    query = select(Message).where(
        Message.registration_id.in_(ids), Message.occasion == occasion_of(event)
    )
    mails = current_session().scalars(query)
    return {mail.registration_id or 0: mail for mail in mails}


def ask_registration(event: Event, registration: Registration, now: datetime) -> None:
    registration.asked_at, registration.asked_about = now, AskedAbout.COMING
    registration.answer_by = event.answer_by
    assert event.answer_by is not None
    outbox.enqueue_to_address(
        MessageKind.STILL_COMING,
        event_id=event.id,
        registration_id=registration.id,
        recipient=registration.email,
        recipient_key=registration.email_key,
        facts=outbox.build_facts(
            registration.admission,
            [attendee.uuid for attendee in registration.coming_attendees],
            until=event.answer_by.isoformat(),
            no_answer=event.no_answer,
        ),
        now=now,
        # None of its kind waits: the occasion is another.
        is_first=True,
        occasion=occasion_of(event),
    )


def flag_registration(registration: Registration, why: str, now: datetime) -> None:
    """Flag a registration: organizers decide whether its place is released."""
    registration.flagged_at = now
    record_change(Verb.FLAG, registration, {"what": why}, actor="worker", now=now)


def ask_about_change(
    event: Event, registrations: Collection[int], *, now: datetime
) -> None:
    """Ask these registrations whether they still come although something changed; what
    they said before is void, and nobody is released for want of an answer. The mail is
    the caller's. Needs the event's lock."""
    current_session().execute(
        update(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.id.in_(registrations),
            Registration.state == State.CONFIRMED,
        )
        .values(NOT_ASKED | {"asked_at": now, "asked_about": AskedAbout.CHANGE})
    )


# --- answers ------------------------------------------------------------------------


def reconfirm(registration_id: int, *, actor: str, now: datetime) -> bool:
    """Keep the place: they still come. Return whether that is news; safe to repeat.

    It counts after the deadline as well, as long as the place is not given on. Raises
    NotConfirmed, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = locking.lock_registration(registration_id, now)
    locking.refuse_if_event_over(locked, now)
    if registration.state != State.CONFIRMED:
        raise errors.NotConfirmed
    if not registration.awaits_answer:
        return False
    registration.answered_at, registration.flagged_at = now, None
    record_change(Verb.SAY_YES, registration, actor=actor, now=now)
    current_session().flush()
    return True


# --- no answer ----------------------------------------------------------------------


def events_to_close(now: datetime) -> list[int]:
    """Return the ids of the events in which the time to answer is over."""
    return [
        event.id
        for event in events_with_reconfirmation(now)
        if event.answer_by is not None
        and event.answer_by <= now
        and event.settled_for != event_day(event)
    ]


def close_batch(event_id: int, *, now: datetime) -> int:
    """Release the places of those who did not answer in time, or flag them, as the
    event says. Return how many were dealt with: fewer than BATCH_SIZE, then that was
    all of them.

    Nobody is released who is in, who was not asked in good time, or after doors: then
    presence decides. Safe to repeat, and at once in several workers.
    """
    locked = waitlist.lock_and_expire(event_id, now)
    event = locked.event
    if not is_reconfirmation_on(event, now) or event.settled_for == event_day(event):
        return 0
    if event.answer_by is None or now < event.answer_by:
        return 0
    registrations = unanswered_registrations(event, now)
    mails = mails_about_day(event, registrations)
    for registration in registrations:
        if not was_asked_in_time(registration, mails.get(registration.id), now):
            flag_registration(registration, NOT_MAILED, now)
        elif is_left_to_organizers(event, registration, now):
            flag_registration(registration, NO_ANSWER, now)
        else:
            door_seating.release_seat(locked, registration, NO_ANSWER, "worker", now)
    if len(registrations) < BATCH_SIZE:
        event.settled_for = event_day(event)
    current_session().flush()
    waitlist.promote(locked, actor="worker", now=now)
    return len(registrations)


def is_left_to_organizers(
    event: Event, registration: Registration, now: datetime
) -> bool:
    """Whether no answer changes nothing by itself: the organizers decide, or presence,
    or nobody needs the place, since there is no limit any more."""
    return (
        event.no_answer == NoAnswer.FLAG
        or now >= event.doors_open_at
        or not event.is_limited(registration.admission)
    )


def release_unanswered(registration_id: int, *, actor: str, now: datetime) -> None:
    """Release the places of a party that did not say yes; an organizer does.

    Raises Outdated where they said yes meanwhile or nobody asked, AlreadyCheckedIn
    where one of them is in, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = locking.lock_registration(registration_id, now)
    locking.refuse_if_event_over(locked, now)
    if not registration.awaits_answer:
        raise errors.Outdated
    locking.refuse_if_checked_in(Attendee.registration_id == registration.id)
    reason = (
        NO_ANSWER if registration.asked_at is not None else door_seating.NOT_REACHED
    )
    door_seating.release_seat(locked, registration, reason, actor, now)
    waitlist.promote(locked, actor=actor, now=now)


def unanswered_registrations(event: Event, now: datetime) -> list[Registration]:
    """Lock and return those whose time to answer is over without an answer."""
    query = (
        select(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.state == State.CONFIRMED,
            Registration.asked_about == AskedAbout.COMING,
            Registration.answer_by <= now,
            Registration.answered_at.is_(None),
            Registration.flagged_at.is_(None),
            ~attendance.was_checked_in(),
        )
        .order_by(Registration.id)
        .limit(BATCH_SIZE)
    )
    return list(current_session().scalars(fresh(lock_rows(query))))


def was_asked_in_time(
    registration: Registration, mail: Message | None, now: datetime
) -> bool:
    """Whether the question went out to who holds the place, with at least half of the
    planned time left, and told a deadline that has passed."""
    if mail is None or mail.sent_at is None or mail.state != MessageState.SENT:
        return False
    if registration.muted_at is not None or registration.address_failed_at is not None:
        return False
    assert registration.asked_at is not None and registration.answer_by is not None
    planned = registration.answer_by - registration.asked_at
    return (
        mail.recipient_key == registration.email_key
        and registration.answer_by - mail.sent_at >= planned / 2
        and datetime.fromisoformat(mail.facts["until"]) <= now
    )


# --- when the event changes ---------------------------------------------------------


def follow_event_change(event: Event, day_before: date) -> None:
    """Follow a change of the event, which was on `day_before`: on another day nothing
    asked or answered before counts; on the same day the deadline moves along. Needs
    the event's lock."""
    if event_day(event) != day_before:
        clear_answers(event)
        return
    current_session().execute(
        update(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.asked_about == AskedAbout.COMING,
            Registration.answered_at.is_(None),
        )
        .values(answer_by=event.answer_by)
    )


def clear_answers(event: Event) -> None:
    """Clear what was asked and answered about another day. Needs the event's lock."""
    session = current_session()
    session.execute(
        update(Registration)
        .where(
            Registration.event_id == event.id,
            or_(
                Registration.asked_at.is_not(None),
                Registration.flagged_at.is_not(None),
            ),
        )
        .values(NOT_ASKED)
    )
    session.execute(
        update(Message)
        .where(
            Message.event_id == event.id,
            Message.kind == MessageKind.STILL_COMING,
            Message.state == MessageState.QUEUED,
        )
        .values(state=MessageState.SUPERSEDED)
    )
    event.asked_for = event.settled_for = None
