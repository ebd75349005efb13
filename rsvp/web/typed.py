"""Typed: what people wrote into an organizer's form, as one plain value."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _

LONGEST_REASON = 200
"""Of how many characters a line of text to people, or a reason that is kept, may be."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong beside a field, and what was typed into it."""

    field: str
    words: str
    typed: str


def line(name: str) -> str:
    """What was typed into a field, in one line."""
    typed = request.form.get(name, "")
    return " ".join("".join(c if c.isprintable() else " " for c in typed).split())


def too_long(longest: int) -> str:
    return _("Please use at most %(count)d characters.", count=longest)


def whole_number(name: str, lowest: int, highest: int) -> int | None:
    """The number in a field, or None for what is none between these two.

    `isdecimal` alone would take digits of every script, and `int` a number as long as
    a book.
    """
    text = line(name)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(highest))):
        return None
    return int(text) if lowest <= int(text) <= highest else None
