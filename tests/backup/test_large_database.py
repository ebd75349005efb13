"""A large database: copied, encrypted and put back a piece at a time."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import TEST_SETTINGS
from tests.support.serve_process import IS_LINUX, RSVP_COMMAND
from tests.support.serve_process import ServeProcess as Running

MEGABYTES = 400
MOST = 160
"""Megabytes of memory; a command that does nothing has about 90."""

FILL = (
    "INSERT INTO audit_entries (at, actor, verb, details) "
    "VALUES ('2026-11-30 12:00:00', 'command', 'note', {})"
)


def fill(site) -> None:
    dice = random.Random(7)
    rows = (('"' + dice.randbytes(2000).hex() + '"',) for _ in range(MEGABYTES * 250))
    if site.is_sqlite:
        with contextlib.closing(sqlite3.connect(site.database)) as opened:
            opened.executemany(FILL.format("?"), rows)
            opened.commit()
        return
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri) as server, server.cursor() as cursor:
        columns = "(at, actor, verb, details)"
        with cursor.copy(f"COPY audit_entries {columns} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(("2026-11-30 12:00:00Z", "command", "note", *row))


MEASURED = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(ended.returncode)
"""


@pytest.mark.soak
@pytest.mark.skipif(not IS_LINUX, reason="memory is measured in Linux's units")
def test_memory_does_not_grow_with_the_database(site, tmp_path):
    fill(site)
    environment = Running(site.folder, RSVP_CODE_KEY=TEST_SETTINGS["CODE_KEY"])
    values = dict(environment.environment)
    if not site.is_sqlite:
        uri = site.settings["SQLALCHEMY_DATABASE_URI"]
        values["RSVP_SQLALCHEMY_DATABASE_URI"] = uri

    def megabytes(*args: str | Path) -> int:
        command = [sys.executable, "-c", MEASURED, RSVP_COMMAND, *map(str, args)]
        ended = subprocess.run(command, env=values, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        print(args, ended.stdout.splitlines()[-1])
        return int(ended.stdout.splitlines()[-1])

    file, key = tmp_path / "site.backup", tmp_path / "key"
    public = subprocess.check_output(
        [RSVP_COMMAND, "backup-key", key], text=True
    ).strip()
    assert megabytes("backup", file, "--recipient", public) < MOST
    assert file.stat().st_size > 200_000_000
    assert megabytes("restore", file, "--replace", "--identity", key) < MOST
    # One that is too large for a passphrase says so.
    refused = subprocess.run(
        [RSVP_COMMAND, "backup", tmp_path / "other", "--passphrase"],
        env=values,
        input="a walk by the sea\n",
        capture_output=True,
        text=True,
    )
    assert "larger than 200 MB" in refused.stderr
    assert not (tmp_path / "other").exists()
