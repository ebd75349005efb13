"""A disk that is full to the last byte: what can be read goes on, and what can't be
stored is said so, until there is room again."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from rsvp import create_app
from rsvp.db import utcnow
from rsvp.domain import invariants
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import events as event_queries
from tests.paths import ROOT
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.live_site import (
    RSVP_COMMAND,
    Site,
    publish_event,
    run_rsvp,
    run_site,
    wait_until_ready,
)

pytestmark = pytest.mark.soak

LARGE = 12 * 1024 * 1024
"""Bytes of the disk."""


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk of its own, where sites put their instance folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "none", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing fits any more."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    return filler


class Visitor:
    def __init__(self, here: Site) -> None:
        self.url = here.url
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))

    def ask(self, path: str, typed: dict[str, str] | None = None) -> tuple[int, str]:
        data = urlencode(typed).encode() if typed is not None else None
        try:
            with self.opener.open(self.url + path, data, timeout=30) as answer:
                return int(answer.status), answer.read().decode(errors="replace")
        except HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def sign_in(self, email: str, password: str) -> int:
        _, page = self.ask("/organize/sign-in")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        typed = {"csrf_token": token[1], "email": email, "password": password}
        return self.ask("/organize/sign-in", typed)[0]


def register(here: Site) -> int:
    connection = Connection(here.port)
    token = form_token(connection.get("/events/evening").body)
    who = form_fields(token, "seat")
    answer = connection.post("/events/evening/registrations", who)
    connection.close()
    if answer.status == 503:
        assert b"nothing was saved" in answer.body
        assert f'value="{who["email"]}"'.encode() in answer.body
    return answer.status


def test_a_full_disk_loses_nothing_and_stops_no_page(disk: Path):
    with run_site("sqlite") as here:
        publish_event(here, "evening", "5000")
        made = run_rsvp("user", "create", "ada@example.org", environ=here.environ)
        password = made.splitlines()[0].split()[-1]
        ada = Visitor(here)
        kept = sum(register(here) == 303 for _ in range(20))
        assert kept == 20
        assert '"status":"degraded"' in ada.ask("/health/ready")[1].replace(" ", "")

        filler = fill(disk)
        statuses = [register(here) for _ in range(100)]
        assert set(statuses) <= {303, 503}
        assert statuses[-20:] == [503] * 20
        kept += statuses.count(303)

        assert ada.sign_in("ada@example.org", password) == 200
        lists = "/organize/events/evening/registrations"
        for page in ("/", "/events/evening", "/events.ics", "/organize/", lists):
            assert ada.ask(page)[0] == 200, page
        for kind in ("csv", "xlsx"):
            assert ada.ask(f"{lists}.{kind}")[0] == 200
        assert ada.ask("/health/live")[0] == ada.ask("/health/ready")[0] == 200
        assert here.process.poll() is None
        complaint = fails(here, "user", "create", "bo@example.org")
        assert "the disk of the database is full" in complaint

        filler.unlink()
        assert [register(here) for _ in range(20)] == [303] * 20
        kept += 20
        with create_app(here.settings).app_context():
            rows = list(
                attendee_queries.iter_attendees(event_queries.find_event("evening").id)
            )
            assert len(rows) == kept
            assert invariants.find_problems(utcnow()) == []


def test_a_site_that_ended_on_a_full_disk_says_why_it_does_not_start(disk: Path):
    with run_site("sqlite") as here:
        publish_event(here, "evening", "5000")
        assert register(here) == 303
        fill(disk)
        here.process.terminate()
        assert here.process.wait(30) == 0
        filler = fill(disk)
        for command in ("serve", "init", "check"):
            complaint = fails(here, command)
            assert "the disk of the database is full" in complaint

        filler.unlink()
        here.process = subprocess.Popen(
            [*RSVP_COMMAND, "serve"], env=here.environ, cwd=ROOT
        )
        wait_until_ready(here.port, here.process)
        assert register(here) == 303


def fails(here: Site, *words: str) -> str:
    """What a command says that can't do what it should, in its one line."""
    ended = subprocess.run(
        [*RSVP_COMMAND, *words],
        cwd=ROOT,
        env=here.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr
    return ended.stderr
