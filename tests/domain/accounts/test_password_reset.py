"""Passwords: how many links are mailed for one, and that a link is used once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from rsvp.db import writing
from rsvp.domain.accounts import password_reset
from rsvp.domain.messages import mail_limits
from rsvp.extensions import db
from rsvp.jobs.delivery import pool
from rsvp.models.message import MessageState
from tests.support.factories import NOON, make_event, make_user
from tests.support.outbox import all_messages

pytestmark = pytest.mark.one_engine

ADA = "ada@example.org"
HOUR = timedelta(hours=1)


def test_an_account_gets_three_mails_an_hour(app):
    make_user(ADA)

    def mails_at(now) -> int:
        with writing():
            password_reset.send_reset_link(ADA, now=now)
        return len(all_messages())

    minutes = [NOON + timedelta(minutes=n) for n in (0, 10, 20, 30, 59)]
    assert [mails_at(at) for at in minutes] == [1, 2, 3, 3, 3]
    assert mails_at(NOON + HOUR) == 4
    assert mails_at(NOON + HOUR + timedelta(minutes=5)) == 4


def test_mails_to_one_account_are_not_counted_for_another(app):
    make_user(ADA)
    make_user("ben@example.org")
    for email in [ADA] * 4 + ["ben@example.org"]:
        with writing():
            password_reset.send_reset_link(email, now=NOON)

    assert [message.recipient for message in all_messages()].count(
        "ben@example.org"
    ) == 1


def test_two_who_ask_at_once_do_not_exceed_it(app):
    make_user(ADA)
    for _ in range(2):
        with writing():
            password_reset.send_reset_link(ADA, now=NOON)
    began = threading.Event()

    def second() -> None:
        with app.app_context():
            began.set()
            with writing():
                password_reset.send_reset_link(ADA, now=NOON)
            db.session.remove()

    other = threading.Thread(target=second)
    with writing():
        password_reset.send_reset_link(ADA, now=NOON)
        other.start()
        began.wait()
        other.join(0.5)
        assert other.is_alive()
    other.join()

    assert len(all_messages()) == 3


def test_a_newer_mail_replaces_one_that_waits(app, smtp):
    make_user(ADA)
    for _ in range(2):
        with writing():
            password_reset.send_reset_link(ADA, now=NOON)

    assert [m.state for m in all_messages()] == [
        MessageState.SUPERSEDED,
        MessageState.QUEUED,
    ]
    assert pool.deliver_due(NOON).sent == 1
    assert len(smtp.mails_to(ADA)) == 1


def test_registering_is_not_held_up_by_mails_about_an_account(app):
    make_user(ADA)
    for _ in range(3):
        with writing():
            password_reset.send_reset_link(ADA, now=NOON)

    assert not mail_limits.is_mailbox_at_limit(
        mail_limits.mailbox_mark(ADA), make_event().id, NOON
    )


def test_of_two_who_use_a_link_at_once_one_does(app):
    """The other waits for the first, and then finds the link used up."""
    was_set, began = [], threading.Event()
    ada = make_user(ADA)
    user_id, mark = ada.id, ada.fs_uniquifier

    def second() -> None:
        with app.app_context():
            began.set()
            with writing():
                was_set.append(
                    password_reset.set_password_by_link(user_id, mark, "theirs")
                )
            db.session.remove()

    other = threading.Thread(target=second)
    with writing():
        assert password_reset.set_password_by_link(user_id, mark, "ours")
        other.start()
        began.wait()
        other.join(0.5)
        assert other.is_alive()
    other.join()

    assert was_set == [False]
    db.session.expire_all()
    assert ada.password == "ours"
