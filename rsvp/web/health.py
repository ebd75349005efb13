"""Health: whether the process lives, and whether it is ready to serve."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from rsvp import startup
from rsvp.database import disk_space
from rsvp.db import check_pragmas, utcnow
from rsvp.extensions import db
from rsvp.models import CodeKey
from rsvp.queries import jobs as job_queries
from rsvp.web import guards

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
@guards.public
def live() -> ResponseReturnValue:
    """Always 200: the process answers."""
    return {"status": "ok"}


@bp.get("/ready")
@guards.public
def ready() -> ResponseReturnValue:
    """How the site is: `ok`, `degraded` or `failed`, and each check by its name.

    200 as long as requests can be served, so that nobody takes away a site that
    answers; `degraded` then asks an operator to look. 503 where they can't be. What
    went wrong stays in the log: anybody may read this page.
    """
    checks = {
        name: check_state(name, check, "failed") for name, check in NEEDED.items()
    }
    for name, check in USEFUL.items():
        if checks.get(name, "ok") == "ok":
            checks[name] = check_state(name, check, "degraded")
    if "failed" in checks.values():
        return {"status": "failed", "checks": checks}, 503
    status = "degraded" if "degraded" in checks.values() else "ok"
    return {"status": status, "checks": checks}


def check_state(
    name: str, find_trouble: Callable[[], str | None], otherwise: str
) -> str:
    """`ok`, or `otherwise` with a line in the log, once until it changes: monitors ask
    every few seconds."""
    try:
        trouble = find_trouble()
    except SQLAlchemyError as error:
        db.session.rollback()
        trouble = type(error).__name__
    logged: dict[tuple[str, str], bool] = current_app.extensions.setdefault(
        LOGGED_EXTENSION, {}
    )
    if logged.get((name, otherwise), False) != bool(trouble):
        logged[name, otherwise] = bool(trouble)
        if trouble:
            current_app.logger.warning("%s: %s: %s", otherwise, name, trouble)
        else:
            current_app.logger.warning("well again: %s", name)
    return otherwise if trouble else "ok"


# --- the checks: what is wrong, in words for the log, or None -----------------------


def database_trouble() -> str | None:
    if wrong := check_pragmas(db.engine):
        return ", ".join(wrong)
    return None if db.session.scalar(select(1)) == 1 else "it can't count to one"


def schema_trouble() -> str | None:
    version, newest = startup.schema_version(), startup.latest_version()
    if version == newest or startup.is_unknown_version(version):
        return None
    return f"it is at {version}, not at {newest}"


def newer_schema_trouble() -> str | None:
    """While an update is under way: migrations only add, so what this process reads and
    writes is still there."""
    version = startup.schema_version()
    if not startup.is_unknown_version(version):
        return None
    return f"it is at {version}, newer than this process: start it anew"


def code_key_trouble() -> str | None:
    is_ours = startup.current_key_id() in db.session.scalars(select(CodeKey.id)).all()
    return None if is_ours else "it is not the one the database was made with"


def disk_trouble() -> str | None:
    return disk_space.find_shortage(disk_space.data_folder(current_app))


def worker_trouble() -> str | None:
    """The worker beside a site that was only just started gets a moment to begin."""
    is_new = time.monotonic() - STARTED_AT < WORKER_GRACE_SECONDS
    return job_queries.worker_trouble(utcnow(), may_begin=is_new)


NEEDED: dict[str, Callable[[], str | None]] = {
    "database": database_trouble,
    "schema": schema_trouble,
    "code_key": code_key_trouble,
}
"""Without one of these requests can't be served."""

USEFUL: dict[str, Callable[[], str | None]] = {
    "disk": disk_trouble,
    "schema": newer_schema_trouble,
    "worker": worker_trouble,
}
"""Requests are served without these; an operator has to look all the same."""

LOGGED_EXTENSION = "rsvp_health_logged"

STARTED_AT = time.monotonic()
WORKER_GRACE_SECONDS = 30.0
"""Seconds."""
