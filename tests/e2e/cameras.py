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

    def show(self, *held: str | tuple[str, ...]) -> None:
        """Hold codes up one after the other, each for a second and a half; those of a
        tuple together."""
        nothing = picture()
        film = [nothing] * (A_SECOND // 2)
        for texts in held:
            texts = (texts,) if isinstance(texts, str) else texts
            film += [picture(*texts)] * (A_SECOND * 3 // 2)
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


def picture(*texts: str) -> bytes:
    """One JPEG: a grey wall, with the texts' QRs on white in its middle."""
    image = Image.new("RGB", SIZE, "#b8b0a4")
    codes = [qr(text, 10 if len(texts) == 1 else 6) for text in texts]
    left = (SIZE[0] - sum(code.width for code in codes)) // 2
    for code in codes:
        image.paste(code, (left, (SIZE[1] - code.height) // 2))
        left += code.width
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88)
    return written.getvalue()


def qr(text: str, module: int) -> Image.Image:
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_Q, box_size=module, border=4
    )
    code.add_data(text)
    shown: Image.Image = code.make_image().get_image().convert("RGB")
    return shown


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
