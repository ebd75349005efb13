"""Starting: what `rsvp init` leaves, and which databases are refused."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text

from rsvp import startup
from rsvp.config import UnsafeStart
from rsvp.db import PRAGMAS, writing
from rsvp.extensions import db
from rsvp.models import CodeKey, Team

RSVP = Path(sys.executable).with_name("rsvp")


def test_an_initialised_database_is_accepted(app):
    startup.verify()


def test_initialising_again_changes_nothing(app):
    startup.initialise()
    startup.initialise()

    startup.verify()
    assert db.session.scalars(select(Team.slug)).all() == ["default"]
    assert db.session.scalar(select(func.count()).select_from(CodeKey)) == 1


def set_version(version):
    with writing() as session:
        session.execute(
            text("UPDATE alembic_version SET version_num = :v"), {"v": version}
        )


def test_a_database_from_a_newer_version_is_left_alone(app):
    before = startup.schema_version()
    set_version("9999")
    try:
        for start in (startup.verify, startup.initialise):
            with pytest.raises(UnsafeStart, match="made by a newer one"):
                start()
        assert startup.schema_version() == "9999"
    finally:
        set_version(before)


def test_a_database_without_our_key_is_refused(app):
    with writing() as session:
        ours = session.scalars(select(CodeKey)).one()
        session.execute(delete(CodeKey))
        session.add(CodeKey(id="f" * 16, created_at=ours.created_at))
    try:
        with pytest.raises(UnsafeStart, match="put the old key back"):
            startup.verify()
        with pytest.raises(UnsafeStart, match="put the old key back"):
            startup.initialise()
    finally:
        with writing() as session:
            session.execute(text("UPDATE code_keys SET id = :id"), {"id": our_id()})


def our_id():
    return startup.current_key_id()


def test_sqlite_without_its_pragmas_is_refused(sqlite_app, monkeypatch):
    monkeypatch.setitem(PRAGMAS, "secure_delete", 2)
    with (
        sqlite_app.app_context(),
        pytest.raises(UnsafeStart, match="set up as it must be: secure_delete is 1"),
    ):
        startup.verify()


@pytest.mark.postgresql
def test_of_machines_that_start_together_one_changes_the_tables(postgresql_app):
    done = threading.Event()

    def initialise():
        with postgresql_app.app_context():
            startup.initialise()
        done.set()

    with postgresql_app.app_context(), startup.startup_lock():
        other = threading.Thread(target=initialise)
        other.start()
        assert not done.wait(1)
    other.join(30)
    assert done.is_set()


def test_processes_that_start_together_make_one_database(tmp_path):
    values = os.environ | {"RSVP_INSTANCE_PATH": str(tmp_path)}
    started = [subprocess.Popen([RSVP, "init"], env=values) for _ in range(3)]

    assert [process.wait(120) for process in started] == [0, 0, 0]
