"""The doorbell: rung after a commit that wrote mails, and never in anybody's way."""

from __future__ import annotations

import sys
import time

import pytest
from sqlalchemy import event as sqlalchemy_event

from rsvp import broker, create_app
from rsvp.config import UnsafeStart
from rsvp.db import writing
from rsvp.extensions import db
from tests.conftest import TEST_SETTINGS
from tests.support.factories import make_event, register
from tests.support.servers import SilentServer

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def rings(app):
    """How often the bell was rung; each time nothing of what wrote is still open."""
    rings = []
    hooked = db.engine.__dict__
    hooked["rsvp_after_mails"] = lambda: rings.append(db.session().in_transaction())
    listener = (db.engine, "before_cursor_execute", broker.note_new_mails)
    sqlalchemy_event.listen(*listener)
    yield rings
    sqlalchemy_event.remove(*listener)
    del hooked["rsvp_after_mails"]


def test_it_rings_once_for_a_commit_that_wrote_mails(rings):
    event = make_event()
    assert rings == []
    register(event)
    assert rings == [False]


def test_what_was_rolled_back_wakes_nobody(rings):
    event = make_event()
    with pytest.raises(ZeroDivisionError), writing() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO messages (id) SELECT 1 WHERE 1=0"
        )
        raise ZeroDivisionError
    with writing():
        pass
    assert event.id
    assert rings == []


def test_a_broker_that_is_not_there_is_told_once_and_nobody_waits(app, caplog):
    bell = broker.WorkerNotifier(NOBODY)
    before = time.monotonic()
    for _ in range(100):
        bell.notify()
    assert time.monotonic() - before < 0.5
    end = time.monotonic() + 20
    while not caplog.records and time.monotonic() < end:
        time.sleep(0.02)
    (told,) = caplog.records
    assert told.getMessage().startswith("the broker can't be reached (")


@pytest.mark.parametrize(
    ("url", "installed", "why"),
    [
        ("http://127.0.0.1", True, "must start with redis:// or amqp://"),
        (NOBODY, False, "Celery is not installed"),
    ],
)
def test_a_start_is_refused_with(tmp_path, monkeypatch, url, installed, why):
    if not installed:
        monkeypatch.setitem(sys.modules, "celery", None)
    settings = {"INSTANCE_PATH": str(tmp_path), "CELERY_BROKER_URL": url}
    with pytest.raises(UnsafeStart, match=why):
        create_app(TEST_SETTINGS | settings)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_says_nothing_is_left_alone_soon(
    scheme: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(broker, "BROKER_TIMEOUT", 0.2)
    with SilentServer() as server:
        bell = broker.WorkerNotifier(f"{scheme}://127.0.0.1:{server.port}/0")
        before = time.monotonic()
        for _ in range(100):
            bell.notify()
        assert time.monotonic() - before < 0.5
        end = time.monotonic() + 20
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.02)
    assert caplog.text.count("the broker can't be reached (") == 1
