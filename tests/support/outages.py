"""Outages as tests make them: a database that is full, can only be read, or is away.

The errors are the database's own. A full disk is a limit on SQLite's pages; PostgreSQL
has none, so its triggers raise what it raises then (SQLSTATE 53100).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import event, text

from rsvp.db import Base, writing
from rsvp.extensions import db
from tests.support import services

NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device'
    USING ERRCODE = 'disk_full';
END $$
"""
MUCH_SPACE = "CREATE TABLE much_space (bytes BLOB)"
CHANGES = ("INSERT", "UPDATE", "DELETE")


@contextlib.contextmanager
def full() -> Iterator[None]:
    """No row can be written until the end of the block; all can be read."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    is_sqlite = db.engine.dialect.name == "sqlite"
    with writing() as session:
        session.execute(text(MUCH_SPACE if is_sqlite else NO_SPACE))
        for name in tables:
            # What is written at all needs more than what is free on the pages.
            for change in CHANGES if is_sqlite else (" OR ".join(CHANGES),):
                does = (
                    "BEGIN INSERT INTO much_space VALUES (zeroblob(1000000)); END"
                    if is_sqlite
                    else "EXECUTE FUNCTION no_space()"
                )
                trigger = f"no_space_{name}_{change[:6]}"
                made = f"CREATE TRIGGER {trigger} BEFORE {change} ON {name} {does}"
                session.execute(text(made))
    limit = each_connection("PRAGMA max_page_count = 1")
    try:
        with limit if is_sqlite else contextlib.nullcontext():
            yield
    finally:
        db.session.rollback()
        with writing() as session:
            if is_sqlite:
                for name in tables:
                    for change in CHANGES:
                        session.execute(text(f"DROP TRIGGER no_space_{name}_{change}"))
                session.execute(text("DROP TABLE much_space"))
            else:
                session.execute(text("DROP FUNCTION no_space CASCADE"))


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """Whatever writes is refused until the end of the block."""
    statements = {
        "sqlite": "PRAGMA query_only = 1",
        "postgresql": "SET default_transaction_read_only = on",
    }
    with each_connection(statements[db.engine.dialect.name]):
        yield


@contextlib.contextmanager
def each_connection(statement: str) -> Iterator[None]:
    """Every connection begins with this statement until the end of the block."""

    def begin(connection: Any, _entry: Any) -> None:
        connection.execute(statement)
        connection.commit()

    event.listen(db.engine, "connect", begin)
    new_connections()
    try:
        yield
    finally:
        event.remove(db.engine, "connect", begin)
        new_connections()


def new_connections() -> None:
    db.session.rollback()
    db.engine.dispose()


@contextlib.contextmanager
def away() -> Iterator[None]:
    """No connection comes about until the end of the block, and those that were are
    broken."""
    if db.engine.dialect.name == "sqlite":
        new_connections()
        file = Path(str(db.engine.url.database))
        kept = file.rename(file.with_suffix(".away"))
        file.mkdir()
        try:
            yield
        finally:
            new_connections()
            file.rmdir()
            kept.rename(file)
        return
    name = sql.Identifier(str(db.engine.url.database))
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(services.POSTGRESQL, autocommit=True) as server:
        server.execute(allow.format(name, sql.SQL("false")))
        server.execute(end, (db.engine.url.database,))
        try:
            yield
        finally:
            server.execute(allow.format(name, sql.SQL("true")))
