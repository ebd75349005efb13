"""SQLite copy: a consistent copy of the file while the site writes to it."""

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
from rsvp.backup.database_summary import DatabaseSummary, summarize
from rsvp.backup.errors import BackupError
from rsvp.database import sqlite_file

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock
    fcntl = None  # type: ignore[assignment]

PAGES_PER_STEP = 1024
"""Pages that are copied at a time, between two looks at the clock."""
VERSION_OFFSET = 18
"""Where a SQLite file says whether it has a WAL: two bytes. Source:
https://www.sqlite.org/fileformat.html#file_format_version_numbers"""
DAMAGED_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextlib.contextmanager
def copy_database(
    file: Path, progress: Progress
) -> Iterator[tuple[BinaryIO, DatabaseSummary]]:
    """Copy the whole database as it is at this moment; yield the copy and its summary.

    It lies in the database's own folder, with no name from the time on that it is
    complete. Raises BackupError where there is no room for it, or where the database
    is damaged.
    """
    remove_leftovers(file)
    try:
        handle, name = tempfile.mkstemp(prefix=temporary_prefix(file), dir=file.parent)
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
                opened.seek(VERSION_OFFSET)
                opened.write(b"\x01\x01")
                opened.flush()
                summary = summarize_copy(copy)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode in DAMAGED_CODES:
                    raise damaged_error(str(error)) from error
                raise BackupError(f"the database can't be copied: {error}") from error
            except OSError as error:
                raise BackupError(f"the database can't be copied: {error}") from error
            copy.unlink()
            opened.seek(0)
            yield opened, summary
    finally:
        copy.unlink(missing_ok=True)


def temporary_prefix(file: Path) -> str:
    return f".{file.name}.backup-"


def remove_leftovers(file: Path) -> None:
    """Remove the copies of backups that were killed: nobody holds their lock."""
    for leftover in file.parent.glob(f"{temporary_prefix(file)}*"):
        with contextlib.suppress(OSError), leftover.open("rb") as opened:
            if fcntl is not None:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()


def copy_pages(file: Path, copy: Path, progress: Progress) -> None:
    """Copy by SQLite's own backup, inside one read transaction: writers go on, and what
    they write meanwhile is not in it."""
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
            pages=PAGES_PER_STEP,
            progress=lambda _, remaining, total: progress(
                "Copying", total - remaining, total
            ),
        )


def summarize_copy(copy: Path) -> DatabaseSummary:
    """Summarize the copy. Raises BackupError where it is damaged."""
    with open_exclusively(copy) as opened:
        (answer,) = opened.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise damaged_error(answer.strip().splitlines()[-1])
        return summarize(opened.execute)


def damaged_error(why: str) -> BackupError:
    return BackupError(
        f"the database is damaged ({why}), and was not backed up:"
        f" {sqlite_file.RESTORE_ADVICE}"
    )


@contextlib.contextmanager
def open_exclusively(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that nobody else has open and that has no WAL, to read."""
    address = f"file:{quote(str(file))}?immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
        yield opened
