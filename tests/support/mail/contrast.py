"""Contrast: which colours the texts of an HTML mail have, on what, by day and by night.

Only what our mails use: colours in `style` attributes, and the rules of classes for
`prefers-color-scheme: dark`, which mail clients apply over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

VOID = ("meta", "br", "img")
UNSEEN = ("head", "style", "title")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
Style = dict[str, str]


@dataclass(frozen=True)
class Element:
    tag: str
    colour: str | None
    background: str | None
    is_seen: bool


class PaintedTexts(HTMLParser):
    """Each piece of text with its colour and the one behind it."""

    def __init__(self, html: str, *, is_dark: bool) -> None:
        super().__init__()
        self.rules = dark_rules(html) if is_dark else {}
        self.stack = [Element("", None, None, is_seen=True)]
        self.texts: list[tuple[str, str | None, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        element = self.painted(tag, given)
        if tag == "img":
            self.note(given["alt"], element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag):
        assert self.stack.pop().tag == tag

    def handle_data(self, data):
        self.note(data, self.stack[-1])

    def note(self, text: str, element: Element) -> None:
        if element.is_seen and text.strip():
            self.texts.append((text.strip(), element.colour, element.background))

    def painted(self, tag: str, given: dict[str, str]) -> Element:
        style = declarations(given.get("style", ""))
        for name in given.get("class", "").split():
            style |= self.rules.get(name, {})
        around = self.stack[-1]
        background = style.get("background-color", "transparent")
        return Element(
            tag,
            style.get("color", around.colour),
            around.background if background == "transparent" else background,
            around.is_seen and tag not in UNSEEN and style.get("display") != "none",
        )


def dark_rules(html: str) -> dict[str, Style]:
    """What each class looks like at night; a later rule wins, as in a style sheet."""
    start = html.index("{", html.index("@media (prefers-color-scheme: dark)")) + 1
    depth, end = 1, start
    while depth:
        depth += {"{": 1, "}": -1}.get(html[end], 0)
        end += 1
    rules: dict[str, Style] = {}
    for selectors, body in RULE.findall(html[start : end - 1]):
        for selector in selectors.split(","):
            name = selector.strip().removeprefix(".")
            rules[name] = rules.get(name, {}) | declarations(body)
    return rules


def declarations(body: str) -> Style:
    pairs = (each.partition(":") for each in body.split(";") if ":" in each)
    return {
        name.strip(): value.replace("!important", "").strip()
        for name, _colon, value in pairs
    }


def contrast_ratio(colour: str, background: str) -> float:
    """How well one can be read on the other (WCAG 2.2, 1.4.3): 1 to 21."""
    lighter, darker = sorted((luminance(colour), luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), colour
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
