"""Changes: forms that change a registration, and the one that mails links again.

Their fields have the names that the registration form gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from rsvp.domain import questions
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.models import Admission, Attendee, Question, Registration
from rsvp.models.event import QuestionScope
from rsvp.web.forms.answers import AnswersForm, question_field
from rsvp.web.forms.base import Form, FormData
from rsvp.web.forms.fields import Choice, Email, Hidden, Option, PersonName
from rsvp.web.forms.registration import (
    NO_ADMISSION_MESSAGE,
    honeypot_field,
)
from rsvp.web.forms.typed_field import TypedField
from rsvp.web.presentation.text import attendee_name


def to_form_values(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as the form's fields hold them."""
    choices = {True: questions.YES, False: questions.NO}
    return {k: choices[a] if isinstance(a, bool) else a for k, a in answers.items()}


def field_prefix(attendee: Attendee) -> str:
    """The beginning of the names of an attendee's fields: empty for whoever registered,
    `guests-0-` for the first guest."""
    return f"guests-{attendee.position - 1}-" if attendee.position else ""


# --- names and answers --------------------------------------------------------------


class DetailsForm(AnswersForm):
    """The form for the names of those who are coming, and all that was answered."""

    def __init__(
        self, registration: Registration, data: FormData | None = None
    ) -> None:
        self.coming = registration.coming_attendees
        self.shared = questions_for(registration, QuestionScope.REGISTRATION)
        self.each = questions_for(registration, QuestionScope.ATTENDEE)
        self.registration = registration
        super().__init__(data, fields=self.build_fields(), saved=self.kept())

    def build_fields(self) -> Iterator[tuple[str, Any]]:
        for attendee in self.coming:
            prefix, is_guest = field_prefix(attendee), attendee.position > 0
            label = _l("Name") if is_guest else _l("Your name")
            yield (
                f"{prefix}name",
                PersonName(
                    label, required=not is_guest, missing=_l("Enter your name.")
                ),
            )
            for question in self.each:
                yield f"{prefix}answers-{question.key}", question_field(question, {})
        for question in self.shared:
            yield f"answers-{question.key}", question_field(question, {})

    def kept(self) -> dict[str, Any]:
        """Return what was said before, by field."""
        answers = to_form_values(self.registration.answers).items()
        values = {f"answers-{key}": answer for key, answer in answers}
        for attendee in self.coming:
            prefix = field_prefix(attendee)
            values[f"{prefix}name"] = attendee.name
            for key, answer in to_form_values(attendee.answers).items():
                values[f"{prefix}answers-{key}"] = answer
        return values

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        """Check everything; `people` and `answers` are then what was read."""
        self.people: dict[int, RequestedAttendee] = {}
        for attendee in self.coming:
            prefix = field_prefix(attendee)
            name = self[f"{prefix}name"].data
            self.check_fields(f"{prefix}name")
            # Who is named later answers later.
            answers = self.check_answers(
                self.each, f"{prefix}answers-", optional=not name
            )
            self.people[attendee.position] = RequestedAttendee(
                name or None, with_none_for_missing(self.each, answers)
            )
        answers = self.check_answers(self.shared, "answers-")
        self.answers = with_none_for_missing(self.shared, answers)
        return self.is_valid


def questions_for(
    registration: Registration, per: QuestionScope, admission: Admission | None = None
) -> list[Question]:
    """The questions of this registration's admission, or of another one, that are still
    to be answered: what was erased is not asked for again."""
    asked = questions.questions_for(
        registration.event, admission or registration.admission, per
    )
    return [question for question in asked if question.erased_at is None]


def with_none_for_missing(
    asked: Iterable[Question], answers: dict[str, Any]
) -> dict[str, Any]:
    """An answer to each question, None to one that was left empty: it is taken back."""
    return {question.key: answers.get(question.key) for question in asked}


class GuestForm(AnswersForm):
    """The form for one guest more; without a name they are named later."""

    def __init__(
        self, registration: Registration, data: FormData | None = None
    ) -> None:
        self.each = questions_for(registration, QuestionScope.ATTENDEE)
        super().__init__(data, fields=self.build_fields())

    def build_fields(self) -> Iterator[tuple[str, Any]]:
        yield "name", PersonName(_l("Name of your guest"))
        for question in self.each:
            yield f"answers-{question.key}", question_field(question, {})

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        name = self["name"].data
        self.check_fields("name")
        answers = self.check_answers(self.each, "answers-", optional=not name)
        self.person = RequestedAttendee(name or None, answers)
        return self.is_valid


# --- another way of coming ----------------------------------------------------------


class AdmissionForm(AnswersForm):
    """The form for another admission, and what it asks that has no answer yet."""

    def __init__(
        self, registration: Registration, data: FormData | None = None
    ) -> None:
        self.registration = registration
        self.coming = registration.coming_attendees
        self.others = [
            a
            for a in registration.event.admissions
            if a.id != registration.admission_id
        ]
        super().__init__(data, fields=self.build_fields())
        if len(self.others) == 1 and data is None:
            self["admission"].fill(self.others[0].key)

    def build_fields(self) -> Iterator[tuple[str, Any]]:
        yield (
            "admission",
            Choice(
                _l("How would you like to come instead?"),
                required=True,
                missing=NO_ADMISSION_MESSAGE,
                max_length=64,
                options=[Option(a.key, a.name) for a in self.others],
                label_in_mistakes=False,
            ),
        )
        # Only the ways of these others matter: of their own one, all is answered.
        names = {a.key: a.name for a in self.others}
        for attendee in self.coming:
            for question in self.open_questions(
                QuestionScope.ATTENDEE, attendee.answers
            ):
                yield (
                    f"{field_prefix(attendee)}answers-{question.key}",
                    question_field(question, names),
                )
        for question in self.open_questions(
            QuestionScope.REGISTRATION, self.registration.answers
        ):
            yield f"answers-{question.key}", question_field(question, names)

    def open_questions(
        self,
        per: QuestionScope,
        answers: dict[str, Any],
        admissions: Sequence[Admission] | None = None,
    ) -> list[Question]:
        """What one of these admissions asks and has no answer yet."""
        chosen = self.others if admissions is None else admissions
        asked = [
            q
            for admission in chosen
            for q in questions_for(self.registration, per, admission)
        ]
        return [q for q in dict.fromkeys(asked) if q.key not in answers]

    @property
    def groups(self) -> list[tuple[str, list[TypedField]]]:
        """The questions, under whom they are asked of or a heading of their own."""
        groups = []
        for attendee in self.coming:
            prefix = f"{field_prefix(attendee)}answers-"
            asked = self.open_questions(QuestionScope.ATTENDEE, attendee.answers)
            fields = [self[prefix + question.key] for question in asked]
            groups.append((attendee_name(attendee.name, attendee.position), fields))
        asked = self.open_questions(
            QuestionScope.REGISTRATION, self.registration.answers
        )
        fields = [self[f"answers-{question.key}"] for question in asked]
        title = ngettext("One question", "A few questions", len(fields))
        return [group for group in (*groups, (title, fields)) if group[1]]

    @property
    def chosen(self) -> Admission | None:
        key = self["admission"].data
        return next((a for a in self.others if a.key == key), None)

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        """Check the answers the chosen admission asks for; `people` and `answers` are
        then the new ones."""
        self.people: dict[int, RequestedAttendee] = {}
        self.answers: dict[str, Any] = {}
        admission = self.chosen
        self.check_fields("admission")
        if admission is None:
            return False
        for attendee in self.coming:
            asked = self.open_questions(
                QuestionScope.ATTENDEE, attendee.answers, [admission]
            )
            answers = self.check_answers(
                asked, f"{field_prefix(attendee)}answers-", optional=not attendee.name
            )
            if answers:
                self.people[attendee.position] = RequestedAttendee(
                    attendee.name, answers
                )
        asked = self.open_questions(
            QuestionScope.REGISTRATION, self.registration.answers, [admission]
        )
        self.answers = self.check_answers(asked, "answers-")
        return self.is_valid


# --- whose it is --------------------------------------------------------------------


class AddressForm(Form):
    """The form for the address as it should be."""

    email = Email(
        _l("Your email address"),
        required=True,
        hint=_l("Everything about this registration goes here from now on."),
    )


class TransferForm(Form):
    """The form for who has the place from now on."""

    name = PersonName(_l("Their name"), required=True, missing=_l("Enter their name."))
    email = Email(
        _l("Their email address"),
        required=True,
        hint=_l("Their ticket goes there. Check it well."),
    )


class ResendForm(Form):
    """The form for the address to which everything is mailed again."""

    email = Email(
        _l("Your email address"),
        required=True,
        hint=_l("The one you registered with."),
    )
    form_token = Hidden(max_length=200)
    nickname = honeypot_field()

    def __init__(self, sent: FormData | None = None, *, form_token: str = "") -> None:
        super().__init__(sent)
        self.token_sent = self.form_token.data
        self.form_token.fill(form_token)
        self.is_honeypot_filled = bool(self.nickname.data)
        self.nickname.fill("")
