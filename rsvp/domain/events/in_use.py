"""In use: what registrations rely on, which a new definition must not remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select

from rsvp.db import current_session
from rsvp.errors import InUse
from rsvp.event_definition import EventDefinition, QuestionData
from rsvp.models import Admission, Attendee, CheckIn, Event, Question, Registration
from rsvp.models.event import Allocation, Mode, QuestionType, Status
from rsvp.models.registration import LIVE_STATES, State

# Types that may follow each other: what was answered stays an answer.
COMPATIBLE_TYPES = {(kind, kind) for kind in QuestionType}
COMPATIBLE_TYPES |= {(QuestionType.TEXT, QuestionType.LONG_TEXT)}


def refuse_removing_used(event: Event, definition: EventDefinition) -> None:
    """Raise InUse if the definition would remove or bend what people use. Needs the
    lock.

    Facts: `kind` (admission, question, option, status, allocation), `key`, `change`
    (removed, mode, seats, type, per, or the status or allocation that is wanted),
    `people` who use it, and `at`, the file's key. With `seats` so many people have a
    place, and there are not as many chairs.
    """
    refuse_status_change(event, definition.status)
    refuse_allocation_change(event, definition.registration.allocation)
    new_admissions = {new.key: (i, new) for i, new in enumerate(definition.admissions)}
    for admission in event.admissions:
        number, new_admission = new_admissions.get(admission.key, (0, None))
        if new_admission is None:
            people = count_registrations(admission)
            refuse_if_used(people, "admission", admission.key, "removed", "admissions")
        elif new_admission.mode != admission.mode:
            refuse_mode_change(
                event, admission, definition, f"admissions[{number}].mode"
            )
    new_questions = {
        question.key: (i, question) for i, question in enumerate(definition.questions)
    }
    for question in event.questions:
        number, new_question = new_questions.get(question.key, (0, None))
        refuse_question_change(question, new_question, f"questions[{number}]")


def refuse_status_change(event: Event, status: Status) -> None:
    """Raise InUse where people were told that it takes place, or that it does not."""
    backwards = {
        (Status.PUBLISHED, Status.DRAFT),
        (Status.CANCELLED, Status.DRAFT),
        (Status.CANCELLED, Status.PUBLISHED),
    }
    if (event.status, status) in backwards:
        conditions = (
            Registration.event_id == event.id,
            Registration.state.in_(LIVE_STATES),
        )
        people = current_session().scalar(select(func.count()).where(*conditions)) or 0
        refuse_if_used(people, "status", event.status, status, "status")


def refuse_allocation_change(event: Event, allocation: Allocation) -> None:
    """Raise InUse while requests wait for a decision: newcomers would be seated before
    them, without one."""
    if event.allocation != allocation:
        conditions = (
            Registration.event_id == event.id,
            Registration.state == State.REQUESTED,
        )
        people = current_session().scalar(select(func.count()).where(*conditions)) or 0
        file_key = "registration.allocation"
        refuse_if_used(people, "allocation", event.allocation, allocation, file_key)


def refuse_mode_change(
    event: Event, admission: Admission, definition: EventDefinition, file_key: str
) -> None:
    """Raise InUse where people can't come in another way: they are or were in already,
    or there is no chair for each of those who were to join online."""
    refuse_if_used(
        count_checked_in(admission), "admission", admission.key, "mode", file_key
    )
    new_admissions = {
        new_admission.key: new_admission for new_admission in definition.admissions
    }
    new_admission, seats = (
        new_admissions[admission.key],
        admission.seats_taken - admission.reserved,
    )
    if new_admission.mode == Mode.ONLINE or not seats:
        return
    too_few = (
        new_admission.capacity is not None
        and admission.seats_taken > new_admission.capacity
    )
    if definition.room is not None:
        in_room = definition.reserved_seats + sum(
            other.seats_taken - other.reserved
            for other in event.admissions
            if other.key in new_admissions
            and new_admissions[other.key].mode == Mode.IN_PERSON
        )
        too_few = too_few or in_room > definition.room
    refuse_if_used(
        seats if too_few else 0, "admission", admission.key, "seats", file_key
    )


def count_checked_in(admission: Admission) -> int:
    """Return how many of an admission's attendees a door has let in."""
    scanned = (
        select(func.count(CheckIn.attendee_id.distinct()))
        .join(Attendee, Attendee.id == CheckIn.attendee_id)
        .join(Registration, Registration.id == Attendee.registration_id)
        .where(Registration.admission_id == admission.id)
    )
    return current_session().scalar(scanned) or 0


def refuse_question_change(
    question: Question, new_question: QuestionData | None, file_key: str
) -> None:
    key = question.key
    if new_question is None:
        refuse_if_used(
            len(answers_to(question)), "question", key, "removed", "questions"
        )
        return
    if new_question.per != question.per:
        refuse_if_used(
            len(answers_to(question)), "question", key, "per", f"{file_key}.per"
        )
    if (question.type, new_question.type) not in COMPATIBLE_TYPES:
        refuse_if_used(
            len(answers_to(question)), "question", key, "type", f"{file_key}.type"
        )
    if removed_options := [
        option for option in question.options if option not in new_question.options
    ]:
        answers = answers_to(question)
        for option in removed_options:
            # An answer is one option, or a list of them.
            chosen = (a if isinstance(a, list) else [a] for a in answers)
            people = sum(option in options for options in chosen)
            refuse_if_used(people, "option", option, "removed", f"{file_key}.options")


def refuse_if_used(
    people: int, kind: str, key: str, change: str, file_key: str
) -> None:
    if people:
        raise InUse(kind=kind, key=key, change=change, people=people, at=file_key)


def count_registrations(admission: Admission) -> int:
    """Return how many registrations an admission ever had: those that are over, too."""
    of_admission = Registration.admission_id == admission.id
    return current_session().scalar(select(func.count()).where(of_admission)) or 0


def answers_to(question: Question) -> list[Any]:
    """Return every answer to a question, by whoever registered and by each attendee."""
    session = current_session()
    given: list[Any] = []
    columns: Iterable[Any] = (Registration, Attendee)
    for table in columns:
        answered = select(table.answers).where(
            table.event_id == question.event_id,
            table.answers[question.key].as_string().is_not(None),
        )
        given.extend(answers[question.key] for answers in session.scalars(answered))
    return given
