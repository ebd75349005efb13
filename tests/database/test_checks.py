"""Database checks: what can't be used is refused in one line, by whatever starts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from rsvp import create_app, startup
from rsvp.config import UnsafeStart
from tests.conftest import TEST_SETTINGS, database_file
from tests.support import outages
from tests.support.for_each import for_each
from tests.support.unprivileged import chown_to_nobody, folder_of_nobody, run_as_nobody

STARTS = (("init",), ("serve", "--no-worker"), ("worker", "--once"), ("wsgi",))


@pytest.fixture
def folder(sqlite_app: Flask) -> Iterator[Path]:
    """The instance folder of somebody else than root, with a database in it."""
    with folder_of_nobody() as folder:
        source = sqlite3.connect(database_file(sqlite_app).with_suffix(".empty"))
        target = sqlite3.connect(folder / "rsvp.db")
        source.backup(target)
        target.execute("PRAGMA journal_mode = wal")
        target.close()
        source.close()
        chown_to_nobody(folder / "rsvp.db")
        yield folder


def start(folder: Path, *args: str) -> str:
    """What a command says that is refused, in its one line."""
    settings = {
        "RSVP_INSTANCE_PATH": str(folder),
        "RSVP_CODE_KEY": str(TEST_SETTINGS["CODE_KEY"]),
        "RSVP_SECRET_KEY": str(TEST_SETTINGS["SECRET_KEY"]),
        "RSVP_PORT": "1",
    }
    status, said = run_as_nobody(settings, *args)
    assert (status, len(said.splitlines())) == (1, 1), said
    assert said.startswith("rsvp: ")
    return said


@for_each("args", STARTS, ids=lambda args: args[0], fresh=True)
def test_a_file_that_can_not_be_written_is_refused(folder: Path, args):
    (folder / "rsvp.db").chmod(0o444)

    assert "the database can only be read" in start(folder, *args)


def folder_closed(folder: Path) -> None:
    folder.chmod(0o555)


def lock_closed(folder: Path) -> None:
    (folder / "rsvp.db.lock").touch(mode=0o444)


def shared_memory_closed(folder: Path) -> None:
    for name in ("rsvp.db-wal", "rsvp.db-shm"):
        (folder / name).touch(mode=0o444)


def nobody_but_another(folder: Path) -> None:
    (folder / "rsvp.db").chmod(0)


def a_folder_instead(folder: Path) -> None:
    (folder / "rsvp.db").unlink()
    (folder / "rsvp.db").mkdir()


def a_link_to_nothing(folder: Path) -> None:
    (folder / "rsvp.db").unlink()
    (folder / "rsvp.db").symlink_to(folder / "elsewhere" / "rsvp.db")


def no_database_at_all(folder: Path) -> None:
    (folder / "rsvp.db").write_text("Dear diary, today I was a text file. " * 200)


@for_each(
    "spoil",
    [
        folder_closed,
        lock_closed,
        shared_memory_closed,
        nobody_but_another,
        a_folder_instead,
        a_link_to_nothing,
        no_database_at_all,
    ],
    fresh=True,
)
def test_whatever_is_wrong_with_the_file_is_one_line(
    folder: Path, spoil: Callable[[Path], None]
):
    spoil(folder)

    for args in (("init",), ("serve", "--no-worker")):
        assert start(folder, *args)


@for_each(
    "uri",
    [
        "sqlite:////tmp/rsvp.db?mode=ro",
        "sqlite:///file:/tmp/rsvp.db?mode=ro&uri=true",
        "sqlite:////tmp/rsvp.db?timeout=0",
        "postgresql://rsvp@db.example.org:port/rsvp",
    ],
    fresh=True,
)
def test_an_address_that_could_not_work_is_refused(tmp_path: Path, uri: str):
    with pytest.raises(UnsafeStart, match="RSVP_SQLALCHEMY_DATABASE_URI"):
        create_app(
            TEST_SETTINGS
            | {"INSTANCE_PATH": str(tmp_path), "SQLALCHEMY_DATABASE_URI": uri}
        )


def test_a_database_that_is_read_only_is_refused(app: Flask):
    startup.verify(writes=True)
    with outages.read_only():
        for refused in (startup.initialise, lambda: startup.verify(writes=True)):
            with pytest.raises(UnsafeStart, match="the database can only be read"):
                refused()
        # What only reads may.
        startup.verify()
    startup.verify(writes=True)


def test_a_full_disk_is_no_reason_not_to_start(app: Flask, caplog):
    with outages.full():
        startup.verify(writes=True)
    assert "nothing can be stored: the disk of the database is full" in caplog.text
