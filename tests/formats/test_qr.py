"""The QR of a code: read back by another library, from the PNG and from the SVG."""

from __future__ import annotations

import re
from io import BytesIO
from uuid import UUID

import pytest
import zxingcpp
from PIL import Image

from rsvp import tokens
from rsvp.formats import qr
from tests.support.for_each import for_each

KEY = bytes(range(32))
TEXTS = [
    tokens.code_text(tokens.attendee_code(KEY, UUID(int=number), version=0))
    for number in range(20)
]


def read(picture: Image.Image) -> zxingcpp.Barcode:
    found = zxingcpp.read_barcodes(picture.convert("L"))
    assert len(found) == 1
    return found[0]


def drawn(svg: str, scale: int = 8) -> Image.Image:
    """The SVG's dark path on white: rectangles only, so drawing it is simple."""
    side = qr.SIDE_MODULES * scale
    picture = Image.new("L", (side, side), 255)
    path = re.search(r'fill="#000" d="([^"]+)"', svg)
    assert path
    rectangles = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path[1])
    assert "".join("M{} {}h{}v1h-{}z".format(*each) for each in rectangles) == path[1]
    for x, y, there, back in (tuple(map(int, each)) for each in rectangles):
        assert there == back
        box = (x * scale, y * scale, (x + there) * scale, (y + 1) * scale)
        picture.paste(0, box)
    return picture


@for_each("text", TEXTS)
def test_the_png_reads_back_as_the_code(text):
    assert read(Image.open(BytesIO(qr.qr_png(text)))).text == text


@for_each("text", TEXTS)
def test_the_svg_reads_back_as_the_code(text):
    assert read(drawn(qr.qr_svg(text))).text == text


def test_the_qr_is_25_modules_at_level_q_with_a_quiet_zone():
    matrix = qr.qr_matrix(TEXTS[0])

    assert len(matrix) == 33
    assert {len(row) for row in matrix} == {33}
    edges = [*matrix[:4], *matrix[-4:], *(row[:4] + row[-4:] for row in matrix)]
    assert not any(any(edge) for edge in edges)
    assert matrix[4][4]  # the finder pattern begins right after it
    found = read(Image.open(BytesIO(qr.qr_png(TEXTS[0]))))
    assert found.ec_level == "Q"


def test_it_still_reads_at_240_pixels():
    small = Image.open(BytesIO(qr.qr_png(TEXTS[0]))).convert("L").resize((240, 240))

    assert read(small).text == TEXTS[0]


def test_the_png_is_small_and_square():
    png = qr.qr_png(TEXTS[0])
    picture = Image.open(BytesIO(png))

    assert picture.size == (264, 264)
    assert picture.mode == "1"
    assert len(png) < 2_000


def test_a_text_that_is_no_code_is_refused():
    with pytest.raises(ValueError, match="29 characters"):
        qr.qr_svg("HELLO")
    with pytest.raises(ValueError, match="can not be represented"):
        qr.qr_svg("<script>alert(1)</script>...."[:29])


def test_a_code_is_drawn_once():
    assert qr.qr_svg(TEXTS[1]) is qr.qr_svg(TEXTS[1])
    assert qr.qr_png(TEXTS[1]) is qr.qr_png(TEXTS[1])
