"""Queries by answers: what people said in the form, or when they were asked again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from sqlalchemy import ColumnElement, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from rsvp.db import current_session
from rsvp.models import Attendee, CheckIn, Registration
from rsvp.models.event import Per
from rsvp.models.registration import AttendeeState


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
    match answer:
        case Coming.YES:
            return Registration.answered_at.is_not(None)
        case Coming.FLAGGED:
            return Registration.flagged_at.is_not(None)
    return (
        Registration.asked_at.is_not(None)
        & Registration.answered_at.is_(None)
        & Registration.flagged_at.is_(None)
    )


def was_in() -> ColumnElement[bool]:
    """Whether somebody of the party was let in at any time."""
    return (
        select(CheckIn.id)
        .join(Attendee, Attendee.id == CheckIn.attendee_id)
        .where(Attendee.registration_id == Registration.id)
        .exists()
    )
