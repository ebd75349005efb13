"""A Celery broker and workers of a test's own, which it may kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from rsvp import config
from tests.support.ports import free_port

REDIS_SERVER = shutil.which("redis-server")


class Broker:
    """A Redis that keeps nothing, on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [str(REDIS_SERVER), *options], stdout=subprocess.DEVNULL
        )
        wait_until(self.answers)

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client().ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_connect_timeout=2)

    def kill(self) -> None:
        """At once, with all that it has."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def broker() -> Iterator[Broker]:
    if REDIS_SERVER is None:
        if os.environ.get("CI"):
            pytest.fail("required in CI: redis-server is not installed", pytrace=False)
        pytest.skip("redis-server is not installed")
    broker = Broker()
    broker.start()
    yield broker
    broker.kill()


@contextlib.contextmanager
def celery_worker(
    app: Flask, url: str, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with its beat, on the database and mail server of `app`."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RSVP_")} | {
        "RSVP_INSTANCE_PATH": str(folder),
        "RSVP_SQLALCHEMY_DATABASE_URI": app.config["SQLALCHEMY_DATABASE_URI"],
        "RSVP_SECRET_KEY": app.config["SECRET_KEY"],
        "RSVP_CODE_KEY": app.config["CODE_KEY"].hex(),
        "RSVP_PUBLIC_URL": app.config["PUBLIC_URL"],
        "RSVP_MAIL_SERVER": "127.0.0.1",
        "RSVP_MAIL_PORT": str(app.config["MAIL_PORT"]),
        "RSVP_CELERY_BROKER_URL": url,
        "PYTHONPATH": os.pathsep.join([str(config.ROOT), *filter(None, [PATH])]),
    }
    options = ["--beat", "--concurrency=2", "--loglevel=warning"]
    alone = ["--without-gossip", "--without-mingle"]
    log = folder / "celery.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "celery", "-A", "rsvp.celery_app", "worker"]
        process = subprocess.Popen(
            [*command, *options, *alone], env=environ, stdout=out, stderr=out
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()


PATH = os.environ.get("PYTHONPATH", "")
PATIENCE = 60


def wait_until(
    happens: Callable[[], Any], process: subprocess.Popen[bytes] | None = None
) -> None:
    """Wait for it, as long as `process` is there."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert process is None or process.poll() is None, "the process has ended"
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
