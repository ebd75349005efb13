"""Databases of earlier versions, with people in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask_migrate import downgrade, upgrade

from rsvp.extensions import db
from tests.schema.earlier_database import (
    EarlierTables,
    fill_version_0001,
    fill_version_0003,
)
from tests.schema.schema_dump import drop_all, whole_schema


@pytest.fixture
def before(app) -> Iterator[EarlierTables]:
    """A database of the first version, with people in it."""
    db.session.remove()
    downgrade(revision="base")
    upgrade(revision="0001")
    yield fill_version_0001()
    db.session.remove()
    downgrade(revision="base")
    upgrade()


@pytest.fixture
def a_full_evening(before) -> EarlierTables:
    """The database of 0003 with what refers to registrations and their people."""
    upgrade(revision="0003")
    return fill_version_0003()


@pytest.fixture
def blank(app) -> Iterator[dict[str, Any]]:
    """The database without a table, and the schema it had and has again at the end."""
    db.session.remove()
    schema = whole_schema()
    drop_all()
    yield schema
    db.session.remove()
    if whole_schema() != schema:
        drop_all()
        upgrade()
