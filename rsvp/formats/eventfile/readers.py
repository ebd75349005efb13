"""Readers: strict conversion of YAML nodes to plain values; mistakes by line.

A reader takes a `Value` and gives what it read or raises `InvalidValueError`, which
whoever called it notes in the report, to go on with the rest. Readers are combined:
`list_of(mapping_of(KEYS, build))` reads a list of mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from rsvp import walltime
from rsvp.formats.eventfile.yaml_nodes import line_of
from rsvp.text import durations, mail_addresses, placeholders, web_addresses
from rsvp.text.cleaning import one_line
from rsvp.text.mail_addresses import AddressMistake

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

MAX_LIST_LENGTH = 200
YEARS = range(2000, 2200)

STR, INT, BOOL, NULL = (
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "bool", "null")
)
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,11})")
WALL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]+([0-9]{1,2}:[0-9]{2})(:00)?")
DATE_ONLY = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
WITH_OFFSET = re.compile(r"[0-9]{4}-[0-9-]+[ Tt].*(Z|z|[+-][0-9]{1,2}(:?[0-9]{2})?)")
EMPTY_REASON = "is empty: leave the key out instead"
TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Mistake:
    """A mistake on a line (from 1), at a key such as `admissions[0].mode`."""

    line: int
    key: str
    reason: str


@dataclass
class Report:
    """The lines of the keys, and the mistakes found so far."""

    lines: dict[str, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def add_mistake(self, key: str, reason: str, line: int | None = None) -> None:
        self.mistakes.append(Mistake(line or self.line(key), key, reason))

    def line(self, key: str) -> int:
        """Return the line of a key, or of the nearest thing around it that is there."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key, 1)

    def has_no_mistake(self, *keys: str) -> bool:
        """Whether no mistake was found at these keys or inside them."""
        return not any(
            m.key == key or m.key.startswith((f"{key}.", f"{key}["))
            for m in self.mistakes
            for key in keys
        )


class InvalidValueError(Exception):
    """A value is not what its key takes. Without a reason: noted further in."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Value:
    """A node of the file with its key and the report that mistakes go to."""

    node: Node
    key: str
    report: Report

    def __post_init__(self) -> None:
        self.report.lines.setdefault(self.key, line_of(self.node))

    def take(self, reader: Reader[T]) -> T | None:
        """Return what the reader gives, or None once its mistakes are noted."""
        try:
            return reader(self)
        except InvalidValueError as error:
            if error.reason:
                self.report.add_mistake(self.key, error.reason, line_of(self.node))
            return None

    def scalar(self, tag: str | None = None) -> str | None:
        """Return what is written there, if it is one value (and, unquoted, of this
        type)."""
        if isinstance(self.node, ScalarNode) and tag in (None, self.node.tag):
            return str(self.node.value)
        return None


Reader = Callable[[Value], T]


@dataclass(frozen=True)
class KnownKeys:
    """What a mapping may hold, and the keys of later versions that people may try."""

    known: Sequence[str]
    later: Sequence[str] = ()


class Section:
    """One mapping of the file: known keys only, each once."""

    def __init__(self, value: Value, keys: KnownKeys) -> None:
        self.report, self.path = value.report, value.key
        self.values: dict[str, Value] = {}
        self.keys = keys
        for name, node in value.node.value:
            self.take(name, node)

    def take(self, name: Node, node: Node) -> None:
        line = line_of(name)
        word = str(name.value) if isinstance(name, ScalarNode) else ""
        key = self.key(word)
        if not re.fullmatch(r"[^\s.\[\]:]{1,64}", word):
            self.report.add_mistake(self.path, "has a key that is no plain word", line)
        elif word in self.keys.later:
            self.report.add_mistake(key, "is not supported yet", line)
        elif word not in self.keys.known:
            self.report.add_mistake(
                key, f"unknown key{suggest_word(word, self.keys.known)}", line
            )
        elif word in self.values:
            first = self.report.lines[key]
            self.report.add_mistake(key, f"stands twice (first on line {first})", line)
        else:
            self.report.lines[key] = line
            self.values[word] = Value(node, key, self.report)

    def key(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def read(self, name: str, reader: Reader[T], needed: bool = False) -> T | None:
        """Return what stands at a key; None if it is left out (or null), or wrong."""
        assert name in self.keys.known, name
        value = self.values.get(name)
        if value is not None and value.scalar(NULL) is None:
            return value.take(reader)
        if needed and self.report.has_no_mistake(self.key(name)):
            self.report.add_mistake(self.key(name), "is missing")
        return None


# --- one value ----------------------------------------------------------------------


def text_line(longest: int) -> Reader[str]:
    """Read one line of text, without the space around it."""

    def read(value: Value) -> str:
        text = plain_text(value, longest)
        if len(text.splitlines()) > 1:
            raise InvalidValueError("must be a single line")
        return text

    return read


def text_block(longest: int) -> Reader[str]:
    """Read text of one or more lines, without the space around it."""
    return lambda value: plain_text(value, longest)


def plain_text(value: Value, longest: int) -> str:
    written = value.scalar()
    if written is None:
        raise InvalidValueError("must be text")
    if value.scalar(STR) is None:
        raise InvalidValueError(f'must be text: put it in quotes, "{written[:40]}"')
    text = written.strip()
    if not any(c.isprintable() and not c.isspace() for c in text):
        raise InvalidValueError(EMPTY_REASON)
    if any(is_control(c) for c in text):
        raise InvalidValueError("has a control character")
    if len(text) > longest:
        raise InvalidValueError(f"is too long: {len(text):,} of {longest:,} characters")
    return text


def is_control(character: str) -> bool:
    return character not in "\n\t" and (
        ord(character) < 32
        or 0x7F <= ord(character) < 0xA0
        or 0xD800 <= ord(character) < 0xE000
        or character in "\u2028\u2029\ufeff"
    )


def slug(value: Value) -> str:
    """Read a slug or key: what stands in addresses and files."""
    text = text_line(64)(value)
    if not SLUG.fullmatch(text):
        raise InvalidValueError(
            "may have small letters a-z, digits and single hyphens only"
        )
    return text


def boolean(value: Value) -> bool:
    written = value.scalar(BOOL)
    if written is None:
        raise InvalidValueError("must be true or false")
    return written.lower() in ("true", "yes", "on")


def whole_number(lowest: int, highest: int) -> Reader[int]:
    def read(value: Value) -> int:
        written = value.scalar(INT)
        if written is None or not WHOLE_NUMBER.fullmatch(written):
            raise InvalidValueError("must be a whole number")
        number = int(written)
        if number < lowest:
            raise InvalidValueError(f"must be {lowest} or more, not {number}")
        if number > highest:
            raise InvalidValueError(f"must be {highest:,} at most, not {number:,}")
        return number

    return read


def enum_value(kind: type[E], later: Collection[str] = ()) -> Reader[E]:
    """Read one of the words of an enumeration; `later` ones are not supported yet."""

    def read(value: Value) -> E:
        written = value.scalar()
        if written in later:
            raise InvalidValueError(f'"{written}" is not supported yet')
        if written not in list(kind) or value.scalar(STR) is None:
            raise InvalidValueError(f"must be one of: {', '.join(kind)}")
        return kind(written)

    return read


def one_of_values(words: Sequence[E]) -> Reader[E]:
    """Read one of some words of an enumeration."""

    def read(value: Value) -> E:
        written = value.scalar(STR)
        for each_word in words:
            if written == each_word:
                return each_word
        raise InvalidValueError(f"must be one of: {', '.join(words)}")

    return read


def duration(longest: int) -> Reader[str]:
    """Read a span of time of at most so many minutes, in its largest unit."""

    def read(value: Value) -> str:
        try:
            minutes = durations.parse_duration(value.scalar() or "")
        except ValueError as error:
            raise InvalidValueError(str(error)) from error
        if minutes > longest:
            raise InvalidValueError(
                f"must be {durations.format_duration(longest)} at most"
            )
        return durations.format_duration(minutes)

    return read


def with_placeholders(reader: Reader[str]) -> Reader[str]:
    """Read text in which placeholders may stand, all of them known ones."""

    def read(value: Value) -> str:
        text = reader(value)
        if wrong := placeholders.mistake_text(text):
            raise InvalidValueError(wrong)
        return text

    return read


def wall_time(value: Value) -> datetime:
    written = (value.scalar() or "").strip()
    match = WALL_TIME.fullmatch(written)
    if match is None:
        if DATE_ONLY.fullmatch(written):
            raise InvalidValueError(f"needs a time of day, as in {written} 18:00")
        if WITH_OFFSET.fullmatch(written):
            raise InvalidValueError(
                "is a wall time in `timezone`: write it without an offset"
            )
        raise InvalidValueError("must be a date and time, as in 2027-01-29 18:00")
    try:
        wall = datetime.strptime(" ".join(match.group(1, 2)), "%Y-%m-%d %H:%M")  # noqa: DTZ007
    except ValueError as error:
        raise InvalidValueError(f"{written} is no date and time that exists") from error
    if wall.year not in YEARS:
        raise InvalidValueError(f"must be between {YEARS[0]} and {YEARS[-1]}")
    return wall


def time_of_day(value: Value) -> str:
    # Unquoted, YAML reads 18:00 as a number of base sixty: take what is written.
    match = TIME_OF_DAY.fullmatch((value.scalar() or "").strip())
    if match is None:
        raise InvalidValueError('must be a time of day, as in "18:00"')
    return f"{int(match[1]):02}:{match[2]}"


def zone_name(value: Value) -> str:
    name = text_line(64)(value)
    if name not in walltime.zone_names():
        hint = suggest_word(name, walltime.zone_names())
        raise InvalidValueError(f"unknown time zone {name}{hint}")
    return name


def web_url(value: Value) -> str:
    text = text_line(web_addresses.MAX_LENGTH)(value)
    if mistake := web_addresses.find_mistake(text):
        raise InvalidValueError(mistake)
    return text


def mail_address(value: Value) -> str:
    written = value.scalar(STR)
    if written is None or len(written) > mail_addresses.MAX_LENGTH * 2:
        written = text_line(mail_addresses.MAX_LENGTH)(value)
    try:
        return mail_addresses.parse_mail_address(written).text
    except mail_addresses.InvalidMailAddress as wrong:
        if wrong.slip == AddressMistake.EMPTY:
            raise InvalidValueError(EMPTY_REASON) from wrong
        reason = "" if wrong.slip == AddressMistake.OTHER else f" (it {wrong.slip})"
        raise InvalidValueError(
            f"is no mail address: {one_line(written)}{reason}"
        ) from wrong


def language_tag(value: Value) -> str:
    text = text_line(35)(value)
    if not LANGUAGE.fullmatch(text):
        raise InvalidValueError("must be a language tag, as in en, nl or pt-BR")
    return text


# --- lists and mappings -------------------------------------------------------------


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list of what `reader` reads."""

    def read(value: Value) -> tuple[T, ...]:
        if not isinstance(value.node, SequenceNode):
            raise InvalidValueError("must be a list")
        nodes = value.node.value
        if len(nodes) > MAX_LIST_LENGTH:
            raise InvalidValueError(
                f"has {len(nodes)} entries; {MAX_LIST_LENGTH} is the most"
            )
        before = len(value.report.mistakes)
        items = [
            Value(node, f"{value.key}[{number}]", value.report).take(reader)
            for number, node in enumerate(nodes)
        ]
        if len(value.report.mistakes) > before:
            raise InvalidValueError
        return tuple(item for item in items if item is not None)

    return read


def mapping_of(keys: KnownKeys, build: Callable[[Section], T]) -> Reader[T]:
    """Read a mapping with these keys, built from its section."""

    def read(value: Value) -> T:
        if not isinstance(value.node, MappingNode):
            raise InvalidValueError(
                f"must be a mapping with {' and '.join(keys.known[:2])}"
            )
        before = len(value.report.mistakes)
        built = build(Section(value, keys))
        if len(value.report.mistakes) > before:
            raise InvalidValueError
        return built

    return read


def suggest_word(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
