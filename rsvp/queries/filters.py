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


def has_answer(wanted: AnswerFilter) -> ColumnElement[bool]:
    """Whether a registration's answer is this one, or has it among others; where each
    attendee is asked, that of one who is coming."""
    if wanted.per == QuestionScope.REGISTRATION:
        return contains_answer(Registration.answers, wanted)
    return (
        select(Attendee.id)
        .where(
            Attendee.registration_id == Registration.id,
            Attendee.state == AttendeeState.COMING,
            contains_answer(Attendee.answers, wanted),
        )
        .exists()
    )


def contains_answer(
    answers: InstrumentedAttribute[dict[str, Any]], wanted: AnswerFilter
) -> ColumnElement[bool]:
    answer = wanted.answer
    if current_session().get_bind().dialect.name == "postgresql":
        # A list contains its items; what is no list contains itself.
        given = cast(answers, JSONB)[wanted.question]
        return given.contains(literal(answer, JSONB))
    each = func.json_each(answers, f'$."{wanted.question}"').table_valued(
        "value", "type"
    )
    if isinstance(answer, bool):
        is_it = each.c.type == ("true" if answer else "false")
    else:
        is_it = each.c.value == answer
    return select(each.c.type).where(is_it).exists()


class ReconfirmationStatus(StrEnum):
    """What came of asking whether they still come."""

    ASKED = auto()  # no answer yet
    YES = auto()
    FLAGGED = auto()  # none came, and the organizer decides


def has_reconfirmation_status(answer: ReconfirmationStatus) -> ColumnElement[bool]:
    """Whether it has a place, and this is what came of the question."""
    return and_(
        Registration.state == State.CONFIRMED,
        reconfirmation_status_column() == answer.value,
    )


def reconfirmation_status_column() -> ColumnElement[str]:
    """What came of asking a registration, as `said_by` tells it of one; or null."""
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
    """Of those who have a place: how many registrations said what."""
    counted = select(
        *(
            func.count().filter(has_reconfirmation_status(answer))
            for answer in ReconfirmationStatus
        )
    ).where(Registration.event_id == event_id, Registration.state == State.CONFIRMED)
    numbers = current_session().execute(counted).one()
    found = zip(ReconfirmationStatus, numbers, strict=True)
    return {answer: number for answer, number in found if number}
