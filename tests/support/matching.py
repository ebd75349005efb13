"""Matching: whether a name stands in text that has random letters in it, too."""

from __future__ import annotations

import re


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in the text by itself, in upper or lower case.

    Pages and mails have tokens, codes and boundaries in them, and three letters come up
    there by chance. A name that is shown has something else than letters around it.
    """
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.I) is not None
