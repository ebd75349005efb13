"""Autolink: plain text to HTML with its web addresses as links."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'{}|\\^`]+", re.IGNORECASE)
TRAILING_PUNCTUATION = ".,;:!?)]*_"
"""What ends a sentence, or a bracket around the address, rather than the address."""


def link_addresses(text: str) -> Markup:
    """Return the text, escaped, its lines kept, with its web addresses (http://,
    https://) as links."""
    pieces, done = [], 0
    for match in WEB_ADDRESS.finditer(text):
        address = match[0].rstrip(TRAILING_PUNCTUATION)
        pieces.append(with_line_breaks(text[done : match.start()]))
        pieces.append(
            Markup('<a class="link" href="{}">{}</a>').format(address, address)
        )
        done = match.start() + len(address)
    pieces.append(with_line_breaks(text[done:]))
    return Markup("").join(pieces)


def with_line_breaks(text: str) -> Markup:
    return Markup("<br>").join(map(escape, text.split("\n")))
