"""Forms: what people type into a public form, read and checked for its shape.

The rules (is there a seat?) are the domain's; a form hands over one plain value.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from werkzeug.datastructures import MultiDict
from wtforms.fields.core import Field, UnboundField
from wtforms.form import BaseForm

from rsvp import i18n
from rsvp.domain import questions, registrations
from rsvp.models import Admission, Event, Question
from rsvp.models.event import Per, QuestionType

NAME_LENGTH = 200
EMAIL_LENGTH = 320
MOST_GUEST_BLOCKS = 9
HONEYPOT = "nickname"

LENGTHS = {
    QuestionType.TEXT: questions.TEXT_LENGTH,
    QuestionType.LONG_TEXT: questions.LONG_TEXT_LENGTH,
}


# --- fields -------------------------------------------------------------------------


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
            limit = (self.flags.maxlength or questions.LONG_TEXT_LENGTH) + 1
            self.data = questions.clean(valuelist[0][: limit * 2])[:limit]


class NameField(TypedField):
    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = clean_name(valuelist[0][: NAME_LENGTH * 8])[: NAME_LENGTH + 1]


class ChoicesField(TypedField):
    """Several of the options; `data` is a list."""

    def process_data(self, value: Any) -> None:
        self.data: list[str] = list(value or [])  # type: ignore[assignment]

    def process_formdata(self, valuelist: list[str]) -> None:
        limit = len(self.options) + 1
        self.data = [
            questions.clean(text[: questions.TEXT_LENGTH]) for text in valuelist[:limit]
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
        self.typed = questions.clean(valuelist[0][:20]) if valuelist else ""
        if not self.typed:
            return
        try:
            self.data = int(self.typed)
        except ValueError:
            self.data = None


# --- what a form asks ---------------------------------------------------------------

Fields = tuple[tuple[str, UnboundField], ...]

# Built once for each event that is held in memory, and gone with it.
built: WeakKeyDictionary[Event, Fields] = WeakKeyDictionary()


def fields_of(event: Event) -> Fields:
    fields = built.get(event)
    if fields is None:
        fields = built[event] = tuple(make_fields(event))
    return fields


def make_fields(event: Event) -> Iterator[tuple[str, UnboundField]]:
    yield "name", named(lazy_gettext("Your name"), required=True)
    yield (
        "email",
        TypedField(
            lazy_gettext("Your email address"),
            kind="email",
            required=True,
            maxlength=EMAIL_LENGTH,
            description=lazy_gettext("Your ticket goes here."),
        ),
    )
    yield (
        "admission",
        TypedField(
            lazy_gettext("How would you like to come?"),
            kind="admission",
            required=True,
            maxlength=64,
            options=tuple(Option(a.key, a.name) for a in event.admissions),
            default=event.admissions[0].key if len(event.admissions) == 1 else "",
        ),
    )
    yield (
        "party",
        PartyField(lazy_gettext("How many of you are coming?"), kind="number"),
    )
    names = {admission.key: admission.name for admission in event.admissions}
    for question in event.questions:
        yield f"answers-{question.key}", asked(question, names)
    for number in guest_numbers(event):
        yield f"guests-{number}-name", named(lazy_gettext("Name of your guest"))
        for question in event.questions:
            if question.per == Per.ATTENDEE:
                yield f"guests-{number}-answers-{question.key}", asked(question, names)
    for consent in event.consents:
        yield (
            f"consent-{consent.key}",
            BoxField(consent.text, kind="box", required=consent.required),
        )
    for name in ("submission", "form_token"):
        yield name, TypedField(kind="hidden", maxlength=200)
    yield (
        HONEYPOT,
        TypedField(lazy_gettext("Leave this field empty"), maxlength=200),
    )


def named(label: Any, required: bool = False) -> Any:
    return NameField(label, required=required, maxlength=NAME_LENGTH)


def asked(question: Question, admission_names: Mapping[str, str]) -> Any:
    """The field of a question; its hint names the admissions it is only asked for."""
    kind: Callable[..., Any] = TypedField
    options = tuple(Option(text, text) for text in question.options)
    if question.type == QuestionType.CHOICES:
        kind = ChoicesField
    elif question.type == QuestionType.YES_NO:
        options = (
            Option(questions.YES, lazy_gettext("Yes")),
            Option(questions.NO, lazy_gettext("No")),
        )
    return kind(
        question.ask,
        kind=str(question.type),
        required=question.required,
        maxlength=LENGTHS.get(QuestionType(question.type)),
        options=options,
        only_for=tuple(key for key in question.only_for if key in admission_names),
        description=question.hint or "",
    )


def guest_numbers(event: Event) -> range:
    """The blocks for guests, from 0; more people than blocks are named later."""
    return range(min(event.party_max - 1, MOST_GUEST_BLOCKS))


# --- the registration form ----------------------------------------------------------


class RegistrationForm(BaseForm):
    """The public form of one event; without `data` it is blank.

    `form_errors` holds what is wrong with the whole of it, `summary` everything.
    """

    def __init__(
        self,
        event: Event,
        data: MultiDict[str, str] | None = None,
        *,
        form_token: str = "",
    ) -> None:
        super().__init__(fields_of(event))
        self.event = event
        self.is_blank = data is None
        self.guest_numbers = guest_numbers(event)
        self.own_questions = list(event.questions)
        self.guest_questions = [q for q in event.questions if q.per == Per.ATTENDEE]
        self.read: dict[str, Any] = {}
        self.process(data)
        if len(event.admissions) == 1:
            self["admission"].data = event.admissions[0].key
        self.token_sent = self["form_token"].data
        self["form_token"].data = form_token
        self.was_trapped = bool(self[HONEYPOT].data)
        self[HONEYPOT].data = ""

    @property
    def summary(self) -> list[tuple[str | None, str]]:
        """All mistakes, top to bottom, as (id of the field or None, message)."""
        own: list[tuple[str | None, str]] = [(None, text) for text in self.form_errors]
        return own + [(field.id, text) for field in self for text in field.errors]

    @property
    def chosen(self) -> Admission | None:
        """The admission chosen, or None where none, or an unknown one, was."""
        key = self["admission"].data
        return next((a for a in self.event.admissions if a.key == key), None)

    def refuse(self, message: str, field: str | None = None) -> None:
        """Say what is wrong, beside a field or with the form as a whole."""
        if field is None:
            self.form_errors.append(message)
        else:
            self[field].errors = [*self[field].errors, message]

    # --- checking ---

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        """Check everything and say whether all of it is well; `wanted` then works."""
        admission = self.chosen
        if admission is None:
            self.refuse(_("Choose how you would like to come."), "admission")
        self.check_name("name", required=True)
        self.check_email()
        self.check_party()
        if admission is not None:
            self.check_own_answers(admission)
            self.check_guests(admission)
        self.check_consents()
        return not self.form_errors and not any(field.errors for field in self)

    def check_name(self, field: str, required: bool = False) -> None:
        name = self[field].data
        if not name:
            if required:
                self.refuse(_("Enter your name."), field)
        elif len(name) > NAME_LENGTH:
            self.refuse(
                _("Shorten this name to %(most)d characters.", most=NAME_LENGTH), field
            )
        elif questions.has_web_address(unicodedata.normalize("NFKC", name)):
            self.refuse(_("Enter a name without a web address in it."), field)

    def check_email(self) -> None:
        typed = self["email"].data
        if not typed:
            self.refuse(_("Enter your email address."), "email")
            return
        try:
            self.read["email"], self.read["email_key"] = read_email(typed)
        except EmailNotValidError:
            self.refuse(
                _("Enter an email address like name@example.org. Check it for typos."),
                "email",
            )

    def check_party(self) -> None:
        most, people = self.event.party_max, self["party"].data
        if people is None or people < 1:
            self.refuse(_("Enter how many of you are coming, as a number."), "party")
            return
        filled = [n for n in self.guest_numbers if self.is_filled(n)]
        people = max(people, filled[-1] + 2 if filled else 1)
        if people > most:
            self.refuse(
                ngettext(
                    "One person can be registered at a time.",
                    "At most %(num)d people can be registered together.",
                    most,
                ),
                "party",
            )
        self.read["people"] = people
        self["party"].data = min(people, most)

    def is_filled(self, number: int) -> bool:
        """Whether anything was typed for this guest."""
        names = [f"guests-{number}-answers-{q.key}" for q in self.guest_questions]
        return any(self[name].data for name in (f"guests-{number}-name", *names))

    def check_own_answers(self, admission: Admission) -> None:
        for per in (Per.REGISTRATION, Per.ATTENDEE):
            asked = questions.asked(self.event, admission, per)
            self.read[per] = self.check_answers(asked, "answers-")

    def check_guests(self, admission: Admission) -> None:
        asked = questions.asked(self.event, admission, Per.ATTENDEE)
        self.read["guests"] = guests = []
        for number in self.guest_numbers[: self.read.get("people", 1) - 1]:
            name = self[f"guests-{number}-name"].data
            self.check_name(f"guests-{number}-name")
            # Who is named later answers later.
            answers = self.check_answers(
                asked, f"guests-{number}-answers-", optional=not name
            )
            guests.append(registrations.Person(name or None, answers))

    def check_answers(
        self, asked: list[Question], prefix: str, optional: bool = False
    ) -> dict[str, Any]:
        raw = {question.key: self[prefix + question.key].data for question in asked}
        answers, mistakes = questions.check_answers(asked, raw)
        for question in asked:
            mistake = mistakes.get(question.key)
            if mistake and not (mistake == "required" and optional):
                self.refuse(in_words(mistake, question), prefix + question.key)
        return answers

    def check_consents(self) -> None:
        for consent in self.event.consents:
            field = f"consent-{consent.key}"
            if consent.required and not self[field].data:
                self.refuse(_("Tick this box to register."), field)

    # --- the value handed over ---

    def wanted(self) -> registrations.Wanted:
        """What is to be registered; only after `validate` said yes."""
        admission = self.chosen
        assert admission is not None
        registrant = registrations.Person(self["name"].data, self.read[Per.ATTENDEE])
        guests = self.read["guests"]
        unnamed = self.read["people"] - 1 - len(guests)
        later = itertools.repeat(registrations.Person(None, {}), unnamed)
        return registrations.Wanted(
            admission_id=admission.id,
            email=self.read["email"],
            email_key=self.read["email_key"],
            party=(registrant, *guests, *later),
            answers=self.read[Per.REGISTRATION],
            consents={
                consent.id: self[f"consent-{consent.key}"].data
                for consent in self.event.consents
            },
            language=i18n.language_for(self.event.language),
            submission=read_submission(self["submission"].data),
        )


def in_words(mistake: str, question: Question) -> str:
    match mistake:
        case "too_long":
            most = LENGTHS[QuestionType(question.type)]
            return _("Shorten this to %(most)d characters.", most=most)
        case "not_an_option":
            return _("Choose one of the options.")
    if question.type in (QuestionType.TEXT, QuestionType.LONG_TEXT):
        return _("Answer this question.")
    return _("Choose an answer.")


# --- reading what was typed ---------------------------------------------------------

# Characters that show nothing and could hide or reorder what stands beside them:
# direction overrides and isolates, zero-width spaces, tags, blank letters of Hangul.
HIDDEN = dict.fromkeys(
    [
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xE0000, 0xE0080),
        *(0x00AD, 0x061C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060),
        *(0x3164, 0xFEFF, 0xFFA0),
    ]
)


def clean_name(text: str) -> str:
    """A name in any script: composed (NFC), on one line, single spaces, nothing hidden.

    What joins letters (U+200C, U+200D) stays: Persian and Sinhala names need it. A
    text without anything to see is no name and comes back empty.
    """
    text = unicodedata.normalize("NFC", text).translate(HIDDEN)
    text = "".join(" " if unicodedata.category(c) in UNSEEN else c for c in text)
    text = " ".join(text.split())
    seen = any(unicodedata.category(c)[0] in "LNSP" for c in text)
    return text if seen else ""


UNSEEN = ("Cc", "Cs", "Zl", "Zp", "Zs")


def read_email(typed: str) -> tuple[str, str]:
    """The address as people write it, and the key that the same mailbox always has.

    Raises EmailNotValidError. Only the syntax is checked. In the key the domain is
    spelled in ASCII: case-folding it would make two domains of straße.example one.
    """
    found = validate_email(typed, check_deliverability=False)
    return found.normalized, f"{found.local_part.casefold()}@{found.ascii_domain}"


def read_submission(typed: str) -> UUID | None:
    """The form's own id; a thing that is none is ignored."""
    try:
        return UUID(typed)
    except ValueError:
        return None
