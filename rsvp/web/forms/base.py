"""Base: the form that all others are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel.speaklater import LazyString
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import form as wtforms_form

from rsvp.web.forms.fields import File, Hidden
from rsvp.web.forms.typed_field import TypedField

FormData = MultiDict[str, str]

MAX_LABEL_LENGTH = 60
"""Characters of a label before a mistake on top of the form."""
SENTENCE_ENDS = tuple("?!.:…？！。：؟")


class Form(wtforms_form.Form):
    """A form: fields in the page's order, declared in its class or handed over as
    `fields` where only the run of things says which there are.

    `sent` is what was typed (`request.form`), None where the form is shown for the
    first time. `saved` is what stands in it before, by field. `zone` and `now` are
    what its times go by. `id_prefix` comes before the ids of its fields where a page
    has several forms; their names stay.

    A rule of one field is a method `validate_<field>` that raises ValidationError; it
    runs where something was typed that the field itself takes. A rule of several is in
    `check`, which calls `refuse`.
    """

    def __init__(
        self,
        sent: FormData | None = None,
        *,
        saved: Mapping[str, Any] | None = None,
        fields: Iterable[tuple[str, Any]] = (),
        files: MultiDict[str, FileStorage] | None = None,
        zone: ZoneInfo | None = None,
        now: datetime | None = None,
        id_prefix: str = "",
    ) -> None:
        declared = self._unbound_fields
        wtforms_form.BaseForm.__init__(
            self, (*declared, *fields), meta=self._wtforms_meta()
        )
        for name, _field in declared:
            setattr(self, name, self._fields[name])
        self.zone, self.now = zone, now
        self.files: MultiDict[str, FileStorage] = files or MultiDict()
        if id_prefix:
            for field in self:
                field.id = f"{id_prefix}{field.id}"
        self.process(sent, data=saved)

    def __iter__(self) -> Iterator[TypedField]:
        return iter(self._fields.values())

    # --- checking ---

    def validate(self, extra_validators: Any = None) -> bool:
        """Check everything, and say whether all is valid; `values` are then right."""
        super().validate(extra_validators)
        self.check()
        return self.is_valid

    def check(self) -> None:
        """Check what no field can by itself."""

    def check_fields(self, *names: str) -> None:
        """Check these fields alone: for forms of which not all is always asked."""
        for name in names:
            self[name].validate(self)

    def refuse(self, message: str | LazyString, field: str | None = None) -> None:
        """Say what is wrong, beside a field or with the form as a whole."""
        if field is None:
            self.form_errors.append(message)
        else:
            self[field].errors = [*self[field].errors, message]

    @property
    def is_valid(self) -> bool:
        return not self.form_errors and not any(field.errors for field in self)

    # --- what comes of it ---

    def values(self) -> dict[str, Any]:
        """What the fields mean, by their names; only after `validate` said yes."""
        return {
            name: field.data
            for name, field in self._fields.items()
            if not isinstance(field, Hidden)
        }

    @property
    def summary(self) -> list[tuple[str | None, str, str]]:
        """All mistakes, top to bottom, as (id of the field or None, its label where the
        message needs it, message)."""
        of_form: list[tuple[str | None, str, str]] = [
            (None, "", text) for text in self.form_errors
        ]
        return of_form + [
            (field.id, label_before_mistake(field), text)
            for field in self
            for text in field.errors
        ]

    @property
    def has_files(self) -> bool:
        """Whether it must be sent as `multipart/form-data`."""
        return any(isinstance(field, File) for field in self)


def label_before_mistake(field: TypedField) -> str:
    if not field.label_in_mistakes:
        return ""
    label = str(field.label.text)
    label = label if len(label) <= MAX_LABEL_LENGTH else label[:MAX_LABEL_LENGTH] + "…"
    return label if label.endswith(SENTENCE_ENDS) else f"{label}:"
