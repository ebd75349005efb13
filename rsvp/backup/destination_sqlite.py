"""Restore into SQLite: build a new file beside the old one, then rename it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from sqlalchemy import Engine

from rsvp.backup import sqlite_copy
from rsvp.backup.archive import About, OpenArchive, Progress, sha256_of
from rsvp.backup.database_summary import summarize
from rsvp.backup.destination import (
    IN_USE_TEXT,
    NO_SITE,
    ExistingSite,
    inspect_existing,
    name_timestamp,
)
from rsvp.backup.errors import BackupError, Damaged, FileError
from rsvp.config import UnsafeStart
from rsvp.database import sqlite_file
from rsvp.database.lock import DatabaseInUse, FileLock

FILE_SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock", ".in-use")
"""Of the files that a database may have made in its folder."""


class SqliteDestination:
    def __init__(self, engine: Engine) -> None:
        file = sqlite_file.database_path(engine)
        assert file is not None
        self.lock: FileLock = engine.__dict__["rsvp_use"]
        self.file = file
        self.temporary = file.with_name(f"{file.name}.restoring")

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        try:
            with self.lock.exclusive():
                self.remove_temporary_files()
                try:
                    yield
                finally:
                    self.remove_temporary_files()
        except DatabaseInUse as error:
            raise BackupError(IN_USE_TEXT) from error

    def remove_temporary_files(self) -> None:
        for ending in FILE_SUFFIXES:
            Path(f"{self.temporary}{ending}").unlink(missing_ok=True)

    def inspect(self) -> ExistingSite:
        if sqlite_file.size_or_zero(self.file) == 0:
            return NO_SITE
        try:
            sqlite_file.refuse_foreign_wal(self.file, *self.lock.read_state())
            # Its WAL is moved over when it is closed: it is kept as one whole file.
            address = f"file:{quote(str(self.file))}?mode=rw"
            with contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
                return inspect_existing(opened.execute)
        except (UnsafeStart, sqlite3.Error):
            return ExistingSite(is_empty=False)

    def load(self, archive: OpenArchive, progress: Progress) -> None:
        handle = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            archive.copy_database(file, progress)
        with contextlib.suppress(TimeoutError):
            if problem := sqlite_file.find_problem(self.temporary, float("inf")):
                raise Damaged(problem)

    def uri(self) -> str:
        return f"sqlite:///{self.temporary}"

    def swap_in(self, before: ExistingSite, now: datetime) -> str | None:
        fsync_path(self.temporary)
        kept = None
        if self.file.exists() and not before.is_empty:
            kept = free_name(
                self.file.with_name(f"{self.file.name}.before-{name_timestamp(now)}")
            )
        for ending in ("", *sqlite_file.COMPANION_SUFFIXES):
            old = sqlite_file.companion_path(self.file, ending)
            if kept is not None and old.exists():
                link_under_name(old, sqlite_file.companion_path(kept, ending))
        for ending in sqlite_file.COMPANION_SUFFIXES:
            sqlite_file.companion_path(self.file, ending).unlink(missing_ok=True)
        self.temporary.replace(self.file)
        fsync_path(self.file.parent)
        return str(kept) if kept else None


def free_name(path: Path) -> Path:
    number, name = 1, path
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}-{number}")
    return name


def link_under_name(old: Path, name: Path) -> None:
    """Give a file a second name, so that it is never without one."""
    try:
        os.link(old, name)
    except OSError:  # a file system that has no second names
        old.rename(name)
    name.chmod(0o600)


def fsync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


# --- a bare copy --------------------------------------------------------------------


@contextlib.contextmanager
def open_bare_database(path: Path, file: BinaryIO) -> Iterator[OpenArchive]:
    """Open a SQLite file that was copied by hand, as if it were a backup of ours.
    Raises Damaged, and BackupError where it may lack something."""
    if sqlite_file.has_wal(path):
        raise FileError(
            f"has a WAL beside it, and may lack what stands there: "
            f"`sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'` moves it over, if it "
            "is its own"
        )
    try:
        with sqlite_copy.open_exclusively(path) as opened:
            opened.execute("PRAGMA schema_version")
            summary = summarize(opened.execute)
    except sqlite3.Error as error:
        raise Damaged(str(error)) from error
    sha256 = sha256_of(file)
    about = About(
        made_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        engine="sqlite",
        schema=summary.schema,
        code_keys=summary.code_keys,
        counts=summary.counts,
        size=file.tell(),
        sha256=sha256,
        program="",
    )
    file.seek(0)
    yield OpenArchive(about, {}, file)
