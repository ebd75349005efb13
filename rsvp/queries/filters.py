"""Queries by answers: what people said in the form, or when they were asked again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from rsvp.db import current_session
from rsvp.models import Attendee, Registration
from rsvp.models.event import Per
from rsvp.models.registration import AttendeeState, State


@dataclass(frozen=True)
class Answered:
    """An answer to the question with this key: one of its options, yes or no."""

    question: str
    answer: str | bool
    per: str = Per.REGISTRATION


def gave(wanted: Answered) -> ColumnElement[bool]:
    """Whether a registration's answer is this one, or has it among others; where each
    attendee is asked, that of one who is coming."""
    if wanted.per == Per.REGISTRATION:
        return holds(Registration.answers, wanted)
    return (
        select(Attendee.id)
        .where(
            Attendee.registration_id == Registration.id,
            Attendee.state == AttendeeState.COMING,
            holds(Attendee.answers, wanted),
        )
        .exists()
    )


def holds(
    answers: InstrumentedAttribute[dict[str, Any]], wanted: Answered
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


class Coming(StrEnum):
    """What came of asking whether they still come."""

    ASKED = auto()  # no answer yet
    YES = auto()
    FLAGGED = auto()  # none came, and the organizer decides


def said(answer: Coming) -> ColumnElement[bool]:
    """Whether it has a place, and this is what came of the question."""
    return and_(Registration.state == State.CONFIRMED, came_of_it() == answer.value)


def came_of_it() -> ColumnElement[str]:
    """What came of asking a registration, as `said_by` tells it of one; or null."""
    return case(
        (Registration.flagged_at.is_not(None), Coming.FLAGGED.value),
        (Registration.answered_at.is_not(None), Coming.YES.value),
        (Registration.asked_at.is_not(None), Coming.ASKED.value),
    )


def said_by(registration: Registration) -> Coming | None:
    """What came of asking who has a place; None: nobody asked, or it has none."""
    if registration.state != State.CONFIRMED:
        return None
    if registration.flagged_at is not None:
        return Coming.FLAGGED
    if registration.answered_at is not None:
        return Coming.YES
    return Coming.ASKED if registration.asked_at is not None else None


def how_many_said(event_id: int) -> dict[Coming, int]:
    """Of those who have a place: how many registrations said what."""
    counted = select(*(func.count().filter(said(answer)) for answer in Coming)).where(
        Registration.event_id == event_id, Registration.state == State.CONFIRMED
    )
    numbers = current_session().execute(counted).one()
    found = zip(Coming, numbers, strict=True)
    return {answer: number for answer, number in found if number}
