"""Placeholders: a fixed list of names, nothing else; and spans as people write them."""

import pytest

from rsvp.text import durations, placeholders
from tests.support.for_each import for_each


@for_each(
    ("text", "filled"),
    [
        ("Dear {name}, see you at {event}", "Dear Ada, see you at Soup"),
        (
            "{{name}} is a placeholder, {until}nothing",
            "{name} is a placeholder, nothing",
        ),
        ("{name}{name}", "AdaAda"),
    ],
)
def test_placeholders_are_filled_and_nothing_else_is(text, filled):
    assert placeholders.mistake_text(text) is None
    assert placeholders.fill_in(text, {"name": "Ada", "event": "Soup"}) == filled


def test_what_is_filled_in_is_not_read_again():
    assert placeholders.fill_in("{name}", {"name": "{event}"}) == "{event}"


@for_each(
    ("text", "says"),
    [
        ("{name.__class__}", "unknown placeholder {name.__class__}"),
        ("{name!r}", "unknown placeholder {name!r}"),
        ("{name:>99}", "unknown placeholder {name:>99}"),
        ("{}", "unknown placeholder {}"),
        ("{ name }", "unknown placeholder { name }"),
        ("a { b", "single brace"),
        ("{{name}", "single brace"),
    ],
)
def test_any_other_placeholder_is_refused(text, says):
    assert says in (placeholders.mistake_text(text) or "")


def test_some_words_must_say_the_deadline():
    assert "{until}" in (placeholders.mistake_text("A place", "until") or "")
    assert placeholders.mistake_text("A place, until {until}", "until") is None


@for_each(
    ("written", "minutes", "again"),
    [
        ("2 days", 2880, "2 days"),
        ("48 hours", 2880, "2 days"),
        ("1 week", 10080, "7 days"),
        ("90 minutes", 90, "90 minutes"),
        ("1 HOUR", 60, "1 hour"),
        ("0 minutes", 0, "0 minutes"),
    ],
)
def test_spans_are_read_and_written(written, minutes, again):
    assert durations.parse_duration(written) == minutes
    assert durations.format_duration(minutes) == again


@for_each("wrong", ["soon", "-1 day", "2", "1.5 days", "2 moons"])
def test_what_is_no_span_is_refused(wrong):
    with pytest.raises(ValueError, match="must be a span of time"):
        durations.parse_duration(wrong)


def test_the_placeholders_of_a_text_are_told():
    assert placeholders.placeholders_in("{name}, {{until}} {until} {name}") == {
        "name",
        "until",
    }
