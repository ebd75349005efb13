"""Create a backup: a snapshot of the database, written into one file or stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from flask import Flask

from rsvp.backup import archive, encryption, output_file, postgresql_dump, sqlite_copy
from rsvp.backup.archive import About, Progress
from rsvp.backup.database_summary import DatabaseSummary
from rsvp.backup.errors import BackupError, Damaged, FileError
from rsvp.database import sqlite_file
from rsvp.extensions import db


@dataclass(frozen=True)
class BackupOptions:
    """Options of a backup: for whom it is encrypted (neither: not at all), and whether
    the keys are in it."""

    recipients: Sequence[Any] = field(default=())
    passphrase: str | None = None
    with_keys: bool = False


@dataclass(frozen=True)
class BackupResult:
    """What was written. `was_read` says whether its contents were read again, or
    (encrypted for a public key) its bytes alone."""

    about: About
    size: int
    sha256: str
    was_read: bool


def to_file(
    app: Flask,
    path: Path,
    options: BackupOptions,
    *,
    now: datetime,
    progress: Progress,
    force: bool = False,
) -> BackupResult:
    """Write a backup of the site into `path` and read it again.

    The file is there when this returns, whole; if it raises, nothing is, and what was
    there before still is. Safe while the site runs. Raises BackupError.
    """
    with output_file.open_output(path, force=force) as file:
        with snapshot(app, now, progress) as (database, about):
            about = write_backup(app, file, about, database, options, progress)
        was_read = verify_written(file, options, progress)
        file.finish()
    return BackupResult(about, file.size, file.digest.hexdigest(), was_read)


def to_stream(
    app: Flask,
    stream: BinaryIO,
    options: BackupOptions,
    *,
    now: datetime,
    progress: Progress,
) -> About:
    """Write a backup into a stream, which nobody can read again. Raises BackupError."""
    with snapshot(app, now, progress) as (database, about):
        try:
            about = write_backup(app, stream, about, database, options, progress)
            stream.flush()
        except OSError as error:
            reason = output_file.os_error_text(error)
            raise BackupError(f"the backup can't be written: {reason}") from error
    return about


# --- the database -------------------------------------------------------------------


@contextlib.contextmanager
def snapshot(
    app: Flask, now: datetime, progress: Progress
) -> Iterator[tuple[BinaryIO, About]]:
    """Copy the database into a file without a name; yield it and what a backup of it
    says of itself."""
    try:
        with copy_database(app, progress) as (copy, summary, namespace):
            yield copy, describe(db.engine.dialect.name, summary, copy, now, namespace)
    except FileError as error:
        raise BackupError(f"the site's database {error}") from error


@contextlib.contextmanager
def copy_database(
    app: Flask, progress: Progress
) -> Iterator[tuple[BinaryIO, DatabaseSummary, str]]:
    file = sqlite_file.database_path(db.engine)
    if file is not None:
        if not file.exists():
            raise BackupError(f"there is no database {file}: `rsvp init` makes one")
        with sqlite_copy.copy_database(file, progress) as (copy, summary):
            yield copy, summary, ""
        return
    with postgresql_dump.dump_database(
        db.engine, Path(app.instance_path), progress
    ) as dump:
        yield dump


def describe(
    engine: str, summary: DatabaseSummary, copy: BinaryIO, now: datetime, namespace: str
) -> About:
    sha256 = archive.sha256_of(copy)
    size = copy.tell()
    copy.seek(0)
    return About(
        made_at=now,
        engine=engine,
        schema=summary.schema,
        code_keys=summary.code_keys,
        counts=summary.counts,
        size=size,
        sha256=sha256,
        namespace=namespace,
    )


# --- the file -----------------------------------------------------------------------


def write_backup(
    app: Flask,
    sink: Any,
    about: About,
    database: BinaryIO,
    options: BackupOptions,
    progress: Progress,
) -> About:
    keys = key_file_contents(app) if options.with_keys else {}
    about = About(**{**vars(about), "keys": tuple(keys)})

    def into(stream: BinaryIO) -> None:
        archive.write_archive(stream, about, database, keys, progress)

    if options.recipients:
        encryption.encrypt(sink, options.recipients, into)
    elif options.passphrase is not None:
        encryption.encrypt_with_passphrase(sink, options.passphrase, into)
    else:
        into(sink)
    return about


def key_file_contents(app: Flask) -> dict[str, bytes]:
    """Return the keys, as their files in the instance folder have them."""
    return {
        "code_key": f"{app.config['CODE_KEY'].hex()}\n".encode(),
        "secret_key": f"{app.config['SECRET_KEY']}\n".encode(),
    }


def verify_written(
    file: output_file.OutputFile, options: BackupOptions, progress: Progress
) -> bool:
    """Read what was written from the disk: its contents, or where only somebody else
    can decrypt them its bytes. Raises BackupError where it is not what was written."""
    written = file.read_again()
    try:
        if options.recipients:
            watched: Any = archive.ProgressReader(
                written, file.size, "Reading", progress
            )
            if archive.sha256_of(watched) != file.digest.hexdigest():
                raise Damaged
            return False
        if options.passphrase is not None:
            written = encryption.decrypt_with_passphrase(written, options.passphrase)
        with archive.open_archive(written) as contents:
            contents.copy_database(None, progress)
    except Damaged as error:
        raise BackupError(
            "what the disk has is not what was written to it: look after the disk, "
            "and take the backup to another"
        ) from error
    return True
