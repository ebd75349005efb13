"""Restore into PostgreSQL: fill a temporary schema, then swap the tables."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from rsvp.backup import postgresql_dump
from rsvp.backup.archive import OpenArchive, Progress
from rsvp.backup.destination import (
    IN_USE_TEXT,
    NO_SITE,
    ExistingSite,
    inspect_existing,
    name_timestamp,
)
from rsvp.backup.errors import BackupError
from rsvp.database import lock

TEMPORARY_SCHEMA = "rsvp_restoring"
TIMEOUTS = {
    "lock_timeout": "30s",  # for somebody else's lock on a table that is to be moved
    "statement_timeout": "0",  # a large table takes as long as it takes
    "idle_in_transaction_session_timeout": "0",
}


class PostgresqlDestination:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.connection: psycopg.Connection[Any]
        self.namespace = ""

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        with lock.without_sharing(self.engine):
            opened = self.engine.raw_connection()
            try:
                driver: Any = opened.driver_connection
                opened.detach()
                driver.autocommit = True
                driver.patience = None
                self.connection = driver
                with lock.lock_postgresql(driver), self.temporary_schema_dropped():
                    yield
            except lock.DatabaseInUse as error:
                raise BackupError(IN_USE_TEXT) from error
            except psycopg.Error as error:
                words = str(error).strip().splitlines() or [type(error).__name__]
                raise BackupError(
                    f"the database says: {words[0]}; nothing was changed"
                ) from error
            finally:
                opened.close()

    @contextlib.contextmanager
    def temporary_schema_dropped(self) -> Iterator[None]:
        for name, value in TIMEOUTS.items():
            self.run("SET {} = {}", sql.Identifier(name), sql.Literal(value))
        self.drop_temporary_schema()
        try:
            yield
        finally:
            with contextlib.suppress(psycopg.OperationalError):
                self.drop_temporary_schema()

    def drop_temporary_schema(self) -> None:
        self.run("DROP SCHEMA IF EXISTS {} CASCADE", sql.Identifier(TEMPORARY_SCHEMA))

    def run(self, statement: str, *names: sql.Composable) -> Any:
        return self.connection.execute(sql.SQL(statement).format(*names))

    def tables(self, namespace: str) -> list[str]:
        rows = self.connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename",
            [namespace],
        )
        return [row[0] for row in rows]

    def inspect(self) -> ExistingSite:
        schema = self.connection.execute("SELECT current_schema()").fetchone()
        if not schema or not schema[0]:
            raise BackupError("the database has no schema that tables could be made in")
        self.namespace = schema[0]
        tables = self.tables(self.namespace)
        if not tables:
            return NO_SITE
        if "alembic_version" not in tables:
            raise BackupError(
                f"the database has other tables than RSVP's ({tables[0]}, …): name one "
                "that is RSVP's alone"
            )
        return inspect_existing(lambda query: self.connection.execute(query).fetchall())

    def load(self, archive: OpenArchive, progress: Progress) -> None:
        with tempfile.TemporaryFile(dir=self.folder) as dump:
            archive.copy_database(dump, progress)
            dump.seek(0)
            self.make_schema(TEMPORARY_SCHEMA)
            with self.connection.transaction():
                postgresql_dump.load_dump(
                    self.connection,
                    dump,
                    old_namespace=archive.about.namespace,
                    namespace=TEMPORARY_SCHEMA,
                    size=archive.about.size,
                    progress=progress,
                )
            self.run("ANALYZE")

    def uri(self) -> str:
        url = self.engine.url
        more = url.query.get("options", "")
        options = f"{more if isinstance(more, str) else ' '.join(more)} "
        options += f"-csearch_path={TEMPORARY_SCHEMA}"
        url = url.update_query_dict({"options": options.strip()})
        return url.render_as_string(hide_password=False)

    def swap_in(self, before: ExistingSite, now: datetime) -> str | None:
        old, new = self.tables(self.namespace), self.tables(TEMPORARY_SCHEMA)
        kept = None
        with self.connection.transaction():
            if before.is_empty:
                for table in old:
                    name = sql.Identifier(self.namespace, table)
                    self.run("DROP TABLE {} CASCADE", name)
            elif old:
                kept = self.free_name(f"rsvp_before_{name_timestamp(now).lower()}")
                self.make_schema(kept)
                self.move(old, self.namespace, kept)
            self.move(new, TEMPORARY_SCHEMA, self.namespace)
        return kept

    def make_schema(self, name: str) -> None:
        try:
            self.run("CREATE SCHEMA {}", sql.Identifier(name))
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(
                "the database's role may not make a schema, in which the backup is put "
                "back first: GRANT CREATE ON DATABASE … TO it; nothing was changed"
            ) from error

    def free_name(self, name: str) -> str:
        rows = self.connection.execute("SELECT nspname FROM pg_namespace").fetchall()
        taken, number, free = {row[0] for row in rows}, 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        return free

    def move(self, tables: list[str], source: str, target: str) -> None:
        """Move tables to another schema, with their indexes, constraints and
        sequences."""
        for table in tables:
            names = sql.Identifier(source, table), sql.Identifier(target)
            self.run("ALTER TABLE {} SET SCHEMA {}", *names)
