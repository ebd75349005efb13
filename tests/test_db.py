"""The database: who may write, instants, and SQLite's set-up."""

import multiprocessing
import sqlite3
import threading
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from rsvp import db as database
from rsvp.db import (
    Base,
    WriteOutsideWriting,
    check_pragmas,
    write,
    write_optimistic,
    writing,
)
from rsvp.errors import RetryUnderLock
from rsvp.extensions import db
from rsvp.models import Admission, Event, Team
from tests.support.factories import NOON, make_event


def test_the_migrations_make_what_the_models_say(app):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_schema_can_be_taken_down_and_built_again(app):
    make_event()
    db.session.remove()

    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade()

    assert "registrations" in inspect(db.engine).get_table_names()
    with writing() as session:
        session.add(Team(slug="default", name="RSVP"))


def test_a_write_outside_a_writing_block_fails_loudly(app):
    team = db.session.scalars(select(Team)).one()
    team.name = "Somebody else"

    with pytest.raises(WriteOutsideWriting):
        db.session.flush()
    db.session.rollback()


def test_a_writing_block_commits_at_its_end_and_rolls_back_on_an_error(app):
    with writing() as session:
        session.scalars(select(Team)).one().name = "Kept"
    with pytest.raises(ZeroDivisionError), writing() as session:
        session.scalars(select(Team)).one().name = "Lost"
        session.flush()
        raise ZeroDivisionError

    assert db.session.scalars(select(Team.name)).one() == "Kept"


def test_writing_blocks_do_not_nest(app):
    with writing(), pytest.raises(RuntimeError), writing():
        pass


def test_what_was_read_before_is_read_again_inside(app):
    team = db.session.scalars(select(Team)).one()

    def rename_elsewhere():
        with app.app_context(), writing() as session:
            session.scalars(select(Team)).one().name = "Renamed"

    thread = threading.Thread(target=rename_elsewhere)
    thread.start()
    thread.join()

    with writing():
        assert team.name == "Renamed"


def test_a_change_that_asks_to_look_again_runs_once_more_and_keeps_nothing_of_the_first(
    app,
):
    seen = []

    def change(mark, *, under_lock):
        seen.append(under_lock)
        team = db.session.scalars(select(Team)).one()
        team.name += mark
        db.session.flush()
        if not under_lock:
            raise RetryUnderLock
        return team.name

    assert write_optimistic(change, "!") == "RSVP!"
    assert seen == [False, True]


@pytest.mark.postgresql
def test_a_deadlock_is_tried_once_more(postgresql_app):
    with postgresql_app.app_context():
        first, second = make_event(), make_event()
        ids = (first.id, second.id)
        db.session.remove()
    meet = threading.Barrier(2, timeout=20)
    tries = []

    def raise_both(order):
        def change():
            tries.append(order)
            again = tries.count(order) > 1
            for number, event_id in enumerate(order):
                event = db.session.get_one(Event, event_id, with_for_update=True)
                event.party_max += 1
                db.session.flush()
                if number == 0 and not again:
                    meet.wait()

        with postgresql_app.app_context():
            write(change)

    threads = [
        threading.Thread(target=raise_both, args=(order,)) for order in (ids, ids[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    with postgresql_app.app_context():
        sizes = db.session.scalars(select(Event.party_max).where(Event.id.in_(ids)))
        assert list(sizes) == [6, 6]
    assert sorted(Counter(tries).values()) == [1, 2]


def test_sqlite_is_set_up_and_a_wrong_setting_is_named(sqlite_app, monkeypatch):
    with sqlite_app.app_context():
        assert check_pragmas(db.engine) == []
        monkeypatch.setitem(database.PRAGMAS, "synchronous", 3)
        assert check_pragmas(db.engine) == ["synchronous is 2"]


def test_instants_need_a_zone_and_come_back_in_utc(app):
    event = make_event()
    with writing():
        event.opens_at = datetime(2027, 1, 1, 12, tzinfo=ZoneInfo("Europe/Brussels"))
    db.session.expire_all()

    assert event.opens_at.isoformat() == "2027-01-01T11:00:00+00:00"
    with pytest.raises(Exception, match="needs its zone"), writing():
        event.opens_at = datetime(2027, 1, 1)


def test_foreign_keys_and_checks_are_enforced(app):
    event = make_event()
    for statement in (
        "UPDATE admissions SET event_id = 999999",
        "UPDATE admissions SET mode = 'by carrier pigeon'",
        "UPDATE admissions SET seats_taken = -1",
        "UPDATE events SET status = 'maybe'",
    ):
        with pytest.raises(IntegrityError), writing() as session:
            session.execute(text(statement))
    assert db.session.scalar(select(func.count(Admission.id))) == 1
    assert event.phase(NOON) == "open"


def test_a_writing_block_holds_sqlites_lock_from_its_beginning(sqlite_app):
    """A deferred one would read first, and fail if somebody else wrote in between."""
    file = sqlite_app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    other = sqlite3.connect(file, timeout=0, isolation_level=None)
    locked = pytest.raises(sqlite3.OperationalError, match="locked")
    with sqlite_app.app_context(), writing(), locked:
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_forked_process_waits_for_its_own_turn_to_write(sqlite_app):
    with sqlite_app.app_context():
        with writing():
            pass  # from here on the queue's file is open
        queue = db.engine.__dict__["rsvp_queue"]
        with queue.acquire():
            child = multiprocessing.get_context("fork").Process(target=take_turn)
            child.start()
            child.join(0.5)
            waited = child.is_alive()
        child.join(10)

    assert waited
    assert child.exitcode == 0


def take_turn():
    queue = db.engine.__dict__["rsvp_queue"]
    with queue.acquire():
        pass
