"""Privacy: attendees' data is erased once an event's time for it is over.

Counts, states and the audit log stay: they name nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from rsvp import errors
from rsvp.db import current_session, lock_rows
from rsvp.domain import audit, mailings, waitlist
from rsvp.domain.registrations import locking
from rsvp.domain.transitions import record_change, transition
from rsvp.models import (
    Attendee,
    Event,
    GivenConsent,
    Invitation,
    Message,
    Question,
    Registration,
)
from rsvp.models.audit import EventVerb, Verb
from rsvp.models.message import MessageState
from rsvp.models.registration import LIVE_STATES, State


def due_for_erasure(now: datetime) -> list[int]:
    """Return the ids of the events with something to erase at `now`: everything,
    `retention_days` after the end, or the answers to a question, its `keep_days` after
    it."""
    session = current_session()
    ended = select(Event).where(Event.ends_at <= now, Event.erased_at.is_(None))
    events = session.scalars(ended.order_by(Event.id)).all()
    return [event.id for event in events if is_due(event, now)]


def is_due(event: Event, now: datetime) -> bool:
    return erasure_due_at(event) <= now or bool(questions_to_erase(event, now))


def erasure_due_at(event: Event) -> datetime:
    """Return when attendees' data of an event is erased; its form says so."""
    return event.ends_at + timedelta(days=event.retention_days)


def questions_to_erase(event: Event, now: datetime) -> list[Question]:
    return [
        question
        for question in event.questions
        if question.keep_days is not None
        and question.erased_at is None
        and event.ends_at + timedelta(days=question.keep_days) <= now
    ]


def erase_due(event_id: int, *, actor: str, now: datetime) -> None:
    """Erase what is due of one event; safe to repeat."""
    query = select(Event).where(Event.id == event_id)
    event = current_session().scalars(lock_rows(query)).one()
    if event.erased_at is not None:
        return
    is_all = erasure_due_at(event) <= now
    questions = None if is_all else questions_to_erase(event, now)
    erase_event_data(event, questions, actor=actor, now=now)


def erase_event_again(
    event_id: int, keys: Collection[str] | None, *, actor: str, now: datetime
) -> None:
    """Erase all of one event, or the answers to some questions, whatever its rules say
    now: it was done once, and a backup of before was put back. Safe to repeat."""
    query = select(Event).where(Event.id == event_id)
    event = current_session().scalars(lock_rows(query)).one()
    if event.erased_at is not None:
        return
    questions = None
    if keys is not None:
        asked = [question for question in event.questions if question.key in keys]
        questions = [question for question in asked if question.erased_at is None]
    if questions is None or questions:
        erase_event_data(event, questions, actor=actor, now=now)


def erase_event_data(
    event: Event, questions: list[Question] | None, *, actor: str, now: datetime
) -> None:
    """Erase the answers to some questions, or (None) everything."""
    if questions is None:
        erase_everything(event, now)
        event.erased_at = now
        details: dict[str, Any] = {"all": True}
        note_erasure(now, event=event.uuid.hex)
    else:
        erase_answers(event, {question.key for question in questions})
        for question in questions:
            question.erased_at = now
        details = {"questions": sorted(question.key for question in questions)}
        note_erasure(now, event=event.uuid.hex, **details)
    current_session().flush()
    audit.record(
        EventVerb.ERASE, actor=actor, now=now, event_id=event.id, details=details
    )


def note_erasure(now: datetime, **ids: Any) -> None:
    """Note the ids of what is erased, which name nobody, for the file from which a
    restored backup learns what was erased since: `writing()` hands them on."""
    noted = current_session().info.setdefault("erased", [])
    noted.append({"at": now.isoformat()} | ids)


# What a registration is once it is erased: it names nobody, and nothing finds it.
ERASED_COLUMNS: dict[str, Any] = {
    "name": "",
    "email": "",
    "email_key": "",
    "search": "",
    "answers": {},
    "submission": None,
    "ended_why": None,
    "exception_why": None,
    "address_failed_why": None,
    # Many rows now have the same, empty address.
    "is_single": False,
}


def erase_everything(event: Event, now: datetime) -> None:
    """Erase names, addresses and answers; also from the outbox, which sends no more."""
    session = current_session()
    session.execute(
        update(Registration)
        .where(Registration.event_id == event.id)
        .values(ERASED_COLUMNS)
    )
    session.execute(
        update(Attendee)
        .where(Attendee.event_id == event.id)
        .values(name=None, answers={})
    )
    # It may say whom an invitation was for.
    session.execute(
        update(Invitation).where(Invitation.event_id == event.id).values(label=None)
    )
    mailings.erase_texts(event.id, now)
    erase_messages(Message.event_id == event.id)


def erase_messages(about: ColumnElement[bool], *, keep_counted: bool = False) -> None:
    """Erase who got these mails. Those that were counted go on counting, by a keyed
    hash that names nobody, where it `keep_counted` until a day is over."""
    for message in current_session().scalars(select(Message).where(about)):
        message.recipient = message.recipient_key = ""
        if not keep_counted:
            message.mailbox = message.network = None
        message.last_error = None
        message.facts = {
            key: fact
            for key, fact in message.facts.items()
            if key not in PERSONAL_FACTS
        }
        if message.state == MessageState.QUEUED:
            message.state = MessageState.FAILED
            message.last_error = "erased before it could be sent"


PERSONAL_FACTS = ("who", "why", "subject", "text", "like")
"""Facts of a message that name somebody, or are words written to them."""


def erase_answers(event: Event, keys: set[str]) -> None:
    session = current_session()
    registrations = select(Registration).where(Registration.event_id == event.id)
    attendees = select(Attendee).where(Attendee.event_id == event.id)
    for row in (*session.scalars(registrations), *session.scalars(attendees)):
        if keys & row.answers.keys():
            row.answers = {k: v for k, v in row.answers.items() if k not in keys}


# --- one person's, when they ask ----------------------------------------------------


def erase_registration(
    registration_id: int, *, actor: str, now: datetime, even_if_checked_in: bool = False
) -> None:
    """Erase whose a registration is: names, address, answers, consents and the
    recipients of its mails. Whoever has its link may ask for it at any time.

    Before the event is over it is cancelled by that, and nobody is told: the audit log
    says why. Its places go to the line. Afterwards it stays as it was, for the counts.
    Safe to repeat. Raises AlreadyCheckedIn while one of the party is in
    (`even_if_checked_in`: their seats are kept), and EventOver where all of the event
    is erased.
    """
    locked, registration = locking.lock_in_any_state(registration_id, now)
    event, old_state = locked.event, registration.state
    if event.erased_at is not None:
        raise errors.EventOver(title=event.title)
    if registration.is_erased:
        return
    is_over = now >= event.ends_at
    of_party = Attendee.registration_id == registration.id
    keeps_seats = even_if_checked_in and locking.is_checked_in(of_party)
    if old_state in (*LIVE_STATES, State.RELEASED) and not is_over and not keeps_seats:
        locking.refuse_if_checked_in(of_party)
        admission = locked.admissions[registration.admission_id]
        waitlist.release_place(locked, admission, registration)
        transition(
            registration, State.CANCELLED, verb=Verb.ERASE_ONE, actor=actor, now=now
        )
    else:
        record_change(Verb.ERASE_ONE, registration, actor=actor, now=now)
    session = current_session()
    session.execute(update(Attendee).where(of_party).values(name=None, answers={}))
    delete_consents = delete(GivenConsent).where(
        GivenConsent.registration_id == registration.id
    )
    session.execute(delete_consents)
    session.execute(
        update(Registration)
        .where(Registration.id == registration.id)
        .values(ERASED_COLUMNS)
    )
    # By the link anybody may erase whom they have registered: if that made the mails
    # uncounted, they could go on registering and erasing a stranger.
    is_by_link = actor == audit.ATTENDEE
    erase_messages(Message.registration_id == registration.id, keep_counted=is_by_link)
    note_erasure(now, registration=registration.uuid.hex)
    session.flush()
    waitlist.promote(locked, actor=actor, now=now)
