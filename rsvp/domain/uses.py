"""Uses: what people already hold or have answered, which no file may take away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select

from rsvp.db import current_session
from rsvp.errors import InUse
from rsvp.eventdata import EventFile
from rsvp.models import Admission, Attendee, Event, Question, Registration
from rsvp.models.event import QuestionType, Status
from rsvp.models.registration import LIVE

# Types that may follow each other: what was answered stays an answer.
SAME_ANSWERS = {(kind, kind) for kind in QuestionType}
SAME_ANSWERS |= {(QuestionType.TEXT, QuestionType.LONG_TEXT)}


def refuse_taking_away(event: Event, file: EventFile) -> None:
    """Raise InUse if the file would remove or bend what people use. Needs the lock.

    Facts: `kind` (admission, question, option, status), `key`, `change` (removed, mode,
    type, per, draft, published), `people` who use it, and `at`, the file's key.
    """
    refuse_status(event, file)
    wanted = {admission.key: admission for admission in file.admissions}
    for admission in event.admissions:
        stays = wanted.get(admission.key)
        change = "mode" if stays else "removed"
        if stays is None or stays.mode != admission.mode:
            refuse_if(registered_for(admission), "admission", admission.key, change)
    asked = {question.key: question for question in file.questions}
    for question in event.questions:
        data = asked.get(question.key)
        if data is None:
            refuse_if(len(answers_to(question)), "question", question.key, "removed")
            continue
        if data.per != question.per:
            refuse_if(len(answers_to(question)), "question", question.key, "per")
        if (question.type, data.type) not in SAME_ANSWERS:
            refuse_if(len(answers_to(question)), "question", question.key, "type")
        if gone := set(question.options) - set(data.options):
            refuse_options(question, gone)


def refuse_status(event: Event, file: EventFile) -> None:
    """People were told that it takes place, or that it does not."""
    backwards = {
        (Status.PUBLISHED, Status.DRAFT),
        (Status.CANCELLED, Status.DRAFT),
        (Status.CANCELLED, Status.PUBLISHED),
    }
    if (event.status, file.status) in backwards:
        live = Registration.event_id == event.id, Registration.state.in_(LIVE)
        people = current_session().scalar(select(func.count()).where(*live)) or 0
        refuse_if(people, "status", event.status, file.status)


def refuse_options(question: Question, gone: set[str]) -> None:
    answers = answers_to(question)
    for option in question.options:
        if option not in gone:
            continue
        if question.type == QuestionType.CHOICES:
            people = sum(option in answer for answer in answers)
        else:
            people = sum(option == answer for answer in answers)
        refuse_if(people, "option", option, "removed")


def refuse_if(people: int, kind: str, key: str, change: str) -> None:
    at = {"status": "status", "admission": "admissions"}.get(kind, "questions")
    if people:
        raise InUse(kind=kind, key=key, change=change, people=people, at=at)


def registered_for(admission: Admission) -> int:
    """How many registrations there ever were: those that are over name it, too."""
    mine = Registration.admission_id == admission.id
    return current_session().scalar(select(func.count()).where(mine)) or 0


def answers_to(question: Question) -> list[Any]:
    """Every answer given to a question, by whoever registered and by each attendee."""
    session = current_session()
    found: list[Any] = []
    columns: Iterable[Any] = (Registration, Attendee)
    for table in columns:
        answered = select(table.answers).where(
            table.event_id == question.event_id,
            table.answers[question.key].as_string().is_not(None),
        )
        found.extend(answers[question.key] for answers in session.scalars(answered))
    return found
