"""Workers on Celery: the broker is a doorbell, and may lose all it has at any time."""

from __future__ import annotations

import socket
from collections import Counter

import pytest
from sqlalchemy import select

from rsvp.broker import WorkerNotifier
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.models import Job, Message
from tests.support.celery_broker import celery_worker, wait_until
from tests.support.factories import make_event, register

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
MAILS = [24, pytest.param(600, marks=pytest.mark.soak)]


@pytest.mark.postgresql
@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mails", MAILS)
def test_a_broker_killed_and_emptied_loses_no_mail(app, smtp, broker, tmp_path, mails):
    event = make_event({"capacity": None})
    with celery_worker(app, broker.url, tmp_path) as worker:
        for _ in range(mails // 3):
            register(event, now=utcnow())
        WorkerNotifier(broker.url).notify()
        wait_until(lambda: smtp.received, worker)
        broker.kill()
        for _ in range(mails // 3):
            register(event, now=utcnow())
        broker.start()
        assert not broker.client().dbsize()  # all that it knew is gone
        wait_until(lambda: len(smtp.received) >= 2 * mails // 3, worker)
        for _ in range(mails // 3):
            register(event, now=utcnow())
        wait_until(lambda: len(smtp.received) >= mails, worker)
        wait_until(lambda: states() == {"sent": mails}, worker)
        wait_until(rounds_run, worker)  # beat's part: it rings every few seconds

    sent = Counter(each.mail["Message-ID"] for each in smtp.received)
    assert len(sent) == mails
    assert set(sent.values()) == {1}


def rounds_run() -> int:
    """How often the jobs came round."""
    db.session.rollback()
    job = db.session.get(Job, "settle")
    return job.runs if job else 0


def states() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Message.state)))


@pytest.mark.soak
@pytest.mark.postgresql
@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_rabbitmq_rings_as_well(app, smtp, tmp_path):
    try:
        socket.create_connection(("127.0.0.1", 5672), 2).close()
    except OSError:
        pytest.skip("RabbitMQ is not reachable")
    event = make_event({"capacity": None})
    with celery_worker(app, RABBITMQ, tmp_path) as worker:
        for _ in range(8):
            register(event, now=utcnow())
        WorkerNotifier(RABBITMQ).notify()
        wait_until(lambda: len(smtp.received) >= 8, worker)
    sent = Counter(each.mail["Message-ID"] for each in smtp.received)
    assert set(sent.values()) == {1}
