"""A camera that sees what a test holds up: Chromium's fake one, with a film of ours."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import qrcode
from PIL import Image
from playwright.sync_api import Browser, Playwright

from tests import services
from tests.e2e.watching import SWITCHES

SIZE = (640, 480)
A_SECOND = 30
"""Pictures that Chromium shows in one."""


class Camera:
    """A film that runs around: each text's QR for a while, then nothing for a while.

    What is shown anew is seen once the page starts its camera again.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "camera.mjpeg"
        self.show()

    def show(self, *texts: str) -> None:
        """Hold the codes up one after the other, each for a second and a half."""
        nothing = picture(None)
        film = [nothing] * (A_SECOND // 2)
        for text in texts:
            film += [picture(text)] * (A_SECOND * 3 // 2)
            film += [nothing] * (A_SECOND // 2)
        self.file.write_bytes(b"".join(film))

    @property
    def switches(self) -> list[str]:
        return [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={self.file}",
            "--autoplay-policy=no-user-gesture-required",
        ]


def picture(text: str | None) -> bytes:
    """One JPEG: a hand's breadth of grey, with the text's QR on white in its middle."""
    image = Image.new("RGB", SIZE, "#b8b0a4")
    if text is not None:
        code = qrcode.QRCode(
            error_correction=qrcode.constants.ERROR_CORRECT_Q, box_size=10, border=4
        )
        code.add_data(text)
        shown = code.make_image().get_image().convert("RGB")
        image.paste(
            shown, ((SIZE[0] - shown.width) // 2, (SIZE[1] - shown.height) // 2)
        )
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88)
    return written.getvalue()


@contextlib.contextmanager
def browser_with(playwright: Playwright, camera: Camera) -> Iterator[Browser]:
    """A browser of its own, since the camera is chosen when it starts."""
    browser = playwright.chromium.launch(
        executable_path=services.CHROMIUM, args=[*SWITCHES, *camera.switches]
    )
    try:
        yield browser
    finally:
        browser.close()
