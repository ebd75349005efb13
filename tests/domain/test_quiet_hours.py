"""Nights: what the clock has us write wakes nobody, however late it goes out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp.db import writing
from rsvp.domain.messages import outbox as domain
from rsvp.domain.messages.mail_limits import Cause
from rsvp.extensions import db
from rsvp.jobs import tasks
from rsvp.jobs.tasks import send_reconfirmations
from rsvp.models import Registration
from rsvp.models.message import MessageKind
from tests.support.factories import make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver
from tests.support.reminders import (
    THANKS,
    TWO_DAYS,
    TWO_HOURS,
    add_reminders,
    local_time,
)

pytestmark = pytest.mark.one_engine

ADA = "ada@example.org"


@pytest.fixture
def ada(app, smtp):
    """Somebody with a place at an event that reminds, asks and gives thanks."""
    event = make_event({"capacity": 2}, ask_hours=48, answer_hours=24)
    add_reminders(event, TWO_DAYS, THANKS)
    outcome = register(event, email=ADA)
    assert deliver() == (1, 0, 0)
    smtp.received.clear()
    return outcome


def write(outcome, kind: MessageKind, now) -> None:
    with writing():
        found = db.session.get_one(Registration, outcome.registration_id)
        domain.enqueue(found, kind, cause=Cause.RULE, now=now)


def the_last():
    return all_messages()[-1]


@for_each(
    ("job", "evening", "morning"),
    [
        (tasks.send_reminders, "27 21:59", "28 8:00"),
        (send_reconfirmations, "27 21:59", "28 8:00"),
    ],
    ids=["reminder", "question"],
    fresh=True,
)
def test_what_a_server_puts_off_into_the_night_waits_for_the_morning(
    ada, smtp, job, evening, morning
):
    assert job(local_time(evening)) == 1
    smtp.script.append("451 later")
    assert deliver(local_time(evening)) == (0, 1, 0)

    assert deliver(local_time(evening) + 3 * MINUTE) == (0, 0, 0)
    assert the_last().due_at == local_time(morning)
    assert the_last().attempts == 1
    assert deliver(local_time(morning) - MINUTE) == (0, 0, 0)
    assert smtp.received == []
    assert deliver(local_time(morning)) == (1, 0, 0)
    assert smtp.recipients == [ADA]


@pytest.mark.both_engines
def test_what_was_not_sent_by_ten_waits_for_the_morning(ada, smtp):
    assert tasks.send_reminders(local_time("27 21:59")) == 1

    assert deliver(local_time("27 22:00")) == (0, 0, 0)
    assert (the_last().due_at, the_last().attempts) == (local_time("28 8:00"), 0)
    assert the_last().lease_until is None
    assert deliver(local_time("28 8:00")) == (1, 0, 0)


def test_thanks_wait_for_the_morning(ada, smtp):
    write(ada, MessageKind.THANK_YOU, local_time("30 21:00"))

    assert deliver(local_time("30 23:00")) == (0, 0, 0)
    assert deliver(local_time("31 8:00")) == (1, 0, 0)


def test_before_an_event_that_is_near_people_are_reminded_at_night(app, smtp):
    early = local_time("29 6:00").replace(tzinfo=None)
    event = make_event({"capacity": 2}, starts=early)
    add_reminders(event, TWO_HOURS)
    register(event, email=ADA)
    deliver()

    assert tasks.send_reminders(local_time("29 4:00")) == 1
    assert deliver(local_time("29 4:00")) == (1, 0, 0)


@for_each("kind", [MessageKind.CONFIRMATION, MessageKind.NOTE])
def test_what_somebody_has_asked_for_or_written_goes_at_once(ada, smtp, kind):
    write(ada, kind, local_time("27 23:00"))

    assert deliver(local_time("27 23:00") + timedelta(seconds=1)) == (1, 0, 0)


@for_each("answer", ["250 OK", "451 later"], fresh=True)
def test_what_organizers_write_waits_for_no_reminder_that_sleeps(ada, smtp, answer):
    assert tasks.send_reminders(local_time("27 21:50")) == 1
    if answer == "451 later":
        smtp.script.append(answer)
        assert deliver(local_time("27 21:59")) == (0, 1, 0)
    assert deliver(local_time("27 22:05")) == (0, 0, 0)
    write(ada, MessageKind.NOTE, local_time("27 23:00"))

    assert deliver(local_time("27 23:00") + timedelta(seconds=1)) == (1, 0, 0)
    assert (the_last().kind, the_last().state) == ("note", "sent")
    assert deliver(local_time("28 8:00")) == (1, 0, 0)
