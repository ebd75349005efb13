"""Outages: errors that say that the database can't be used for now, told by codes.

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
from rsvp.errors import NoTurn

log = logging.getLogger("rsvp.database")


class Kind(StrEnum):
    """What is wrong, in words for the log and for operators."""

    FULL = "the disk of the database is full"
    READ_ONLY = "the database can only be read"
    BUSY = "the database is busy"
    AWAY = "the database can't be reached"
    DISK = "the disk of the database fails"
    DAMAGED = "the database is damaged"


PASSES_SOON = (Kind.BUSY, Kind.AWAY)
"""What mostly passes by itself; the others wait for an operator."""


@dataclass(frozen=True)
class Outage:
    kind: Kind
    code: str

    @property
    def may_be_stored(self) -> bool:
        """Whether what was being written may be stored all the same: the connection
        may break, or the disk fail, between the commit and its answer."""
        return self.kind in (Kind.AWAY, Kind.DISK, Kind.DAMAGED)

    def __str__(self) -> str:
        return f"{self.kind} ({self.code})"


def find(error: BaseException) -> Outage | None:
    """The outage that an error tells of, or None where it is a mistake of ours."""
    if isinstance(error, NoTurn):
        if isinstance(error.__cause__, OSError):
            code = errno.errorcode.get(error.__cause__.errno or 0, "lock file")
            return of_system(error.__cause__) or Outage(Kind.READ_ONLY, code)
        return Outage(Kind.BUSY, "no turn to write")
    if isinstance(error, exc.TimeoutError):
        return Outage(Kind.BUSY, "no connection came free")
    if isinstance(error, exc.DBAPIError):
        outage = of_driver(error.orig) if error.orig else None
        if outage is None and error.connection_invalidated:
            return Outage(Kind.AWAY, "connection lost")
        return outage
    if isinstance(error, OSError):
        return of_system(error)
    return of_driver(error)


@contextlib.contextmanager
def if_possible(what: str) -> Iterator[None]:
    """For what is only noted beside something else: where the database takes nothing,
    the log says so and it goes on without."""
    try:
        yield
    except Exception as error:
        outage = find(error)
        if outage is None:
            raise
        current_session().rollback()
        log.error("%s is not noted: %s", what, outage)


def of_driver(error: BaseException) -> Outage | None:
    """What SQLite's driver or PostgreSQL's raised."""
    if isinstance(error, sqlite3.Error):
        return of_sqlite(error)
    # Not by its class: PostgreSQL's driver is loaded only where it is used.
    if type(error).__module__.split(".")[0] == "psycopg":
        return of_postgresql(error)
    return None


# --- SQLite (https://www.sqlite.org/rescode.html) -----------------------------------

SQLITE = {
    sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_READONLY: Kind.READ_ONLY,
    sqlite3.SQLITE_PERM: Kind.READ_ONLY,
    sqlite3.SQLITE_BUSY: Kind.BUSY,
    sqlite3.SQLITE_LOCKED: Kind.BUSY,
    sqlite3.SQLITE_PROTOCOL: Kind.BUSY,
    sqlite3.SQLITE_NOMEM: Kind.BUSY,
    sqlite3.SQLITE_CANTOPEN: Kind.AWAY,
    sqlite3.SQLITE_IOERR: Kind.DISK,
    sqlite3.SQLITE_CORRUPT: Kind.DAMAGED,
    sqlite3.SQLITE_NOTADB: Kind.DAMAGED,
    # The first to open a database makes a file of 32 KiB beside it.
    sqlite3.SQLITE_IOERR_SHMSIZE: Kind.FULL,
}


def of_sqlite(error: sqlite3.Error) -> Outage | None:
    code = getattr(error, "sqlite_errorcode", None)
    # The lowest byte says what it is, the others say more of it.
    kind = None if code is None else SQLITE.get(code, SQLITE.get(code & 0xFF))
    return Outage(kind, str(error.sqlite_errorname)) if kind else None


# --- PostgreSQL (its manual, appendix A) --------------------------------------------

CONDITIONS = {
    "53100": Kind.FULL,
    "25P03": Kind.AWAY,  # idle_in_transaction_session_timeout
    "25006": Kind.READ_ONLY,  # read_only_sql_transaction: a standby, or so set
    "42501": Kind.READ_ONLY,  # insufficient_privilege
    "40001": Kind.BUSY,  # serialization_failure
    "40P01": Kind.BUSY,  # deadlock_detected
    "55P03": Kind.BUSY,  # lock_not_available: lock_timeout
    "57014": Kind.BUSY,  # query_canceled: statement_timeout
    "XX001": Kind.DAMAGED,  # data_corrupted
    "XX002": Kind.DAMAGED,  # index_corrupted
}
CLASSES = {
    "08": Kind.AWAY,  # connection exceptions
    "28": Kind.AWAY,  # the role may not connect (any more)
    "3D": Kind.AWAY,  # there is no such database (any more)
    "53": Kind.BUSY,  # insufficient resources: memory, connections
    "57P": Kind.AWAY,  # shut down, starting, dropped
    "58": Kind.DISK,  # system errors
}


def of_postgresql(error: BaseException) -> Outage | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # The connection broke, or never came about: no server was there to say more.
        is_lost = any(c.__name__ == "OperationalError" for c in type(error).__mro__)
        return Outage(Kind.AWAY, "no connection") if is_lost else None
    kind = CONDITIONS.get(state) or next(
        (kind for begin, kind in CLASSES.items() if state.startswith(begin)), None
    )
    return Outage(kind, f"SQLSTATE {state}") if kind else None


# --- files beside the database ------------------------------------------------------

SYSTEM = {
    errno.ENOSPC: Kind.FULL,
    errno.EDQUOT: Kind.FULL,
    errno.EROFS: Kind.READ_ONLY,
    errno.EIO: Kind.DISK,
}


def of_system(error: OSError) -> Outage | None:
    kind = SYSTEM.get(error.errno or 0)
    return Outage(kind, errno.errorcode[error.errno or 0]) if kind else None
