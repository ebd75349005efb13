"""Outages: what passes is told apart from mistakes, by the database's own codes."""

from __future__ import annotations

import errno
import sqlite3

import psycopg
import pytest
from sqlalchemy import exc

from rsvp.database import outages
from rsvp.database.outages import Kind
from rsvp.errors import NoTurn


def sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("whatever it says")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_…"
    return error


def postgresql(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)("whatever it says")


def system(number: int) -> NoTurn:
    try:
        raise NoTurn from OSError(number, "whatever it says")
    except NoTurn as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite(sqlite3.SQLITE_FULL), Kind.FULL),
        (sqlite(sqlite3.SQLITE_READONLY), Kind.READ_ONLY),
        (sqlite(sqlite3.SQLITE_READONLY_DBMOVED), Kind.READ_ONLY),
        (sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), Kind.BUSY),
        (sqlite(sqlite3.SQLITE_LOCKED), Kind.BUSY),
        (sqlite(sqlite3.SQLITE_CANTOPEN), Kind.AWAY),
        (sqlite(sqlite3.SQLITE_IOERR_FSYNC), Kind.DISK),
        (sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), Kind.FULL),
        (sqlite(sqlite3.SQLITE_ERROR), None),
        (sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE), None),
        (sqlite(sqlite3.SQLITE_CORRUPT_INDEX), Kind.DAMAGED),
        (sqlite(sqlite3.SQLITE_NOTADB), Kind.DAMAGED),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), None),
        (postgresql("53100"), Kind.FULL),
        (postgresql("53300"), Kind.BUSY),
        (postgresql("25006"), Kind.READ_ONLY),
        (postgresql("42501"), Kind.READ_ONLY),
        (postgresql("55P03"), Kind.BUSY),
        (postgresql("57014"), Kind.BUSY),
        (postgresql("40P01"), Kind.BUSY),
        (postgresql("57P01"), Kind.AWAY),
        (postgresql("57P03"), Kind.AWAY),
        (postgresql("08006"), Kind.AWAY),
        (postgresql("25P03"), Kind.AWAY),
        (postgresql("58030"), Kind.DISK),
        (postgresql("XX001"), Kind.DAMAGED),
        (postgresql("XX002"), Kind.DAMAGED),
        (postgresql("XX000"), None),
        (postgresql("42P01"), None),
        (postgresql("23505"), None),
        (postgresql("22021"), None),
        (psycopg.OperationalError("the connection is closed"), Kind.AWAY),
        (psycopg.errors.ConnectionTimeout("timeout expired"), Kind.AWAY),
        (psycopg.InterfaceError("the cursor is closed"), None),
        (exc.TimeoutError(), Kind.BUSY),
        (NoTurn(), Kind.BUSY),
        (system(errno.ENOSPC), Kind.FULL),
        (system(errno.EROFS), Kind.READ_ONLY),
        (system(errno.EACCES), Kind.READ_ONLY),
        (OSError(errno.ENOSPC, "No space left on device"), Kind.FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Kind.FULL),
        (PermissionError(errno.EACCES, "Permission denied"), None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), None),
        (ValueError("a mistake of ours"), None),
    ],
)
def test_what_passes_is_told_apart_from_mistakes(error: Exception, kind: Kind | None):
    found = outages.find(error)
    assert (found and found.kind) == kind
    if isinstance(error, sqlite3.Error | psycopg.Error):
        # As SQLAlchemy hands them on.
        wrapped = exc.DBAPIError("SELECT 1", {}, error)
        assert outages.find(wrapped) == found


def test_what_was_sent_may_be_stored_only_where_nobody_said_that_it_is_not():
    kinds = {kind for kind in Kind if outages.Outage(kind, "").may_be_stored}
    assert kinds == {Kind.AWAY, Kind.DISK, Kind.DAMAGED}


def test_an_outage_is_told_without_what_the_database_said():
    said = exc.DBAPIError("INSERT …", {}, postgresql("53100"))
    assert (
        str(outages.find(said)) == "the disk of the database is full (SQLSTATE 53100)"
    )
