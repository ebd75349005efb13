"""Handfuls: what many get is looked at and noted together, and none is lost by that."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from rsvp.db import writing
from rsvp.domain.registrations import cancellation
from rsvp.jobs import tasks
from rsvp.jobs.delivery import batches, claims, sender
from tests.support.factories import cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver
from tests.support.reminders import TWO_DAYS, add_reminders, local_time

WHEN = local_time("27 18:00")


class KilledError(BaseException):
    """As if the process had ended here."""


@pytest.fixture
def twelve(app, smtp):
    """Reminders that are due, in twelve people's order."""
    event = make_event({"capacity": None})
    add_reminders(event, TWO_DAYS)
    people = [register(event, email=f"{n}@example.org") for n in range(12)]
    deliver()
    smtp.received.clear()
    assert tasks.send_reminders(WHEN) == 12
    return people


def reminders():
    return [message for message in all_messages() if message.kind == "reminder"]


def test_each_is_noted_with_its_own_time(twelve, smtp):
    assert deliver(WHEN) == (12, 0, 0)

    assert {message.state for message in reminders()} == {"sent"}
    times = [message.sent_at for message in reminders()]
    assert times == sorted(times)
    assert len(set(times)) == 12


def test_what_went_out_is_noted_though_the_next_one_fails(twelve, smtp):
    smtp.script.extend(["", "", "550 no"])

    assert deliver(WHEN) == (11, 0, 1)
    states = [message.state for message in reminders()]
    assert states == ["sent"] * 2 + ["failed"] + ["sent"] * 9


def test_what_went_out_is_noted_before_anything_that_takes_its_time(
    twelve, smtp, monkeypatch
):
    monkeypatch.setattr(batches, "MAX_AGE", timedelta(0))
    noted, note = [], claims.mark_all_sent

    def count(sent):
        noted.append(len(sent))
        note(sent)

    monkeypatch.setattr(batches, "mark_all_sent", count)

    assert deliver(WHEN) == (12, 0, 0)
    assert noted == [1] * 12


@for_each("cancelled", [5, 11], fresh=True)
def test_what_changes_while_others_go_out_counts(twelve, smtp, monkeypatch, cancelled):
    monkeypatch.setattr(batches, "MAX_AGE", timedelta(0))
    send_smtp = sender.Delivery.send_smtp

    def and_then_cancel(delivery, mail):
        send_smtp(delivery, mail)
        if mail.recipients == ["2@example.org"]:
            cancel(twelve[cancelled])

    monkeypatch.setattr(sender.Delivery, "send_smtp", and_then_cancel)
    deliver(WHEN)

    reminded = [r.recipients[0] for r in smtp.received if "days" in r.mail["subject"]]
    assert f"{cancelled}@example.org" not in reminded
    assert len(reminded) == 11


def test_what_the_database_did_not_take_is_noted_all_the_same(
    twelve, smtp, monkeypatch
):
    note, tries = claims.mark_all_sent, []

    def fail_once(sent):
        tries.append(len(sent))
        if len(tries) == 1:
            raise OperationalError("UPDATE", {}, Exception("gone for a moment"))
        note(sent)

    monkeypatch.setattr(batches, "MAX_AGE", timedelta(minutes=1))
    monkeypatch.setattr(batches, "mark_all_sent", fail_once)
    with pytest.raises(OperationalError):
        deliver(WHEN)

    assert tries == [10, 10]
    states = Counter(message.state for message in reminders())
    assert states == {"sent": 10, "queued": 2}
    # The others wait for nobody.
    assert deliver(WHEN + MINUTE) == (2, 0, 0)
    assert len(smtp.received) == 12


def test_a_guest_who_gave_up_since_is_in_no_reminder(app, smtp):
    event = make_event()
    add_reminders(event, TWO_DAYS)
    party = register(event, "Ada", "Bo Lindqvist", email="ada@example.org")
    deliver()
    assert tasks.send_reminders(WHEN) == 1
    with writing():
        cancellation.cancel_guest(
            party.registration_id, position=1, actor="attendee", now=WHEN
        )
    deliver(WHEN)

    mail = smtp.received[-1].mail
    assert "days" in mail["subject"]
    text = mail.get_body(("plain",)).get_content()
    assert "Ada" in text
    assert "Lindqvist" not in text


def test_of_a_worker_that_is_killed_at_most_a_handful_comes_twice(
    twelve, smtp, monkeypatch
):
    def be_killed(_sent):
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(batches, "mark_all_sent", be_killed)
        with pytest.raises(KilledError):
            deliver(WHEN)
    assert len(smtp.received) <= batches.BATCH_SIZE
    assert {message.state for message in reminders()} == {"queued"}

    deliver(WHEN + claims.LEASE + MINUTE)
    assert {message.state for message in reminders()} == {"sent"}
    received = Counter(each.mail["message-id"] for each in smtp.received)
    assert len(received) == 12
    assert 0 < sum(received.values()) - 12 <= batches.BATCH_SIZE
