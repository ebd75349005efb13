"""Plain text: what somebody wrote, without what nobody can read."""

from __future__ import annotations

import unicodedata

UNSEEN = "\u200c\u200d\u200e\u200f\u061c"
"""What joins letters, or says in which direction they read: Persian and Sinhala need
it, and so do pictures made of several."""

VARIATIONS = (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
"""What chooses one of a letter's shapes: Mongolian and Japanese names need it."""

HIDDEN = dict.fromkeys(
    [
        *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E),
        *(0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(0x3164, 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC)),
        *(*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
        *(*range(0xE0000, 0xE0100), *range(0xE01F0, 0xE1000)),
    ]
)
"""What shows nothing and could hide or reorder what stands beside it, to be left out
(`str.translate`): Unicode's Default_Ignorable_Code_Point (marks of direction, blank
letters of Hangul, tags …) but for what joins or varies letters, and annotations."""

BLANK = dict.fromkeys((0x2800, 0x1D159), " ")
"""Symbols that look like a space: of braille, and of notes."""


def readable(text: str, keep: str = "") -> str:
    """Text with a space for each control character and the like, but for those to
    `keep`; nothing where there is nothing to see."""
    kept = UNSEEN + keep
    plain = "".join(c if c.isprintable() or c in kept else " " for c in text)
    return plain if not all(map(is_unseen, plain)) else ""


def is_unseen(character: str) -> bool:
    """Whether a character shows nothing where it stands: spaces, control characters,
    what is hidden or looks blank, what joins or varies letters."""
    code = ord(character)
    return (
        unicodedata.category(character)[0] in "CZ"
        or code in HIDDEN
        or code in BLANK
        or code in VARIATIONS
    )


def one_line(text: str) -> str:
    """The same in one line, with single spaces and none around it."""
    return " ".join(readable(text).split())


def bare_line(text: str) -> str:
    """The same, and no word with what is unseen around it: other programs put marks of
    direction around what is copied from them."""
    words = (word.strip(UNSEEN) for word in one_line(text).split())
    return " ".join(word for word in words if word)
