"""A real site whose PostgreSQL is killed, stopped and started again under load."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from sqlalchemy import select

from rsvp import create_app
from rsvp.db import utcnow
from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.models import Job, Registration
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.live_site import Site, publish_event, run_site
from tests.support.servers import OwnPostgreSQL

pytestmark = [pytest.mark.soak, pytest.mark.postgresql]

CLIENTS = 8
WITHIN = 10.0


class Clients:
    """People who look and register, each on a connection of their own."""

    def __init__(self, here: Site) -> None:
        self.here = here
        self.statuses: Counter[int] = Counter()
        self.kept: set[str] = set()
        self.succeeded_at = [0.0] * CLIENTS
        self.slowest = 0.0
        self.over = threading.Event()
        self.token = form_token(Connection(here.port).get("/events/evening").body)
        self.threads = [
            threading.Thread(target=self.go, args=(n,)) for n in range(CLIENTS)
        ]

    def go(self, number: int) -> None:
        connection = Connection(self.here.port)
        while not self.over.is_set():
            began = time.monotonic()
            self.statuses[connection.get("/events/evening").status] += 1
            who = form_fields(self.token, "seat")
            sent = connection.post("/events/evening/registrations", who)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.statuses[sent.status] += 1
            if sent.status == 303:
                self.kept.add(who["email"])
                self.succeeded_at[number] = time.monotonic()

    def __enter__(self) -> Clients:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a request hangs"

    def all_succeed(self) -> bool:
        """Whether each of them registers somebody from now on, in time."""
        began = time.monotonic()
        while time.monotonic() < began + WITHIN:
            if min(self.succeeded_at) > began:
                return True
            time.sleep(0.05)
        return False


def test_restarts_are_short_503s_and_lose_nothing(capfd: pytest.CaptureFixture[str]):
    with (
        OwnPostgreSQL() as server,
        run_site("sqlite", SQLALCHEMY_DATABASE_URI=server.uri) as here,
    ):
        publish_event(here, "evening", "null")
        with Clients(here) as clients:
            assert clients.all_succeed()
            for _ in range(4):
                server.control("restart", "-m", "immediate")
                assert clients.all_succeed()
            server.control("stop", "-m", "fast")
            time.sleep(3)
            server.control("start")
            back_at = utcnow()
            assert clients.all_succeed()
        assert set(clients.statuses) == {200, 303, 503}, clients.statuses
        with create_app(here.settings).app_context():
            stored = set(db.session.scalars(select(Registration.email)))
            assert clients.kept <= stored
            assert invariants.find_problems(utcnow()) == []
            # The worker has found its way back, too.
            end = time.monotonic() + 90
            while time.monotonic() < end:
                db.session.rollback()
                if max(db.session.scalars(select(Job.finished_at))) > back_at:
                    break
                time.sleep(0.5)
            else:
                raise AssertionError("no job has run since")
        assert here.process.poll() is None
    told = capfd.readouterr()
    print(clients.statuses, len(clients.kept), f"{clients.slowest:.1f} s at most")
    assert "Traceback" not in told.err
