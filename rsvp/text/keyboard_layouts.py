"""Keyboard layouts: possible readings of a code that was typed or sent by a scanner.

A scanner that stands for a keyboard presses keys by their place. Set up for an American
keyboard, on a machine with another one, it sends Z for Y, or `é` for 2. Which layout it
was nobody tells; a code's check characters do. static/js/door/keyboard-layouts.js has
the same rules, by the same cases (tests/cases/codes.json).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Crockford's base 32: no I, L, O, U. https://www.crockford.com/base32.html
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = {"I": "1", "L": "1", "O": "0"}

LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
DIGITS = "0123456789"
LAYOUTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((), ()),
    # German, and its digits under Caps Lock; 0 in Hungary.
    (("ABCDEFGHJKMNPQRSTVWXZY",), ('=!"§$%&/()', "Ö123456789")),
    # Czech, and Slovak.
    (("ABCDEFGHJKMNPQRSTVWXZY",), ("É+ĚŠČŘŽÝÁÍ", "É+ĽŠČŤŽÝÁÍ")),
    # French; of M without and with Shift; then Belgian, or a Mac's.
    (
        ("QBCDEFGHJK,NPARSTVZXYW", "QBCDEFGHJK?NPARSTVZXYW"),
        ("À&É\"'(-È_Ç", "À&É\"'(§È!Ç"),
    ),
)
"""What the keys of letters and of digits give, by layout; as it is printed comes first.
Keys that stand for several signs have several rows."""

INVISIBLE_MARKS = "\u034f\u115f\u1160\u2800\u3164" + "".join(
    map(chr, range(0xFE00, 0xFE10))
)
DASHES = "\u02d7\u2043\u2212"
GAP_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"}
"""Categories of what nobody sees, and of dashes: only gaps between groups."""

# ISO/IEC 15424: `]Q1` and the like, of a scanner that says what kind of code it read.
# What stands for the bracket depends on the layout.
SYMBOLOGY_PREFIX = re.compile(r"^\W[0-9A-Z]{2}(?=1)", re.A)


def possible_readings(text: str) -> Iterator[str]:
    """What the text may have been meant to say, as it is printed: upper case, no gaps,
    1 for I and L, 0 for O; the text as it stands first. Each may be no code at all."""
    typed = unicodedata.normalize("NFKC", text).upper()
    seen = set()
    for keys in LAYOUT_KEYS:
        reading = translate_keys(keys, typed)
        if reading not in seen:
            seen.add(reading)
            yield reading


def without_gaps(text: str) -> str:
    """The text as it stands, without gaps."""
    return next(possible_readings(text))


def translate_keys(keys: dict[str, str], typed: str) -> str:
    meant = (keys.get(c) or ("" if is_gap(c) else c) for c in typed)
    return SYMBOLOGY_PREFIX.sub(
        "", "".join(LOOKALIKES.get(c, c) for c in "".join(meant))
    )


def is_gap(character: str) -> bool:
    return (
        unicodedata.category(character) in GAP_CATEGORIES
        or character in INVISIBLE_MARKS
        or character in DASHES
    )


def layout_keys(letters: tuple[str, ...], digits: tuple[str, ...]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for rows, meant in ((letters, LETTERS), (digits, DIGITS)):
        for row in rows:
            keys |= dict(zip(row, meant, strict=True))
    return keys


LAYOUT_KEYS = [layout_keys(*layout) for layout in LAYOUTS]
