"""Linked: plain text as HTML in which addresses of the web can be followed."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

ADDRESS = re.compile(r"https?://[^\s<>\"'{}|\\^`]+", re.IGNORECASE)
AFTER = ".,;:!?)]*_"
"""What ends a sentence, or a bracket around the address, rather than the address."""


def linked(text: str) -> Markup:
    """The text, escaped, its lines kept; what begins with http:// or https:// leads
    there."""
    pieces, done = [], 0
    for found in ADDRESS.finditer(text):
        address = found[0].rstrip(AFTER)
        pieces.append(lines(text[done : found.start()]))
        pieces.append(
            Markup('<a class="link" href="{}">{}</a>').format(address, address)
        )
        done = found.start() + len(address)
    pieces.append(lines(text[done:]))
    return Markup("").join(pieces)


def lines(text: str) -> Markup:
    return Markup("<br>").join(map(escape, text.split("\n")))
