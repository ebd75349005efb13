"""Plain text: what nobody can read goes, what joins letters stays."""

from __future__ import annotations

import pytest

from rsvp.plaintext import one_line, readable


@pytest.mark.parametrize(
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
    assert readable("one\ntwo\r", keep="\n") == "one\ntwo "
    assert readable("\n\n", keep="\n") == ""
