"""Other processes on a test's database: each its own interpreter, application, engine.

They speak lines of JSON: `Process.hear` gives the next one a process said.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from rsvp import create_app
from rsvp.extensions import db
from tests.conftest import TEST_SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent


class Process:
    """`python -m <module>` beside the test, told what to do as one JSON value."""

    def __init__(self, module: str, app: Flask, **told: Any) -> None:
        settings = {"SQLALCHEMY_DATABASE_URI": app.config["SQLALCHEMY_DATABASE_URI"]}
        settings["INSTANCE_PATH"] = app.config["INSTANCE_PATH"]
        settings |= {n: told.pop(n) for n in list(told) if n.isupper()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("RSVP_")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.say({"settings": settings} | told)

    def say(self, value: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """What it says next; None once it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self.process.kill()
        self.process.wait(20)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def processes(
    module: str, app: Flask, count: int = 1, **told: Any
) -> Iterator[list[Process]]:
    """So many of them, numbered from 0 (`number`), until the end of the block."""
    db.session.remove()
    started = [Process(module, app, number=n, **told) for n in range(count)]
    try:
        yield started
    finally:
        for each in started:
            each.end()
        db.session.remove()


# --- within such a process ----------------------------------------------------------


def begin() -> tuple[Flask, dict[str, Any]]:
    """The application in its context, and what the test told."""
    told = json.loads(sys.stdin.readline())
    app = create_app(TEST_SETTINGS | told.pop("settings"))
    app.app_context().push()
    return app, told


def say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def wait() -> None:
    """Until the test says something."""
    sys.stdin.readline()
