"""Fields: what each kind of input makes of what was typed into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wtforms.fields.core import Field

from rsvp.domain import questions
from rsvp.models.event import QuestionType
from rsvp.text import person_names

MAX_LENGTHS = {
    QuestionType.TEXT: questions.MAX_TEXT_LENGTH,
    QuestionType.LONG_TEXT: questions.MAX_LONG_TEXT_LENGTH,
}


@dataclass(frozen=True)
class Option:
    value: str
    label: Any


class TypedField(Field):
    """One thing a form asks for, with what was typed and what is wrong with it.

    `kind` says how it is shown: text, email, number, long_text, choice (one of
    `options`), choices (several), yes_no (one of two), admission, box, hidden.
    `only_for` lists the keys of the admissions it is asked for; empty: all.
    """

    def __init__(
        self,
        label: Any = "",
        *,
        kind: str = "text",
        required: bool = False,
        maxlength: int | None = None,
        options: tuple[Option, ...] = (),
        only_for: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.kind = kind
        self.options = options
        self.only_for = only_for
        self.data: str = ""
        self.flags.required = required or None
        self.flags.maxlength = maxlength

    def process_data(self, value: Any) -> None:
        self.data = value or ""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            # Past any honest length it is cut, one over, so that it is still too long.
            limit = (self.flags.maxlength or questions.MAX_LONG_TEXT_LENGTH) + 1
            self.data = questions.clean_text(valuelist[0][: limit * 2])[:limit]


class NameField(TypedField):
    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            limit = person_names.MAX_LENGTH
            self.data = person_names.clean_name(valuelist[0][: limit * 8])[: limit + 1]


class ChoicesField(TypedField):
    """Several of the options; `data` is a list."""

    def process_data(self, value: Any) -> None:
        self.data: list[str] = list(value or [])  # type: ignore[assignment]

    def process_formdata(self, valuelist: list[str]) -> None:
        limit = len(self.options) + 1
        self.data = [
            questions.clean_text(text[: questions.MAX_TEXT_LENGTH])
            for text in valuelist[:limit]
        ]


class BoxField(TypedField):
    """A box to tick; `data` is true or false."""

    def process_data(self, value: Any) -> None:
        self.data: bool = bool(value)  # type: ignore[assignment]

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = any(text not in ("", "0", "false") for text in valuelist)


class PartyField(TypedField):
    """A whole number of people; what is none stays as it was typed, in `typed`."""

    typed = ""

    def process_data(self, value: Any) -> None:
        self.data: int | None = value or 1  # type: ignore[assignment]

    def process_formdata(self, valuelist: list[str]) -> None:
        self.typed = questions.clean_text(valuelist[0][:20]) if valuelist else ""
        if not self.typed:
            return
        try:
            self.data = int(self.typed)
        except ValueError:
            self.data = None
