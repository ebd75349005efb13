"""Servers of a test's own, which it may stop, kill and start again."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.ports import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@functools.cache
def find_postgresql() -> Path | None:
    """The folder of the server's programs."""
    found = shutil.which("initdb")
    return Path(found).parent if found else BINARIES[-1] if BINARIES else None


class OwnPostgreSQL:
    """A server with an empty database `rsvp`: `with OwnPostgreSQL() as server`."""

    def __init__(self) -> None:
        binaries = find_postgresql()
        if binaries is None:
            why = "the programs of PostgreSQL's server are not installed"
            if os.environ.get("CI"):
                pytest.fail(f"required in CI: {why}", pytrace=False)
            pytest.skip(why)
        self.binaries = binaries
        self.port = free_port()
        self.uri = f"postgresql://postgres@127.0.0.1:{self.port}/rsvp"

    def __enter__(self) -> OwnPostgreSQL:
        self.folder = Path(tempfile.mkdtemp(prefix="rsvp-postgresql-"))
        # It refuses to run as root.
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self.user = {"user": "postgres", "cwd": "/"}
            shutil.chown(self.folder, "postgres")
        locale = ("--encoding=UTF8", "--locale=C.UTF-8")
        self.run("initdb", "--username=postgres", "--no-sync", *locale)
        with (self.folder / "data/postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\n"
                "unix_socket_directories = ''\nfsync = off\n"
            )
        self.control("start")
        address = self.uri.replace("/rsvp", "/postgres")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE rsvp")
        return self

    def __exit__(self, *_: object) -> None:
        self.control("stop", "-m", "immediate")
        shutil.rmtree(self.folder)

    def control(self, *args: str) -> None:
        self.run("pg_ctl", *args, "-w", "-t", "30", "-l", str(self.folder / "log"))

    def run(self, program: str, *args: str) -> None:
        subprocess.run(
            [self.binaries / program, "-D", self.folder / "data", *args],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.user,
        )


class SilentServer:
    """A server that accepts every connection and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self.socket.getsockname()[1])

    def __enter__(self) -> SilentServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class OwnRedis:
    """A Redis that keeps nothing: `with OwnRedis() as server`."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            why = "redis-server is not installed"
            if os.environ.get("CI"):
                pytest.fail(f"required in CI: {why}", pytrace=False)
            pytest.skip(why)
        self.program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> OwnRedis:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        keep_nothing = ("--save", "", "--appendonly", "no")
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), *keep_nothing],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("redis-server does not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
