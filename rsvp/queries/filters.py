"""Filters: registrations by what was answered in the form or to a reconfirmation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from rsvp.db import current_session
from rsvp.models import Attendee, Registration
from rsvp.models.event import QuestionScope
from rsvp.models.registration import AttendeeState, State


@dataclass(frozen=True)
class AnswerFilter:
    """An answer to the question with this key: one of its options, yes or no."""

    question: str
    answer: str | bool
    per: str = QuestionScope.REGISTRATION


def has_answer(filter_: AnswerFilter) -> ColumnElement[bool]:
    """Whether a registration's answer is this one, or has it among others; where each
    attendee is asked, that of one who is coming."""
    if filter_.per == QuestionScope.REGISTRATION:
        return contains_answer(Registration.answers, filter_)
    return (
        select(Attendee.id)
        .where(
            Attendee.registration_id == Registration.id,
            Attendee.state == AttendeeState.COMING,
            contains_answer(Attendee.answers, filter_),
        )
        .exists()
    )


def contains_answer(
    answers: InstrumentedAttribute[dict[str, Any]], filter_: AnswerFilter
) -> ColumnElement[bool]:
    answer = filter_.answer
    if current_session().get_bind().dialect.name == "postgresql":
        # A list contains its items; what is no list contains itself.
        given = cast(answers, JSONB)[filter_.question]
        return given.contains(literal(answer, JSONB))
    items = func.json_each(answers, f'$."{filter_.question}"').table_valued(
        "value", "type"
    )
    if isinstance(answer, bool):
        is_it = items.c.type == ("true" if answer else "false")
    else:
        is_it = items.c.value == answer
    return select(items.c.type).where(is_it).exists()


class ReconfirmationStatus(StrEnum):
    """What came of asking attendees to reconfirm."""

    ASKED = auto()  # no answer yet
    YES = auto()
    FLAGGED = auto()  # none came, and the organizer decides


def has_reconfirmation_status(answer: ReconfirmationStatus) -> ColumnElement[bool]:
    """Whether a registration has a place, and this reconfirmation status."""
    return and_(
        Registration.state == State.CONFIRMED,
        reconfirmation_status_column() == answer.value,
    )


def reconfirmation_status_column() -> ColumnElement[str]:
    """What came of asking a registration, as `reconfirmation_status` tells it of one;
    or null."""
    return case(
        (Registration.flagged_at.is_not(None), ReconfirmationStatus.FLAGGED.value),
        (Registration.answered_at.is_not(None), ReconfirmationStatus.YES.value),
        (Registration.asked_at.is_not(None), ReconfirmationStatus.ASKED.value),
    )


def reconfirmation_status(registration: Registration) -> ReconfirmationStatus | None:
    """What came of asking who has a place; None: nobody asked, or it has none."""
    if registration.state != State.CONFIRMED:
        return None
    if registration.flagged_at is not None:
        return ReconfirmationStatus.FLAGGED
    if registration.answered_at is not None:
        return ReconfirmationStatus.YES
    return ReconfirmationStatus.ASKED if registration.asked_at is not None else None


def count_reconfirmations(event_id: int) -> dict[ReconfirmationStatus, int]:
    """Return how many registrations with a place have each reconfirmation status."""
    query = select(
        *(
            func.count().filter(has_reconfirmation_status(answer))
            for answer in ReconfirmationStatus
        )
    ).where(Registration.event_id == event_id, Registration.state == State.CONFIRMED)
    numbers = current_session().execute(query).one()
    counts = zip(ReconfirmationStatus, numbers, strict=True)
    return {answer: number for answer, number in counts if number}
