"""Base: the form with checks of names, addresses and answers, and its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from wtforms.form import BaseForm

from rsvp.domain import questions
from rsvp.models import Question
from rsvp.models.event import QuestionType
from rsvp.text import mail_addresses, person_names
from rsvp.text.mail_addresses import InvalidMailAddress
from rsvp.web.forms.fields import (
    MAX_LENGTHS,
    ChoicesField,
    NameField,
    Option,
    TypedField,
)
from rsvp.web.forms.normalize import EMAIL_MESSAGES, WEB_ADDRESS_MESSAGE

# --- fields -------------------------------------------------------------------------


def name_field(label: Any, required: bool = False) -> Any:
    return NameField(label, required=required, maxlength=person_names.MAX_LENGTH)


def email_field(label: Any, hint: Any = "") -> Any:
    return TypedField(
        label,
        kind="email",
        required=True,
        maxlength=mail_addresses.MAX_LENGTH,
        description=hint,
    )


def question_field(question: Question, admission_names: Mapping[str, str]) -> Any:
    """The field of a question; its hint names the admissions it is only asked for."""
    kind: Callable[..., Any] = TypedField
    options = tuple(Option(text, text) for text in question.options)
    if question.type == QuestionType.CHOICES:
        kind = ChoicesField
    elif question.type == QuestionType.YES_NO:
        options = (
            Option(questions.YES, _l("Yes")),
            Option(questions.NO, _l("No")),
        )
    return kind(
        question.ask,
        kind=str(question.type),
        required=question.required,
        maxlength=MAX_LENGTHS.get(QuestionType(question.type)),
        options=options,
        only_for=tuple(key for key in question.only_for if key in admission_names),
        description=question.hint or "",
    )


# --- a form -------------------------------------------------------------------------


class CheckedForm(BaseForm):
    """A form with its mistakes: `form_errors` holds what is wrong with the whole of it,
    `summary` everything. `cleaned` keeps what the checks made of what was typed.
    """

    def __init__(self, fields: Iterable[tuple[str, Any]]) -> None:
        super().__init__(tuple(fields))
        self.cleaned: dict[str, Any] = {}

    @property
    def summary(self) -> list[tuple[str | None, str]]:
        """All mistakes, top to bottom, as (id of the field or None, message)."""
        of_form: list[tuple[str | None, str]] = [
            (None, text) for text in self.form_errors
        ]
        return of_form + [(field.id, text) for field in self for text in field.errors]

    @property
    def is_valid(self) -> bool:
        return not self.form_errors and not any(field.errors for field in self)

    def refuse(self, message: str | LazyString, field: str | None = None) -> None:
        """Say what is wrong, beside a field or with the form as a whole."""
        if field is None:
            self.form_errors.append(message)
        else:
            self[field].errors = [*self[field].errors, message]

    # --- checks ---

    def check_name(self, field: str, required: str = "") -> None:
        """`required` is what is said where there is none; empty: it may be left out."""
        name = self[field].data
        if not name:
            if required:
                self.refuse(required, field)
        elif len(name) > person_names.MAX_LENGTH:
            self.refuse(
                _(
                    "Shorten this name to %(most)d characters.",
                    most=person_names.MAX_LENGTH,
                ),
                field,
            )
        elif person_names.has_web_address(name):
            self.refuse(WEB_ADDRESS_MESSAGE, field)

    def check_email(self) -> None:
        try:
            address = mail_addresses.parse_mail_address(self["email"].data)
        except InvalidMailAddress as wrong:
            self.refuse(EMAIL_MESSAGES[wrong.slip], "email")
        else:
            self.cleaned |= {"email": address.text, "email_key": address.key}

    def check_answers(
        self, asked: list[Question], prefix: str, optional: bool = False
    ) -> dict[str, Any]:
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
