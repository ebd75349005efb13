"""Fake cameras: Chromium's own with a film of ours, and those of a page (`PageCamera`),
which a test turns to what it likes."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import qrcode
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

from tests.e2e.browser_guard import CHROMIUM_SWITCHES
from tests.support import services

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

    def show(self, *held: str, seconds: int = 2) -> None:
        """Hold codes up one after the other, each for so long."""
        nothing = picture()
        film = [nothing] * (A_SECOND // 2)
        for text in held:
            film += [picture(text)] * (A_SECOND * seconds)
            film += [nothing] * (A_SECOND // 2)
        # Another file in its place: the browser may still be reading the one before.
        new = self.file.with_suffix(".new")
        new.write_bytes(b"".join(film))
        new.replace(self.file)

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
    codes = [qr(text, {1: 10, 2: 6}.get(len(texts), 4)) for text in texts]
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
def browser_with_camera(playwright: Playwright, camera: Camera) -> Iterator[Browser]:
    """A browser of its own, since the camera is chosen when it starts."""
    browser = playwright.chromium.launch(
        executable_path=services.CHROMIUM, args=[*CHROMIUM_SWITCHES, *camera.switches]
    )
    try:
        yield browser
    finally:
        browser.close()


class PageCamera:
    """Cameras in a page of any browser, made of a canvas; `devices` are their names.

    What is held up is seen at once. Cameras open at once, too, or when they are let
    (`wait_to_open`), and things happen to them (`ended`, `mute`, `unmute`).
    """

    def __init__(self, page: Page, *devices: str) -> None:
        self.page = page
        page.add_init_script(f"({SCRIPT})({list(devices or ('one',))!r})")

    def hold(self, *texts: str) -> None:
        shown = base64.b64encode(picture(*texts)).decode()
        self.page.evaluate("shown => heldUp.show(shown)", shown)

    def live(self) -> list[str]:
        """The devices that are in use, each as often as it is."""
        found: list[str] = self.page.evaluate("heldUp.live()")
        return found

    def opened(self) -> list[str]:
        """The devices that were opened so far."""
        found: list[str] = self.page.evaluate("heldUp.opened()")
        return found

    def happens(self, event: str) -> None:
        """Something happens to the camera that was opened last."""
        self.page.evaluate("event => heldUp.happens(event)", event)

    def wait_to_open(self) -> None:
        """From now on cameras open only once `open_all` lets them."""
        self.page.evaluate("heldUp.wait()")

    def open_all(self) -> None:
        self.page.evaluate("heldUp.openAll()")


SCRIPT = """(names) => {
  const size = { width: 640, height: 480 }
  const canvas = Object.assign(document.createElement("canvas"), size)
  const paper = canvas.getContext("2d")
  const opened = []
  let image = null
  let waiting = null

  setInterval(() => {
    paper.fillStyle = "#b8b0a4"
    paper.fillRect(0, 0, canvas.width, canvas.height)
    if (image) paper.drawImage(image, 0, 0)
  }, 30)

  function open({ video }) {
    const known = opened.length ? opened.at(-1).name : names[0]
    const name = video.deviceId?.exact ?? known
    const stream = canvas.captureStream(30)
    const [track] = stream.getVideoTracks()
    track.getSettings = () => ({ deviceId: name, torch: track.isLit ?? false })
    track.getCapabilities = () => ({ torch: true })
    // A light that is asked for and stays dark.
    track.applyConstraints = async () => {}
    opened.push({ name, track })
    return stream
  }

  Object.defineProperty(navigator, "mediaDevices", {
    value: Object.assign(new EventTarget(), {
      async getUserMedia(wanted) {
        if (waiting) await new Promise((done) => waiting.push(done))
        return open(wanted)
      },
      enumerateDevices: async () =>
        names.map((name) => ({ kind: "videoinput", deviceId: name, label: name })),
    }),
  })

  globalThis.heldUp = {
    async show(shown) {
      const bytes = Uint8Array.from(atob(shown), (sign) => sign.charCodeAt(0))
      image = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }))
    },
    opened: () => opened.map(({ name }) => name),
    live: () =>
      opened.filter(({ track }) => track.readyState === "live").map(({ name }) => name),
    happens(event) {
      const { track } = opened.at(-1)
      if (event === "ended") track.stop()
      track.dispatchEvent(new Event(event))
    },
    wait: () => (waiting ??= []),
    openAll() {
      const [...those] = waiting
      waiting = null
      for (const done of those) done()
    },
  }
}"""
