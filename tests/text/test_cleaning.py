"""Plain text: what nobody can read goes, what joins letters stays."""

from __future__ import annotations

from rsvp.text.cleaning import one_line, strip_unprintable, trimmed_line
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
