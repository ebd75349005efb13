"""Queries about mailings: to whom organizers write, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from rsvp.db import current_session
from rsvp.domain.mailings import RECIPIENT_CONDITIONS
from rsvp.models import Event, Mailing, Message, Registration
from rsvp.models.message import MessageState
from rsvp.models.registration import State
from rsvp.queries.attendees import RegistrationFilter, matching_registrations
from rsvp.queries.filters import AnswerFilter, ReconfirmationStatus


def list_mailings(event_id: int) -> list[Mailing]:
    """List the mailings of an event, newest first."""
    query = select(Mailing).where(Mailing.event_id == event_id)
    return list(current_session().scalars(query.order_by(Mailing.id.desc())))


def find_mailing(event_id: int, uuid: UUID) -> Mailing | None:
    query = select(Mailing).where(Mailing.event_id == event_id, Mailing.uuid == uuid)
    return current_session().scalar(query)


def mailing_filter(event: Event, recipients: dict[str, Any]) -> RegistrationFilter:
    """Return the filter that a mailing's stored values mean. What the event has no
    longer lets nobody through."""
    admission_id = None
    if key := recipients.get("admission"):
        ids = (admission.id for admission in event.admissions if admission.key == key)
        admission_id = next(ids, 0)
    answered = None
    if key := recipients.get("question"):
        pers = {question.key: question.per for question in event.questions}
        answered = AnswerFilter(
            key, recipients["answer"], *filter(None, [pers.get(key)])
        )
    return RegistrationFilter(
        states=tuple(State(state) for state in recipients.get("states", ())),
        admission_id=admission_id,
        answered=answered,
        checked_in=recipients.get("checked_in"),
        coming=ReconfirmationStatus(recipients["coming"])
        if recipients.get("coming")
        else None,
    )


@dataclass(frozen=True)
class Reach:
    """How many registrations match a filter, and how many of them get the mailing."""

    matching: int
    reached: int

    @property
    def skipped(self) -> int:
        return self.matching - self.reached


def count_reach(event_id: int, filter_: RegistrationFilter) -> Reach:
    query = matching_registrations(event_id, filter_).order_by(None)
    count_query = query.with_only_columns(func.count())
    session = current_session()
    return Reach(
        matching=session.scalars(count_query).one(),
        reached=session.scalars(count_query.where(*RECIPIENT_CONDITIONS)).one(),
    )


def first_recipient(event_id: int, filter_: RegistrationFilter) -> Registration | None:
    """Return whoever would get a mailing first: whose mail is previewed."""
    query = matching_registrations(event_id, filter_).where(*RECIPIENT_CONDITIONS)
    return current_session().scalar(query.order_by(Registration.id).limit(1))


@dataclass(frozen=True)
class Progress:
    """How many of a mailing's messages are where."""

    total: int
    sent: int
    failed: int
    stopped: int

    @property
    def waiting(self) -> int:
        return self.total - self.sent - self.failed - self.stopped


def progress_by_mailing(mailing_ids: list[int]) -> dict[int, Progress]:
    """`{mailing id: how far it has come}`, of those that have messages."""
    query = (
        select(Message.mailing_id, Message.state, func.count())
        .where(Message.mailing_id.in_(mailing_ids))
        .group_by(Message.mailing_id, Message.state)
    )
    states: dict[int, dict[str, int]] = {}
    for mailing_id, state, count in current_session().execute(query):
        states.setdefault(int(mailing_id or 0), {})[state] = count
    return {
        mailing_id: Progress(
            total=sum(numbers.values()),
            sent=numbers.get(MessageState.SENT, 0),
            failed=numbers.get(MessageState.FAILED, 0),
            stopped=numbers.get(MessageState.SUPERSEDED, 0),
        )
        for mailing_id, numbers in states.items()
    }
