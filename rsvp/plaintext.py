"""Plain text: what somebody wrote, without what nobody can read."""

from __future__ import annotations

UNSEEN = "\u200c\u200d\u200e\u200f\u061c"
"""What joins letters, or says in which direction they read: Persian and Sinhala need
it, and so do pictures made of several."""


def readable(text: str, keep: str = "") -> str:
    """Text with a space for each control character and the like, but for those to
    `keep`; nothing where there is nothing to see."""
    kept = UNSEEN + keep
    plain = "".join(c if c.isprintable() or c in kept else " " for c in text)
    return plain if plain.strip(f" {kept}") else ""


def one_line(text: str) -> str:
    """The same in one line, with single spaces and none around it."""
    return " ".join(readable(text).split())


def bare_line(text: str) -> str:
    """The same, and no word with what is unseen around it: other programs put marks of
    direction around what is copied from them."""
    words = (word.strip(UNSEEN) for word in one_line(text).split())
    return " ".join(word for word in words if word)
