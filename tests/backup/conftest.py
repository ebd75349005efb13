"""A site of its own for each test, on both engines: backed up, and put back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg import sql

from rsvp import create_app, startup
from rsvp.backup import create
from rsvp.backup import restore as backup_restore
from rsvp.extensions import db
from tests.conftest import TEST_SETTINGS, database_file, new_postgresql_database
from tests.support import services
from tests.support.factories import NOON, make_event, make_user, register


def ignore_progress(*_: Any) -> None:
    """Progress that nobody looks at."""


@dataclass
class Site:
    """A site as a command finds it: each `used` is another process's life."""

    folder: Path
    settings: dict[str, Any]

    @property
    def is_sqlite(self) -> bool:
        return "SQLALCHEMY_DATABASE_URI" not in self.settings

    @property
    def database(self) -> Path:
        return self.folder / "rsvp.db"

    def app(self, **more: Any) -> Flask:
        settings = TEST_SETTINGS | {"INSTANCE_PATH": str(self.folder)}
        return create_app(settings | self.settings | more)

    @contextlib.contextmanager
    def context(self, **more: Any) -> Iterator[Flask]:
        app = self.app(**more)
        with app.app_context():
            try:
                yield app
            finally:
                startup.close_database()

    @contextlib.contextmanager
    def used(self, **more: Any) -> Iterator[Flask]:
        with self.context(**more) as app:
            startup.verify()
            yield app

    def back_up(
        self, path: Path | None = None, *, now: datetime = NOON, **wishes: Any
    ) -> Path:
        path = path or self.folder.with_name("site.backup")
        with self.context() as app:
            create.to_file(
                app,
                path,
                create.BackupOptions(**wishes),
                now=now,
                progress=ignore_progress,
                force=True,
            )
        return path

    def restore(
        self,
        path: Path,
        *,
        now: datetime = NOON,
        config: dict[str, Any] | None = None,
        **wishes: Any,
    ) -> restore.Restored:
        with self.context(**(config or {})) as app:
            return backup_restore.restore_file(
                app,
                path,
                backup_restore.RestoreOptions(**wishes),
                now=now,
                progress=ignore_progress,
            )

    def rows(self) -> dict[str, list[Any]]:
        """Everything in its tables."""
        found = {}
        with self.used():
            for table in db.metadata.sorted_tables:
                rows = db.session.execute(table.select()).all()
                found[table.name] = sorted(map(str, rows))
        return found


@pytest.fixture(scope="session")
def postgresql_template(
    worker_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    name = f"work_backup_t_{worker_name}".lower()
    with new_postgresql_database(name) as uri:
        folder = tmp_path_factory.mktemp("template")
        site = Site(folder, {"SQLALCHEMY_DATABASE_URI": uri})
        with site.context():
            startup.initialise()
        yield name


@pytest.fixture
def sqlite_site(tmp_path: Path, sqlite_app: Flask) -> Site:
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    empty = database_file(sqlite_app).with_suffix(".empty")
    shutil.copy(empty, folder / "rsvp.db")
    site = Site(folder, {})
    with site.context():
        startup.initialise()
    return site


@pytest.fixture
def postgresql_site(
    tmp_path: Path, postgresql_template: str, worker_name: str
) -> Iterator[Site]:
    name = f"work_backup_{worker_name}".lower()
    folder = tmp_path / "instance-of-postgresql"
    folder.mkdir(mode=0o700)
    uri = services.POSTGRESQL.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(services.POSTGRESQL, autocommit=True) as server:

        def run(statement: str) -> None:
            names = map(sql.Identifier, (name, postgresql_template))
            server.execute(sql.SQL(statement).format(*names))

        run("DROP DATABASE IF EXISTS {0} WITH (FORCE)")
        run("CREATE DATABASE {0} TEMPLATE {1}")
        site = Site(folder, {"SQLALCHEMY_DATABASE_URI": uri})
        with site.context():
            startup.initialise()
        yield site
        run("DROP DATABASE IF EXISTS {0} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest) -> Site:
    if request.param == "postgresql":
        services.need("postgresql")
        services.need("pg_dump")
    made: Site = request.getfixturevalue(f"{request.param}_site")
    return made


@pytest.fixture
def evening(site):
    """An event with Zoë and an account, backed up at noon: the path of the backup."""
    with site.used():
        event = make_event()
        zoe = register(event, "Zoë Ødegård", email="zoe@example.org")
        register(event, "Ben Okafor", email="ben@example.org")
        make_user("ada@example.org")
        site.event_id, site.zoe = event.id, zoe
    return site.back_up()
