"""Updating a site that runs: it waits, nobody is refused, a killed update is none."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import event, select, text

from rsvp import startup
from rsvp.config import UnsafeStart
from rsvp.database import migrate
from rsvp.db import PRAGMAS, writing
from rsvp.extensions import db
from rsvp.models import Admission, Event, Registration, Team
from tests.schema.earlier_database import (
    TABLES,
    EarlierTables,
    all_rows,
    fill_version_0001,
)
from tests.schema.edited_migrations import WITHOUT_ERASED_AT, migrations_with
from tests.schema.schema_dump import whole_schema


@pytest.fixture
def one_before(app) -> Iterator[None]:
    """A database that lacks the newest migration."""
    db.session.remove()
    downgrade(revision="-1")
    yield
    db.session.remove()
    upgrade()


@contextmanager
def stopped_at(words: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The first statement with these words waits: (it is there, it may go on)."""
    there, go_on = threading.Event(), threading.Event()

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if words in statement and not there.is_set():
            there.set()
            assert go_on.wait(30)

    event.listen(db.engine, "before_cursor_execute", wait)
    try:
        yield there, go_on
    finally:
        go_on.set()
        event.remove(db.engine, "before_cursor_execute", wait)


def in_thread(app, run: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Started; what came of it is in the list once the thread has ended."""
    came: list[Any] = []

    def target() -> None:
        with app.app_context():
            try:
                came.append(run())
            except Exception as error:
                came.append(error)
            finally:
                db.session.remove()

    thread = threading.Thread(target=target)
    thread.start()
    return thread, came


WAITING = text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def until(happens: Callable[[], Any]) -> None:
    for _ in range(3000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_who_reads_one_table_after_the_other_is_never_given_up_for_an_update(
    app, one_before
):
    reads = db.session()
    # One of the last tables, so that the update has most others when it waits.
    reads.execute(select(Registration.id)).all()
    update, came = in_thread(app, startup.initialise)
    with db.engine.connect() as looking:
        until(lambda: looking.execute(WAITING).scalar())

    assert reads.execute(select(Event.id)).all() == []
    assert reads.execute(select(Admission.id)).all() == []
    db.session.remove()
    update.join(30)

    assert came == [None]
    assert startup.schema_version() == startup.latest_version()


def someone_else_uses_them() -> Any:
    """Another program: it reads on PostgreSQL, and writes on SQLite, where readers
    disturb nobody."""
    other = db.engine.connect()
    if db.engine.dialect.name == "sqlite":
        other = other.execution_options(rsvp_writing=True)
    other.execute(select(Registration.id)).all()
    return other


@pytest.fixture
def no_patience(app, monkeypatch) -> None:
    """SQLite's own waiting for a lock takes five seconds."""
    monkeypatch.setitem(PRAGMAS, "busy_timeout", 1)
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", 0)
    db.session.remove()
    db.engine.dispose()


def test_tables_that_others_go_on_using_are_left_alone(app, one_before, no_patience):
    before = startup.schema_version()
    other = someone_else_uses_them()
    try:
        with pytest.raises(UnsafeStart, match="nothing was changed") as refused:
            startup.initialise()
        if app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
            pid = other.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            assert f"process {pid} " in str(refused.value)
        assert startup.schema_version() == before
    finally:
        other.close()


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_tables_that_come_free_are_brought_up_to_date(app, one_before, monkeypatch):
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", 600)
    monkeypatch.setattr(migrate, "sleep_about", lambda _: other.close())
    other = someone_else_uses_them()

    startup.initialise()

    assert startup.schema_version() == startup.latest_version()


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_on_sqlite_writers_wait_for_an_update_however_long_it_takes(
    app, one_before, no_patience
):
    with stopped_at("UPDATE alembic_version") as (there, go_on):
        update, updated = in_thread(app, startup.initialise)
        assert there.wait(30)
        # SQLite's own lock would be waited for in vain, a millisecond.
        writes, came = in_thread(app, rename_the_team)
        assert db.session.scalar(select(Team.name)) == "RSVP"
        db.session.remove()
        go_on.set()
        update.join(30)
        writes.join(30)

    assert updated == [None]
    assert came == ["Reading room"]


def rename_the_team() -> str:
    with writing() as session:
        team = session.scalars(select(Team)).one()
        team.name = "Reading room"
    return team.name


# --- killed -------------------------------------------------------------------------


def forked(app, run: Callable[[], Any]) -> int:
    """Start a process that runs this and ends; its id."""
    db.session.remove()
    db.engine.dispose()
    if child := os.fork():
        return child
    status = 1
    try:
        run()
        status = 0
    finally:
        os._exit(status)


def killed_at(number: int) -> Callable[[], None]:
    """An update that is killed where it would make its change of that number."""

    def run() -> None:
        made = 0

        def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal made
            made += not statement.lstrip().startswith(("SELECT", "PRAGMA"))
            if made == number:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(db.engine, "before_cursor_execute", count)
        migrate.upgrade()

    return run


@pytest.mark.parametrize(
    "numbers",
    [(2, 40, 110), pytest.param(range(1, 1000, 9), marks=pytest.mark.soak)],
    ids=["three", "many"],
)
def test_an_update_that_is_killed_has_changed_nothing_and_can_begin_again(
    app, blank, tmp_path, numbers
):
    upgrade(str(migrations_with([WITHOUT_ERASED_AT], tmp_path)), revision="0001")
    fill_version_0001()
    then, schema = EarlierTables(), whole_schema()
    kept = [name for name in TABLES if name in then.metadata.tables]
    rows = {name: all_rows(then[name]) for name in kept}

    for number in numbers:
        _, status = os.waitpid(forked(app, killed_at(number)), 0)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert whole_schema() == schema
        assert {name: all_rows(then[name]) for name in kept} == rows
    startup.initialise()

    now = EarlierTables()
    assert whole_schema() == blank
    for name in kept:
        columns = [now[name].c[column.name] for column in then[name].c]
        assert all_rows(*columns) == rows[name], name


def test_of_processes_that_update_at_once_one_does_and_the_others_wait(
    app, blank, tmp_path
):
    upgrade(str(migrations_with([WITHOUT_ERASED_AT], tmp_path)), revision="0001")
    fill_version_0001()

    started = [forked(app, startup.initialise) for _ in range(3)]

    assert [os.waitpid(child, 0)[1] for child in started] == [0, 0, 0]
    assert whole_schema() == blank
