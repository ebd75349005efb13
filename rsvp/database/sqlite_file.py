"""SQLite file: closing it cleanly, and checking it after an unclean end.

SQLite keeps what was written last in a file beside the database, the WAL, and moves it
over when the last connection is closed. A WAL is applied to whatever lies beside it, so
one that belongs to another database, or to another age of this one, must not be there.
Format: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import struct
import time
from enum import Enum, auto
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from rsvp.config import UnsafeStart
from rsvp.database import outages

log = logging.getLogger("rsvp.database")

COMPANION_SUFFIXES = ("-wal", "-shm")
MAX_CHECK_SECONDS = 60.0
"""Seconds that a start spends on reading the database after an unclean end."""
MAX_CHECKPOINT_SECONDS = 5.0
"""Seconds by which the file of a site that was killed may be newer than its WAL."""


class LastClose(Enum):
    """How the last user of the database left it."""

    WHOLE = auto()
    CHANGED = auto()  # by somebody else, since our last clean end
    UNCLEAN = auto()  # killed, or the power failed: a WAL is left


def database_path(engine: Engine) -> Path | None:
    """Return the file of a SQLite database; None for any other."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)


def companion_path(file: Path, ending: str) -> Path:
    return Path(f"{file}{ending}")


def has_wal(file: Path) -> bool:
    """Whether something may not have been moved into the file yet."""
    return size_or_zero(companion_path(file, "-wal")) > 0


def size_or_zero(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


# --- the end ------------------------------------------------------------------------


def close_connections(engine: Engine) -> None:
    """Close all connections of this process; the last process leaves one whole file.

    SQLite moves the WAL into the file when the last connection of all processes is
    closed, and leaves it alone while another one is open. So that it does so where the
    last of them was killed, one is opened here.
    """
    file = database_path(engine)
    if file is not None and file.exists() and has_wal(file):
        with contextlib.suppress(DBAPIError, UnsafeStart), engine.connect() as opened:
            opened.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    engine.dispose()


# --- what is noted about the file while it is open, and when it was closed -----------


def open_note(file: Path, note: os.stat_result) -> str:
    """Return the note in the lock's file while the database is open: which files both
    are, by their inodes (0: not made yet)."""
    inode = file.stat().st_ino if file.exists() else 0
    return f"open {inode} {note.st_ino}\n"


def closed_note(file: Path) -> str:
    """Return the note in the lock's file after the last one closed the database
    whole."""
    if has_wal(file) or not file.exists():
        return "unknown\n"
    file_stat = file.stat()
    return f"closed {file_stat.st_size} {file_stat.st_mtime_ns}\n"


def find_last_close(file: Path, note: str) -> LastClose:
    if has_wal(file):
        return LastClose.UNCLEAN
    is_known = not file.exists() or note == closed_note(file)
    return LastClose.WHOLE if is_known else LastClose.CHANGED


# --- a WAL that is not of this file ---------------------------------------------------


def refuse_foreign_wal(file: Path, text: str, note: os.stat_result) -> None:
    """Raise UnsafeStart where the file beside the database was not left by it, before
    SQLite mixes the two.

    `text` is what the lock's file says, `note` what the system says of that file.
    """
    wal = companion_path(file, "-wal")
    if not file.exists() or not has_wal(file):
        if text.startswith("closed ") and text.split()[1] != "0":
            refuse_emptied(file)
        return
    if text == f"closed {file.stat().st_size} {file.stat().st_mtime_ns}\n":
        raise UnsafeStart(
            f"{wal} was put there after the site had ended whole: remove it and "
            f"{file.name}-shm (or run `rsvp restore`), and start again"
        )
    if was_replaced(file, text, note):
        raise UnsafeStart(
            f"{file} was put there after {wal.name} was written, and the two don't "
            f"belong together: if it is a copy that you put back, remove {wal.name} "
            f"and {file.name}-shm (`rsvp restore` does); else `touch {wal.name}`"
        )


def refuse_emptied(file: Path) -> None:
    if file.exists() and file.stat().st_size == 0:
        raise UnsafeStart(
            f"{file} is empty, and was not when the site ended: {RESTORE_ADVICE}"
        )


RESTORE_ADVICE = "put the last backup back with `rsvp restore --replace FILE`"


def was_replaced(file: Path, text: str, note: os.stat_result) -> bool:
    """Whether the database was put there after its WAL was written.

    A site that is killed leaves a WAL that is newer than the file, or older by as much
    as it takes to move it over; SQLite notes whether it had begun to.
    """
    now, wal = file.stat(), companion_path(file, "-wal").stat()
    is_here = text.startswith("open ") and text.split()[2:] == [str(note.st_ino)]
    if is_here and text.split()[1] not in ("0", str(now.st_ino)):
        return True
    # A copy sets the time of the change, whatever it does to the file's own. Where all
    # files have changed since (another owner, a copied folder) it says nothing.
    if is_here and note.st_ctime_ns <= wal.st_ctime_ns:
        age = now.st_ctime_ns - wal.st_ctime_ns
        if age > 0 and is_wal_unmoved(file):
            return True
    else:
        age = now.st_mtime_ns - wal.st_mtime_ns
    return age > MAX_CHECKPOINT_SECONDS * 1e9


def is_wal_unmoved(file: Path) -> bool:
    """Whether nothing of the WAL has been moved into the file yet: then the site did
    not write to the file since it wrote to the WAL. False where that is not known.

    Source: the WAL-index format, https://www.sqlite.org/walformat.html#the_wal_index
    """
    try:
        with (
            companion_path(file, "-wal").open("rb") as wal,
            companion_path(file, "-shm").open("rb") as shm,
        ):
            header, index = wal.read(32), shm.read(136)
    except OSError:
        return False
    if len(header) < 32 or len(index) < 136 or index[32:40] != header[16:24]:
        return False
    moved: int
    begun: int
    (moved,) = struct.unpack_from("=I", index, 96)
    (begun,) = struct.unpack_from("=I", index, 128)
    return moved == begun == 0


# --- the look after an unclean end ----------------------------------------------------


def verify_after(file: Path, last_close: LastClose) -> None:
    """Read the database after an end that was not clean, or after somebody else changed
    the file. Raises UnsafeStart where it is damaged, with what to do.

    Reads all of it, for MAX_CHECK_SECONDS at most.
    """
    if last_close is LastClose.WHOLE or not file.exists():
        return
    try:
        problem = find_problem(file, MAX_CHECK_SECONDS)
    except TimeoutError:
        log.warning(
            "%s is too large to be checked whole in %.0f s; what was read is well",
            file.name,
            MAX_CHECK_SECONDS,
        )
        return
    if problem:
        raise UnsafeStart(
            f"the database {file} is damaged ({problem}): {RESTORE_ADVICE}"
        )
    if last_close is LastClose.UNCLEAN:
        log.warning("the last end was not a clean one; the database is whole")


def find_problem(file: Path, seconds: float) -> str | None:
    """Return what is wrong with the file, in a few words; None where it is whole.
    Raises TimeoutError after so many seconds, OperationalError where it can't be read
    now."""
    end = time.monotonic() + seconds
    try:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as opened:
            opened.set_progress_handler(lambda: time.monotonic() > end, 100_000)
            (answer,) = opened.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if str(error) == "interrupted":
            raise TimeoutError from error
        outage = outages.driver_outage(error)
        if outage and outage.kind != outages.OutageKind.DAMAGED:
            # A file that can't be opened, or a full disk, is no damage.
            raise OperationalError("PRAGMA quick_check", {}, error) from error
        return str(error)
    return None if answer == "ok" else str(answer).strip().splitlines()[-1]
