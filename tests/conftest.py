"""Fixtures: the application on a real database of each engine, empty for each test."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from psycopg import sql
from sqlalchemy import text

from rsvp import create_app, startup
from rsvp.db import Base, writing
from rsvp.extensions import db, limiter
from rsvp.models import CodeKey, Team
from rsvp.web.caching import events as cached_events
from rsvp.web.caching import pages as cached_pages
from tests.support import services
from tests.support.raw_smtp_server import encrypting, raw  # noqa: F401 - fixtures
from tests.support.smtp_server import smtp  # noqa: F401 - a fixture

TEST_SETTINGS: dict[str, Any] = {
    "TESTING": True,
    "SECRET_KEY": "a test's secret key, long enough to be one",
    "CODE_KEY": "73b97e1beeb053932b5ea5abac651a58dab519380e497c6494e4734057a02358",
    "PUBLIC_URL": "https://rsvp.example.org",
    "SESSION_COOKIE_SECURE": False,
    # One mail after the other: what comes of them is the same each time.
    "MAIL_CONNECTIONS": 1,
}


@pytest.fixture(autouse=True)
def _services(request: pytest.FixtureRequest) -> None:
    for service in ("postgresql", "redis", "browser"):
        if request.node.get_closest_marker(service):
            services.need(service)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave PostgreSQL to `make soak` where `one_engine` says so.

    How most rules write and lock is tested on both engines by a few tests of their
    module (`both_engines`) and by its neighbours; of pages, the words and the forms are
    of interest. Of lists and exports, those tests run on both at all times that ask for
    rows in their own way: by search, by page, in order, as a stream.
    """
    for item in items:
        params = getattr(item, "callspec", None)
        engine = params.params.get("app") if params else None
        has_marker = item.get_closest_marker
        is_left = has_marker("one_engine") and not has_marker("both_engines")
        if engine == "postgresql" and is_left:
            item.add_marker(pytest.mark.soak)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    """The closing line: what was skipped, and why."""
    yield
    whys = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    told = [f"{number} ({why})" for why, number in whys.most_common()]
    if "not soak" in config.option.markexpr:
        told.append("the long proofs (make soak runs them)")
    terminalreporter.write_line(f"skipped: {'; '.join(told) or 'nothing'}")


@pytest.fixture(scope="session")
def worker_name() -> str:
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'only')}_{os.getpid()}"


@pytest.fixture(scope="session")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    app = create_app(
        TEST_SETTINGS | {"INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))}
    )
    with app.app_context():
        startup.initialise()
        db.session.remove()
        db.engine.dispose()
    file = database_file(app)
    shutil.copy(file, file.with_suffix(".empty"))
    return app


@pytest.fixture(scope="session")
def postgresql_app(
    tmp_path_factory: pytest.TempPathFactory, worker_name: str
) -> Iterator[Flask]:
    services.need("postgresql")
    with new_postgresql_database(f"rsvp_test_{worker_name}") as uri:
        app = create_app(
            TEST_SETTINGS
            | {
                "INSTANCE_PATH": str(tmp_path_factory.mktemp("instance")),
                "SQLALCHEMY_DATABASE_URI": uri,
            }
        )
        with app.app_context():
            startup.initialise()
        yield app
        with app.app_context():
            db.engine.dispose()


class new_postgresql_database:  # noqa: N801 - reads as the verb it is
    """A database of its own on the running server, until the end: `with … as uri`."""

    def __init__(self, name: str) -> None:
        self.name = name.lower()

    def __enter__(self) -> str:
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self.run("CREATE DATABASE {}")
        return services.POSTGRESQL.rsplit("/", 1)[0] + "/" + self.name

    def __exit__(self, *_: object) -> None:
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def run(self, statement: str) -> None:
        with psycopg.connect(services.POSTGRESQL, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(self.name)))


@pytest.fixture(params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """The application with an app context and an empty database; once per engine."""
    app: Flask = request.getfixturevalue(f"{request.param}_app")
    with app.app_context():
        empty_database(app)
        limiter.reset()
        cached_pages.clear_pages(app)
        app.extensions.get(cached_events.EXTENSION, {}).clear()
        # Tests look again at once; how a page rests has a test of its own.
        monkeypatch.setattr(cached_pages, "GRACE_FACTOR", 0)
        app.test_client_class = Visitor
        yield app
        db.session.remove()


class Visitor(FlaskClient):
    """A browser. Each request begins with an empty `g`, although the test holds an
    application context open, which requests would share."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        for name in list(g) if has_app_context() else ():
            g.pop(name)
        return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def empty_database(app: Flask) -> None:
    """Back to what `rsvp init` leaves: the tables, the default team, the key."""
    if db.engine.dialect.name == "sqlite":
        db.engine.dispose()
        file = database_file(app)
        for leftover in file.parent.glob(f"{file.name}-*"):
            leftover.unlink()
        shutil.copy(file.with_suffix(".empty"), file)
        return
    with writing() as session:
        session.connection().exec_driver_sql(emptying(app))
        session.add(Team(slug="default", name="RSVP"))
        session.add(CodeKey(id=startup.current_key_id()))


def emptying(app: Flask) -> str:
    """The statement that takes all rows and begins the numbers anew.

    TRUNCATE would make new files and wait for the disk: fifty times as long.
    """
    made: str | None = app.extensions.get("rsvp_emptying")
    if made is None:
        tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
        wanted = "SELECT quote_ident(sequencename) FROM pg_sequences"
        rows = db.session.execute(text(f"{wanted} WHERE schemaname = 'public'"))
        numbers = ", ".join(f"setval('{row[0]}', 1, false)" for row in rows)
        deleted = "; ".join(f"DELETE FROM {table}" for table in tables)
        made = app.extensions["rsvp_emptying"] = f"{deleted}; SELECT {numbers}"
    return made


def database_file(app: Flask) -> Path:
    return Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
