"""Migrations only add, so that processes of the release before go on meanwhile.

CONTRIBUTING.md, "Changing the database", has the rule. What a check on a table's rows
allows can't be judged here: a new one must allow what the release before writes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from flask_migrate import upgrade

from rsvp import startup
from tests.schema.schema_dump import whole_schema
from tests.support.for_each import for_each

SINCE = "0005"
"""Later migrations run while a site does."""

Schema = dict[str, Any]


def what_breaks(before: Schema, after: Schema) -> list[str]:
    """What the release before would stumble over, for each a line."""
    found = [f"table {name} is gone" for name in before if name not in after]
    for table in before.keys() & after.keys():
        was, now = before[table], after[table]
        found += columns_that_break(table, was["columns"], now["columns"])
        for rule in unique(was) ^ unique(now):
            if rule <= was["columns"].keys():
                word = "unique" if rule in unique(now) else "not unique any more"
                found.append(f"{table}: {', '.join(sorted(rule))} is now {word}")
        old_keys = {
            key for key in now["foreign keys"] if key not in was["foreign keys"]
        }
        for key in old_keys:
            columns = now["foreign keys"][key]["constrained_columns"]
            if set(columns) <= was["columns"].keys():
                found.append(f"{table}: {', '.join(columns)} now refers elsewhere")
    return found


def columns_that_break(table: str, was: Schema, now: Schema) -> list[str]:
    found = [f"{table}.{name} is gone" for name in was if name not in now]
    for name, column in now.items():
        must_be_given = not column["nullable"] and column["default"] == "None"
        if name not in was:
            if must_be_given:
                found.append(f"{table}.{name} is new, and needs a default")
            continue
        if column["type"] != was[name]["type"]:
            found.append(f"{table}.{name} is now {column['type']}")
        if was[name]["nullable"] and not column["nullable"]:
            found.append(f"{table}.{name} may not be empty any more")
        if must_be_given and was[name]["default"] != "None":
            found.append(f"{table}.{name} has lost its default")
    return found


def unique(table: Schema) -> set[frozenset[str]]:
    rules = [rule["column_names"] for rule in table["unique"].values()]
    rules += [
        index["column_names"] for index in table["indexes"].values() if index["unique"]
    ]
    return {frozenset(columns) for columns in rules}


def test_what_the_release_before_needs_is_still_there_after_each_migration(blank):
    later = [
        script.revision
        for script in startup.migrations().walk_revisions()
        if script.revision > SINCE
    ]
    upgrade(revision=SINCE)
    for revision in reversed(later):
        before = whole_schema()
        upgrade(revision=revision)
        assert what_breaks(before, whole_schema()) == [], revision


def change(path: str, value: Any) -> Callable[[Schema], None]:
    """Put a value where the path leads, or take out what is there (None)."""

    def run(schema: Schema) -> None:
        *folders, last = path.split("/")
        for folder in folders:
            schema = schema[folder]
        if value is None:
            del schema[last]
        else:
            schema[last] = value

    return run


NEW = {"type": "INTEGER", "nullable": False, "default": "None"}
SLUG = {"type": "VARCHAR(64)", "nullable": False, "default": "None"}


@for_each(
    ("changed", "told"),
    [
        (change("teams", None), ["table teams is gone"]),
        (change("teams/columns/slug", None), ["teams.slug is gone"]),
        (
            change("teams/columns/seats", NEW),
            ["teams.seats is new, and needs a default"],
        ),
        (change("teams/columns/seats", NEW | {"default": "0"}), []),
        (change("teams/columns/seats", NEW | {"nullable": True}), []),
        (
            change("teams/columns/slug", SLUG | {"type": "TEXT"}),
            ["teams.slug is now TEXT"],
        ),
        (
            change("events/columns/summary/nullable", False),
            ["events.summary may not be empty any more"],
        ),
        (
            change("events/columns/no_answer/default", "None"),
            ["events.no_answer has lost its default"],
        ),
        (
            change("registrations/indexes/uq_registrations_live_address", None),
            ["registrations: admission_id, email_key is now not unique any more"],
        ),
        (
            change("teams/unique/uq_teams_name", {"column_names": ["name"]}),
            ["teams: name is now unique"],
        ),
        (change("teams/unique/new", {"column_names": ["name", "seats"]}), []),
        (change("registrations/indexes/ix_registrations_event", None), []),
        (
            change("teams/foreign keys/new", {"constrained_columns": ["name"]}),
            ["teams: name now refers elsewhere"],
        ),
        (change("halls", {}), []),
    ],
)
def test_what_the_release_before_would_stumble_over_is_found(app, changed, told):
    before = whole_schema()
    after = copy.deepcopy(before)
    changed(after)

    found = what_breaks(before, after)

    for words in told:
        assert any(words in line for line in found), found
    assert bool(found) is bool(told)
