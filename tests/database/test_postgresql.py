"""PostgreSQL: connections set up by us, and servers that go, hang, and come back."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from rsvp import create_app, startup
from rsvp.config import UnsafeStart
from rsvp.database import outages, postgresql
from rsvp.database.outages import OutageKind
from rsvp.extensions import db
from rsvp.models import Event, Registration
from tests.conftest import TEST_SETTINGS, new_postgresql_database
from tests.support import services
from tests.support.pages.registration_form import (
    form_data,
    make_upcoming_event,
    submit_form,
)
from tests.support.servers import OwnPostgreSQL, SilentServer

pytestmark = pytest.mark.postgresql

WITHIN = 10
"""Seconds in which a site is well again once its database is back."""


@contextlib.contextmanager
def site(tmp_path: Path, uri: str, **settings: Any) -> Iterator[Flask]:
    """An application on that database, as it is in real use."""
    app = create_app(
        TEST_SETTINGS
        | {
            "INSTANCE_PATH": str(tmp_path),
            "SQLALCHEMY_DATABASE_URI": uri,
            "PROPAGATE_EXCEPTIONS": False,
            "FORM_LIMIT": "100000 per minute",
        }
        | settings
    )
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def here(postgresql_app: Flask) -> Iterator[None]:
    """Inside of an application on this machine's server."""
    with postgresql_app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


# --- what others set ----------------------------------------------------------------

ODD = {
    "DateStyle": "SQL, DMY",
    "TimeZone": "Asia/Kathmandu",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "row_security": "off",
    "synchronous_commit": "off",
    "extra_float_digits": "-15",
    "xmloption": "document",
}


def test_what_a_databases_settings_say_otherwise_changes_nothing(
    tmp_path: Path, worker_name: str
):
    name = f"rsvp_odd_{worker_name}".lower()
    with new_postgresql_database(name) as uri:
        with psycopg.connect(services.POSTGRESQL, autocommit=True) as server:
            for setting, value in ODD.items():
                change = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)
                )
                server.execute(change)
        with site(tmp_path, uri) as app, app.app_context():
            startup.initialise()
            startup.verify(writes=True)
            event = make_upcoming_event(title="Žluťoučký kůň 🐎")
            starts = event.starts_at
            sent = submit_form(app.test_client(), event, name="Ólafur Ðøng")
            assert sent.status_code == 303
            db.session.expire_all()
            assert event.title == "Žluťoučký kůň 🐎"
            assert event.starts_at == starts
            assert setting_of("synchronous_commit") == "on"
            assert setting_of("TimeZone") == "UTC"
            # A rollback takes nothing of it back.
            db.session.rollback()
            assert setting_of("transaction_isolation") == "read committed"
            assert setting_of("lock_timeout") == "10s"


def setting_of(name: str) -> str:
    return str(db.session.scalar(text(f"SHOW {name}")))


def test_what_an_operator_chose_of_durability_is_left(here: None, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=local")
    db.engine.dispose()
    assert setting_of("synchronous_commit") == "local"


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_in_another_encoding_is_refused(
    tmp_path: Path, worker_name: str, encoding: str
):
    name = f"rsvp_{encoding}_{worker_name}".lower()
    with new_postgresql_database(name) as uri:
        with psycopg.connect(services.POSTGRESQL, autocommit=True) as server:
            for statement in (
                "DROP DATABASE {name}",
                "CREATE DATABASE {name} ENCODING {encoding} LOCALE 'C' "
                "TEMPLATE template0",
            ):
                server.execute(
                    sql.SQL(statement).format(
                        name=sql.Identifier(name), encoding=sql.Literal(encoding)
                    )
                )
        with site(tmp_path, uri) as app, app.app_context():
            for start in (startup.initialise, startup.verify):
                with pytest.raises(UnsafeStart, match=f"encoding is {encoding}"):
                    start()


# --- roles that may not -------------------------------------------------------------


@contextlib.contextmanager
def other_role(name: str, *rights: str) -> Iterator[str]:
    """The address of the database in `uri` for a role with these rights alone."""
    role = f"{name}_reader"
    admin = services.POSTGRESQL.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        try:
            for right in rights:
                to = sql.SQL(" TO {}").format(sql.Identifier(role))
                server.execute(sql.SQL("GRANT ") + sql.SQL(right) + to)
            yield admin.replace("//postgres@", f"//{role}@")
        finally:
            server.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_role_that_may_not_write_is_refused(tmp_path: Path, worker_name: str):
    name = f"rsvp_roles_{worker_name}".lower()
    all_tables = "ON ALL TABLES IN SCHEMA public"
    all_but = f"SELECT, UPDATE, DELETE {all_tables}"
    with new_postgresql_database(name) as uri:
        refused_with(tmp_path, name, (), startup.initialise, "for schema public")
        with site(tmp_path, uri) as app, app.app_context():
            startup.initialise()
        for rights, refused in (
            ((), "permission denied"),
            ((f"SELECT {all_tables}",), "permission denied for table code_keys"),
            ((all_but,), "delete in admission_steps|delete in admissions"),
        ):
            refused_with(
                tmp_path, name, rights, lambda: startup.verify(writes=True), refused
            )


def refused_with(
    tmp_path: Path,
    name: str,
    rights: tuple[str, ...],
    start: Callable[[], None],
    why: str,
) -> None:
    with (
        other_role(name, *rights) as theirs,
        site(tmp_path, theirs) as app,
        app.app_context(),
        pytest.raises(UnsafeStart, match=why) as refusal,
    ):
        start()
    assert "the database can only be read" in str(refusal.value)


# --- servers that go and come back --------------------------------------------------


class Load:
    """People who look and register, one after the other, in several threads."""

    def __init__(self, app: Flask, event: Event, threads: int = 4) -> None:
        self.app = app
        self.slug, self.form = event.slug, form_data(event)
        self.statuses: Counter[int] = Counter()
        self.kept: set[str] = set()
        self.last_success = [0.0] * threads
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self.go, args=(n,)) for n in range(threads)
        ]

    def go(self, number: int) -> None:
        client = self.app.test_client()
        for tries in range(100_000):
            if self.over.is_set():
                return
            who = {"email": f"p{number}x{tries}@example.org", "name": f"Ada {tries}"}
            page = f"/events/{self.slug}"
            self.statuses[client.get(page).status_code] += 1
            sent = client.post(f"{page}/registrations", data=self.form | who)
            self.statuses[sent.status_code] += 1
            if sent.status_code == 303:
                self.kept.add(who["email"])
                self.last_success[number] = time.monotonic()

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a thread hangs"

    def all_succeed_after(self, instant: float) -> bool:
        ends_at = time.monotonic() + WITHIN
        while time.monotonic() < ends_at:
            if min(self.last_success) > instant:
                return True
            time.sleep(0.05)
        return False


def test_a_restart_under_load_is_some_503s_and_loses_nothing(tmp_path: Path):
    with OwnPostgreSQL() as server, site(tmp_path, server.uri) as app:
        with app.app_context():
            startup.initialise()
            event = make_upcoming_event({"capacity": None})
            load = Load(app, event)
        with load:
            assert load.all_succeed_after(time.monotonic())
            server.control("restart", "-m", "immediate")
            assert load.all_succeed_after(time.monotonic())
            hang_up(server)
            assert load.all_succeed_after(time.monotonic())
        with app.app_context():
            assert set(load.statuses) <= {200, 303, 503}, load.statuses
            assert load.kept <= addresses(), load.statuses


def hang_up(server: OwnPostgreSQL) -> None:
    """As a proxy in between does that is started again."""
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'rsvp'"
    )
    address = server.uri.replace("/rsvp", "/postgres")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL(end))


def addresses() -> set[str]:
    return set(db.session.scalars(select(Registration.email)))


def test_a_server_that_hangs_costs_seconds_and_is_then_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(postgresql.CONNECT_OPTIONS, "connect_timeout", 2)
    with SilentServer() as server:
        uri = f"postgresql://postgres@127.0.0.1:{server.port}/rsvp"
        with site(tmp_path, uri) as app:
            client, took = app.test_client(), []
            for _ in range(4):
                began = time.monotonic()
                assert client.get("/events/evening").status_code == 503
                took.append(time.monotonic() - began)
    assert took[0] < 4
    assert max(took[1:]) < 0.5


def test_a_server_that_stops_in_the_middle_is_given_up(
    here: None, monkeypatch: pytest.MonkeyPatch
):
    pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    driver = db.session.connection().connection.driver_connection
    assert isinstance(driver, postgresql.TimedConnection)
    driver.patience = 0.2
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(OperationalError, match="does not answer"):
            db.session.scalar(text("SELECT 1"))
        db.session.rollback()
        assert db.session.scalar(text("SELECT 1")) == 1
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_connection_that_was_closed_meanwhile_is_noticed_without_a_question(
    here: None,
):
    pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    db.session.rollback()
    with psycopg.connect(services.POSTGRESQL, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert db.session.scalar(text("SELECT pg_backend_pid()")) != pid


def test_what_takes_longer_than_it_may_is_ended_by_the_server(here: None):
    db.session.execute(text("SELECT set_config('statement_timeout', '50', true)"))
    with pytest.raises(OperationalError) as ended:
        db.session.execute(text("SELECT pg_sleep(20)"))
    assert outages.find(ended.value) == outages.Outage(
        OutageKind.BUSY, "SQLSTATE 57014"
    )
    db.session.rollback()


def test_changing_the_tables_may_take_its_time(here: None):
    with db.engine.connect() as connection:
        postgresql.disable_timeouts(connection)
        limits = connection.exec_driver_sql("SHOW statement_timeout").scalar()
        driver = connection.connection.driver_connection
        assert (limits, driver.patience) == ("0", None)
    # The next who has the connection waits as all do.
    with db.engine.connect() as connection:
        limits = connection.exec_driver_sql("SHOW statement_timeout").scalar()
        driver = connection.connection.driver_connection
        assert (limits, driver.patience) == ("1min", postgresql.MAX_ANSWER_SECONDS)
