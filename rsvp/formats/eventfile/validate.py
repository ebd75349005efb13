"""Validate an event file: rules across several keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from rsvp import walltime
from rsvp.event_definition import EventDefinition
from rsvp.formats.eventfile.readers import Report
from rsvp.models.event import Allocation, Mode, QuestionType, Visibility
from rsvp.text import placeholders

MAX_EVENT_LENGTH = timedelta(days=366)


def validate(event: EventDefinition, report: Report) -> None:
    """Report what does not go together."""
    check_times(event, report)
    check_admissions(event, report)
    check_reserved(event, report)
    check_waitlists(event, report)
    check_registration(event, report)
    check_reconfirmation(event, report)
    check_reminders(event, report)
    check_custom_texts(event, report)
    check_questions(event, report)
    check_duplicates(event, report)


TIME_KEYS = {
    "starts": "starts",
    "ends": "ends",
    "doors": "doors",
    "opens": "registration.opens",
    "closes": "registration.closes",
    "change_until": "registration.change_until",
}


def check_times(event: EventDefinition, report: Report) -> None:
    if not report.has_no_mistake("timezone", "fold"):
        return
    at = {}
    for name, wall in event.wall_times.items():
        key = TIME_KEYS[name]
        if wall is None or not report.has_no_mistake(key):
            continue
        try:
            at[name] = walltime.instant(wall, ZoneInfo(event.timezone), event.fold)
        except ValueError as error:
            report.add_mistake(key, str(error))
    if not report.has_no_mistake("starts", "ends"):
        return
    if at["ends"] <= at["starts"]:
        report.add_mistake("ends", "must be after starts")
    elif at["ends"] - at["starts"] > MAX_EVENT_LENGTH:
        report.add_mistake(
            "ends", f"must be within {MAX_EVENT_LENGTH.days} days of starts"
        )
    if "doors" in at and at["doors"] > at["starts"]:
        report.add_mistake("doors", "must not be after starts")
    for name in ("closes", "change_until"):
        if name in at and at[name] > at["ends"]:
            report.add_mistake(TIME_KEYS[name], "must not be after ends")
    closes = at.get("closes", at["starts"])
    if (
        "opens" in at
        and report.has_no_mistake("registration.closes")
        and at["opens"] >= closes
    ):
        by = "registration.closes" if "closes" in at else "starts, when it closes"
        report.add_mistake("registration.opens", f"must be before {by}")


def check_admissions(event: EventDefinition, report: Report) -> None:
    if not report.has_no_mistake("admissions"):
        return
    if not event.admissions:
        report.add_mistake("admissions", "must list at least one way to attend")
        return
    modes = {admission.mode for admission in event.admissions}
    if event.room is not None and Mode.IN_PERSON not in modes:
        report.add_mistake(
            "room", "caps in-person seats, but no admission is in_person"
        )
    if event.online and Mode.ONLINE not in modes:
        report.add_mistake("online", "would reach nobody: no admission is online")
    if event.discreet and event.visibility == Visibility.PUBLIC:
        discreet = "since the event is discreet"
        report.add_mistake("visibility", f"must be unlisted or invitation, {discreet}")
    if event.timezone in event.also_show and report.has_no_mistake("also_show"):
        number = event.also_show.index(event.timezone)
        report.add_mistake(f"also_show[{number}]", "is the event's own zone already")


def check_reserved(event: EventDefinition, report: Report) -> None:
    """Check reserved seats: they are of the room where it has a cap, else of an
    admission that has one (docs/event-file.md says which)."""
    if not event.reserved_seats or not report.has_no_mistake("admissions", "room"):
        return
    at, most = "room", event.room
    if event.room is None:
        capped = [
            (admission.mode != Mode.IN_PERSON, number, admission.capacity)
            for number, admission in enumerate(event.admissions)
            if admission.capacity is not None
        ]
        if not capped:
            reason = "needs seats to be taken from, but nothing has a capacity"
            report.add_mistake("reserved_seats", reason)
            return
        _, number, most = min(capped)
        at = f"admissions[{number}].capacity"
    if most is not None and event.reserved_seats > most:
        reason = f"must not be more than {at} ({most:,})"
        report.add_mistake("reserved_seats", reason)


def check_waitlists(event: EventDefinition, report: Report) -> None:
    for number, admission in enumerate(event.admissions):
        if admission.waitlist_max is not None and not admission.waitlist:
            at = f"admissions[{number}].waitlist_max"
            report.add_mistake(at, "needs waitlist: true")


def check_registration(event: EventDefinition, report: Report) -> None:
    rules = event.registration
    if rules.confirm_address and rules.allocation != Allocation.FIRST_COME:
        only = f"goes with allocation: {Allocation.FIRST_COME} only"
        report.add_mistake("registration.confirm_address", only)


def check_reconfirmation(event: EventDefinition, report: Report) -> None:
    asks = event.still_coming
    if asks is None or not report.has_no_mistake("still_coming"):
        return
    if asks.answer_hours >= asks.ask_hours:
        key = "answer_hours" if "still_coming.answer_hours" in report.lines else None
        at = f"still_coming.{key or 'ask_hours'}"
        wrong = f"answers count until {asks.answer_hours} hours before the start, "
        report.add_mistake(
            at, f"{wrong}but people are asked only {asks.ask_hours} before"
        )
    capped = [admission.capacity is not None for admission in event.admissions]
    if (
        event.room is None
        and not any(capped)
        and report.has_no_mistake("admissions", "room")
    ):
        report.add_mistake("still_coming", "would ask nobody: nothing has a capacity")


def check_reminders(event: EventDefinition, report: Report) -> None:
    if not report.has_no_mistake("reminders"):
        return
    admissions = {admission.key for admission in event.admissions}
    for number, reminder in enumerate(event.reminders):
        path = f"reminders[{number}]"
        if (reminder.before is None) is (reminder.after is None):
            report.add_mistake(
                path, "needs either before (the start) or after (the end)"
            )
        if not reminder.states:
            report.add_mistake(
                f"{path}.states", "names nobody: leave the key out instead"
            )
        if event.discreet and reminder.subject:
            report.add_mistake(f"{path}.subject", SUBJECT_IS_FIXED)
        for place, key in enumerate(reminder.admissions):
            if key not in admissions and report.has_no_mistake("admissions"):
                at = f"{path}.admissions[{place}]"
                report.add_mistake(at, f"no admission has the key {key}")


SUBJECT_IS_FIXED = "is not for a discreet event: its subjects say nothing"


def check_custom_texts(event: EventDefinition, report: Report) -> None:
    if not report.has_no_mistake("wording"):
        return
    for number, words in enumerate(event.wording):
        path = f"wording[{number}]"
        if not (words.subject or words.headline or words.text):
            report.add_mistake(
                path, "says nothing: give a subject, a headline or a text"
            )
        if event.discreet and words.subject:
            report.add_mistake(f"{path}.subject", SUBJECT_IS_FIXED)
        needed = placeholders.REQUIRED_PLACEHOLDERS.get((words.message, "headline"))
        if needed and words.headline:
            wrong = placeholders.mistake_text(words.headline, needed)
            if wrong:
                report.add_mistake(f"{path}.headline", wrong)


def check_questions(event: EventDefinition, report: Report) -> None:
    if not report.has_no_mistake("questions"):
        return
    admissions = {admission.key for admission in event.admissions}
    for number, question in enumerate(event.questions):
        path = f"questions[{number}]"
        takes_options = question.type in (QuestionType.CHOICE, QuestionType.CHOICES)
        if takes_options and not question.options:
            report.add_mistake(
                f"{path}.options", f"is missing: {question.type} needs some"
            )
        if question.options and not takes_options:
            report.add_mistake(
                f"{path}.options", f"is not for the type {question.type}"
            )
        if report.has_no_mistake("admissions"):
            for place, key in enumerate(question.only_for):
                if key not in admissions:
                    report.add_mistake(
                        f"{path}.only_for[{place}]", f"no admission has the key {key}"
                    )
        if question.keep_days is not None and question.keep_days > event.retention_days:
            days = f"retention_days ({event.retention_days})"
            report.add_mistake(f"{path}.keep_days", f"must not be more than {days}")


def check_duplicates(event: EventDefinition, report: Report) -> None:
    lists: list[tuple[str, str, Sequence[str]]] = [
        ("also_show", "", event.also_show),
        ("admissions", ".key", [a.key for a in event.admissions]),
        ("questions", ".key", [q.key for q in event.questions]),
        ("consents", ".key", [c.key for c in event.consents]),
        ("reminders", ".key", [r.key for r in event.reminders]),
        ("wording", ".message", [words.message for words in event.wording]),
    ]
    for number, question in enumerate(event.questions):
        lists.append((f"questions[{number}].options", "", question.options))
        lists.append((f"questions[{number}].only_for", "", question.only_for))
    for number, reminder in enumerate(event.reminders):
        lists.append((f"reminders[{number}].admissions", "", reminder.admissions))
        lists.append((f"reminders[{number}].states", "", reminder.states))
    for path, tail, values in lists:
        if not report.has_no_mistake(path):
            continue
        for number, value in enumerate(values):
            if value in values[:number]:
                report.add_mistake(
                    f"{path}[{number}]{tail}", f"{value} stands there twice"
                )
