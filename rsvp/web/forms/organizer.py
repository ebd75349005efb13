"""Organizer forms: fields of an organizer's form, read as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import gettext as _

from rsvp.text import placeholders
from rsvp.text.cleaning import clean_lines, one_line, trimmed_line
from rsvp.text.placeholders import MistakeKind, PlaceholderMistake
from rsvp.web.forms.fields import OVER_MESSAGE, parse_wall_time

MAX_REASON_LENGTH = 200
"""Of how many characters a line of text to people, or a reason that is kept, may be."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong beside a field, and what was typed into it."""

    field: str
    message: str
    typed: str


def read_line(name: str) -> str:
    """Return what was typed into a field, in one line."""
    return one_line(request.form.get(name, ""))


def too_long_message(longest: int) -> str:
    return _("Please use at most %(count)d characters.", count=longest)


def read_whole_number(name: str, lowest: int, highest: int) -> int | None:
    """The number in a field, or None for what is none between these two.

    `isdecimal` alone would take digits of every script, and `int` a number as long as
    a book.
    """
    text = trimmed_line(request.form.get(name, ""))
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(highest))):
        return None
    return int(text) if lowest <= int(text) <= highest else None


def read_lines(name: str) -> str:
    """What was typed into a field of several lines: text with line ends alone."""
    return clean_lines(request.form.get(name, ""))


def read_future_time(name: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The instant of the wall time in a field, by the clocks of that zone; None where
    nothing was typed. Raises ValueError with words for the person who typed it."""
    text = trimmed_line(request.form.get(name, ""))
    if not text:
        return None
    at = parse_wall_time(text, zone, earliest_year=now.year, too_early=OVER_MESSAGE)
    if at <= now:
        raise ValueError(OVER_MESSAGE)
    return at


def placeholder_mistake(
    text: str, *, needed: str | None = None, has_deadline: bool = True
) -> str | None:
    """What is wrong with the placeholders of a text, in words for who typed it."""
    match placeholders.find_mistake(text, needed):
        case PlaceholderMistake(MistakeKind.BRACE):
            return _("A brace stands alone. Write it twice to keep it: {{ or }}.")
        case PlaceholderMistake(MistakeKind.UNKNOWN, name):
            names = placeholders.known_placeholders(has_deadline=has_deadline)
            return _(
                "{%(name)s} is no placeholder. There are %(known)s.",
                name=name,
                known=placeholders.join_placeholders(names),
            )
        case PlaceholderMistake(MistakeKind.MISSING, name):
            return _(
                "This must say until when people may answer: use {%(name)s}.", name=name
            )
    if "until" in placeholders.placeholders_in(text) and not has_deadline:
        return _("This mail has no deadline, so {until} would say nothing.")
    return None
