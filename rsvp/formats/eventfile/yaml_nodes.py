"""YAML nodes with line numbers: one plain document, anchors and tags refused.

Files come from anywhere, so what YAML can do beyond plain values is refused: anchors
and aliases (a few lines can stand for gigabytes), tags (they name types), several
documents, and anything large or deep.
"""

from __future__ import annotations

import yaml
from yaml import Event, Node
from yaml.composer import ComposerError
from yaml.events import AliasEvent, NodeEvent, StreamEndEvent
from yaml.reader import ReaderError

MAX_CHARACTERS = 200_000
"""Characters in a file."""
MAX_DEPTH = 8
"""Levels of mappings and lists inside each other."""


class NotYamlError(ValueError):
    """The text is no single, plain YAML document; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


class PlainLoader(yaml.SafeLoader):
    """Composes nodes, refusing what a plain document has no need for."""

    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise not_plain(event, "anchors and aliases (& and *) are not supported")
        if getattr(event, "tag", None) not in (None, "!"):
            raise not_plain(event, "tags (!) are not supported")
        if self.depth == MAX_DEPTH:
            raise not_plain(event, "lists and mappings are nested too deeply")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def compose(text: str) -> Node:
    """Return the document's root node. Raises NotYamlError."""
    if len(text) > MAX_CHARACTERS:
        raise NotYamlError(1, f"the file is longer than {MAX_CHARACTERS:,} characters")
    loader = None
    try:
        loader = PlainLoader(text)
        return single_document(loader)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYamlError(
            line, "has a character that no text file should have"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "can't be read"
        if not isinstance(error, NotPlainError):
            reason = f"is not YAML: {reason}"
        raise NotYamlError(mark.line + 1 if mark else 1, reason) from error
    except ValueError as error:
        # The library trips over escapes and versions with numbers that are too large.
        line = loader.line + 1 if loader else 1
        raise NotYamlError(line, "is not YAML: has a number too large") from error


def single_document(loader: PlainLoader) -> Node:
    loader.get_event()  # the start of the stream
    if loader.check_event(StreamEndEvent):
        raise NotPlainError(None, None, "the file is empty", None)
    root = loader.compose_document()
    if not loader.check_event(StreamEndEvent):
        reason = "the file holds several documents; write one event a file"
        raise not_plain(loader.peek_event(), reason)
    assert root is not None
    return root


class NotPlainError(ComposerError):
    """YAML, but not of the plain kind."""


def not_plain(event: Event | NodeEvent, reason: str) -> NotPlainError:
    return NotPlainError(None, None, reason, event.start_mark)  # type: ignore[arg-type]


def line_of(node: Node) -> int:
    """Return the line a node begins on, counted from 1."""
    return int(node.start_mark.line) + 1
