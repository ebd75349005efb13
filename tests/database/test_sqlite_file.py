"""The SQLite file: whole after each end, and looked at before it is used again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from rsvp import create_app, startup
from rsvp.config import UnsafeStart
from rsvp.database import lock, sqlite_file
from rsvp.db import writing
from rsvp.extensions import db
from rsvp.models import User
from tests.conftest import TEST_SETTINGS
from tests.conftest import database_file as file_of
from tests.support.factories import make_user
from tests.support.for_each import for_each
from tests.support.serve_process import (
    IS_LINUX,
    RSVP_COMMAND,
    ServeProcess,
    kill_remaining,
)


@pytest.fixture
def place(tmp_path, sqlite_app) -> Path:
    """An instance folder with a database as `rsvp init` leaves it."""
    shutil.copy(file_of(sqlite_app).with_suffix(".empty"), tmp_path / "rsvp.db")
    return tmp_path


def app_in(place: Path) -> Flask:
    return create_app(TEST_SETTINGS | {"INSTANCE_PATH": str(place)})


@contextlib.contextmanager
def used(place: Path) -> Iterator[None]:
    """The database in use, as by a command, and closed at the end."""
    with app_in(place).app_context():
        try:
            startup.verify()
            yield
        finally:
            startup.close_database()


def add_user(place: Path, email: str) -> None:
    with used(place):
        make_user(email)


def users_in(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        return [row[0] for row in opened.execute("SELECT email FROM users ORDER BY id")]


def killed_while(place: Path, change: Callable[[], object]) -> None:
    """A process uses the database and ends at once, as by SIGKILL."""

    def use_it() -> None:
        with app_in(place).app_context():
            startup.verify()
            change()
            os._exit(9)

    child = multiprocessing.get_context("fork").Process(target=use_it)
    child.start()
    child.join(60)
    assert child.exitcode == 9
    assert sqlite_file.has_wal(place / "rsvp.db")


def leftovers(place: Path) -> list[str]:
    return sorted(file.name for file in place.glob("rsvp.db-*"))


# --- the end ------------------------------------------------------------------------


@pytest.fixture
def site(place) -> Iterator[ServeProcess]:
    key = TEST_SETTINGS["CODE_KEY"]
    site = ServeProcess(place, RSVP_CODE_KEY=key)
    yield site
    kill_remaining(site)


@pytest.mark.skipif(not IS_LINUX, reason="children are read from /proc")
@for_each("told", [signal.SIGTERM, signal.SIGINT], fresh=True)
def test_a_site_that_ends_leaves_one_file_with_everything(site, place, told, tmp_path):
    site.start()
    assert site.status("/health/ready") == 200
    assert leftovers(place) != []
    add_user(place, "ada@example.org")
    assert sqlite_file.has_wal(place / "rsvp.db"), "the site runs: it is left alone"
    # One of those that answer: it closes nothing.
    os.kill(site.children()[1], signal.SIGKILL)
    site.end(told)

    assert leftovers(place) == []
    alone = shutil.copy(place / "rsvp.db", tmp_path / "copied.db")
    assert users_in(alone) == ["ada@example.org"]


def test_a_command_closes_what_it_opened_also_when_it_fails(place):
    environment = ServeProcess(
        place, RSVP_CODE_KEY=TEST_SETTINGS["CODE_KEY"]
    ).environment
    for args, status in ((("event", "list"), 0), (("attendees", "none"), 1)):
        ended = subprocess.run(
            [RSVP_COMMAND, *args], env=environment, capture_output=True
        )
        assert ended.returncode == status
        assert leftovers(place) == []


def test_the_wal_of_a_database_in_use_is_left_alone(place):
    with used(place):
        make_user("ada@example.org")
        written = sqlite_file.size_or_zero(place / "rsvp.db-wal")
        child = multiprocessing.get_context("fork").Process(
            target=use_from_another_process, args=(place,)
        )
        child.start()
        child.join(60)

        assert child.exitcode == 0
        assert sqlite_file.size_or_zero(place / "rsvp.db-wal") == written > 0
    assert leftovers(place) == []


def use_from_another_process(place: Path) -> None:
    db.engine.dispose(close=False)
    with used(place):
        assert db.session.scalar(select(User.email)) == "ada@example.org"


# --- after an end that was not clean -------------------------------------------------


def test_a_killed_process_loses_nothing_and_is_told_of(place, caplog):
    killed_while(place, lambda: make_user("ada@example.org"))
    with used(place):
        assert db.session.scalar(select(User.email)) == "ada@example.org"
    assert "not a clean one; the database is whole" in caplog.text
    assert leftovers(place) == []

    caplog.clear()
    with used(place):
        pass
    assert caplog.text == ""


def test_the_database_is_read_whole_after_an_unclean_end_alone(place, monkeypatch):
    looked = []
    monkeypatch.setattr(sqlite_file, "find_problem", lambda *args: looked.append(args))
    with used(place):
        pass
    assert len(looked) == 1, "nobody knows yet how it was left"
    with used(place):
        pass
    assert len(looked) == 1
    # Somebody else changed it.
    os.utime(place / "rsvp.db", (1_700_000_000, 1_700_000_000))
    with used(place):
        pass
    assert len(looked) == 2


def test_a_site_killed_in_the_middle_of_much_work_starts_again(place):
    """Also where SQLite was just moving the WAL into the file."""

    def write_much():
        db.engine.raw_connection().execute("PRAGMA wal_autocheckpoint = 20")
        for number in range(60):
            with writing() as session:
                session.connection().exec_driver_sql("PRAGMA wal_autocheckpoint = 20")
                session.add(
                    User(
                        email=f"{number}@example.org",
                        password="x" * 200,
                        fs_uniquifier=str(number),
                    )
                )

    killed_while(place, write_much)
    # As a deployment does that sets the owner of the folder again.
    for file in (*place.glob("rsvp.db*"), place / "rsvp.db"):
        file.chmod(0o600)
    with used(place):
        assert len(users_in(place / "rsvp.db")) == 60


def test_a_folder_copied_after_a_kill_is_taken_as_it_is(place, tmp_path_factory):
    killed_while(place, lambda: make_user("ada@example.org"))
    moved = tmp_path_factory.mktemp("moved")
    # In the order that looks worst.
    for name in ("rsvp.db-wal", "rsvp.db-shm", "rsvp.db.in-use", "rsvp.db"):
        shutil.copyfile(place / name, moved / name)

    with used(moved):
        assert db.session.scalar(select(User.email)) == "ada@example.org"


# --- files that don't belong together -------------------------------------------------


def copied(backup: Path, file: Path) -> None:
    shutil.copyfile(backup, file)


def copied_with_its_times(backup: Path, file: Path) -> None:
    shutil.copy2(backup, file)


def moved(backup: Path, file: Path) -> None:
    shutil.copy2(backup, backup.with_suffix(".moved"))
    backup.with_suffix(".moved").replace(file)


@for_each("put_back", [copied, copied_with_its_times, moved], fresh=True)
def test_an_old_wal_is_not_applied_to_a_backup_put_back(place, put_back):
    add_user(place, "ada@example.org")
    backup = shutil.copy2(place / "rsvp.db", place / "backup")
    killed_while(place, lambda: make_user("ben@example.org"))
    time.sleep(0.02)  # the clock of files is coarse
    put_back(Path(backup), place / "rsvp.db")
    before = (place / "rsvp.db").read_bytes()

    with pytest.raises(UnsafeStart, match="don't belong together") as told, used(place):
        pass
    assert "\n" not in str(told.value)
    assert "rsvp.db-wal" in str(told.value)
    assert (place / "rsvp.db").read_bytes() == before

    # What the message says.
    for name in leftovers(place):
        (place / name).unlink()
    with used(place):
        assert db.session.scalars(select(User.email)).all() == ["ada@example.org"]


def test_a_backup_moved_in_is_another_file_also_after_a_checkpoint(place):
    """Then the times alone could be those of a site that was killed."""
    add_user(place, "ada@example.org")
    backup = Path(shutil.copy2(place / "rsvp.db", place / "backup"))

    def make_ben():
        make_user("ben@example.org")
        # While somebody reads, the WAL is not begun anew.
        with sqlite3.connect(place / "rsvp.db", isolation_level=None) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM users").fetchone()
            db.session.remove()
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
            make_user("cleo@example.org")
            os._exit(9)

    killed_while(place, make_ben)
    moved(backup, place / "rsvp.db")
    with pytest.raises(UnsafeStart, match="don't belong together"), used(place):
        pass


def test_a_wal_of_another_database_is_not_applied(place, tmp_path_factory, sqlite_app):
    add_user(place, "ada@example.org")
    other = tmp_path_factory.mktemp("other")
    shutil.copy(file_of(sqlite_app).with_suffix(".empty"), other / "rsvp.db")
    killed_while(other, lambda: make_user("ben@example.org"))
    shutil.copy(other / "rsvp.db-wal", place)

    refused = pytest.raises(UnsafeStart, match="put there after the site had ended")
    with refused, used(place):
        pass
    (place / "rsvp.db-wal").unlink()
    with used(place):
        assert db.session.scalars(select(User.email)).all() == ["ada@example.org"]


def garbage(file: Path) -> None:
    file.write_bytes(b"Dear diary, " * 5000)


def cut_off(file: Path) -> None:
    os.truncate(file, 100_000)


def overwritten_in_the_middle(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(8192)
        opened.write(b"\xff" * 100_000)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


@for_each("damage", [garbage, cut_off, overwritten_in_the_middle, emptied], fresh=True)
def test_a_damaged_file_is_refused_with_what_to_do(place, damage):
    add_user(place, "ada@example.org")
    damage(place / "rsvp.db")

    for start in (startup.verify, startup.initialise):
        refused = pytest.raises(UnsafeStart, match="rsvp restore --replace FILE")
        with app_in(place).app_context(), refused as told:
            start()
        assert "\n" not in str(told.value)


def test_a_database_too_large_to_be_checked_at_a_start_is_told_of(
    place, monkeypatch, caplog
):
    monkeypatch.setattr(sqlite_file, "MAX_CHECK_SECONDS", -1)
    killed_while(place, lambda: [make_user(f"{n}@example.org") for n in range(5)])
    monkeypatch.setattr(sqlite3, "connect", checking_often(sqlite3.connect))
    with used(place):
        assert db.session.scalar(select(User.id))
    assert "too large to be checked whole" in caplog.text


def checking_often(connect):
    class Often(sqlite3.Connection):
        def set_progress_handler(self, handler, _steps):
            super().set_progress_handler(handler, 1)

    return lambda *args, **kwargs: connect(*args, factory=Often, **kwargs)


# --- while a backup is put back -------------------------------------------------------


def test_a_start_during_a_restore_is_refused_in_words(place, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0)
    use = lock.FileLock(place / "rsvp.db")
    refused = pytest.raises(UnsafeStart, match="a backup is being put back")
    with use.exclusive(), refused, used(place):
        pass
    with used(place), pytest.raises(lock.DatabaseInUse), use.exclusive():
        pass
    with use.exclusive():
        pass


def test_what_is_noted_about_the_file_takes_no_more_room_from_note_to_note(tmp_path):
    """A full disk is asked for nothing; a short note leaves nothing of a long one."""
    path = tmp_path / "rsvp.db.in-use"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    texts = ("open 1 2\n", "closed 123456789012 1234567890123456789\n", "unknown\n")
    try:
        for text in texts:
            lock.write_note(handle, text)
            assert lock.read_note(handle) == text
            assert path.stat().st_size == lock.NOTE_LENGTH + 1
    finally:
        os.close(handle)
