"""`rsvp serve` as a process of its own, in a process group as a terminal gives it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from tests.support.ports import free_port

RSVP_COMMAND = Path(sys.executable).with_name("rsvp")
IS_LINUX = sys.platform == "linux"


class ServeProcess:
    """A running `rsvp serve`, in a process group of its own as a terminal gives it."""

    def __init__(self, instance: Path, **settings: str) -> None:
        self.port = free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("RSVP_") and name != "PORT"
        } | {"RSVP_INSTANCE_PATH": str(instance), "RSVP_PORT": str(self.port)}
        self.environment |= settings
        self.log = instance / "log"

    def start(self, *options: str) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [RSVP_COMMAND, "serve", *options],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: "RSVP is running at" in self.told() or self.has_ended())
        assert not self.has_ended(), self.told()

    def told(self) -> str:
        return self.log.read_text()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def status(self, path: str) -> int:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return int(answer.status)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.status("/health/live") == 200
        return False

    def children(self) -> list[int]:
        """All its processes but itself: the worker, then those that answer."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return sorted(int(pid) for file in threads for pid in file.read_text().split())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def wait_until(happens: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def kill_remaining(site: ServeProcess) -> None:
    if hasattr(site, "process") and not site.has_ended():
        site.process.kill()
        site.process.wait()
