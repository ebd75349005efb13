"""Health: whether the process lives, and whether it is ready to serve."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from rsvp import startup
from rsvp.db import check_pragmas
from rsvp.extensions import db
from rsvp.models import CodeKey
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
    """200 when requests can be served, else 503 naming what is not well.

    What went wrong stays in the log: anybody may read this page.
    """
    checks: dict[str, Callable[[], bool]] = {
        "database": database_is_well,
        "schema": schema_is_current,
        "code_key": code_key_is_ours,
    }
    found: dict[str, str] = {}
    for name, is_well in checks.items():
        try:
            found[name] = "ok" if is_well() else "failed"
        except SQLAlchemyError as error:
            db.session.rollback()
            current_app.logger.warning("not ready: %s: %s", name, type(error).__name__)
            found[name] = "failed"
    if all(state == "ok" for state in found.values()):
        return {"status": "ok", "checks": found}
    return {"status": "failed", "checks": found}, 503


def database_is_well() -> bool:
    return not check_pragmas(db.engine) and db.session.scalar(select(1)) == 1


def schema_is_current() -> bool:
    return startup.schema_version() == startup.newest_version()


def code_key_is_ours() -> bool:
    return startup.our_key_id() in db.session.scalars(select(CodeKey.id)).all()
