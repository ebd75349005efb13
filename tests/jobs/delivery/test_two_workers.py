"""Workers beside each other, one of them stalled past its lease: mails go out once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from rsvp.jobs.delivery import claims, pool, sender
from tests.support.crash_points import CrashPoint
from tests.support.factories import NOON, make_event, register
from tests.support.outbox import all_messages
from tests.support.processes import Wire, processes

MAILS = [24, pytest.param(1000, marks=pytest.mark.soak)]
LATER = claims.LEASE + timedelta(minutes=1)
POINT = "before a mail is written"


def deliver(wire: Wire, *, number: int, later: timedelta, stalls_at: int) -> None:
    """Deliver what is due; who stalls says so, and goes on when it is told to."""
    del number
    doom = CrashPoint(wire, POINT, stalls_at, is_near=stalls_at > 0)
    sender.Delivery.render = doom.before(sender.Delivery.render, POINT)  # type: ignore[method-assign]
    connections = 1 if stalls_at else None
    wire.say(pool.deliver_due(NOON + later, connections=connections).sent)


@pytest.mark.parametrize("mails", MAILS)
def test_two_workers_and_one_that_stalled_send_each_mail_once(app, smtp, mails):
    event = make_event({"capacity": None})
    for number in range(mails):
        register(event, email=f"guest-{number}@d{number % 7}.example.org")
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": smtp.port, "MAIL_TIMEOUT": 5}
    stalls = {"later": timedelta(0), "stalls_at": 3, "settings": settings}
    works = {"later": LATER, "stalls_at": 0, "settings": settings}

    with processes(deliver, app, **stalls) as [stalled]:
        assert stalled.hear() == "here"
        assert len(smtp.received) == 2
        with processes(deliver, app, 2, **works) as workers:
            sent = [worker.hear() for worker in workers]
        stalled.say("go on")
        sent.append(stalled.hear())

    assert sent[-1] == 2  # it found that it had lost the rest
    assert sum(sent) == mails
    received = Counter(each.mail["Message-ID"] for each in smtp.received)
    assert len(received) == mails
    assert set(received.values()) == {1}
    assert {message.state for message in all_messages()} == {"sent"}
