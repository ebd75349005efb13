"""Reminders of an event that moves: who gets one again, and who none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rsvp.extensions import db
from rsvp.jobs import tasks
from rsvp.models import Message
from rsvp.models.event import Allocation
from rsvp.models.registration import State
from tests.support.factories import make_event, register
from tests.support.registrations import messages_of
from tests.support.reminders import (
    TWO_DAYS,
    TWO_HOURS,
    add_reminders,
    local_time,
    move_event,
    reminder_mails,
    reminders_by_key,
    run_reminders,
)

pytestmark = pytest.mark.one_engine


def test_moved_to_another_day_it_goes_again(app):
    event = make_event()
    register(event, email="ada@example.org")
    add_reminders(event, TWO_DAYS)
    run_reminders("27 18:00")
    move_event(
        event,
        starts=datetime(2027, 2, 5, 18, 0),
        ends=datetime(2027, 2, 5, 21, 0),
        now=local_time("28 12:00"),
    )

    assert run_reminders("29 18:00") == 0
    assert tasks.send_reminders(datetime(2027, 2, 3, 17, 0, tzinfo=UTC)) == 1
    assert [of for _, of in reminder_mails()] == [
        "reminder:two-days:2027-01-29",
        "reminder:two-days:2027-02-05",
    ]


def test_moved_to_another_day_what_waits_in_the_outbox_is_dropped(app):
    event = make_event()
    ada = register(event)
    add_reminders(event, TWO_DAYS)
    run_reminders("27 18:00")
    days = {
        "starts": datetime(2027, 2, 5, 18, 0),
        "ends": datetime(2027, 2, 5, 21, 0),
    }
    move_event(event, now=local_time("27 18:01"))
    assert messages_of(ada)[-1].state == "queued"

    move_event(event, now=local_time("27 18:01"), **days)

    assert messages_of(ada)[-1].state == "superseded"


@pytest.mark.both_engines
def test_moved_within_its_day_only_who_has_none_yet_gets_one(app):
    event = make_event()
    register(event, email="ada@example.org")
    add_reminders(event, TWO_HOURS)
    run_reminders("29 16:00")
    register(event, email="bo@example.org", now=local_time("29 16:10"))
    move_event(event, starts=datetime(2027, 1, 29, 20, 0), now=local_time("29 16:20"))

    assert run_reminders("29 17:59") == 0
    assert run_reminders("29 18:00") == 1
    assert [who for who, _ in reminder_mails()] == ["ada", "bo"]


def test_moved_so_near_that_it_would_be_late_it_is_let_go(app):
    """Who moved it has just told everybody when it is."""
    event = make_event()
    register(event)
    add_reminders(event, TWO_DAYS, TWO_HOURS)
    move_event(event, starts=datetime(2027, 1, 25, 18, 0), now=local_time("24 12:00"))

    assert run_reminders("24 12:00") == 0
    assert run_reminders("25 16:00") == 1


def test_the_same_times_again_change_nothing(app):
    event = make_event()
    register(event)
    add_reminders(event, TWO_DAYS)
    run_reminders("27 18:00")
    move_event(event, now=local_time("28 12:00"))

    assert reminders_by_key()["two-days"].done_for == local_time("29 00:00").date()
    assert run_reminders("28 12:00") == 0


def test_asking_for_a_place_can_be_reminded_of_too(app):
    event = make_event(allocation=Allocation.APPROVAL)
    ada = register(event)
    add_reminders(event, TWO_DAYS | {"states": [State.REQUESTED]})
    run_reminders("27 18:00")

    assert messages_of(ada)[-1].kind == "reminder"
    assert db.session.query(Message).count() == 2
