"""Restoring: the whole site as it was, or nothing changed and one line why."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade
from sqlalchemy import select

from rsvp import startup
from rsvp.backup import destination_postgresql, destination_sqlite, postgresql_dump
from rsvp.backup.errors import BackupError
from rsvp.database import lock
from rsvp.db import Base, writing
from rsvp.domain import after_restore
from rsvp.extensions import db
from rsvp.models import Event, User
from tests.backup.backed_up_event import (
    LATER,
    add_cleo,
    drop_tables,
    files_in,
    registered_emails,
)
from tests.backup.conftest import Site
from tests.support.factories import make_user, register
from tests.support.processes import Process

# --- the way back -------------------------------------------------------------------


def test_a_site_comes_back_as_it_was(site, evening):
    before = site.rows()
    add_cleo(site)
    done = site.restore(evening, replace=True, now=LATER)
    after = site.rows()

    assert done.now.problems == []
    assert done.now.counts["registrations"] == done.about.counts["registrations"] == 2
    for table in before:
        if table not in ("users", "audit_entries"):
            assert after[table] == before[table], table
    with site.used():
        assert registered_emails() == ["zoe@example.org", "ben@example.org"]
        # It goes on: numbers that are given out are new ones.
        register(db.session.get_one(Event, site.event_id), email="cleo@example.org")
        make_user("cleo@example.org")
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, Base.metadata) == []


def test_a_schema_of_its_own_is_put_back_into_one(postgresql_site):
    site = postgresql_site
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute('ALTER SCHEMA public RENAME TO "Our site"')
        name = server.info.dbname
        server.execute(f'ALTER DATABASE {name} SET search_path = "Our site"')
    with site.used():
        make_user("ada@example.org")
    done = site.restore(site.back_up(), replace=True)

    assert done.now.problems == []
    assert list(done.now.accounts) == ["ada@example.org"]
    with site.used():
        make_user("ben@example.org")


def test_a_role_that_may_make_no_schema_is_told_so(postgresql_site, worker_name):
    site, role = postgresql_site, f"work_backup_{worker_name}".lower()
    with site.used():
        make_user("ada@example.org")
    path = site.back_up()
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {role}")
        server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'a password'")
        server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        site.settings["SQLALCHEMY_DATABASE_URI"] = re.sub(
            r"//.*?@", f"//{role}:a%20password@", uri
        )
        try:
            with pytest.raises(BackupError, match="GRANT CREATE ON DATABASE"):
                site.restore(path, replace=True)
        finally:
            server.execute(f"DROP OWNED BY {role}")
            server.execute(f"DROP ROLE {role}")


def test_an_empty_place_needs_no_leave_and_keeps_nothing(site, evening, tmp_path):
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    place = Site(other, dict(site.settings))
    if site.is_sqlite:
        kept = place.restore(evening, now=LATER).kept
    else:
        drop_tables(site)
        kept = place.restore(evening, now=LATER).kept
    assert kept is None
    with place.used():
        assert registered_emails() == ["zoe@example.org", "ben@example.org"]
    if site.is_sqlite:
        assert files_in(place) == ["rsvp.db"]


def test_a_place_that_init_alone_has_used_counts_as_empty(site, evening):
    with site.used(), writing() as session:
        for table in reversed(db.metadata.sorted_tables):
            if table.name not in ("code_keys", "teams"):
                session.execute(table.delete())
    done = site.restore(evening, now=LATER)
    assert (done.kept, done.before.is_empty) == (None, True)


def test_data_is_replaced_only_with_leave_and_kept(site, evening):
    add_cleo(site)
    before = site.rows()
    with pytest.raises(BackupError, match="has data: --replace"):
        site.restore(evening)
    assert site.rows() == before

    done = site.restore(evening, replace=True, now=LATER)
    assert done.kept
    if site.is_sqlite:
        kept = Path(done.kept)
        assert files_in(site) == ["rsvp.db", kept.name]
        assert kept.stat().st_mode & 0o077 == 0
        # Which is how it is undone, too.
        undone = site.restore(kept, replace=True, now=LATER)
        assert undone.now.counts["registrations"] == 3
    else:
        with site.used(), db.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                f'SELECT email FROM "{done.kept}".registrations ORDER BY id'
            )
            assert [row[0] for row in rows][-1] == "cleo@example.org"


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(site):
    with site.context():
        downgrade(revision="0004")
        db.session.remove()
    old = site.back_up()
    with site.context():
        startup.initialise()
    done = site.restore(old, replace=True, now=LATER)

    assert done.about.schema == "0004"
    assert done.now.schema == startup.latest_version()
    with site.used(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_a_backup_of_a_newer_version_is_refused(site, evening):
    before = site.rows()
    with site.used(), writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    newer = site.back_up(evening.with_name("newer"))
    with site.context(), writing() as session:
        newest = startup.latest_version()
        session.connection().exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{newest}'"
        )
    with pytest.raises(BackupError, match=r"newer RSVP \(version 9999\): update"):
        site.restore(newer, replace=True)
    assert site.rows() == before


def test_a_backup_of_the_other_engine_is_refused(sqlite_site, postgresql_site):
    taken = sqlite_site.back_up()
    with pytest.raises(BackupError, match=r"of SQLite, and this site's .* PostgreSQL"):
        postgresql_site.restore(taken, replace=True)


# --- a site that runs ---------------------------------------------------------------


def serve(wire):
    startup.verify()
    db.session.scalar(select(User.id))
    wire.say("it runs")
    wire.hear()


def test_a_running_site_is_left_alone(site, evening, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0)
    app = site.app()
    running = Process(serve, app)
    try:
        assert running.hear() == "it runs"
        with pytest.raises(BackupError, match=r"the site runs.*nothing was changed"):
            site.restore(evening, replace=True)
        # A backup may be taken all the same.
        site.back_up(evening.with_name("another"))
    finally:
        # However it ends, nothing stale is left.
        running.process.kill()
        running.process.join()
        running.end.close()
    if not site.is_sqlite:
        wait_until_gone(site)
    assert site.restore(evening, replace=True).now.problems == []


def wait_until_gone(site: Site) -> None:
    """The server notices a moment later that a client was killed."""
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as connection:
        while connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database ON database = pg_database.oid "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        ).fetchone():
            time.sleep(0.05)


def test_a_start_during_a_restore_is_refused(site, evening, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0)
    engine = destination_sqlite.SqliteDestination if site.is_sqlite else None
    place = engine or destination_postgresql.PostgresqlDestination
    inspect = place.inspect
    refused = []

    def inspect_while_somebody_starts(self):
        with site.app().app_context():
            try:
                startup.verify()
            except Exception as error:
                refused.append(str(error))
        return inspect(self)

    monkeypatch.setattr(place, "inspect", inspect_while_somebody_starts)
    site.restore(evening, replace=True)

    assert len(refused) == 1
    assert "a backup is being put back" in refused[0]


# --- all or nothing -----------------------------------------------------------------


class Cut(Exception):
    """Whatever may go wrong."""


@pytest.mark.parametrize("step", ["load", "end_stale_access", "swap_in"])
def test_a_restore_that_fails_changes_nothing(site, evening, step, monkeypatch):
    add_cleo(site)
    before = site.rows()

    def fail(*_args, **_more):
        raise Cut

    place = (
        destination_sqlite.SqliteDestination
        if site.is_sqlite
        else destination_postgresql.PostgresqlDestination
    )
    where = after_restore if step == "end_stale_access" else place
    with monkeypatch.context() as broken:
        broken.setattr(where, step, fail)
        with pytest.raises(Cut):
            site.restore(evening, replace=True)
    assert site.rows() == before
    if site.is_sqlite:
        assert files_in(site) == ["rsvp.db"]
    else:
        with site.used(), db.engine.connect() as connection:
            schemas = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rsvp%%'"
            )
            assert schemas.scalar_one() == 0


def restore_slowly(wire, site, path):
    # Its own application, as another process has.
    load_sqlite = destination_sqlite.SqliteDestination.load
    load_dump = postgresql_dump.load_dump

    def load_sqlite_and_wait(*args, **more):
        load_sqlite(*args, **more)
        wire.say("filled")
        wire.hear()

    def load_dump_and_wait(*args, **more):
        load_dump(*args, **more)
        wire.say("filled")
        wire.hear()

    destination_sqlite.SqliteDestination.load = load_sqlite_and_wait
    postgresql_dump.load_dump = load_dump_and_wait
    site.restore(path, replace=True)


def test_a_restore_that_is_killed_changes_nothing_and_leaves_no_lock(site, evening):
    add_cleo(site)
    before = site.rows()
    victim = Process(restore_slowly, site.app(), site=site, path=evening)
    assert victim.hear() == "filled"
    victim.process.kill()
    victim.process.join()
    victim.end.close()
    if not site.is_sqlite:
        wait_until_gone(site)

    assert site.rows() == before
    assert site.restore(evening, replace=True).now.counts["registrations"] == 2
    if site.is_sqlite:
        assert [name for name in files_in(site) if "restoring" in name] == []


def test_a_kept_file_of_sqlite_gets_a_free_name(tmp_path):
    name = tmp_path / "rsvp.db.before-1"
    assert destination_sqlite.free_name(name) == name
    name.touch()
    assert destination_sqlite.free_name(name).name == "rsvp.db.before-1-2"
    sqlite3.connect(name).close()
