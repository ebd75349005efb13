"""The newest migration, from a database that the one before left, and back."""

from __future__ import annotations

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import CheckConstraint, inspect

from rsvp.db import Base
from rsvp.extensions import db
from tests.schema.earlier_database import (
    TABLES,
    THEN,
    EarlierTables,
    all_rows,
    assert_rejected,
    registration_row,
)


def test_0005_keeps_every_row_and_asks_or_reminds_nobody(a_full_evening):
    upgrade(revision="0004")
    then = EarlierTables()
    rows = {name: all_rows(then[name]) for name in TABLES}

    upgrade(revision="0005")
    now = EarlierTables()

    for name in TABLES:
        columns = [now[name].c[column.name] for column in then[name].c]
        assert all_rows(*columns) == rows[name], name
    events, messages = now["events"], now["messages"]
    assert all_rows(
        *(events.c[name] for name in ("ask_hours", "no_answer", "wording"))
    ) == [(None, "release", {})]
    assert all_rows(messages.c.domain) == [("",), ("example.org",)]
    assert all_rows(now["reminders"]) == []


WRONG_IN_0005 = (
    ("events", {"no_answer": "shrug"}),
    ("events", {"ask_hours": 24}),
    ("events", {"ask_hours": 24, "answer_hours": 24}),
    ("messages", {"kind": "smoke signal"}),
    ("messages", {"event_id": None}),
    ("messages", {"mailing_id": 77}),
)


def test_0005_refuses_rows_that_can_not_be(a_full_evening):
    upgrade(revision="0005")
    assert_rejected(EarlierTables(), WRONG_IN_0005)


def test_0005_can_be_taken_back(a_full_evening):
    upgrade(revision="0004")
    then = EarlierTables()
    rows = {name: all_rows(then[name]) for name in TABLES}
    upgrade(revision="0005")
    now = EarlierTables()
    mail = {"recipient": "x@example.org", "recipient_key": "x@example.org"}
    mail |= {"from_form": False, "facts": {}, "state": "queued", "attempts": 0}
    mail |= {"created_at": THEN, "due_at": THEN, "rank": 2, "domain": "example.org"}
    now.insert("messages", event_id=1, registration_id=1, kind="reminder", **mail)
    db.session.remove()

    downgrade(revision="0004")

    for name in TABLES:
        assert all_rows(then[name]) == rows[name], name


JOB = {"name": "erase", "runs": 1, "done": 0, "failures": 0, "due_at": THEN}


@pytest.mark.parametrize("has_run", [True, False])
def test_0007_knows_by_what_clock_jobs_ran(a_full_evening, has_run):
    upgrade(revision="0006")
    if has_run:
        EarlierTables().insert("jobs", **JOB, finished_at=THEN)
    db.session.remove()

    for _ in range(2):
        upgrade(revision="0007")
        now = EarlierTables()
        known = all_rows(now["clock"].c.id, now["clock"].c.trusted_at)
        assert [row[0] for row in known] == ([1] if has_run else [])
        assert all(str(row[1]).startswith(str(THEN)[:19]) for row in known)
        assert all_rows(now["clock_looks"]) == all_rows(now["workers"]) == []
        db.session.remove()
        downgrade(revision="0006")


ADDRESSES = {
    # As written, as it was compared, and as it is.
    "Straße@Example.org": ("strasse@example.org", "straße@example.org"),
    "ΟΔΟΣ@bücher.example": ("οδοσ@xn--bcher-kva.example", "οδος@xn--bcher-kva.example"),
    "Zoë@example.org": ("zoë@example.org", "zoë@example.org"),
    "Ada@Example.org": ("ada@example.org", "ada@example.org"),
    # Something else made these keys: one would be another's now, and stays.
    "ﬁ@example.org": ("ﬁ@example.org", "ﬁ@example.org"),
    "ﬁ@Example.org": ("fi@example.org", "fi@example.org"),
}


def test_0008_compares_addresses_in_lower_case(a_full_evening):
    upgrade(revision="0007")
    then = EarlierTables()
    for number, (email, (key, _)) in enumerate(ADDRESSES.items(), start=60):
        then.insert("registrations", **registration_row(number, email, email_key=key))
        then.insert(
            "messages",
            event_id=1,
            registration_id=1,
            kind="cancelled",
            recipient=email,
            recipient_key=key,
            from_form=False,
            facts={},
            rank=2,
            state="sent",
            attempts=1,
            created_at=THEN,
            due_at=THEN,
        )
    rows = {name: all_rows(then[name]) for name in TABLES}

    upgrade(revision="0008")
    now = EarlierTables()
    for name, address in (("registrations", "email"), ("messages", "recipient")):
        columns = now[name].c
        keys = dict(all_rows(columns[address], columns[f"{address}_key"]))
        wanted = {email: key for email, (_, key) in ADDRESSES.items()}
        if name == "messages":
            # Two mails may go to one address.
            wanted["ﬁ@Example.org"] = "ﬁ@example.org"
        assert {email: keys[email] for email in wanted} == wanted
    db.session.remove()
    downgrade(revision="0007")

    kept = {name: len(all_rows(then[name])) for name in TABLES}
    assert kept == {name: len(found) for name, found in rows.items()}


def test_0009_leaves_phones_their_places(before):
    upgrade(revision="0008")
    then, key = EarlierTables(), {"event_id": 1, "version": 0, "created_at": THEN}
    key |= {"phones_max": 2, "at_once": False, "created_by": "command"}
    then.insert("door_passes", link_id=b"1" * 32, **key)
    seen = {"pass_id": 1, "enrolled_at": THEN, "seen_at": THEN, "name": "Side"}
    then.insert("devices", secret_id=b"2" * 32, **seen)

    upgrade(revision="0009")
    # A process of the release before enrols one more.
    then.insert("devices", secret_id=b"3" * 32, **seen)

    columns = EarlierTables()["devices"].c
    [first, second] = all_rows(columns.enrolled_at, columns.came_back_at)
    assert first[0] == first[1] == second[0]
    assert second[1] is None
    db.session.remove()
    downgrade(revision="0008")
    assert len(all_rows(then["devices"])) == 2


def test_0010_knows_of_nobody_that_they_have_proved_their_address(a_full_evening):
    upgrade(revision="0009")
    then = EarlierTables()
    rows = {name: all_rows(then[name]) for name in TABLES}

    for _ in range(2):
        upgrade(revision="0010")
        now = EarlierTables()
        for name in TABLES:
            columns = [now[name].c[column.name] for column in then[name].c]
            assert all_rows(*columns) == rows[name], name
        assert {row[0] for row in all_rows(now["registrations"].c.proved_at)} == {None}
        marks = now["messages"].c
        assert set(all_rows(marks.mailbox, marks.network)) == {(None, None)}
        db.session.remove()
        downgrade(revision="0009")
        assert {name: all_rows(then[name]) for name in TABLES} == rows


def test_the_newest_schema_checks_what_the_models_say(app):
    for table in Base.metadata.sorted_tables:
        said = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        found = {
            c["name"] for c in inspect(db.engine).get_check_constraints(table.name)
        }
        assert found == said, table.name
        made = {i["name"]: i for i in inspect(db.engine).get_indexes(table.name)}
        for index in table.indexes:
            is_partial = index.dialect_options["sqlite"]["where"] is not None
            options = made[index.name].get("dialect_options", {})
            assert any("where" in name for name in options) is is_partial, index.name
