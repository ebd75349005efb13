"""Questions: what the registration form asks, and checking the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rsvp.models import Admission, Event, Question
from rsvp.models.event import QuestionScope, QuestionType
from rsvp.text.cleaning import clean_answer

MAX_TEXT_LENGTH = 500
MAX_LONG_TEXT_LENGTH = 5000

Answer = str | list[str] | bool

YES, NO = "yes", "no"


def questions_for(
    event: Event, admission: Admission, per: QuestionScope
) -> list[Question]:
    """Return what is asked per registration, or of each attendee, for this
    admission."""
    return [q for q in event.questions if q.per == per and q.is_for(admission)]


def check_answers(
    questions: Iterable[Question], raw: Mapping[str, str | list[str]]
) -> tuple[dict[str, Answer], dict[str, str]]:
    """Check what was typed: `({question key: answer}, {question key: mistake})`.

    Answers are text, a list of texts (several choices) or True and False; an empty one
    is left out. Mistakes are `required`, `too_long` and `not_an_option`. What belongs
    to no question is ignored.
    """
    answers: dict[str, Answer] = {}
    mistakes: dict[str, str] = {}
    for question in questions:
        answer, mistake = check_answer(question, raw.get(question.key, ""))
        if mistake:
            mistakes[question.key] = mistake
        elif answer is not None:
            answers[question.key] = answer
    return answers, mistakes


def check_answer(
    question: Question, raw: str | list[str]
) -> tuple[Answer | None, str | None]:
    typed = [raw] if isinstance(raw, str) else raw
    texts = [text for text in map(clean_answer, typed) if text]
    if not texts:
        return None, "required" if question.required else None
    match question.type:
        case QuestionType.CHOICES:
            if any(text not in question.options for text in texts):
                return None, "not_an_option"
            return [option for option in question.options if option in texts], None
        case QuestionType.CHOICE:
            is_option = texts[0] in question.options
            return (texts[0], None) if is_option else (None, "not_an_option")
        case QuestionType.YES_NO:
            is_option = texts[0] in (YES, NO)
            return (texts[0] == YES, None) if is_option else (None, "not_an_option")
    limit = (
        MAX_LONG_TEXT_LENGTH
        if question.type == QuestionType.LONG_TEXT
        else MAX_TEXT_LENGTH
    )
    return (texts[0], None) if len(texts[0]) <= limit else (None, "too_long")
