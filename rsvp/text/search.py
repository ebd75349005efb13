"""Search text: case and accent folding for comparing what people type."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Letters that have no accent to take off; people without them type these.
PLAIN_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ð": "d",
        "đ": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ı": "i",
        "ŧ": "t",
        "’": "'",
    }
)


def folded(text: str) -> str:
    """Return the text in plain lower case: `zoe` for `Zoë`, `strasse` for `Straße`.

    Case folding and compatibility forms are Unicode's (UAX 15, NFKD); marks are
    dropped, and runs of spaces become one.
    """
    # Twice: a compatibility form may unfold into capitals.
    letters = unicodedata.normalize("NFKD", text.casefold()).casefold()
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(plain.translate(PLAIN_LETTERS).split())


def search_text(reference: str, email: str, names: Iterable[str | None]) -> str:
    """Return what a registration can be found by: reference, address and names,
    folded."""
    parts = (reference, email, *names)
    return "\n".join(folded(part) for part in parts if part)
