"""Writing: the form of a mail of the organizers' own: to whom, subject and text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_babel import gettext

from rsvp.domain.mailings import LONGEST_SUBJECT, LONGEST_TEXT
from rsvp.models import Event, Mailing, Question
from rsvp.models.event import QuestionType
from rsvp.models.registration import State
from rsvp.queries.filters import Coming
from rsvp.text import placeholders
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms import organizer
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Shown
from rsvp.web.organizer.registrations import filters

COMMON = (State.CONFIRMED, State.WAITLISTED)
COMING: dict[str, Any] = {
    answer: shown.word for answer, shown in layout.ANSWERS.items()
}


@dataclass(frozen=True)
class Written:
    """What was written into the form, and what is wrong with it, by field. `answer` is
    one of `answers_of`, by its key; the others stand as the form sends them."""

    subject: str = ""
    text: str = ""
    states: tuple[str, ...] = (State.CONFIRMED,)
    admission: str = ""
    answer: str = ""
    checked_in: str = ""
    coming: str = ""
    mistakes: dict[str, str] = field(default_factory=dict)

    def wanted(self, event: Event) -> dict[str, Any]:
        """To whom, as a mailing keeps it."""
        found: dict[str, Any] = {"states": list(self.states)}
        if self.admission:
            found["admission"] = self.admission
        for choice in answers_of(event):
            if choice.key == self.answer:
                found |= {"question": choice.question.key, "answer": choice.answer}
        if self.checked_in:
            found["checked_in"] = filters.ENTRY[self.checked_in]
        if self.coming:
            found["coming"] = self.coming
        return found

    def values(self, event: Event) -> dict[str, Any]:
        wanted = self.wanted(event)
        return {"subject": self.subject, "text": self.text, "wanted": wanted}


@dataclass(frozen=True)
class Choice:
    """An answer that a mail can go by: one of a question's options, yes or no."""

    key: str
    question: Question
    answer: str | bool
    word: str


def answers_of(event: Event) -> Iterator[Choice]:
    for question in event.questions:
        if question.erased_at is not None:
            continue
        if question.type in (QuestionType.CHOICE, QuestionType.CHOICES):
            for number, option in enumerate(question.options):
                yield Choice(f"{question.key}:{number}", question, option, option)
        if question.type == QuestionType.YES_NO:
            yield Choice(f"{question.key}:yes", question, True, gettext("Yes"))
            yield Choice(f"{question.key}:no", question, False, gettext("No"))


def written_of(event: Event, mailing: Mailing) -> Written:
    """The form as it would have been filled for this mailing."""
    wanted = mailing.wanted
    asked = wanted.get("question"), wanted.get("answer")
    chosen = (c.key for c in answers_of(event) if (c.question.key, c.answer) == asked)
    return Written(
        subject=mailing.subject,
        text=mailing.text,
        states=tuple(wanted.get("states", ())),
        admission=wanted.get("admission", ""),
        answer=next(chosen, ""),
        checked_in=filters.entry_of(wanted.get("checked_in")),
        coming=wanted.get("coming", ""),
    )


def prefilled(event: Event) -> Written:
    """A new form, to whom a link says, as the list of people filters them; what it
    says that the form has not is left out."""
    asked = request.args.get("state", "")
    given: dict[str, list[str]] = {
        "admission": [each.key for each in event.admissions],
        "coming": list(COMING),
        "checked_in": list(layout.ENTRIES),
    }
    chosen: dict[str, Any] = {
        name: request.args.get(name, "")
        for name, known in given.items()
        if request.args.get(name) in known
    }
    if asked in choosable():
        return Written(states=(asked,), **chosen)
    return Written(**chosen)


def typed_form(event: Event) -> Written:
    """What was sent, with what is wrong with it. A choice that was never offered counts
    as none."""
    subject, text = organizer.line("subject"), organizer.lines("text")
    states = request.form.getlist("states")
    mistakes = {
        name: wrong
        for name, wrong in {
            "states": None if any(s in states for s in choosable()) else pick_one(),
            "subject": wrong_text(subject, LONGEST_SUBJECT),
            "text": wrong_text(text, LONGEST_TEXT),
        }.items()
        if wrong
    }
    return Written(
        subject=subject,
        text=text,
        states=tuple(state for state in choosable() if state in states),
        admission=one_of("admission", [each.key for each in event.admissions]),
        answer=one_of("answer", [choice.key for choice in answers_of(event)]),
        checked_in=one_of("checked_in", layout.ENTRIES),
        coming=one_of("coming", COMING),
        mistakes=mistakes,
    )


def choosable() -> list[str]:
    """An address that is still to be confirmed may be a stranger's."""
    return [state for state in layout.STATES if state != State.HELD]


def one_of(name: str, choices: Any) -> str:
    given = request.form.get(name, "")
    return given if given in choices else ""


def pick_one() -> str:
    return gettext("Tick at least one.")


def wrong_text(text: str, longest: int) -> str | None:
    if not text:
        return gettext("Please write something here.")
    if len(text) > longest:
        return organizer.too_long(longest)
    return organizer.placeholder_mistake(text, has_deadline=False)


# --- what the form shows ------------------------------------------------------------


def fields(event: Event, form: Written) -> dict[str, Any]:
    return {
        "form": form,
        "states": states_of(event, form),
        "answers": grouped(event),
        "was_in": layout.ENTRIES,
        "coming": coming_of(event, form),
        "placeholders": placeholders.known(has_deadline=False),
        "longest_subject": LONGEST_SUBJECT,
        "longest_text": LONGEST_TEXT,
    }


def states_of(event: Event, form: Written) -> dict[str, Shown]:
    """The states worth writing to: those that occur, the common ones, those ticked."""
    occurring = {count.state for count in cached_counts.held_counts(event)}
    offered = {*COMMON, *occurring, *form.states}
    return {key: layout.STATES[key] for key in choosable() if key in offered}


def coming_of(event: Event, form: Written) -> dict[str, Any]:
    """Offered where people are asked whether they still come."""
    return COMING if event.ask_hours is not None or form.coming else {}


def grouped(event: Event) -> list[tuple[str, list[Choice]]]:
    """The answers by question, for the list to choose from."""
    found: dict[str, list[Choice]] = {}
    for choice in answers_of(event):
        found.setdefault(choice.question.ask, []).append(choice)
    return list(found.items())


def to_whom(event: Event, wanted: dict[str, Any]) -> list[str]:
    """To whom a mailing goes, in words, one for each condition."""
    states = [str(layout.STATES[state].word) for state in wanted.get("states", ())]
    found = [", ".join(states)] if states else []
    names = {admission.key: admission.name for admission in event.admissions}
    if key := wanted.get("admission"):
        found.append(names.get(key, key))
    if key := wanted.get("question"):
        asks = {question.key: question.ask for question in event.questions}
        answer = wanted["answer"]
        if isinstance(answer, bool):
            answer = gettext("Yes") if answer else gettext("No")
        found.append(f"{asks.get(key, key)} {answer}")
    if "checked_in" in wanted:
        found.append(str(layout.ENTRIES[filters.entry_of(wanted["checked_in"])]))
    if wanted.get("coming"):
        found.append(str(COMING[Coming(wanted["coming"])]))
    return found
