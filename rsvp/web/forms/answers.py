"""Answers: an event's questions as fields of a form, and checking what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rsvp.domain import questions
from rsvp.models import Question
from rsvp.models.event import QuestionType
from rsvp.text.cleaning import clean_answer
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Choice, Choices, Option, Text
from rsvp.web.forms.typed_field import TypedField

MAX_LENGTHS = {
    QuestionType.TEXT: questions.MAX_TEXT_LENGTH,
    QuestionType.LONG_TEXT: questions.MAX_LONG_TEXT_LENGTH,
}


class AnswerLine(TypedField):
    """An answer in a line, cleaned as the domain cleans it."""

    def clean(self, text: str) -> str:
        return clean_answer(text)


class AnswerText(Text):
    """An answer of several lines, cleaned as the domain cleans it."""

    def clean(self, text: str) -> str:
        return clean_answer(text)


class AnswerYesNo(Choice):
    """Yes or no; `data` is the word that `questions.check_answers` reads."""

    kind = "yes_no"


def question_field(question: Question, admission_names: Mapping[str, str]) -> Any:
    """The field of a question; its hint names the admissions it is only asked for.

    The rules of answers are the domain's: `AnswersForm.check_answers` asks it.
    """
    common: dict[str, Any] = {
        "hint": question.hint or "",
        "required": question.required,
        "only_for": tuple(key for key in question.only_for if key in admission_names),
    }
    options = tuple(Option(text, text) for text in question.options)
    match question.type:
        case QuestionType.CHOICES:
            return Choices(question.ask, options=options, **common)
        case QuestionType.CHOICE:
            return Choice(question.ask, options=options, max_length=None, **common)
        case QuestionType.YES_NO:
            options = (
                Option(questions.YES, _l("Yes")),
                Option(questions.NO, _l("No")),
            )
            return AnswerYesNo(question.ask, options=options, **common)
        case QuestionType.LONG_TEXT:
            return AnswerText(
                question.ask, max_length=MAX_LENGTHS[QuestionType.LONG_TEXT], **common
            )
    return AnswerLine(question.ask, max_length=MAX_LENGTHS[QuestionType.TEXT], **common)


class AnswersForm(Form):
    """A form with questions among its fields."""

    def check_answers(
        self, asked: Iterable[Question], prefix: str, optional: bool = False
    ) -> dict[str, Any]:
        """Check the answers in the fields with these names, `prefix` and the question's
        key, and return them."""
        asked = list(asked)
        raw = {question.key: self[prefix + question.key].data for question in asked}
        answers, mistakes = questions.check_answers(asked, raw)
        for question in asked:
            mistake = mistakes.get(question.key)
            if mistake and not (mistake == "required" and optional):
                self.refuse(mistake_text(mistake, question), prefix + question.key)
        return answers


def mistake_text(mistake: str, question: Question) -> str:
    match mistake:
        case "too_long":
            most = MAX_LENGTHS[QuestionType(question.type)]
            return _("Shorten this to %(most)d characters.", most=most)
        case "not_an_option":
            return _("Choose one of the options.")
    if question.type in (QuestionType.TEXT, QuestionType.LONG_TEXT):
        return _("Answer this question.")
    return _("Choose an answer.")
