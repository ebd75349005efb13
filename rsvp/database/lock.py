"""Database lock: shared by running processes, exclusive for a restore.

On SQLite that is a flock on `<database>.in-use`, on PostgreSQL an advisory lock of each
connection. Both end with the process, however it went, so nothing stale is ever left.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from rsvp.database import sqlite_file

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock
    fcntl = None  # type: ignore[assignment]

ADVISORY_LOCK = 0x52535655
"""The advisory lock's number: one that others in the database don't use."""

NOTE_LENGTH = 120
"""Bytes of a note."""
LOCK_TIMEOUT = 3.0
"""Seconds to wait for somebody who is only looking: a restore takes longer."""

RESTORING_TEXT = "a backup is being put back into it; start again when that has ended"


class DatabaseInUse(Exception):
    """Somebody else has the database open."""


def lock_while_connected(engine: Engine) -> None:
    """Hold the shared lock while `engine` has connections.

    Connecting raises OperationalError while a restore has the lock, and UnsafeStart
    where the SQLite file must not be opened (`sqlite_file.refuse_foreign_wal`).
    """
    if engine.__dict__.get("rsvp_watched"):
        return
    engine.__dict__["rsvp_watched"] = True
    if engine.dialect.name == "postgresql":

        def share(connection: Any, _entry: Any) -> None:
            if not engine.__dict__.get("rsvp_not_shared"):
                share_postgresql(connection)

        event.listen(engine, "connect", share)
    elif (file := sqlite_file.database_path(engine)) is not None:
        lock = engine.__dict__["rsvp_use"] = FileLock(file)
        # Before the driver opens the file: that alone would read a leftover WAL.
        event.listen(engine, "do_connect", lambda *_: lock.share())
        event.listen(engine, "engine_disposed", lambda _: lock.release())


@contextlib.contextmanager
def without_sharing(engine: Engine) -> Iterator[None]:
    """Let connections ask for no share: for the restore itself, which has the lock."""
    engine.__dict__["rsvp_not_shared"] = True
    try:
        yield
    finally:
        engine.__dict__["rsvp_not_shared"] = False


def share_postgresql(connection: Any) -> None:
    is_locked = retry_within(
        LOCK_TIMEOUT,
        lambda: query_flag(
            connection, f"SELECT pg_try_advisory_lock_shared({ADVISORY_LOCK})"
        ),
    )
    connection.rollback()  # the lock is the session's, not the transaction's
    if not is_locked:
        raise restoring_error()


@contextlib.contextmanager
def lock_postgresql(connection: Any) -> Iterator[None]:
    """Lock a PostgreSQL database exclusively, as long as a psycopg connection in
    autocommit mode stays open. Raises DatabaseInUse."""
    query = f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"
    # The server takes a moment to notice that a client was killed.
    if not retry_within(LOCK_TIMEOUT, lambda: query_flag(connection, query)):
        raise DatabaseInUse
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")


def query_flag(connection: Any, query: str) -> bool:
    with connection.cursor() as cursor:
        return bool(cursor.execute(query).fetchone()[0])


def restoring_error() -> OperationalError:
    return OperationalError(None, None, Exception(RESTORING_TEXT))


class FileLock:
    """The lock of one SQLite file. Its own file tells how the last use ended: `open …`
    while there is one, `closed …` after a clean end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.path = Path(f"{file}.in-use")
        self.threads = threading.Lock()
        self.handle: int | None = None
        self.held_by: int | None = None
        self.last_close = sqlite_file.LastClose.WHOLE
        """How this process found the database, until somebody has looked into it."""

    def share(self) -> None:
        """Take a share of the lock; once it is held this does nothing."""
        with self.threads:
            if self.held_by == os.getpid() or fcntl is None:
                return
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                # A folder that can't be written to: SQLite says so itself.
                return
            try:
                if try_flock(handle, fcntl.LOCK_EX):
                    self.begin(handle)
                elif not try_flock(handle, fcntl.LOCK_SH, LOCK_TIMEOUT):
                    raise restoring_error()
            except BaseException:
                os.close(handle)
                raise
            # One that was inherited by a fork is the parent's: not to be unlocked here.
            self.handle, self.held_by = handle, os.getpid()

    def begin(self, handle: int) -> None:
        """As the first to use it: see how the last one left it; note that it is
        open."""
        note = read_note(handle)
        sqlite_file.refuse_foreign_wal(self.file, note, os.fstat(handle))
        self.last_close = sqlite_file.find_last_close(self.file, note)
        # It must be on the disk before a WAL is: a WAL beside a file that was closed
        # is another one's.
        write_note(handle, sqlite_file.open_note(self.file, os.fstat(handle)))
        os.fsync(handle)
        try_flock(handle, fcntl.LOCK_SH)

    def release(self) -> None:
        """Release the share; whoever is the last notes whether one whole file is
        left."""
        with self.threads:
            if self.handle is None:
                return
            handle, self.handle = self.handle, None
            was_ours, self.held_by = self.held_by == os.getpid(), None
            try:
                is_whole = self.last_close is sqlite_file.LastClose.WHOLE
                if was_ours and is_whole and try_flock(handle, fcntl.LOCK_EX):
                    write_note(handle, sqlite_file.closed_note(self.file))
            finally:
                os.close(handle)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock exclusively. Raises DatabaseInUse, and OSError."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None and not try_flock(handle, fcntl.LOCK_EX, LOCK_TIMEOUT):
                raise DatabaseInUse
            yield
            write_note(handle, sqlite_file.closed_note(self.file))
        finally:
            os.close(handle)

    def read_state(self) -> tuple[str, os.stat_result]:
        """Return what the lock's file says, and what the system says of the file."""
        with self.path.open("rb") as file:
            return read_note(file.fileno()), os.fstat(file.fileno())


def try_flock(handle: int, kind: int, timeout: float = 0) -> bool:
    """Try to take the lock, at once or within so many seconds; return whether it was
    had."""

    def try_it() -> bool:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return retry_within(timeout, try_it)


def retry_within(seconds: float, succeeds: Callable[[], bool]) -> bool:
    """Try again and again for so many seconds; return whether it succeeded."""
    end = time.monotonic() + seconds
    while not succeeds():
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True


def write_note(handle: int, text: str) -> None:
    """Overwrite the note, in one length: a full disk has room for that."""
    os.pwrite(handle, text.rstrip().ljust(NOTE_LENGTH).encode() + b"\n", 0)


def read_note(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace").rstrip() + "\n"
