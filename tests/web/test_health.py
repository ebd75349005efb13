"""Health: a living process, and one that is ready to serve."""

import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, text, update
from sqlalchemy.exc import OperationalError

from rsvp import extensions, startup
from rsvp.database import disk_space
from rsvp.db import utcnow, writing
from rsvp.jobs.scheduler import run_due_jobs
from rsvp.models import CodeKey, Job, Worker
from rsvp.web import health
from tests.support.for_each import for_each


@pytest.fixture(autouse=True)
def _only_just_started(monkeypatch):
    """Most tests are about something else than the worker, which none has here."""
    monkeypatch.setattr(health, "STARTED_AT", time.monotonic())


def test_a_process_that_answers_lives(client: FlaskClient):
    answer = client.get("/health/live")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_all_well_is_ready(client: FlaskClient, monkeypatch):
    monkeypatch.setattr(disk_space, "LOW_BYTES", 0)
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ok",
        "checks": {
            "database": "ok",
            "schema": "ok",
            "code_key": "ok",
            "disk": "ok",
            "worker": "ok",
        },
    }


def failed_checks(client: FlaskClient) -> list[str]:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert client.get("/health/live").status_code == 200
    return [name for name, was in answer.get_json()["checks"].items() if was != "ok"]


def test_an_older_schema_is_not_ready(client: FlaskClient, monkeypatch):
    monkeypatch.setattr(startup, "latest_version", lambda: "9999")

    assert failed_checks(client) == ["schema"]


def test_another_code_key_is_not_ready(app: Flask, client: FlaskClient):
    ours = startup.current_key_id()
    with writing() as session:
        session.execute(delete(CodeKey))
        session.add(CodeKey(id="0" * 16))
    try:
        assert failed_checks(client) == ["code_key"]
    finally:
        with writing() as session:
            session.execute(delete(CodeKey))
            session.add(CodeKey(id=ours))


def test_a_database_out_of_reach_is_named_and_nothing_else_told(
    client: FlaskClient, monkeypatch, caplog: pytest.LogCaptureFixture
):
    def unreachable() -> str | None:
        raise OperationalError("SELECT 1", {}, Exception("password of rsvp@db failed"))

    monkeypatch.setitem(health.NEEDED, "database", unreachable)

    assert failed_checks(client) == ["database"]
    assert "password" not in client.get("/health/ready").text
    assert "password" not in caplog.text


@for_each("pragma", ["foreign_keys = OFF", "busy_timeout = 1"])
def test_a_database_set_up_otherwise_is_not_ready(app: Flask, client, pragma):
    engine = extensions.db.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("these settings are SQLite's")
    with engine.connect() as connection:
        connection.connection.driver_connection.execute(f"PRAGMA {pragma}")
        connection.execute(text("SELECT 1"))
    try:
        assert failed_checks(client) == ["database"]
    finally:
        # Given back first: a connection closed later would take the next test's WAL.
        extensions.db.session.remove()
        engine.dispose()


def test_a_disk_that_fills_is_told_while_requests_are_still_served(
    client: FlaskClient, monkeypatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(disk_space, "LOW_BYTES", 10**18)
    for _ in range(3):
        answer = client.get("/health/ready")

        assert answer.status_code == 200
        assert answer.get_json()["status"] == "degraded"
        assert answer.get_json()["checks"]["disk"] == "degraded"
    assert caplog.text.count("MB are free on the disk of the database") == 1

    monkeypatch.setattr(disk_space, "LOW_BYTES", 0)
    assert client.get("/health/ready").get_json()["status"] == "ok"
    assert "well again: disk" in caplog.text


def test_a_disk_has_room_names_and_can_be_written(tmp_path, monkeypatch):
    real = os.statvfs(tmp_path)
    numbers = {name: getattr(real, name) for name in dir(real) if name.startswith("f_")}
    enough = {"f_frsize": 4096, "f_bavail": 10**6, "f_files": 10**6, "f_flag": 0}

    def trouble(**differing: int) -> str | None:
        state = SimpleNamespace(**numbers | enough | {"f_favail": 10**6} | differing)
        monkeypatch.setattr(os, "statvfs", lambda _: state)
        return disk_space.find_shortage(tmp_path)

    assert trouble() is None
    assert trouble(f_bavail=48_828) == "199 MB are free on the disk of the database"
    assert trouble(f_bavail=48_829) is None
    assert trouble(f_flag=os.ST_RDONLY) is not None
    assert trouble(f_favail=99) is not None
    # btrfs makes names as it goes.
    assert trouble(f_files=0, f_favail=0) is None
    monkeypatch.undo()
    assert disk_space.find_shortage(tmp_path / "gone") is not None


def test_the_disk_looked_at_is_the_databases_or_ours(app: Flask):
    assert disk_space.data_folder(app) == Path(app.instance_path)


# --- the worker ---------------------------------------------------------------------

MINUTE = timedelta(minutes=1)


@pytest.fixture
def worker(client, monkeypatch):
    """What is said of the worker, of a site that was started a while ago."""
    monkeypatch.setattr(disk_space, "LOW_BYTES", 0)
    monkeypatch.setattr(
        health, "STARTED_AT", time.monotonic() - health.WORKER_GRACE_SECONDS
    )

    def check() -> str:
        answer = client.get("/health/ready")
        assert answer.status_code == 200  # requests are served all the same
        told = answer.get_json()
        assert told["status"] == told["checks"]["worker"]
        return str(told["status"])

    return check


def test_a_site_without_a_worker_is_degraded(worker, caplog):
    assert worker() == "degraded"
    assert "degraded: worker: none ran" in caplog.text
    run_due_jobs(utcnow() - 3 * MINUTE)
    assert worker() == "degraded"
    run_due_jobs(utcnow() - MINUTE)
    assert worker() == "ok"


def test_what_a_clock_that_was_ahead_noted_is_no_sign_of_a_worker(worker):
    run_due_jobs(utcnow() + timedelta(days=2))
    assert worker() == "degraded"


def test_one_that_is_at_a_long_job_works(worker):
    run_due_jobs(utcnow() - 60 * MINUTE)
    with writing() as session:
        held = {"lease_until": utcnow() + 5 * MINUTE, "holder": "elsewhere:1:1"}
        session.execute(update(Job).where(Job.name == "mailings").values(held))
    assert worker() == "ok"


@for_each(("ends", "state"), [(1, "ok"), (2, "degraded")], fresh=True)
def test_a_worker_that_ends_again_and_again_is_none(worker, ends, state, monkeypatch):
    run_due_jobs(utcnow())
    with writing() as session:
        why = {"why": "KeyError at lanes.py:7", "ended_at": utcnow()}
        session.add(Worker(host="vm", ends=ends, **why))
    assert worker() == state
    monkeypatch.setattr(health, "STARTED_AT", time.monotonic())
    assert worker() == state


def test_neither_is_one_that_can_do_a_part_of_its_work(worker):
    run_due_jobs(utcnow())
    with writing() as session:
        failing = {"failures": 2, "due_at": utcnow(), "runs": 0, "done": 0}
        session.add(Job(name="deliver", **failing))
    assert worker() == "degraded"
