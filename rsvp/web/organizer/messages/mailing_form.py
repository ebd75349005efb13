"""Mailing form: recipients, subject and text of a mailing, read and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rsvp.domain import edit_versions, mailings
from rsvp.domain.mailings import MAX_SUBJECT_LENGTH, MAX_TEXT_LENGTH
from rsvp.models import Event, Mailing, Question
from rsvp.models.event import QuestionType
from rsvp.models.registration import State
from rsvp.queries.filters import ReconfirmationStatus
from rsvp.text import placeholders
from rsvp.text import states as text_states
from rsvp.text.states import StateLabel
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms import organizer
from rsvp.web.organizer import edit_conflicts
from rsvp.web.organizer.edit_conflicts import EditConflict
from rsvp.web.organizer.registrations import filters
from rsvp.web.presentation import filter_labels

COMMON_STATES = (State.CONFIRMED, State.WAITLISTED)
RECONFIRMATION_WORDS: dict[str, Any] = {
    answer: shown.label for answer, shown in filter_labels.RECONFIRMATION_LABELS.items()
}
FIELD_LABELS = {
    "states": _l("State"),
    "admission": _l("Admission"),
    "checked_in": _l("At the door"),
    "coming": _l("Still coming?"),
    "answer": _l("Answer in the form"),
    "subject": _l("Subject"),
    "text": _l("Text"),
}


@dataclass(frozen=True)
class MailingForm:
    """What was written into the form, and what is wrong with it, by field. `answer` is
    one of `answers_of`, by its key; the others stand as the form sends them. `version`
    is that of the draft it was filled from; a new one has none."""

    subject: str = ""
    text: str = ""
    states: tuple[str, ...] = (State.CONFIRMED,)
    admission: str = ""
    answer: str = ""
    checked_in: str = ""
    coming: str = ""
    mistakes: dict[str, str] = field(default_factory=dict)
    version: str = ""

    def recipients(self, event: Event) -> dict[str, Any]:
        """Return to whom it goes, as a mailing keeps it."""
        recipients: dict[str, Any] = {"states": list(self.states)}
        if self.admission:
            recipients["admission"] = self.admission
        for choice in answer_choices(event):
            if choice.key == self.answer:
                recipients |= {"question": choice.question.key, "answer": choice.answer}
        if self.checked_in:
            recipients["checked_in"] = filters.CHECKED_IN_VALUES[self.checked_in]
        if self.coming:
            recipients["coming"] = self.coming
        return recipients

    def values(self, event: Event) -> dict[str, Any]:
        recipients = self.recipients(event)
        return {"subject": self.subject, "text": self.text, "recipients": recipients}


@dataclass(frozen=True)
class AnswerChoice:
    """An answer that a mail can go by: one of a question's options, yes or no."""

    key: str
    question: Question
    answer: str | bool
    label: str


def answer_choices(event: Event) -> Iterator[AnswerChoice]:
    for question in event.questions:
        if question.erased_at is not None:
            continue
        if question.type in (QuestionType.CHOICE, QuestionType.CHOICES):
            for number, option in enumerate(question.options):
                yield AnswerChoice(f"{question.key}:{number}", question, option, option)
        if question.type == QuestionType.YES_NO:
            yield AnswerChoice(f"{question.key}:yes", question, True, _("Yes"))
            yield AnswerChoice(f"{question.key}:no", question, False, _("No"))


def form_of_mailing(event: Event, mailing: Mailing) -> MailingForm:
    """The form as it would have been filled for this mailing."""
    values = draft_values(mailing)
    return form_of_values(event, values, edit_versions.version_of(values))


def draft_values(mailing: Mailing) -> dict[str, Any]:
    return mailings.draft_values(mailing.subject, mailing.text, mailing.wanted)


def form_of_values(event: Event, values: dict[str, Any], version: str) -> MailingForm:
    chosen = (
        c.key
        for c in answer_choices(event)
        if [c.question.key, c.answer] == values["answer"]
    )
    return MailingForm(
        subject=values["subject"],
        text=values["text"],
        states=tuple(values["states"]),
        admission=values["admission"] or "",
        answer=next(chosen, ""),
        checked_in=filters.checked_in_param(values["checked_in"]),
        coming=values["coming"] or "",
        version=version,
    )


def form_after_conflict(
    event: Event, mailing: Mailing, sent: MailingForm
) -> tuple[MailingForm, EditConflict]:
    """Return the form with what was written, and what somebody else has made of the
    draft meanwhile."""
    current, typed = draft_values(mailing), mailings.draft_values(**sent.values(event))
    conflict = edit_conflicts.find_conflict(
        sent.version,
        current=current,
        typed=typed,
        labels=FIELD_LABELS,
        text_of=lambda name, value: value_text(event, name, value),
    )
    merged = edit_versions.merge(sent.version, current=current, typed=typed)
    form = form_of_values(event, merged, edit_versions.version_of(current))
    return form, conflict


def value_text(event: Event, name: str, value: Any) -> str:
    """The value of a field in words."""
    if name in ("subject", "text"):
        return str(value)
    nobody_chosen = mailings.draft_values("", "", {})
    recipients = mailings.draft_recipients(nobody_chosen | {name: value})
    return ", ".join(recipients_text(event, recipients)) or _("Any")


def form_from_args(event: Event) -> MailingForm:
    """A new form, to whom a link says, as the list of people filters them; what it
    says that the form has not is left out."""
    state = request.args.get("state", "")
    choices: dict[str, list[str]] = {
        "admission": [admission.key for admission in event.admissions],
        "coming": list(RECONFIRMATION_WORDS),
        "checked_in": list(filter_labels.CHECK_IN_LABELS),
    }
    chosen: dict[str, Any] = {
        name: request.args.get(name, "")
        for name, known in choices.items()
        if request.args.get(name) in known
    }
    if state in selectable_states():
        return MailingForm(states=(state,), **chosen)
    return MailingForm(**chosen)


def form_from_request(event: Event) -> MailingForm:
    """What was sent, with what is wrong with it. A choice that was never offered counts
    as none."""
    subject, text = organizer.read_line("subject"), organizer.read_lines("text")
    states = request.form.getlist("states")
    mistakes = {
        name: wrong
        for name, wrong in {
            "states": None
            if any(s in states for s in selectable_states())
            else tick_one_message(),
            "subject": text_mistake(subject, MAX_SUBJECT_LENGTH),
            "text": text_mistake(text, MAX_TEXT_LENGTH),
        }.items()
        if wrong
    }
    return MailingForm(
        subject=subject,
        text=text,
        states=tuple(state for state in selectable_states() if state in states),
        admission=choice_from_form(
            "admission", [admission.key for admission in event.admissions]
        ),
        answer=choice_from_form(
            "answer", [choice.key for choice in answer_choices(event)]
        ),
        checked_in=choice_from_form("checked_in", filter_labels.CHECK_IN_LABELS),
        coming=choice_from_form("coming", RECONFIRMATION_WORDS),
        mistakes=mistakes,
        version=edit_conflicts.sent_version() or "",
    )


def selectable_states() -> list[str]:
    """Return all states but HELD: an unconfirmed address may be a stranger's."""
    return [state for state in text_states.STATE_LABELS if state != State.HELD]


def choice_from_form(name: str, choices: Any) -> str:
    value = request.form.get(name, "")
    return value if value in choices else ""


def tick_one_message() -> str:
    return _("Tick at least one.")


def text_mistake(text: str, longest: int) -> str | None:
    if not text:
        return _("Please write something here.")
    if len(text) > longest:
        return organizer.too_long_message(longest)
    return organizer.placeholder_mistake(text, has_deadline=False)


# --- what the form shows ------------------------------------------------------------


def form_context(event: Event, form: MailingForm) -> dict[str, Any]:
    return {
        "form": form,
        "states": state_choices(event, form),
        "answers": answers_by_question(event),
        "check_in_choices": filter_labels.CHECK_IN_LABELS,
        "reconfirmation_choices": reconfirmation_choices(event, form),
        "placeholders": placeholders.known_placeholders(has_deadline=False),
        "longest_subject": MAX_SUBJECT_LENGTH,
        "longest_text": MAX_TEXT_LENGTH,
    }


def state_choices(event: Event, form: MailingForm) -> dict[str, StateLabel]:
    """The states worth writing to: those that occur, the common ones, those ticked."""
    occurring = {count.state for count in cached_counts.cached_counts(event)}
    offered = {*COMMON_STATES, *occurring, *form.states}
    return {
        key: text_states.STATE_LABELS[key]
        for key in selectable_states()
        if key in offered
    }


def reconfirmation_choices(event: Event, form: MailingForm) -> dict[str, Any]:
    """Return the choices where people are asked whether they still come."""
    return RECONFIRMATION_WORDS if event.ask_hours is not None or form.coming else {}


def answers_by_question(event: Event) -> list[tuple[str, list[AnswerChoice]]]:
    """The answers by question, for the list to choose from."""
    answers: dict[str, list[AnswerChoice]] = {}
    for choice in answer_choices(event):
        answers.setdefault(choice.question.ask, []).append(choice)
    return list(answers.items())


def recipients_text(event: Event, recipients: dict[str, Any]) -> list[str]:
    """To whom a mailing goes, in words, one for each condition."""
    states = [
        str(text_states.STATE_LABELS[state].label)
        for state in recipients.get("states", ())
    ]
    conditions = [", ".join(states)] if states else []
    names = {admission.key: admission.name for admission in event.admissions}
    if key := recipients.get("admission"):
        conditions.append(names.get(key, key))
    if key := recipients.get("question"):
        asks = {question.key: question.ask for question in event.questions}
        answer = recipients["answer"]
        if isinstance(answer, bool):
            answer = _("Yes") if answer else _("No")
        conditions.append(f"{asks.get(key, key)} {answer}")
    if "checked_in" in recipients:
        conditions.append(
            str(
                filter_labels.CHECK_IN_LABELS[
                    filters.checked_in_param(recipients["checked_in"])
                ]
            )
        )
    if recipients.get("coming"):
        conditions.append(
            str(RECONFIRMATION_WORDS[ReconfirmationStatus(recipients["coming"])])
        )
    return conditions
