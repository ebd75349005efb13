"""The worker, against a real mail server that answers as each test has it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from rsvp import config
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.jobs import worker as job_worker
from rsvp.jobs.delivery import claims, render, sender
from rsvp.models import Message
from rsvp.models.message import MessageState
from tests.support.factories import CODE_KEY, NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states
from tests.support.smtp_server import GOODBYE, RESET, STALL

ADA = "ada@example.org"


# --- sending ------------------------------------------------------------------------


def test_a_mail_is_sent_and_marked(app, smtp):
    register(make_event(), "Ada", email=ADA)

    assert deliver() == (1, 0, 0)
    (message,) = all_messages()
    assert (message.state, message.attempts) == (MessageState.SENT, 1)
    assert NOON <= message.sent_at < NOON + MINUTE
    assert (message.lease_until, message.last_error) == (None, None)
    (received,) = smtp.received
    assert received.recipients == [ADA]
    assert received.mail["message-id"] == f"<{message.uuid}@rsvp.example.org>"
    assert deliver() == (0, 0, 0)


def test_what_is_not_due_waits(app, smtp):
    register(make_event())
    assert deliver(NOON - MINUTE) == (0, 0, 0)
    assert deliver() == (1, 0, 0)


def test_nothing_is_sent_without_a_mail_server(app, smtp):
    register(make_event())
    app.config["MAIL_SERVER"] = None

    assert deliver() == (0, 0, 0)
    assert message_states() == [MessageState.QUEUED]
    assert smtp.connections == 0


def test_a_batch_goes_over_one_connection(app, smtp):
    event = make_event()
    for _ in range(claims.CLAIM_SIZE + 3):
        register(event)

    assert deliver() == (claims.CLAIM_SIZE + 3, 0, 0)
    assert smtp.connections == 1
    assert len(set(smtp.recipients)) == claims.CLAIM_SIZE + 3


def test_a_limit_is_kept(app, smtp):
    event = make_event()
    for _ in range(5):
        register(event)
    assert deliver(limit=2) == (2, 0, 0)
    assert deliver(limit=20) == (3, 0, 0)


def test_a_superseded_message_is_not_sent(app, smtp):
    register(make_event())
    with writing() as session:
        session.scalars(select(Message)).one().state = MessageState.SUPERSEDED

    assert deliver() == (0, 0, 0)
    assert smtp.received == []


# --- when it does not work ----------------------------------------------------------


@for_each("answer", ["451 try again later", "rcpt 450 greylisted"], fresh=True)
def test_a_temporary_refusal_is_tried_again_after_a_pause(app, smtp, answer):
    smtp.script.append(answer)
    register(make_event(), email=ADA)

    assert deliver() == (0, 1, 0)
    (message,) = all_messages()
    assert message.state == MessageState.QUEUED
    assert message.last_error == answer.removeprefix("rcpt ")
    assert timedelta(0) <= message.due_at - NOON - MINUTE < timedelta(seconds=10)
    assert deliver(NOON + MINUTE / 2) == (0, 0, 0)
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)
    assert smtp.recipients == [ADA]


@for_each("answer", ["550 no such user", "rcpt 550 no such user"], fresh=True)
def test_a_final_refusal_is_kept_with_its_reason(app, smtp, answer):
    smtp.script.append(answer)
    register(make_event(), email=ADA)

    assert deliver() == (0, 0, 1)
    (message,) = all_messages()
    assert (message.state, message.last_error) == ("failed", "550 no such user")
    assert deliver(NOON + timedelta(days=3)) == (0, 0, 0)


def test_one_refused_address_does_not_hold_up_the_others(app, smtp):
    event = make_event()
    for number in range(4):
        register(event, email=f"guest-{number}@example.org")
    smtp.script.extend(["", "rcpt 550 no such user", "451 later"])

    assert deliver() == (2, 1, 1)
    assert smtp.recipients == ["guest-0@example.org", "guest-3@example.org"]
    assert smtp.connections == 1


def test_pauses_grow_until_two_days_are_over(app, smtp):
    register(make_event())
    now, tries = NOON, 0
    while message_states() == [MessageState.QUEUED]:
        smtp.script.append("451 not now")
        now = all_messages()[0].due_at
        assert sum(deliver(now)) == 1
        tries += 1
        assert tries < 50

    assert message_states() == [MessageState.FAILED]
    assert all_messages()[0].last_error == "451 not now"
    assert timedelta(hours=46) < now - NOON <= timedelta(hours=49)
    assert sorted(sender.RETRY_MINUTES) == list(sender.RETRY_MINUTES)


def test_tries_of_workers_that_were_killed_do_not_use_up_the_two_days(app, smtp):
    """As after an hour in which each worker died with the mail in its hands."""
    register(make_event())
    with writing() as session:
        session.scalars(select(Message)).one().attempts = 60
    an_hour_later = NOON + timedelta(hours=1)
    smtp.script.extend(["451 greylisted"] * 2)

    assert deliver(an_hour_later) == (0, 1, 0)
    [message] = all_messages()
    assert message.state == MessageState.QUEUED
    assert message.due_at - an_hour_later < timedelta(hours=3)
    assert deliver(NOON + timedelta(hours=48)) == (0, 0, 1)


def test_a_refused_sender_is_the_operators_to_mend_and_loses_nothing(app, smtp):
    event = make_event()
    for _ in range(3):
        register(event)
    smtp.script.extend(["mail 530 authentication required"] * 2)

    assert deliver() == (0, 3, 0)
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)


def test_a_server_that_is_not_there(app, smtp):
    smtp.stop()
    event = make_event()
    for _ in range(3):
        register(event)

    assert deliver() == (0, 3, 0)
    assert {m.last_error for m in all_messages()} == {
        "the mail server refused the connection",
    }
    smtp.start()
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)


def test_a_connection_reset_in_the_middle_of_the_data(app, smtp):
    smtp.script.append(RESET)
    event = make_event()
    register(event, email=ADA)
    register(event, email="grace@example.com")

    assert deliver() == (1, 1, 0)
    assert smtp.recipients == ["grace@example.com"]
    assert "the mail server" in all_messages()[0].last_error
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)
    assert smtp.recipients == ["grace@example.com", ADA]


@for_each("goodbye", [GOODBYE, "mail 421 enough for now"], fresh=True)
def test_a_server_that_hangs_up_between_mails_costs_no_try(app, smtp, goodbye):
    event = make_event()
    for _ in range(3):
        register(event)
    smtp.script.extend(["", goodbye])

    assert deliver() == (3, 0, 0)
    assert smtp.connections == 2
    assert {m.attempts for m in all_messages()} == {1}


def test_a_server_that_stalls_is_left_after_the_time_out(app, smtp, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 1)
    smtp.script.append(STALL)
    register(make_event(), email=ADA)

    before = time.monotonic()
    assert deliver() == (0, 1, 0)
    assert time.monotonic() - before < 4
    assert all_messages()[0].last_error == "the mail server did not answer in time"
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)


def test_a_mail_that_cannot_be_written_does_not_hold_up_the_others(
    app, smtp, monkeypatch, caplog
):
    event = make_event()
    register(event, "Ada", email=ADA)
    register(event, email="grace@example.org")
    written = render.build_mail

    def stumble(message, at):
        if message.recipient == ADA:
            raise KeyError(message.recipient)
        return written(message, at)

    monkeypatch.setattr(sender, "build_mail", stumble)

    assert deliver() == (1, 1, 0)
    assert smtp.recipients == ["grace@example.org"]
    assert "KeyError" in all_messages()[0].last_error
    assert ADA not in caplog.text


def test_an_address_in_another_alphabet_is_told_apart_from_a_broken_server(app, smtp):
    event = make_event()
    register(event, email="søren@example.org")
    register(event, email="zoë@bücher.example")
    register(event, email="büro@example.org")
    register(event, email=ADA)

    assert deliver() == (1, 0, 3)
    assert "address like this one" in all_messages()[0].last_error


# --- the worker's round -------------------------------------------------------------


def test_the_worker_sends_what_comes_and_stops_at_once(app, smtp):
    stop = threading.Event()

    def work():
        with app.app_context():
            job_worker.run_worker(stop, poll_seconds=0.05)
            db.session.remove()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        register(make_event(), email=ADA, now=utcnow() - MINUTE)
        deadline = time.monotonic() + 10
        while not smtp.received and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        stop.set()
        before = time.monotonic()
        worker.join(10)
    assert smtp.recipients == [ADA]
    assert not worker.is_alive()
    assert time.monotonic() - before < 2


def test_an_idle_worker_only_reads(app, smtp):
    statements = []

    def note(_connection, _cursor, statement, *_):
        if statement != "BEGIN":
            statements.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert deliver() == (0, 0, 0)
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
    assert len(statements) == 1
    assert statements[0].lstrip().startswith("SELECT")
    assert smtp.connections == 0


def test_a_stopped_worker_gives_back_what_it_has_not_tried(app, smtp):
    event = make_event()
    for _ in range(3):
        register(event)
    stop = threading.Event()
    stop.set()

    assert deliver(stop=stop) == (0, 0, 0)
    assert [(m.attempts, m.lease_until) for m in all_messages()] == [(0, None)] * 3
    assert deliver() == (3, 0, 0)


def test_logs_name_nobody(app, smtp, caplog):
    caplog.set_level(logging.DEBUG, logger="rsvp")
    event = make_event()
    outcomes = [register(event, "Ada Lovelace", email=ADA), register(event)]
    smtp.script.extend([f"rcpt 550 <{ADA}> is unknown here", "451 ada, later"])
    deliver()

    assert len(caplog.records) >= 2
    assert "given up after try 1: 550" in caplog.text
    for secret in (ADA, "Ada", "Lovelace", "guest-", outcomes[0].token):
        assert secret not in caplog.text
    assert ADA in all_messages()[0].last_error  # the organizer reads the whole answer


# --- killed -------------------------------------------------------------------------

REGISTER_AND_DIE = """
import os, signal
from sqlalchemy import select
from rsvp import create_app
from rsvp.models import Event
from rsvp.extensions import db
from tests.support.factories import register

with create_app().app_context():
    event = db.session.scalars(select(Event)).one()
    db.session.rollback()
    register(event, "Ada", email="ada@example.org")
    os.kill(os.getpid(), signal.SIGKILL)
"""

SEND_AND_DIE = """
import os, signal
from rsvp import create_app
from rsvp.jobs.delivery import pool, sender
from tests.support.factories import NOON

sender.mark_sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with create_app().app_context():
    pool.deliver_due(NOON)
"""


def run_until_killed(app, script: str) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RSVP_")} | {
        "RSVP_INSTANCE_PATH": app.instance_path,
        "RSVP_SQLALCHEMY_DATABASE_URI": app.config["SQLALCHEMY_DATABASE_URI"],
        "RSVP_SECRET_KEY": app.config["SECRET_KEY"],
        "RSVP_CODE_KEY": CODE_KEY.hex(),
        "RSVP_PUBLIC_URL": app.config["PUBLIC_URL"],
        "RSVP_MAIL_SERVER": "127.0.0.1",
        "RSVP_MAIL_PORT": str(app.config["MAIL_PORT"]),
    }
    db.session.rollback()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environ,
        cwd=config.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.soak)])
def test_killed_right_after_the_commit_the_mail_still_goes_out(app, smtp, kills):
    make_event()
    for number in range(kills):
        address = f"ada-{number}@example.org"
        run_until_killed(app, REGISTER_AND_DIE.replace(ADA, address))

        assert smtp.mails_to(address) == []
        assert deliver() == (1, 0, 0)
        assert len(smtp.mails_to(address)) == 1


def test_killed_between_sending_and_noting_it_sends_again_as_the_same_mail(app, smtp):
    register(make_event(), email=ADA)
    run_until_killed(app, SEND_AND_DIE)

    assert smtp.recipients == [ADA]
    assert message_states() == [MessageState.QUEUED]
    assert deliver(NOON + MINUTE) == (0, 0, 0)
    assert deliver(NOON + claims.LEASE + MINUTE) == (1, 0, 0)
    first, second = (r.mail["message-id"] for r in smtp.received)
    assert first == second
