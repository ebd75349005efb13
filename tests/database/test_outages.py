"""Outages: what passes is told apart from mistakes, by the database's own codes."""

from __future__ import annotations

import errno
import sqlite3

import psycopg
from sqlalchemy import exc

from rsvp.database import outages
from rsvp.database.outages import OutageKind
from rsvp.errors import WriteLockUnavailable
from tests.support.for_each import for_each


def sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("whatever it says")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_…"
    return error


def postgresql(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)("whatever it says")


def system(number: int) -> WriteLockUnavailable:
    try:
        raise WriteLockUnavailable from OSError(number, "whatever it says")
    except WriteLockUnavailable as error:
        return error


@for_each(
    ("error", "kind"),
    [
        (sqlite(sqlite3.SQLITE_FULL), OutageKind.FULL),
        (sqlite(sqlite3.SQLITE_READONLY), OutageKind.READ_ONLY),
        (sqlite(sqlite3.SQLITE_READONLY_DBMOVED), OutageKind.READ_ONLY),
        (sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), OutageKind.BUSY),
        (sqlite(sqlite3.SQLITE_LOCKED), OutageKind.BUSY),
        (sqlite(sqlite3.SQLITE_CANTOPEN), OutageKind.AWAY),
        (sqlite(sqlite3.SQLITE_IOERR_FSYNC), OutageKind.DISK),
        (sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), OutageKind.FULL),
        (sqlite(sqlite3.SQLITE_ERROR), None),
        (sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE), None),
        (sqlite(sqlite3.SQLITE_CORRUPT_INDEX), OutageKind.DAMAGED),
        (sqlite(sqlite3.SQLITE_NOTADB), OutageKind.DAMAGED),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), None),
        (postgresql("53100"), OutageKind.FULL),
        (postgresql("53300"), OutageKind.BUSY),
        (postgresql("25006"), OutageKind.READ_ONLY),
        (postgresql("42501"), OutageKind.READ_ONLY),
        (postgresql("55P03"), OutageKind.BUSY),
        (postgresql("57014"), OutageKind.BUSY),
        (postgresql("40P01"), OutageKind.BUSY),
        (postgresql("57P01"), OutageKind.AWAY),
        (postgresql("57P03"), OutageKind.AWAY),
        (postgresql("08006"), OutageKind.AWAY),
        (postgresql("25P03"), OutageKind.AWAY),
        (postgresql("58030"), OutageKind.DISK),
        (postgresql("XX001"), OutageKind.DAMAGED),
        (postgresql("XX002"), OutageKind.DAMAGED),
        (postgresql("XX000"), None),
        (postgresql("42P01"), None),
        (postgresql("23505"), None),
        (postgresql("22021"), None),
        (psycopg.OperationalError("the connection is closed"), OutageKind.AWAY),
        (psycopg.errors.ConnectionTimeout("timeout expired"), OutageKind.AWAY),
        (psycopg.InterfaceError("the cursor is closed"), None),
        (exc.TimeoutError(), OutageKind.BUSY),
        (WriteLockUnavailable(), OutageKind.BUSY),
        (system(errno.ENOSPC), OutageKind.FULL),
        (system(errno.EROFS), OutageKind.READ_ONLY),
        (system(errno.EACCES), OutageKind.READ_ONLY),
        (OSError(errno.ENOSPC, "No space left on device"), OutageKind.FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), OutageKind.FULL),
        (PermissionError(errno.EACCES, "Permission denied"), None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), None),
        (ValueError("a mistake of ours"), None),
    ],
)
def test_what_passes_is_told_apart_from_mistakes(
    error: Exception, kind: OutageKind | None
):
    found = outages.find(error)
    assert (found and found.kind) == kind
    if isinstance(error, sqlite3.Error | psycopg.Error):
        # As SQLAlchemy hands them on.
        wrapped = exc.DBAPIError("SELECT 1", {}, error)
        assert outages.find(wrapped) == found


def test_what_was_sent_may_be_stored_only_where_nobody_said_that_it_is_not():
    kinds = {kind for kind in OutageKind if outages.Outage(kind, "").may_be_stored}
    assert kinds == {OutageKind.AWAY, OutageKind.DISK, OutageKind.DAMAGED}


def test_an_outage_is_told_without_what_the_database_said():
    said = exc.DBAPIError("INSERT …", {}, postgresql("53100"))
    assert (
        str(outages.find(said)) == "the disk of the database is full (SQLSTATE 53100)"
    )
