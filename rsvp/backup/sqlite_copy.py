"""SQLite's part: a copy of the file that is consistent while the site writes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from rsvp.backup.archive import Progress
from rsvp.backup.database_summary import Facts, facts_of
from rsvp.backup.errors import BackupError
from rsvp.database import sqlite_file

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock
    fcntl = None  # type: ignore[assignment]

PAGES = 1024
"""Pages that are copied at a time, between two looks at the clock."""
VERSIONS = 18
"""Where a SQLite file says whether it has a WAL: two bytes. Source:
https://www.sqlite.org/fileformat.html#file_format_version_numbers"""
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextlib.contextmanager
def copied(file: Path, progress: Progress) -> Iterator[tuple[BinaryIO, Facts]]:
    """A whole copy of the database as it is at this moment, and what is in it.

    It lies in the database's own folder, with no name from the time on that it is
    complete. Raises BackupError where there is no room for it, or where the database
    is damaged.
    """
    forget_leftovers(file)
    try:
        handle, name = tempfile.mkstemp(prefix=prefix_of(file), dir=file.parent)
    except OSError as error:
        raise BackupError(
            f"the database can't be copied in {file.parent}: {error.strerror}"
        ) from error
    copy = Path(name)
    try:
        with os.fdopen(handle, "r+b") as opened:
            if fcntl is not None:
                fcntl.flock(opened, fcntl.LOCK_EX)
            try:
                copy_pages(file, copy, progress)
                opened.seek(VERSIONS)
                opened.write(b"\x01\x01")
                opened.flush()
                found = look_into(copy)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode in DAMAGED:
                    raise damaged(str(error)) from error
                raise BackupError(f"the database can't be copied: {error}") from error
            except OSError as error:
                raise BackupError(f"the database can't be copied: {error}") from error
            copy.unlink()
            opened.seek(0)
            yield opened, found
    finally:
        copy.unlink(missing_ok=True)


def prefix_of(file: Path) -> str:
    return f".{file.name}.backup-"


def forget_leftovers(file: Path) -> None:
    """Remove the copies of backups that were killed: nobody holds their lock."""
    for left in file.parent.glob(f"{prefix_of(file)}*"):
        with contextlib.suppress(OSError), left.open("rb") as opened:
            if fcntl is not None:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()


def copy_pages(file: Path, copy: Path, progress: Progress) -> None:
    """By SQLite's own backup, inside one read transaction: writers go on, and what they
    write meanwhile is not in it."""
    address = f"file:{quote(str(file))}?mode=rw"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as source,
        contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as target,
    ):
        source.isolation_level = None
        source.execute("BEGIN")
        # Without it each piece would be read at its own moment, and a write in between
        # would make it begin anew, for ever under a rush.
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target.execute("PRAGMA synchronous=OFF")
        source.backup(
            target,
            pages=PAGES,
            progress=lambda _, left, of: progress("Copying", of - left, of),
        )


def look_into(copy: Path) -> Facts:
    """What is in the copy. Raises BackupError where it is damaged."""
    with opened_alone(copy) as opened:
        (told,) = opened.execute("PRAGMA quick_check(1)").fetchone()
        if told != "ok":
            raise damaged(told.strip().splitlines()[-1])
        return facts_of(opened.execute)


def damaged(why: str) -> BackupError:
    return BackupError(
        f"the database is damaged ({why}), and was not backed up: {sqlite_file.ADVICE}"
    )


@contextlib.contextmanager
def opened_alone(file: Path) -> Iterator[sqlite3.Connection]:
    """A file that nobody else has open and that has no WAL, to read."""
    address = f"file:{quote(str(file))}?immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
        yield opened
