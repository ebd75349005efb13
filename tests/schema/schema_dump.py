"""The whole schema of a database, to compare."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, inspect

from rsvp.db import writing
from rsvp.extensions import db


def drop_all() -> None:
    there = MetaData()
    there.reflect(db.engine)
    with writing() as session:
        there.drop_all(session.connection())


def whole_schema() -> dict[str, Any]:
    """All that the database says of its tables. The order of columns tells nothing."""
    there = inspect(db.engine)
    return {
        name: {
            "columns": by_name(there.get_columns(name)),
            "primary key": there.get_pk_constraint(name),
            "foreign keys": by_name(there.get_foreign_keys(name)),
            "unique": by_name(there.get_unique_constraints(name)),
            "checks": by_name(there.get_check_constraints(name)),
            "indexes": by_name(there.get_indexes(name)),
        }
        for name in there.get_table_names()
    }


def by_name(found: list[Any]) -> dict[str, Any]:
    return {
        one["name"]: {key: as_text(value) for key, value in one.items()}
        for one in found
    }


def as_text(value: Any) -> Any:
    """Types and conditions compare by what they say, not as objects."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items()}
    return value if isinstance(value, list | int) else str(value)
