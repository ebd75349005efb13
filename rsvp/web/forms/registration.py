"""Registration: the public registration form of an event."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict
from wtforms.fields.core import UnboundField

from rsvp import i18n
from rsvp.domain import questions
from rsvp.domain.registrations import create
from rsvp.models import Admission, Event
from rsvp.models.event import QuestionScope
from rsvp.text.cleaning import trimmed_line
from rsvp.web.forms.answers import AnswersForm, question_field
from rsvp.web.forms.fields import (
    MAX_ECHO,
    Box,
    Choice,
    Email,
    Hidden,
    Line,
    Option,
    PersonName,
)
from rsvp.web.forms.normalize import parse_submission_id
from rsvp.web.forms.typed_field import TypedField

MAX_GUEST_BLOCKS = 9
HONEYPOT = "nickname"
INVITATION_LENGTH = 200
NO_ADMISSION_MESSAGE = _l("Choose how you would like to come.")


class PartySize(TypedField):
    """How many people come; what is no number stays as it was typed."""

    kind = "people"
    label_in_mistakes = False

    def process_data(self, value: int | None) -> None:
        self.data: int | None = value or 1
        self.typed = str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        text = trimmed_line(valuelist[0][: MAX_ECHO * 2]) if valuelist else ""
        if not text:
            return
        self.typed = text[:MAX_ECHO]
        try:
            self.data = int(self.typed)
        except ValueError:
            self.data = None


# --- what it asks -------------------------------------------------------------------

FormFields = tuple[tuple[str, UnboundField], ...]

# Built once for each event that is held in memory, and gone with it.
fields_by_event: WeakKeyDictionary[Event, FormFields] = WeakKeyDictionary()


def form_fields(event: Event) -> FormFields:
    fields = fields_by_event.get(event)
    if fields is None:
        fields = fields_by_event[event] = tuple(build_fields(event))
    return fields


def build_fields(event: Event) -> Iterator[tuple[str, UnboundField]]:
    if event.needs_invitation:
        yield (
            "invitation",
            Line(
                _l("Your invitation code"),
                required=True,
                missing=_l("Enter the code from your invitation."),
                max_length=INVITATION_LENGTH,
                hint=_l("It stands in your invitation."),
                label_in_mistakes=False,
            ),
        )
    yield (
        "name",
        PersonName(_l("Your name"), required=True, missing=_l("Enter your name.")),
    )
    yield (
        "email",
        Email(_l("Your email address"), required=True, hint=email_hint(event)),
    )
    yield (
        "admission",
        Choice(
            _l("How would you like to come?"),
            required=True,
            missing=NO_ADMISSION_MESSAGE,
            max_length=64,
            options=[Option(a.key, a.name) for a in event.admissions],
            default=event.admissions[0].key if len(event.admissions) == 1 else "",
            label_in_mistakes=False,
        ),
    )
    yield "party", PartySize(_l("How many of you are coming?"))
    names = {admission.key: admission.name for admission in event.admissions}
    for question in event.questions:
        yield f"answers-{question.key}", question_field(question, names)
    for number in guest_numbers(event):
        yield f"guests-{number}-name", PersonName(_l("Name of your guest"))
        for question in event.questions:
            if question.per == QuestionScope.ATTENDEE:
                yield (
                    f"guests-{number}-answers-{question.key}",
                    question_field(question, names),
                )
    if may_accept_fewer(event):
        yield (
            "fewer_ok",
            Box(
                _l("Fewer of us is fine"),
                hint=_l(
                    "If you have to wait and only some of your places come free, we "
                    "offer you those. You then choose who comes."
                ),
            ),
        )
    for consent in event.consents:
        yield (
            f"consent-{consent.key}",
            Box(
                consent.text,
                required=consent.required,
                missing=_l("Tick this box to register."),
            ),
        )
    for name in ("submission", "form_token"):
        yield name, Hidden(max_length=200)
    yield HONEYPOT, honeypot_field()


def honeypot_field() -> Any:
    return Line(_l("Leave this field empty"), max_length=200)


def email_hint(event: Event) -> Any:
    if event.is_by_approval:
        return _l("The organizer’s answer goes here.")
    if event.confirm_address:
        return _l("We mail you a link there, to confirm that it is yours.")
    return _l("Your ticket goes here.")


def may_accept_fewer(event: Event) -> bool:
    """Whether a party may come to wait for seats, and fewer of it might be seated."""

    def may_wait(admission: Admission) -> bool:
        is_in_room = admission.counts_in_room and event.room_capacity is not None
        return admission.waitlist and (admission.capacity is not None or is_in_room)

    return event.party_max > 1 and any(map(may_wait, event.admissions))


def guest_numbers(event: Event) -> range:
    """The blocks for guests, from 0; more people than blocks are named later."""
    return range(min(event.party_max - 1, MAX_GUEST_BLOCKS))


# --- the form -----------------------------------------------------------------------


class RegistrationForm(AnswersForm):
    """The public registration form of one event; without `data` it is blank."""

    def __init__(
        self,
        event: Event,
        data: MultiDict[str, str] | None = None,
        *,
        form_token: str = "",
    ) -> None:
        super().__init__(data, fields=form_fields(event))
        self.event = event
        self.cleaned: dict[str, Any] = {}
        self.is_blank = data is None
        self.guest_numbers = guest_numbers(event)
        self.own_questions = list(event.questions)
        self.guest_questions = [
            q for q in event.questions if q.per == QuestionScope.ATTENDEE
        ]
        if len(event.admissions) == 1 and not self["admission"].data:
            self["admission"].fill(event.admissions[0].key)
        self.token_sent = self["form_token"].data
        self["form_token"].fill(form_token)
        self.is_honeypot_filled = bool(self[HONEYPOT].data)
        self[HONEYPOT].fill("")

    @property
    def chosen(self) -> Admission | None:
        """The admission chosen, or None where none, or an unknown one, was."""
        key = self["admission"].data
        return next((a for a in self.event.admissions if a.key == key), None)

    # --- checking ---

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        """Check everything, say whether all is valid; `to_request` then works."""
        admission = self.chosen
        self.check_fields("admission", "name", "email")
        if self.event.needs_invitation:
            self.check_fields("invitation")
        self.check_party()
        if admission is not None:
            self.check_own_answers(admission)
            self.check_guests(admission)
        self.check_fields(*(f"consent-{c.key}" for c in self.event.consents))
        return self.is_valid

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
        self.cleaned["people"] = people
        self["party"].fill(min(people, most))

    def is_filled(self, number: int) -> bool:
        """Whether anything was typed for this guest."""
        names = [f"guests-{number}-answers-{q.key}" for q in self.guest_questions]
        return any(self[name].data for name in (f"guests-{number}-name", *names))

    def check_own_answers(self, admission: Admission) -> None:
        for per in (QuestionScope.REGISTRATION, QuestionScope.ATTENDEE):
            asked = questions.questions_for(self.event, admission, per)
            self.cleaned[per] = self.check_answers(asked, "answers-")

    def check_guests(self, admission: Admission) -> None:
        asked = questions.questions_for(self.event, admission, QuestionScope.ATTENDEE)
        self.cleaned["guests"] = guests = []
        for number in self.guest_numbers[: self.cleaned.get("people", 1) - 1]:
            name = self[f"guests-{number}-name"].data
            self.check_fields(f"guests-{number}-name")
            # Who is named later answers later.
            answers = self.check_answers(
                asked, f"guests-{number}-answers-", optional=not name
            )
            guests.append(create.RequestedAttendee(name or None, answers))

    # --- the value handed over ---

    def to_request(self) -> create.RegistrationRequest:
        """Return what is to be registered; only after `validate` said yes."""
        admission = self.chosen
        assert admission is not None
        registrant = create.RequestedAttendee(
            self["name"].data, self.cleaned[QuestionScope.ATTENDEE]
        )
        guests = self.cleaned["guests"]
        unnamed = self.cleaned["people"] - 1 - len(guests)
        later = itertools.repeat(create.RequestedAttendee(None, {}), unnamed)
        return create.RegistrationRequest(
            admission_id=admission.id,
            email=self["email"].data,
            email_key=self["email"].key,
            party=(registrant, *guests, *later),
            answers=self.cleaned[QuestionScope.REGISTRATION],
            consents={
                consent.id: self[f"consent-{consent.key}"].data
                for consent in self.event.consents
            },
            language=i18n.language_for(self.event.language),
            submission=parse_submission_id(self["submission"].data),
            # Nobody alone can come with fewer.
            fewer_ok="fewer_ok" in self
            and self["fewer_ok"].data
            and self.cleaned["people"] > 1,
            invitation=self["invitation"].data if "invitation" in self else None,
        )
