"""Text cleaning: without control characters and invisible ones.

Which of them is for what:

- typed, to be stored: `one_line` and `clean_lines` for what organizers write,
  `clean_name` for people and phones, `clean_answer` for answers to questions;
- typed, to be compared or parsed (addresses, numbers, days, searches): `trimmed_line`;
- stored, to be shown in mails and feeds: `strip_controls`, whatever it was stored by.
"""

from __future__ import annotations

import re
import unicodedata

JOINING_CHARACTERS = "\u200c\u200d\u200e\u200f\u061c"
"""What joins letters, or says in which direction they read: Persian and Sinhala need
it, and so do pictures made of several."""

VARIATION_SELECTORS = (
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
)
"""What chooses one of a letter's shapes: Mongolian and Japanese names need it."""

HIDDEN_CHARACTERS = dict.fromkeys(
    [
        0x00AD,
        0x034F,
        0x061C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180E,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0x3164,
        0xFEFF,
        0xFFA0,
        *range(0xFFF0, 0xFFFC),
        *range(0x1BCA0, 0x1BCA4),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE0100),
        *range(0xE01F0, 0xE1000),
    ]
)
"""What shows nothing and could hide or reorder what stands beside it, to be left out
(`str.translate`): Unicode's Default_Ignorable_Code_Point (marks of direction, blank
letters of Hangul, tags …) but for what joins or varies letters, and annotations."""

BLANK_SYMBOLS = dict.fromkeys((0x2800, 0x1D159), " ")
"""Symbols that look like a space: of braille, and of notes."""


def normalize_newlines(text: str) -> str:
    """Return the text with each of the three line ends as a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- what is stored -----------------------------------------------------------------


def strip_unprintable(text: str, keep: str = "") -> str:
    """Return the text with a space for each control character and the like, but for
    those to `keep`; nothing where there is nothing to see."""
    kept = JOINING_CHARACTERS + keep
    plain = "".join(c if c.isprintable() or c in kept else " " for c in text)
    return plain if not all(map(is_invisible, plain)) else ""


def is_invisible(character: str) -> bool:
    """Whether a character shows nothing where it stands: spaces, control characters,
    what is hidden or looks blank, what joins or varies letters."""
    code = ord(character)
    return (
        unicodedata.category(character)[0] in "CZ"
        or code in HIDDEN_CHARACTERS
        or code in BLANK_SYMBOLS
        or code in VARIATION_SELECTORS
    )


def one_line(text: str) -> str:
    """Return the same in one line, with single spaces and none around it."""
    return " ".join(strip_unprintable(text).split())


def clean_lines(text: str) -> str:
    """Return the same in lines, as they were typed, and without space around it."""
    return strip_unprintable(normalize_newlines(text), keep="\n").strip()


def clean_answer(text: str) -> str:
    """Return an answer without control characters, its lines and tabs as they were:
    nothing else of what people write is ours to change."""
    return "".join(
        c for c in normalize_newlines(text) if c in "\n\t" or ord(c) >= 32
    ).strip()


SPACE_CATEGORIES = ("Cc", "Cs", "Zl", "Zp", "Zs")


def clean_name(text: str) -> str:
    """Clean a name in any script: composed (NFC), on one line, single spaces, nothing
    hidden.

    What joins or varies letters stays (U+200C, U+200D, variation selectors): Persian,
    Sinhala and Japanese names need it. A text without anything to see is no name and
    comes back empty.
    """
    text = (
        unicodedata.normalize("NFC", text)
        .translate(HIDDEN_CHARACTERS)
        .translate(BLANK_SYMBOLS)
    )
    text = "".join(
        " " if unicodedata.category(c) in SPACE_CATEGORIES else c for c in text
    )
    text = " ".join(text.split())
    seen = any(unicodedata.category(c)[0] in "LNSP" for c in text)
    return text if seen else ""


# --- what is compared ---------------------------------------------------------------


def trimmed_line(text: str) -> str:
    """Return the same, and no word with what is unseen around it: other programs put
    marks of direction around what is copied from them."""
    words = (word.strip(JOINING_CHARACTERS) for word in one_line(text).split())
    return " ".join(word for word in words if word)


# --- what is shown ------------------------------------------------------------------

CONTROL_CHARACTERS = re.compile(
    # C0 and C1 controls, half surrogate pairs, and what XML 1.0 has no way to write.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)


def strip_controls(text: str, *, keep_lines: bool = False) -> str:
    """Return the text without control characters, on one line unless `keep_lines`."""
    text = CONTROL_CHARACTERS.sub("", normalize_newlines(text)).strip()
    return text if keep_lines else " ".join(text.split())
