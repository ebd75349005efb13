"""Startup checks: the database is up to date, set up correctly, and knows our key."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import select

from rsvp import erasure_log, tokens
from rsvp.config import FILES_FOLDER, UnsafeStart, data_location
from rsvp.database import checks, migrate, sqlite_file
from rsvp.db import check_pragmas, utcnow, writing
from rsvp.extensions import db
from rsvp.models import CodeKey, Team
from rsvp.models.team import DEFAULT_TEAM

ADVISORY_LOCK = 0x52535650  # "RSVP"; any number that others on the server don't use


def initialise() -> None:
    """Bring the database up to date; then it has our key's fingerprint and a team.

    Raises UnsafeStart where the database is newer than we are or has another key, and
    where it can't be changed or is in use for too long.
    """
    with checks.errors_as_unsafe_start():
        checks.refuse_unwritable_place()
        check_unclean_end()
        checks.refuse_other_encoding()
        with startup_lock():
            refuse_newer(schema_version())
            migrate.upgrade()
            with writing() as session:
                if not session.scalar(select(Team).where(Team.slug == DEFAULT_TEAM)):
                    name = current_app.config["SITE_NAME"]
                    session.add(Team(slug=DEFAULT_TEAM, name=name, created_at=utcnow()))
                if not session.scalar(select(CodeKey).limit(1)):
                    session.add(CodeKey(id=current_key_id(), created_at=utcnow()))
        refuse_other_key()
        checks.refuse_read_only()
    erasure_log.get_erasure_log(current_app).begin(utcnow())


def verify(*, writes: bool = False) -> None:
    """Raise UnsafeStart, with one line for the operator, unless all is well.

    With `writes` also where nothing could be stored: what serves people or does the
    work needs that, a command that only reads does not.
    """
    with checks.errors_as_unsafe_start():
        if writes:
            checks.refuse_unwritable_place()
        check_unclean_end()
        if wrong := check_pragmas(db.engine):
            raise UnsafeStart(f"SQLite is not set up as it must be: {', '.join(wrong)}")
        checks.refuse_other_encoding()
        current = schema_version()
        if current is None:
            location = data_location(current_app)
            raise UnsafeStart(
                f"there is no site yet ({location}): run `rsvp init`, or set "
                "RSVP_INSTANCE_PATH to where it is"
            )
        refuse_newer(current)
        if current != latest_version():
            raise UnsafeStart("the database is not up to date: run `rsvp init`")
        refuse_other_key()
        if writes:
            checks.refuse_read_only()


def check_unclean_end() -> None:
    """Read a SQLite file that was not closed whole; the first process does, once.

    Raises UnsafeStart where it is damaged, OperationalError during a restore.
    """
    use = db.engine.__dict__.get("rsvp_use")
    if use is not None:
        use.share()
        try:
            sqlite_file.verify_after(use.file, use.last_close)
        except UnsafeStart:
            use.release()
            raise
        use.last_close = sqlite_file.LastClose.WHOLE


def close_database() -> None:
    """Close what this process has open; a SQLite database is one whole file then,
    unless another process uses it. Must not be called inside `writing()`."""
    db.session.remove()
    sqlite_file.close_connections(db.engine)


@contextlib.contextmanager
def startup_lock() -> Iterator[None]:
    """Lock out other machines that start at the same time: one changes the tables and
    the others wait.

    On SQLite the writers' queue and its lock see to that.
    """
    with db.engine.connect() as connection:
        if db.engine.dialect.name == "postgresql":
            from rsvp.database.postgresql import disable_timeouts

            disable_timeouts(connection)
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        try:
            yield
        finally:
            if db.engine.dialect.name == "postgresql":
                connection.exec_driver_sql(
                    f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"
                )


def is_unknown_version(version: str | None) -> bool:
    """Whether a later version of the program has been at the database."""
    known = {script.revision for script in migrations().walk_revisions()}
    return version is not None and version not in known


def refuse_newer(version: str | None) -> None:
    if is_unknown_version(version):
        raise UnsafeStart(
            f"the database is at version {version}, which this RSVP does not know: "
            "it was made by a newer one"
        )


def refuse_other_key() -> None:
    keys = db.session.scalars(select(CodeKey.id)).all()
    if current_key_id() not in keys:
        raise UnsafeStart(
            "the code key is not the one this database was made with: put the old key "
            "back, or every ticket sent so far is worthless"
        )


def current_key_id() -> str:
    return tokens.key_id(current_app.config["CODE_KEY"])


def schema_version() -> str | None:
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def latest_version() -> str | None:
    return migrations().get_current_head()


@functools.cache
def migrations() -> ScriptDirectory:
    return ScriptDirectory(str(FILES_FOLDER / "migrations"))
