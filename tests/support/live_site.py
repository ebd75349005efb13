"""Real sites for load and process tests: `rsvp serve` on a database of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import TEST_SETTINGS, new_postgresql_database
from tests.paths import ROOT
from tests.support.ports import free_port

RSVP_COMMAND = [str(Path(sys.executable).with_name("rsvp"))]


@dataclass
class Site:
    """A running site: where it answers, and the settings to reach its database with."""

    port: int
    environ: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return self.environ["RSVP_PUBLIC_URL"]

    @property
    def settings(self) -> dict[str, str]:
        """For `create_app` in a test, to look at the same database."""
        return {
            "INSTANCE_PATH": self.environ["RSVP_INSTANCE_PATH"],
            "SQLALCHEMY_DATABASE_URI": self.environ["RSVP_SQLALCHEMY_DATABASE_URI"],
            "CODE_KEY": self.environ["RSVP_CODE_KEY"],
            "SECRET_KEY": self.environ["RSVP_SECRET_KEY"],
        }


@contextlib.contextmanager
def run_site(engine: str, **settings: str) -> Iterator[Site]:
    """A site on an empty database of that engine (`sqlite`, `postgresql`), ready."""
    with contextlib.ExitStack() as stack:
        instance = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = f"sqlite:///{instance / 'rsvp.db'}"
        if engine == "postgresql":
            name = f"rsvp_site_{os.getpid()}_{free_port()}"
            uri = stack.enter_context(new_postgresql_database(name))
        port = free_port()
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RSVP_")} | {
            "RSVP_INSTANCE_PATH": str(instance),
            "RSVP_SQLALCHEMY_DATABASE_URI": uri,
            "RSVP_CODE_KEY": TEST_SETTINGS["CODE_KEY"],
            "RSVP_SECRET_KEY": TEST_SETTINGS["SECRET_KEY"],
            "RSVP_PORT": str(port),
            "RSVP_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "RSVP_FORM_LIMIT": "1000000 per minute",
            **{f"RSVP_{name}": value for name, value in settings.items()},
        }
        run_rsvp("init", environ=environ)
        process = subprocess.Popen([*RSVP_COMMAND, "serve"], env=environ, cwd=ROOT)
        try:
            wait_until_ready(port, process)
            yield Site(port, environ, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_rsvp(*words: str, environ: dict[str, str], stdin: str | None = None) -> str:
    """Run the `rsvp` command to its end and give what it printed."""
    done = subprocess.run(
        [*RSVP_COMMAND, *words],
        env=environ,
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    address = f"http://127.0.0.1:{port}/health/ready"
    for _ in range(600):
        assert process.poll() is None, "the server ended by itself"
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(address, timeout=5),
        ):
            return
        time.sleep(0.05)
    raise AssertionError("the site did not get ready")


EVENT = """
slug: {slug}
title: Letters by the Lamp
summary: An evening of reading aloud.
description: We eat together first, then read a few short texts and talk.
timezone: Europe/Amsterdam
starts: 2035-01-29 18:00
ends: 2035-01-29 21:30
venue: {{name: The Boat House, address: Quay 1}}
hosts: [{{name: Reading Room}}]
admissions:
  - key: seat
    name: In person
    mode: in_person
    capacity: {capacity}
    waitlist: true
registration: {{required: true, party_max: 2}}
contact: hello@reading-room.example.org
"""


def publish_event(here: Site, slug: str, capacity: str) -> None:
    text = EVENT.format(slug=slug, capacity=capacity)
    run_rsvp("event", "import", "-", environ=here.environ, stdin=text)
