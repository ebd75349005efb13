"""Privacy: attendees' data goes away by itself once an event's time for it is over.

Counts, states and the audit log stay: they name nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from rsvp.db import current_session
from rsvp.domain import audit
from rsvp.models import Attendee, Event, Message, Question, Registration
from rsvp.models.ledger import MessageState


def due_for_erasure(now: datetime) -> list[int]:
    """Ids of the events with something to erase at `now`: everything, `retention_days`
    after the end, or the answers to a question, its `keep_days` after it."""
    session = current_session()
    ended = select(Event).where(Event.ends_at <= now, Event.erased_at.is_(None))
    events = session.scalars(ended.order_by(Event.id)).all()
    return [event.id for event in events if is_due(event, now)]


def is_due(event: Event, now: datetime) -> bool:
    return everything_goes_at(event) <= now or bool(questions_due(event, now))


def everything_goes_at(event: Event) -> datetime:
    """When attendees' data of an event is erased; its form says so."""
    return event.ends_at + timedelta(days=event.retention_days)


def questions_due(event: Event, now: datetime) -> list[Question]:
    return [
        question
        for question in event.questions
        if question.keep_days is not None
        and question.erased_at is None
        and event.ends_at + timedelta(days=question.keep_days) <= now
    ]


def erase(event_id: int, *, actor: str, now: datetime) -> None:
    """Erase what is due of one event; safe to repeat."""
    session = current_session()
    locked = select(Event).where(Event.id == event_id).with_for_update(key_share=True)
    event = session.scalars(locked).one()
    if event.erased_at is not None:
        return
    if everything_goes_at(event) <= now:
        erase_everything(event)
        event.erased_at = now
        details: dict[str, object] = {"all": True}
    else:
        questions = questions_due(event, now)
        erase_answers(event, {question.key for question in questions})
        for question in questions:
            question.erased_at = now
        details = {"questions": sorted(question.key for question in questions)}
    session.flush()
    audit.record("erase", actor=actor, now=now, event_id=event_id, details=details)


def erase_everything(event: Event) -> None:
    """Names, addresses and answers; also from the outbox, which sends nothing more."""
    session = current_session()
    session.execute(
        update(Registration)
        .where(Registration.event_id == event.id)
        .values(
            name="",
            email="",
            email_key="",
            search="",
            answers={},
            submission=None,
            ended_why=None,
            exception_why=None,
            # Many rows now have the same, empty address.
            is_single=False,
        )
    )
    session.execute(
        update(Attendee)
        .where(Attendee.event_id == event.id)
        .values(name=None, answers={})
    )
    mine = Message.event_id == event.id
    for message in session.scalars(select(Message).where(mine)):
        message.recipient = message.recipient_key = ""
        message.last_error = None
        message.facts = {k: v for k, v in message.facts.items() if k != "who"}
        if message.state == MessageState.QUEUED:
            message.state = MessageState.FAILED
            message.last_error = "erased before it could be sent"


def erase_answers(event: Event, keys: set[str]) -> None:
    session = current_session()
    mine = select(Registration).where(Registration.event_id == event.id)
    people = select(Attendee).where(Attendee.event_id == event.id)
    for row in (*session.scalars(mine), *session.scalars(people)):
        if keys & row.answers.keys():
            row.answers = {k: v for k, v in row.answers.items() if k not in keys}
