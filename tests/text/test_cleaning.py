"""Plain text: what nobody can read goes, what joins letters stays."""

from __future__ import annotations

from rsvp.text.cleaning import (
    clean_answer,
    clean_lines,
    clean_name,
    one_line,
    strip_controls,
    strip_unprintable,
    trimmed_line,
)
from tests.support.for_each import for_each


@for_each(
    ("written", "line"),
    [
        (" two \t words ", "two words"),
        ("a\r\nBcc: b@example.org", "a Bcc: b@example.org"),
        ("nul\x00, bell\x07, and a line\u2028end", "nul , bell , and a line end"),
        ("می\u200cآید", "می\u200cآید"),
        ("👩\u200d🍳 cooks", "👩\u200d🍳 cooks"),
        ("\u200f \u200d", ""),
    ],
)
def test_a_line_has_what_can_be_read(written, line):
    assert one_line(written) == line


def test_what_is_kept_is_kept():
    assert strip_unprintable("one\ntwo\r", keep="\n") == "one\ntwo "
    assert strip_unprintable("\n\n", keep="\n") == ""


@for_each(
    ("copied", "line"),
    [
        ("\u200eada@example.org\u200f", "ada@example.org"),
        ("\u200e2027-01-09 \u200e18:00", "2027-01-09 18:00"),
        ("\u200f \u200eZoë \u200d", "Zoë"),
        ("می\u200cآید", "می\u200cآید"),
    ],
)
def test_a_bare_line_has_no_marks_around_its_words(copied, line):
    assert trimmed_line(copied) == line


CLEANED = {
    "two \t words ": {
        one_line: "two words",
        clean_lines: "two   words",
        clean_name: "two words",
        clean_answer: "two \t words",
        trimmed_line: "two words",
        strip_controls: "two words",
    },
    "one\r\ntwo\rthree": {
        one_line: "one two three",
        clean_lines: "one\ntwo\nthree",
        clean_name: "one two three",
        clean_answer: "one\ntwo\nthree",
        trimmed_line: "one two three",
        strip_controls: "one two three",
    },
    "bell\x07 \x85next": {
        one_line: "bell next",
        clean_lines: "bell   next",
        clean_name: "bell next",
        clean_answer: "bell \x85next",
        trimmed_line: "bell next",
        strip_controls: "bell next",
    },
    "\u200eAda \u202ellaB\u202c\u200f": {
        one_line: "\u200eAda llaB \u200f",
        clean_lines: "\u200eAda  llaB \u200f",
        clean_name: "Ada llaB",
        clean_answer: "\u200eAda \u202ellaB\u202c\u200f",
        trimmed_line: "Ada llaB",
        strip_controls: "\u200eAda \u202ellaB\u202c\u200f",
    },
    "Zoe\u0308": {
        one_line: "Zoe\u0308",
        clean_lines: "Zoe\u0308",
        clean_name: "Zo\u00eb",
        clean_answer: "Zoe\u0308",
        trimmed_line: "Zoe\u0308",
        strip_controls: "Zoe\u0308",
    },
    "\u200d\u2800": {
        one_line: "",
        clean_lines: "",
        clean_name: "",
        clean_answer: "\u200d\u2800",
        trimmed_line: "",
        strip_controls: "\u200d\u2800",
    },
}


def test_each_policy_takes_out_what_is_its_own_to_take_out():
    wrong = [
        f"{policy.__name__}({typed!r}) is {policy(typed)!r}"
        for typed, expected in CLEANED.items()
        for policy, text in expected.items()
        if policy(typed) != text
    ]

    assert wrong == []
