"""Databases of each state that migrations ever had on main come to the same schema."""

from __future__ import annotations

import pytest
from flask_migrate import upgrade

from rsvp.extensions import db
from tests.schema import edited_migrations
from tests.schema.earlier_database import (
    TABLES,
    THEN,
    EarlierTables,
    all_rows,
    fill_version_0001,
    fill_version_0003,
)
from tests.schema.edited_migrations import (
    BEFORE_IF_EXISTS,
    WITH_THE_SHORT_NAME,
    WITHOUT_ERASED_AT,
    WITHOUT_FAILED,
)
from tests.schema.schema_dump import whole_schema
from tests.support.for_each import for_each

# What a database can have been made by: the revision it stands at, and which of its
# migrations ran in an older form. From the older 0003 none of the older forms of 0005
# got on: they dropped an index that was not there.
STATES = (
    *(
        (revision, older)
        for revision, without in (
            ("0001", ()),
            ("0002", ()),
            *((revision, (WITHOUT_FAILED,)) for revision in ("0003", "0004")),
        )
        for older in dict.fromkeys(
            ((), (WITHOUT_ERASED_AT,), without, (WITHOUT_ERASED_AT, *without))
        )
    ),
    *(
        ("0005", older)
        for older in (
            (BEFORE_IF_EXISTS,),
            (WITHOUT_ERASED_AT, BEFORE_IF_EXISTS),
            (WITH_THE_SHORT_NAME,),
            (WITHOUT_ERASED_AT, WITH_THE_SHORT_NAME),
        )
    ),
)
NAMES = {
    WITHOUT_ERASED_AT: "without erased_at",
    WITHOUT_FAILED: "without the index of what failed",
    WITH_THE_SHORT_NAME: "with the short name",
    BEFORE_IF_EXISTS: "as it was last",
}


def named(state: tuple[str, tuple[edited_migrations.EarlierText, ...]]) -> str:
    revision, older = state
    return f"{revision} {', '.join(NAMES[form] for form in older) or 'as today'}"


# Between them they have each older form there is. The others are left to the soak run.
FARTHEST = (
    ("0001", (WITHOUT_ERASED_AT,)),
    ("0004", (WITHOUT_ERASED_AT, WITHOUT_FAILED)),
    ("0005", (WITHOUT_ERASED_AT, BEFORE_IF_EXISTS)),
    ("0005", (WITH_THE_SHORT_NAME,)),
)


@for_each("state", FARTHEST, ids=named, fresh=True)
def test_from_the_states_farthest_off_the_newest_schema_comes_with_every_row(
    blank, tmp_path, state
):
    assert state in STATES
    updates_to_the_newest_schema(blank, tmp_path, state)


@pytest.mark.soak
@for_each("state", STATES, ids=named, fresh=True)
def test_from_each_state_the_newest_schema_comes_with_every_row(blank, tmp_path, state):
    updates_to_the_newest_schema(blank, tmp_path, state)


def updates_to_the_newest_schema(blank, folder, state) -> None:
    revision, older = state
    made_by = str(edited_migrations.migrations_with(older, folder / "migrations"))
    upgrade(made_by, revision="0001")
    fill_version_0001()
    kept = {name for name in TABLES if name in EarlierTables().metadata.tables}
    if revision >= "0003":
        upgrade(made_by, revision="0003")
        fill_version_0003()
    upgrade(made_by, revision=revision)
    then = EarlierTables()
    if revision == "0005":
        then.insert("reminders", **REMINDER)
        kept |= {"reminders"}
    rows = {name: all_rows(then[name]) for name in kept}
    db.session.remove()

    upgrade()

    now = EarlierTables()
    assert whole_schema() == blank
    for name in kept:
        columns = [now[name].c[column.name] for column in then[name].c]
        assert all_rows(*columns) == rows[name], name


REMINDER = {
    "event_id": 1,
    "key": "eve",
    "position": 0,
    "anchor": "start",
    "minutes": 2880,
    "admissions": [],
    "states": ["confirmed"],
    "made_at": THEN,
    "due_at": THEN,
    "reached_id": 0,
}


def test_an_older_form_is_byte_for_byte_what_it_was():
    for form in edited_migrations.EARLIER_TEXTS:
        assert (
            edited_migrations.digest(edited_migrations.restore_text(form))
            == form.digest
        ), NAMES[form]
