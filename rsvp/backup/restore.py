"""Restore a backup: built beside the present database, then swapped with it.

Whatever fails before the swap leaves the site as it was; the database that was there is
kept under another name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from flask import Flask

from rsvp import create_app, erasure_log, startup
from rsvp.backup import archive, destination, encryption
from rsvp.backup import keys as backup_keys
from rsvp.backup.archive import About, FileKind, OpenArchive, Progress
from rsvp.backup.database_summary import read_accounts, summarize
from rsvp.backup.destination import Destination, ExistingSite
from rsvp.backup.destination_postgresql import PostgresqlDestination
from rsvp.backup.destination_sqlite import SqliteDestination, open_bare_database
from rsvp.backup.errors import BackupError, FileError
from rsvp.config import UnsafeStart
from rsvp.database import lock
from rsvp.db import current_session, write
from rsvp.domain import after_restore, invariants
from rsvp.extensions import db

ACTOR = "command"


@dataclass(frozen=True)
class RestoreOptions:
    """Options of a restore. `passphrase` is asked for where one is needed; `erasures`
    are files of other machines; `send_waiting` leaves in the outbox what waits
    there."""

    replace: bool = False
    identities: Sequence[Any] = field(default=())
    passphrase: Callable[[], str] | None = None
    erasures: Sequence[Path] = field(default=())
    send_waiting: bool = False


@dataclass(frozen=True)
class RestoredSite:
    """The site after the restore. `erased` is how much was erased again;
    `erasures_known` whether all that was erased since the backup is known."""

    ended: after_restore.EndedCounts
    erased: int
    erasures_known: bool
    accounts: dict[str, bool]
    counts: dict[str, int]
    newest: datetime | None
    waiting: int
    schema: str
    problems: list[invariants.Problem]


@dataclass(frozen=True)
class RestoreResult:
    """Result of a restore: `kept` names what was there before, `keys` the keys put
    back."""

    about: About
    before: ExistingSite
    now: RestoredSite
    kept: str | None
    keys: tuple[str, ...]


def restore_file(
    app: Flask,
    path: Path,
    options: RestoreOptions,
    *,
    now: datetime,
    progress: Progress,
) -> RestoreResult:
    """Put the backup in `path` back as the database of `app`.

    Raises BackupError, and nothing was changed: also where the site runs, where
    something is there unless `wishes.replace`, and for a backup of a newer version, of
    another engine, or with another code key. Needs the application's context.
    """
    try:
        with open_backup(path, options) as opened:
            refuse_incompatible(opened.about)
            site_keys = backup_keys.choose_keys(app, opened)
            return restore_archive(app, opened, site_keys, options, now, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BackupError(f"{reason}; nothing was changed") from error
    except UnsafeStart as error:
        raise BackupError(f"{error}; nothing was changed") from error


def restore_archive(
    app: Flask,
    opened: OpenArchive,
    site_keys: backup_keys.SiteKeys,
    options: RestoreOptions,
    now: datetime,
    progress: Progress,
) -> RestoreResult:
    target: Destination = DESTINATIONS[opened.about.engine](app)
    with target.exclusive():
        before = target.inspect()
        if not (before.is_empty or options.replace):
            raise destination.occupied_error(before)
        target.load(opened, progress)
        renewed = bring_up_to_date(
            app, target.uri(), site_keys, opened.about, before, options, now
        )
        were_put = backup_keys.write_keys(app, site_keys, now)
        kept = target.swap_in(before, now)
    return RestoreResult(opened.about, before, renewed, kept, were_put)


DESTINATIONS: dict[str, Callable[[Flask], Destination]] = {
    "sqlite": lambda _: SqliteDestination(db.engine),
    "postgresql": lambda app: PostgresqlDestination(db.engine, Path(app.instance_path)),
}


def refuse_incompatible(about: About) -> None:
    """Raise BackupError for what can't be put back here."""
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    if about.engine != db.engine.dialect.name:
        raise FileError(
            f"is a backup of {names[about.engine]}, and this site's database is "
            f"{names[db.engine.dialect.name]}"
        )
    known = {script.revision for script in startup.migrations().walk_revisions()}
    if about.schema not in known:
        raise FileError(
            f"has the tables of a newer RSVP (version {about.schema}): update this one "
            "first"
        )


# --- the file -----------------------------------------------------------------------


@contextlib.contextmanager
def open_backup(path: Path, options: RestoreOptions) -> Iterator[OpenArchive]:
    """Open the archive in a file, decrypted where it must be."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} can't be read: {error.strerror}") from error
    with file, contextlib.ExitStack() as stack:
        stack.enter_context(naming_file(path))
        head = file.read(archive.HEAD_BYTES)
        file.seek(0)
        kind = archive.file_kind(head)
        if kind is FileKind.SQLITE:
            yield stack.enter_context(open_bare_database(path, file))
            return
        stream: BinaryIO = file
        if kind is FileKind.ENCRYPTED:
            stream = stack.enter_context(open_decrypted(file, head, options))
        yield stack.enter_context(archive.open_archive(stream))


@contextlib.contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except FileError as error:
        raise BackupError(f"{path} {error}") from error


@contextlib.contextmanager
def open_decrypted(
    file: BinaryIO, head: bytes, options: RestoreOptions
) -> Iterator[BinaryIO]:
    if encryption.needs_passphrase(head):
        if options.passphrase is None:
            raise FileError("is encrypted with a passphrase: --passphrase asks for it")
        yield encryption.decrypt_with_passphrase(file, options.passphrase())
    elif not options.identities:
        raise FileError("is encrypted for a key: --identity names the file with it")
    else:
        with encryption.decrypt(file, options.identities) as stream:
            yield stream


# --- what is different from the day of the backup -----------------------------------


def bring_up_to_date(
    app: Flask,
    uri: str,
    site_keys: backup_keys.SiteKeys,
    about: About,
    before: ExistingSite,
    options: RestoreOptions,
    now: datetime,
) -> RestoredSite:
    """Migrate the restored database, and end in it what must not go on as on the day of
    the backup."""
    logs = [
        erasure_log.get_erasure_log(app),
        *map(erasure_log.ErasureLog, options.erasures),
    ]
    files = [file.read() for file in logs]
    known_since = [file.since for file in files]
    is_known = any(
        # All of the files, or a database that went on from the backup.
        all(since is not None and since <= about.made_at for since in known)
        for known in (known_since, [before.made_at])
    )
    entries = [entry for file in files for entry in file.entries] + before.erasures
    restored_app = create_app(
        {
            "INSTANCE_PATH": app.instance_path,
            "SQLALCHEMY_DATABASE_URI": uri,
            "CODE_KEY": site_keys.code_key,
            "SECRET_KEY": site_keys.secret_key,
            "CELERY_BROKER_URL": None,
            "TESTING": app.testing,
        }
    )
    with restored_app.app_context(), lock.without_sharing(db.engine):
        try:
            startup.initialise()
            hold = False if options.send_waiting else None
            if hold is None and app.config["MAIL_SERVER"]:
                hold = True
            ended = write(
                after_restore.end_stale_access,
                about.made_at,
                hold_mails=hold,
                actor=ACTOR,
                now=now,
            )
            repeated = after_restore.erasures_to_repeat(entries)
            for entry in repeated:
                erase_again(entry, now)
            return RestoredSite(
                ended=ended,
                erased=len(repeated),
                erasures_known=is_known,
                newest=after_restore.newest_registration_at(),
                waiting=after_restore.count_queued_messages(),
                problems=invariants.find_all_problems(now),
                **summarize_restored(),
            )
        finally:
            startup.close_database()


def erase_again(entry: dict[str, Any], now: datetime) -> None:
    write(after_restore.repeat_erasure, entry, actor=ACTOR, now=now)


def summarize_restored() -> dict[str, Any]:
    connection = current_session().connection()
    summary = summarize(connection.exec_driver_sql)
    return {
        "accounts": read_accounts(connection.exec_driver_sql),
        "counts": summary.counts,
        "schema": summary.schema,
    }
