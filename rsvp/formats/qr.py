"""QR codes of tickets and links, as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO

import qrcode
from markupsafe import Markup
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.util import MODE_ALPHA_NUM, QRData

QR_VERSION = 2  # 25 modules; holds 29 alphanumeric characters at level Q, exactly
QUIET_ZONE = 4  # modules of white around it, as ISO/IEC 18004 asks
SIDE_MODULES = 25 + 2 * QUIET_ZONE
MASK_PATTERN = (
    0  # fixed: trying all eight costs seven times as much and reads no better
)

PIXELS_PER_MODULE = 8
"""Of the PNG: 264 pixels wide, as mails show it. Twice as many take three times as long
to write, and screens that double them lose nothing."""

CACHE_SIZE = 2048
"""How many codes' pictures stay in memory: an SVG is 3 kB, a PNG 1 kB."""

Matrix = tuple[tuple[bool, ...], ...]


@lru_cache(maxsize=CACHE_SIZE)
def qr_svg(text: str) -> Markup:
    """Return the QR of a code, to be put into a page: black on white with its quiet
    zone.

    It has no size and no name of its own: the page sets the width (240 px or more) and
    writes the code below, which says the same to those who can't see the picture.
    """
    return draw_svg(qr_matrix(text))


def link_svg(url: str) -> Markup:
    """Return the QR of a link, for another phone to open; like `qr_svg` in all else."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(url)
    return draw_svg(code.get_matrix())


def draw_svg(matrix: Sequence[Sequence[bool]]) -> Markup:
    side = len(matrix)
    path = "".join(
        f"M{x} {y}h{length}v1h-{length}z"
        for y, row in enumerate(matrix)
        for x, length in dark_runs(row)
    )
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="qr" viewBox="0 0 {side} {side}" aria-hidden="true"'
        ' focusable="false" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>'
        f'<path fill="#000" d="{path}"/></svg>'
    )


@lru_cache(maxsize=CACHE_SIZE)
def qr_png(text: str) -> bytes:
    """Return the QR of a code as a PNG of one bit a pixel, quiet zone included."""
    picture = Image.new("1", (SIDE_MODULES, SIDE_MODULES), 1)
    picture.putdata([not dark for row in qr_matrix(text) for dark in row])
    side = SIDE_MODULES * PIXELS_PER_MODULE
    file = BytesIO()
    picture.resize((side, side), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def qr_matrix(text: str) -> Matrix:
    """Return the modules row by row, True for dark, quiet zone included: 33 by 33.

    `text` is a printed code of 29 characters; ValueError for what can't be one.
    """
    if len(text) != 29:
        raise ValueError("a printed code has 29 characters")
    code = qrcode.QRCode(
        version=QR_VERSION,
        error_correction=ERROR_CORRECT_Q,
        border=QUIET_ZONE,
        mask_pattern=MASK_PATTERN,
    )
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM))  # type: ignore[call-overload]
    code.make(fit=False)
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def dark_runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    """Return where dark modules stand together, as (start, length)."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((x, 1))
    return runs
