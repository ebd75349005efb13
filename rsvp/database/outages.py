"""Database outages: recognized by the driver's error codes.

They are no mistake of the program: the disk is full, the server starts again, somebody
else holds the lock. Whatever is not known here is a mistake, and stays one.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import exc

from rsvp.db import current_session
from rsvp.errors import WriteLockUnavailable

log = logging.getLogger("rsvp.database")


class OutageKind(StrEnum):
    """What is wrong, in words for the log and for operators."""

    FULL = "the disk of the database is full"
    READ_ONLY = "the database can only be read"
    BUSY = "the database is busy"
    AWAY = "the database can't be reached"
    DISK = "the disk of the database fails"
    DAMAGED = "the database is damaged"


TEMPORARY_KINDS = (OutageKind.BUSY, OutageKind.AWAY)
"""What mostly passes by itself; the others wait for an operator."""


@dataclass(frozen=True)
class Outage:
    kind: OutageKind
    code: str

    @property
    def may_be_stored(self) -> bool:
        """Whether what was being written may be stored all the same: the connection
        may break, or the disk fail, between the commit and its answer."""
        return self.kind in (OutageKind.AWAY, OutageKind.DISK, OutageKind.DAMAGED)

    def __str__(self) -> str:
        return f"{self.kind} ({self.code})"


def find(error: BaseException) -> Outage | None:
    """Return the outage that an error tells of, or None where it is a mistake of
    ours."""
    if isinstance(error, WriteLockUnavailable):
        if isinstance(error.__cause__, OSError):
            code = errno.errorcode.get(error.__cause__.errno or 0, "lock file")
            return system_outage(error.__cause__) or Outage(OutageKind.READ_ONLY, code)
        return Outage(OutageKind.BUSY, "no turn to write")
    if isinstance(error, exc.TimeoutError):
        return Outage(OutageKind.BUSY, "no connection came free")
    if isinstance(error, exc.DBAPIError):
        outage = driver_outage(error.orig) if error.orig else None
        if outage is None and error.connection_invalidated:
            return Outage(OutageKind.AWAY, "connection lost")
        return outage
    if isinstance(error, OSError):
        return system_outage(error)
    return driver_outage(error)


@contextlib.contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Write something that is only noted beside something else: where the database does
    not take it, log that and go on without."""
    try:
        yield
    except Exception as error:
        outage = find(error)
        if outage is None:
            raise
        current_session().rollback()
        log.error("%s is not noted: %s", what, outage)


def driver_outage(error: BaseException) -> Outage | None:
    """Return the outage that an error of SQLite's driver or PostgreSQL's tells of."""
    if isinstance(error, sqlite3.Error):
        return sqlite_outage(error)
    # Not by its class: PostgreSQL's driver is loaded only where it is used.
    if type(error).__module__.split(".")[0] == "psycopg":
        return postgresql_outage(error)
    return None


# --- SQLite (https://www.sqlite.org/rescode.html) -----------------------------------

SQLITE_CODES = {
    sqlite3.SQLITE_FULL: OutageKind.FULL,
    sqlite3.SQLITE_READONLY: OutageKind.READ_ONLY,
    sqlite3.SQLITE_PERM: OutageKind.READ_ONLY,
    sqlite3.SQLITE_BUSY: OutageKind.BUSY,
    sqlite3.SQLITE_LOCKED: OutageKind.BUSY,
    sqlite3.SQLITE_PROTOCOL: OutageKind.BUSY,
    sqlite3.SQLITE_NOMEM: OutageKind.BUSY,
    sqlite3.SQLITE_CANTOPEN: OutageKind.AWAY,
    sqlite3.SQLITE_IOERR: OutageKind.DISK,
    sqlite3.SQLITE_CORRUPT: OutageKind.DAMAGED,
    sqlite3.SQLITE_NOTADB: OutageKind.DAMAGED,
    # The first to open a database makes a file of 32 KiB beside it.
    sqlite3.SQLITE_IOERR_SHMSIZE: OutageKind.FULL,
}


def sqlite_outage(error: sqlite3.Error) -> Outage | None:
    code = getattr(error, "sqlite_errorcode", None)
    # The lowest byte says what it is, the others say more of it.
    kind = (
        None if code is None else SQLITE_CODES.get(code, SQLITE_CODES.get(code & 0xFF))
    )
    return Outage(kind, str(error.sqlite_errorname)) if kind else None


# --- PostgreSQL (its manual, appendix A) --------------------------------------------

POSTGRESQL_CODES = {
    "53100": OutageKind.FULL,
    "25P03": OutageKind.AWAY,  # idle_in_transaction_session_timeout
    "25006": OutageKind.READ_ONLY,  # read_only_sql_transaction: a standby, or so set
    "42501": OutageKind.READ_ONLY,  # insufficient_privilege
    "40001": OutageKind.BUSY,  # serialization_failure
    "40P01": OutageKind.BUSY,  # deadlock_detected
    "55P03": OutageKind.BUSY,  # lock_not_available: lock_timeout
    "57014": OutageKind.BUSY,  # query_canceled: statement_timeout
    "XX001": OutageKind.DAMAGED,  # data_corrupted
    "XX002": OutageKind.DAMAGED,  # index_corrupted
}
POSTGRESQL_CLASSES = {
    "08": OutageKind.AWAY,  # connection exceptions
    "28": OutageKind.AWAY,  # the role may not connect (any more)
    "3D": OutageKind.AWAY,  # there is no such database (any more)
    "53": OutageKind.BUSY,  # insufficient resources: memory, connections
    "57P": OutageKind.AWAY,  # shut down, starting, dropped
    "58": OutageKind.DISK,  # system errors
}


def postgresql_outage(error: BaseException) -> Outage | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # The connection broke, or never came about: no server was there to say more.
        is_lost = any(c.__name__ == "OperationalError" for c in type(error).__mro__)
        return Outage(OutageKind.AWAY, "no connection") if is_lost else None
    kind = POSTGRESQL_CODES.get(state) or next(
        (kind for begin, kind in POSTGRESQL_CLASSES.items() if state.startswith(begin)),
        None,
    )
    return Outage(kind, f"SQLSTATE {state}") if kind else None


# --- files beside the database ------------------------------------------------------

SYSTEM_CODES = {
    errno.ENOSPC: OutageKind.FULL,
    errno.EDQUOT: OutageKind.FULL,
    errno.EROFS: OutageKind.READ_ONLY,
    errno.EIO: OutageKind.DISK,
}


def system_outage(error: OSError) -> Outage | None:
    kind = SYSTEM_CODES.get(error.errno or 0)
    return Outage(kind, errno.errorcode[error.errno or 0]) if kind else None
