"""At least once: whatever the mail server does, nothing is lost, and a mail comes twice
only where nobody could know that it had come."""

from __future__ import annotations

import time
from datetime import timedelta
from smtplib import SMTP

from sqlalchemy import select

from rsvp.extensions import db
from rsvp.jobs.delivery import claims, sender
from rsvp.mailer.smtp import TimedSMTP
from rsvp.models import Message
from rsvp.models.message import MessageKind
from rsvp.queries import jobs as job_queries
from tests.support.factories import NOON, make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states
from tests.support.smtp_server import DRIP, LOST, RESET, STALL

ADA = "ada@example.org"


@for_each(
    "answer",
    [
        "rcpt 450 busy",
        "rcpt 451 greylisted",
        "rcpt 452 full",
        "rcpt 421 no",
        "450 busy",
        "451 later",
        "452 full",
        "421 closing",
        RESET,
        STALL,
        "mail 421 closing",
        "mail 452 no room",
    ],
    fresh=True,
)
def test_what_may_pass_is_tried_again_and_comes_once(app, smtp, monkeypatch, answer):
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 1)
    smtp.script.append(answer)
    register(make_event(), email=ADA)

    assert deliver() == (0, 1, 0)
    assert deliver(NOON + 3 * MINUTE) == (1, 0, 0)
    assert smtp.recipients == [ADA]


def test_a_server_that_never_stops_talking_holds_nobody_up(app, smtp, monkeypatch):
    monkeypatch.setattr(sender, "MAX_SEND_TIME", timedelta(seconds=1))
    smtp.script.append(DRIP)
    register(make_event(), email=ADA)

    assert deliver() == (0, 1, 0)
    assert all_messages()[0].last_error == "the mail server did not answer in time"
    assert deliver(NOON + 3 * MINUTE) == (1, 0, 0)
    assert smtp.recipients == [ADA]


def test_no_mail_is_begun_after_its_lease(app, smtp):
    register(make_event(), email=ADA)
    lane = sender.Delivery(NOON, sender.DeliveryReport())
    lane.lease_ends_at = NOON
    [claimed] = claims.claim_due(NOON, 10)
    with lane:
        lane.send(claimed)

    assert smtp.tries == 0
    [message] = all_messages()
    assert (message.state, message.attempts, message.lease_until) == ("queued", 0, None)


def test_no_mail_is_handed_over_after_its_time(app, smtp, monkeypatch):
    register(make_event(), email=ADA)
    lane = sender.Delivery(NOON, sender.DeliveryReport())
    [claimed] = claims.claim_due(NOON, 10)

    def sleep(self, *args):
        answer = SMTP.rcpt(self, *args)
        lane.connection.ends_at = time.monotonic()
        return answer

    monkeypatch.setattr(TimedSMTP, "rcpt", sleep, raising=False)
    with lane:
        lane.send(claimed)

    assert smtp.tries == 1
    assert smtp.received == []
    assert all_messages()[0].state == "queued"


@for_each(
    "answer",
    ["rcpt 550 unknown", "rcpt 552 full", "550 no", "552 too large"],
    fresh=True,
)
def test_what_is_final_is_tried_once(app, smtp, answer):
    smtp.script.append(answer)
    register(make_event(), email=ADA)

    assert deliver() == (0, 0, 1)
    assert all_messages()[0].last_error == answer.removeprefix("rcpt ")
    assert deliver(NOON + timedelta(minutes=5)) == (0, 0, 0)


def test_what_failed_says_since_when(app, smtp):
    smtp.script.append("550 no")
    register(make_event(), email=ADA)
    days_later = NOON + timedelta(days=3)

    assert deliver(days_later) == (0, 0, 1)
    [message] = all_messages()
    assert days_later <= message.due_at < days_later + MINUTE
    assert job_queries.load_background_work(days_later + MINUTE).mails.failed == 1


def test_one_whose_answer_was_lost_comes_again_as_the_same_mail(app, smtp):
    smtp.script.extend(["", LOST])
    event = make_event()
    for number in range(3):
        register(event, email=f"guest-{number}@d{number}.example.org")

    assert deliver() == (2, 1, 0)
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)
    ids = [r.mail["message-id"] for r in smtp.received]
    assert len(ids) == 4
    assert len(set(ids)) == 3
    twice = [
        r.recipients[0] for r in smtp.received if ids.count(r.mail["message-id"]) > 1
    ]
    assert twice == ["guest-1@d1.example.org"] * 2


def wait_until(smtp, until):
    """Let the worker try all the while; how many mails were given up."""
    now, failed = NOON, 0
    while now < until and "queued" in message_states():
        failed += deliver(now)[2]
        waits = [m.due_at for m in all_messages() if m.state == "queued"]
        now = max([now + MINUTE, min(waits, default=until)])
    return failed


def test_a_server_that_is_down_for_47_hours_loses_nothing(app, smtp):
    event = make_event()
    for _ in range(3):
        register(event)
    smtp.stop()
    assert wait_until(smtp, NOON + timedelta(hours=47)) == 0

    smtp.start()
    assert deliver(NOON + timedelta(hours=56)) == (3, 0, 0)
    assert len(set(smtp.recipients)) == 3


def test_one_that_is_down_for_longer_is_told_of_once_it_is_up(app, smtp):
    make_user("owner@example.com")
    register(make_event(), email=ADA)
    smtp.stop()
    assert wait_until(smtp, NOON + timedelta(hours=57)) >= 1
    about = db.session.scalars(select(Message).order_by(Message.id)).first()
    assert about.state == "failed"

    smtp.start()
    assert deliver(NOON + timedelta(hours=80)) == (1, 0, 0)
    assert all_messages()[-1].kind == MessageKind.UNDELIVERED
    assert smtp.recipients == ["owner@example.com"]
