"""Placeholders: what organizers may leave open in their own words, as in `{name}`.

Names only, from a fixed list: no expressions, no formats. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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

NEEDED = {
    ("offer", "headline"): "until",
    ("confirm_address", "headline"): "until",
    ("still_coming", "headline"): "until",
}
"""What words of one's own must say, by kind of mail and field: ours say it there."""

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def mistake(text: str, needed: str | None = None) -> str | None:
    """What is wrong with the placeholders of a text, or None."""
    named = set()
    for found in TOKEN.finditer(text):
        name = found[1]
        if found[0] in ("{{", "}}"):
            continue
        if name is None:
            return "has a single brace: write it twice, {{ or }}"
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            return f"has the unknown placeholder {{{name}}}; there are {known}"
        named.add(name)
    if needed and needed not in named:
        return f"must say until when people may answer: use {{{needed}}}"
    return None


def named(text: str) -> set[str]:
    """The placeholders that a text has."""
    return {found[1] for found in TOKEN.finditer(text) if found[1] is not None}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced; what has no value is left empty."""

    def value(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        return values.get(found[1] or "", "") if found[1] is not None else found[0]

    return TOKEN.sub(value, text)
