"""PostgreSQL dump: made by pg_dump, loaded again without any program."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from psycopg import pq, sql
from sqlalchemy import Engine

from rsvp.backup.archive import CHUNK_BYTES, Progress
from rsvp.backup.database_summary import DatabaseSummary, summarize
from rsvp.backup.errors import BackupError, Damaged
from rsvp.database.postgresql import disable_timeouts

INSTALL_FOLDER = "/usr/lib/postgresql"
"""Where Debian and its like have each version's programs, in `<version>/bin`."""


# --- taking -------------------------------------------------------------------------


@contextlib.contextmanager
def dump_database(
    engine: Engine, folder: Path, progress: Progress
) -> Iterator[tuple[BinaryIO, DatabaseSummary, str]]:
    """Dump the database at this moment: yield the SQL, a summary, and its schema's
    name. The dump lies in `folder` without a name."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        engine.connect().execution_options(**options) as connection,
        tempfile.TemporaryFile(dir=folder) as dump,
    ):

        def value(query: str) -> Any:
            return connection.exec_driver_sql(query).scalar_one()

        disable_timeouts(connection)
        namespace = value("SELECT current_schema()")
        summary = summarize(connection.exec_driver_sql)
        table_bytes = value(
            "SELECT sum(pg_table_size(pg_class.oid)) FROM pg_class "
            "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname = current_schema() AND relkind = 'r'"
        )
        driver: Any = connection.connection.driver_connection
        program = find_program("pg_dump", driver.info.server_version // 10000)
        run_program(
            [
                str(program),
                "--format=plain",
                "--encoding=UTF8",
                "--quote-all-identifiers",
                "--no-owner",
                "--no-privileges",
                "--no-comments",
                "--no-publications",
                "--no-subscriptions",
                "--no-security-labels",
                "--no-tablespaces",
                f"--schema={exact_pattern(namespace)}",
                f"--snapshot={value('SELECT pg_export_snapshot()')}",
            ],
            libpq_environment(driver),
            dump,
            lambda done: progress(
                "Copying", min(done, int(table_bytes)), int(table_bytes)
            ),
        )
        dump.seek(0)
        yield dump, summary, namespace


def exact_pattern(name: str) -> str:
    """Return the pattern of pg_dump that means this name alone."""
    return '"' + name.replace('"', '""') + '"'


def find_program(name: str, server: int) -> Path:
    """Find a program of PostgreSQL's that is at least as new as the server (its
    version's first number). Raises BackupError."""
    paths = [Path(path) for path in filter(None, [shutil.which(name)])]
    paths += sorted(Path(INSTALL_FOLDER).glob(f"*/bin/{name}"), reverse=True)
    versions = {path: major_version(path) for path in paths}
    if not any(versions.values()):
        raise BackupError(
            f"{name} is not installed (Debian: postgresql-client-{server}); a backup "
            "of PostgreSQL needs it"
        )
    fitting = [path for path in paths if versions[path] >= server]
    if not fitting:
        raise BackupError(
            f"{name} is of version {max(versions.values())}, the server of version "
            f"{server}: install the program of that version "
            f"(Debian: postgresql-client-{server})"
        )
    return min(fitting, key=lambda path: versions[path])


def major_version(program: Path) -> int:
    """Return the first number of a program's version; 0 where it does not run."""
    try:
        output = subprocess.run(  # noqa: S603 - found where programs are installed
            [program, "--version"], capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    number = re.search(r"\) (\d+)", output)
    return int(number[1]) if number else 0


def libpq_environment(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the environment that makes a program of PostgreSQL's connect as we did.
    Only its owner reads that: a command line anybody does."""
    parameters = connection.info.get_parameters() | {
        "password": connection.info.password
    }
    names = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    variables = {
        names[key]: str(value) for key, value in parameters.items() if key in names
    }
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("PG", "RSVP_"))
    }
    return inherited | {name: value for name, value in variables.items() if value}


def run_program(
    command: list[str], environment: dict[str, str], output: BinaryIO, told: Any
) -> None:
    """Run a program to its end. Raises BackupError with its last words."""
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - as above
                command, env=environment, stdout=output, stderr=errors
            )
        except OSError as error:
            raise BackupError(f"{command[0]} can't be run: {error.strerror}") from error
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
                    break
                told(os.fstat(output.fileno()).st_size)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip().splitlines()
            raise BackupError((words or [f"{command[0]} failed"])[-1])


# --- putting back -------------------------------------------------------------------

SKIPPED_STATEMENTS = re.compile(
    r"SET |SELECT pg_catalog\.set_config\(|CREATE SCHEMA |COMMENT ON "
)
KNOWN_STATEMENTS = re.compile(
    r"CREATE (TABLE|SEQUENCE|INDEX|UNIQUE INDEX) |ALTER (TABLE|SEQUENCE) "
    r"|SELECT pg_catalog\.setval\("
)


def load_dump(
    connection: psycopg.Connection[Any],
    dump: BinaryIO,
    *,
    old_namespace: str,
    namespace: str,
    size: int,
    progress: Progress,
) -> None:
    """Load the tables of a dump, which has them in `old_namespace`, into `namespace`.

    In the transaction of the caller. Raises Damaged for anything but tables.
    """
    old = sql.Identifier(old_namespace).as_string(connection) + "."
    new = sql.Identifier(namespace).as_string(connection) + "."
    statement: list[bytes] = []
    done = 0
    for line in dump:
        done += len(line)
        if not statement and (not line.strip() or line.startswith((b"--", b"\\"))):
            # Comments, and what guards psql: \restrict and its end.
            continue
        statement.append(line)
        if not line.rstrip().endswith(b";"):
            continue
        text, statement = b"".join(statement).decode().strip(), []
        if SKIPPED_STATEMENTS.match(text):
            continue
        if text.startswith("COPY ") and text.endswith(" FROM stdin;"):
            done += copy_rows(connection, text.replace(old, new, 1), dump)
        elif KNOWN_STATEMENTS.match(text):
            connection.execute(text.replace(old, new).encode())
        else:
            raise Damaged("its SQL is not pg_dump's")
        progress("Loading", done, size)
    if statement:
        raise Damaged("its SQL ends early")


def copy_rows(connection: psycopg.Connection[Any], text: str, dump: BinaryIO) -> int:
    """Copy the rows that follow, up to their end; return how many bytes those were."""
    done, piece = 0, bytearray()
    with connection.cursor() as cursor, cursor.copy(text.encode()) as rows:
        for line in dump:
            done += len(line)
            if line == b"\\.\n":
                rows.write(bytes(piece))
                return done
            piece += line
            if len(piece) >= CHUNK_BYTES:
                rows.write(bytes(piece))
                piece.clear()
        raise Damaged("its SQL ends early")
