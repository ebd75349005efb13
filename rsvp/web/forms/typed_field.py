"""Typed field: what all kinds of fields share, reading and checking what was typed."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields.core import Field
from wtforms.validators import StopValidation

from rsvp.text.cleaning import one_line

LONGEST_TEXT = 5000
"""Characters of a text for which a field sets no length."""
KEPT_LENGTHS = 4
"""How often its longest text a field takes: what is too long comes back to be
shortened, but not a book."""


class TypedField(Field):
    """One thing a form asks for, with what was typed and what is wrong with it.

    `kind` names the input that `macros/fields.html` shows. `missing` is what is said
    where a required field is empty. `only_for` lists the keys of the admissions it is
    asked for; empty: all. `label_in_mistakes`: whether its mistakes need the label
    before them where they stand on top of the form.
    """

    kind = "line"
    missing: Any = _l("Please write something here.")
    label_in_mistakes = True
    typed = ""

    def __init__(
        self,
        label: Any = "",
        *,
        hint: Any = "",
        required: bool = False,
        missing: Any = None,
        max_length: int | None = None,
        only_for: tuple[str, ...] = (),
        label_in_mistakes: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, description=hint, **kwargs)
        if missing is not None:
            self.missing = missing
        if label_in_mistakes is not None:
            self.label_in_mistakes = label_in_mistakes
        self.only_for = only_for
        self.max_length = max_length
        self.flags.required = required or None
        self.flags.maxlength = max_length

    # --- reading ---

    def process_data(self, value: Any) -> None:
        self.data: Any = value or ""
        self.typed = str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was sent; what was not stays as it was."""
        if valuelist:
            limit = (self.max_length or LONGEST_TEXT) * KEPT_LENGTHS
            self.data = self.typed = self.clean(valuelist[0][: limit * 2])[:limit]

    def clean(self, text: str) -> str:
        return one_line(text)

    def fill(self, value: Any) -> None:
        """Put this into the field, instead of what was typed."""
        self.process_data(value)

    # --- checking ---

    @property
    def is_empty(self) -> bool:
        return not self.typed

    def pre_validate(self, form: Any) -> None:
        """Stop where nothing was typed, or something wrong; what a form itself checks
        (`validate_<field>`) then has something to look at."""
        if self.is_empty:
            raise StopValidation(self.missing if self.flags.required else None)
        if mistake := self.find_mistake(form):
            raise StopValidation(mistake)

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        """What is wrong with what was typed, in words; nothing where it is right."""
        is_short = self.max_length is None or len(self.typed) <= self.max_length
        return "" if is_short else self.too_long_message(self.max_length or 0)

    def too_long_message(self, longest: int) -> str:
        return _("Please use at most %(count)d characters.", count=longest)
