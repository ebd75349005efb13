"""MIME: what is written by hand reads the same as what the library would write."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from rsvp.mailer import mime
from tests.support.for_each import for_each


def read(data: bytes):
    return message_from_bytes(data, policy=policy.default)


@for_each(
    "content",
    [
        "",
        "plain\n",
        "ñandú — “quoted” = 100 %\n",
        "a" * 2000 + "\n",
        "trailing \nspaces\t\n",
        ".\n..\nFrom here\n",
        "=_boundary\n",
        "\n\n\n",
        "één\n" * 300,
        "emoji 🎟 and עברית\n",
        "--=_0\n",
    ],
)
def test_text_comes_back_as_it_was(content):
    data = mime.text_part(content, "plain")

    assert data.isascii()
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    expected = content if content.endswith("\n") else content + "\n"
    assert read(data).get_content().replace("\r\n", "\n") == expected


def test_parts_are_told_apart():
    picture = mime.picture_part(
        bytes(range(256)), "png", cid="t-1.x@h", name="t-1.x.png"
    )
    html = mime.multipart("related", [mime.text_part("<p>=_</p>", "html"), picture])
    whole = read(
        mime.multipart("alternative", [mime.text_part("=_ hi", "plain"), html])
    )

    first, second = whole.iter_parts()
    assert first.get_content().strip() == "=_ hi"
    page, image = second.iter_parts()
    assert page.get_content_type() == "text/html"
    assert image.get_content() == bytes(range(256))
    assert image["content-id"] == "<t-1.x@h>"
    assert image.get_content_disposition() == "inline"


@for_each("value", ["a\r\nBcc: b@example.org", "ñ", "a\x00"])
def test_a_header_takes_nothing_but_plain_text(value):
    with pytest.raises(ValueError, match="can't be written"):
        mime.header_line("X-Test", value)


def test_a_long_header_stays_whole():
    link = "<https://a-rather-long-name.example.org/u/" + "x" * 43 + ">"
    data = mime.header_line("List-Unsubscribe", link)
    assert data == f"List-Unsubscribe: {link}\r\n".encode()
    assert read(data + b"\r\n")["list-unsubscribe"] == link
