"""Placeholders such as `{name}` in organizers' texts: checked and filled in.

Names only, from a fixed list: no expressions, no formats. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

PLACEHOLDERS = (
    "name",  # whoever registered
    "event",
    "date",
    "time",
    "place",
    "admission",
    "seats",  # how many
    "until",  # the deadline, where the mail has one
    "reference",
    "contact",
)

REQUIRED_PLACEHOLDERS = {
    ("offer", "headline"): "until",
    ("confirm_address", "headline"): "until",
    ("still_coming", "headline"): "until",
}
"""What words of one's own must say, by kind of mail and field: ours say it there."""

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class MistakeKind(StrEnum):
    BRACE = auto()  # one that stands alone
    UNKNOWN = auto()
    MISSING = auto()


@dataclass(frozen=True)
class PlaceholderMistake:
    """What is wrong with a text; `name` is the placeholder it has, or lacks."""

    wrong: MistakeKind
    name: str = ""


def find_mistake(text: str, needed: str | None = None) -> PlaceholderMistake | None:
    """Return the first thing that is wrong with the placeholders of a text."""
    named = set()
    for match in TOKEN.finditer(text):
        name = match[1]
        if match[0] in ("{{", "}}"):
            continue
        if name is None:
            return PlaceholderMistake(MistakeKind.BRACE)
        if name not in PLACEHOLDERS:
            return PlaceholderMistake(MistakeKind.UNKNOWN, name)
        named.add(name)
    return (
        PlaceholderMistake(MistakeKind.MISSING, needed)
        if needed and needed not in named
        else None
    )


def mistake_text(text: str, needed: str | None = None) -> str | None:
    """Say what is wrong with the placeholders of a text, for who wrote an event
    file."""
    match find_mistake(text, needed):
        case PlaceholderMistake(MistakeKind.BRACE):
            return "has a single brace: write it twice, {{ or }}"
        case PlaceholderMistake(MistakeKind.UNKNOWN, name):
            known = join_placeholders(PLACEHOLDERS)
            return f"has the unknown placeholder {{{name}}}; there are {known}"
        case PlaceholderMistake(MistakeKind.MISSING, name):
            return f"must say until when people may answer: use {{{name}}}"
    return None


def known_placeholders(*, has_deadline: bool) -> list[str]:
    """Return those that say something in a mail."""
    return [name for name in PLACEHOLDERS if name != "until" or has_deadline]


def join_placeholders(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def placeholders_in(text: str) -> set[str]:
    """Return the placeholders that a text has."""
    return {match[1] for match in TOKEN.finditer(text) if match[1] is not None}


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced; what has no value is left
    empty."""

    def value(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return values.get(match[1] or "", "") if match[1] is not None else match[0]

    return TOKEN.sub(value, text)
