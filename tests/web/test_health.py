"""Health: a living process, and one that is ready to serve."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, text
from sqlalchemy.exc import OperationalError

from rsvp import startup
from rsvp.db import writing
from rsvp.models import CodeKey
from rsvp.web import health


def test_a_process_that_answers_lives(client: FlaskClient):
    answer = client.get("/health/live")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_all_well_is_ready(client: FlaskClient):
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ok",
        "checks": {"database": "ok", "schema": "ok", "code_key": "ok"},
    }


def failed_checks(client: FlaskClient) -> list[str]:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert client.get("/health/live").status_code == 200
    return [name for name, was in answer.get_json()["checks"].items() if was != "ok"]


def test_an_older_schema_is_not_ready(client: FlaskClient, monkeypatch):
    monkeypatch.setattr(startup, "newest_version", lambda: "9999")

    assert failed_checks(client) == ["schema"]


def test_another_code_key_is_not_ready(app: Flask, client: FlaskClient):
    ours = startup.our_key_id()
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
    def unreachable() -> bool:
        raise OperationalError("SELECT 1", {}, Exception("password of rsvp@db failed"))

    monkeypatch.setattr(health, "database_is_well", unreachable)

    assert failed_checks(client) == ["database"]
    assert "password" not in client.get("/health/ready").text
    assert "password" not in caplog.text


@pytest.mark.parametrize("pragma", ["foreign_keys = OFF", "busy_timeout = 1"])
def test_a_database_set_up_otherwise_is_not_ready(app: Flask, client, pragma):
    engine = startup.db.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("these settings are SQLite's")
    with engine.connect() as connection:
        connection.connection.driver_connection.execute(f"PRAGMA {pragma}")
        connection.execute(text("SELECT 1"))
    try:
        assert failed_checks(client) == ["database"]
    finally:
        # Given back first: a connection closed later would take the next test's WAL.
        startup.db.session.remove()
        engine.dispose()
