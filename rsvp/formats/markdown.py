"""Markdown: organizers' text as sanitized HTML.

CommonMark without raw HTML, then an allow-list over the result: two walls, each of
which would hold alone.
"""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

TAGS = {
    "p",
    "br",
    "hr",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "ul",
    "ol",
    "li",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "a",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "tel"}
REL = "nofollow noopener noreferrer"

TOP_HEADING_LEVEL = 3
"""The page has a title (h1) and sections (h2): a text's own headings begin below."""

parser = (
    MarkdownIt("commonmark", {"html": False, "linkify": False})
    .enable(["table", "strikethrough"])
    # Pictures would be fetched from elsewhere, and tell who looked.
    .disable("image")
)
for ruler in (
    parser.core.ruler,
    parser.block.ruler,
    parser.inline.ruler,
    parser.inline.ruler2,
):
    # Rules are put together when they are first asked for. Two threads must not do that
    # at once: the second would find only some of them.
    ruler.getRules("")


def to_html(text: str | None) -> Markup:
    """Return the text as HTML for a page; nothing for no text."""
    return render_markdown(text) if text else Markup()


@lru_cache(maxsize=512)
def render_markdown(text: str) -> Markup:
    tokens = parser.parse(text)
    lower_headings(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel=REL,
        strip_comments=True,
    )
    return Markup(clean)  # noqa: S704 - only what the lists above allow is left


def lower_headings(tokens: list[Token]) -> None:
    headings = [t for t in tokens if t.type in ("heading_open", "heading_close")]
    levels = [int(token.tag[1]) for token in headings]
    for token, level in zip(headings, levels, strict=True):
        token.tag = f"h{min(6, level - min(levels) + TOP_HEADING_LEVEL)}"
