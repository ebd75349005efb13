"""Undelivered: addresses that take no mail, and how organizers hear of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp.db import writing
from rsvp.domain.registrations import transfer
from rsvp.models.message import MessageKind
from rsvp.models.team import Role
from tests.support.factories import (
    CODE_KEY,
    NOON,
    cancel,
    load_registration,
    make_event,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.outbox import MINUTE, all_messages, deliver
from tests.support.smtp_server import RESET

pytestmark = pytest.mark.one_engine

ADA, OWNER = "ada@example.org", "owner@example.com"
HOUR = timedelta(hours=1)


def correct_address(outcome, email):
    with writing():
        transfer.correct_address(
            outcome.registration_id,
            email=email,
            email_key=email,
            code_key=CODE_KEY,
            actor="user:1",
            now=NOON,
        )


@pytest.mark.both_engines
@for_each(
    ("answer", "is_marked"),
    [
        ("rcpt 550 no such user", True),
        ("rcpt 552 mailbox full", True),
        ("550 looks like spam", False),
        ("rcpt 451 later", False),
        ("rcpt 530 sign in first", False),
        (RESET, False),
    ],
)
def test_an_address_that_is_refused_for_good_is_marked(app, smtp, answer, is_marked):
    smtp.script.append(answer)
    outcome = register(make_event(), email=ADA)
    deliver()

    found = load_registration(outcome)
    assert (found.address_failed_at is not None) is is_marked
    assert found.address_failed_why == (answer[5:] if is_marked else None)


@for_each(
    "answer",
    [
        "554 5.7.1 <ada@example.org>: Relay access denied",
        "550 5.7.1 <ada@example.org>... Relaying denied. Sign in first.",
        "550 relay not permitted",
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    ],
    fresh=True,
)
def test_a_server_that_passes_nothing_on_for_us_says_nothing_about_the_address(
    app, smtp, answer
):
    smtp.script.append(f"rcpt {answer}")
    outcome = register(make_event(), email=ADA)

    assert deliver() == (0, 1, 0)
    assert all_messages()[0].last_error == answer
    assert load_registration(outcome).address_failed_at is None
    # The operator has mended it.
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)


def test_an_unknown_address_with_such_a_name_is_one_all_the_same(app, smtp):
    smtp.script.append("rcpt 550 5.1.1 <relay@example.org>: no such user")
    outcome = register(make_event(), email="relay@example.org")

    assert deliver() == (0, 0, 1)
    assert load_registration(outcome).address_failed_at is not None


def test_the_mark_goes_when_a_mail_arrives(app, smtp):
    smtp.script.append("rcpt 550 no such user")
    outcome = register(make_event(), email=ADA)
    deliver()
    cancel(outcome)

    assert deliver() == (1, 0, 0)
    found = load_registration(outcome)
    assert (found.address_failed_at, found.address_failed_why) == (None, None)


def test_the_mark_goes_with_the_address(app, smtp):
    smtp.script.append("rcpt 550 no such user")
    outcome = register(make_event(), email=ADA)
    deliver()
    correct_address(outcome, "grace@example.org")

    assert load_registration(outcome).address_failed_at is None
    assert load_registration(outcome).address_failed_why is None


def test_who_had_the_place_before_marks_nobody(app, smtp):
    outcome = register(make_event(), email=ADA)
    deliver()
    with writing():
        transfer.transfer_registration(
            outcome.registration_id,
            name="Zoë",
            email="zoe@example.org",
            email_key="zoe@example.org",
            code_key=CODE_KEY,
            actor="attendee",
            now=NOON,
        )
    smtp.script.extend(["", "rcpt 550 gone"])

    assert deliver() == (1, 0, 1)
    assert load_registration(outcome).address_failed_at is None


# --- telling the organizers ---------------------------------------------------------


def told():
    return [m for m in all_messages() if m.kind == MessageKind.UNDELIVERED]


@pytest.mark.both_engines
def test_organizers_are_told_together_and_without_names(app, smtp):
    make_user(OWNER)
    make_user("host@example.com", role=Role.DOOR_HOST)
    make_user("elsewhere@example.com", team="other")
    event = make_event()
    outcomes = [register(event, "Ada Lovelace", email=ADA)]
    outcomes.append(register(event, "Grace Hopper", email="grace@example.org"))
    smtp.script.extend(["rcpt 550 mailbox unknown"] * 2)

    assert deliver() == (0, 0, 2)
    assert [m.recipient for m in told()] == [OWNER]
    assert deliver(NOON + 5 * MINUTE) == (0, 0, 0)
    assert deliver(NOON + 11 * MINUTE) == (1, 0, 0)
    (received,) = smtp.received
    mail = received.mail
    text = mail.get_body(("plain",)).get_content()
    assert mail["subject"] == "Mails to 2 people do not arrive"
    for outcome in outcomes:
        assert load_registration(outcome).reference in text
    shown = text + mail.get_body(("html",)).get_content() + mail["subject"]
    for secret in (ADA, "Ada", "Grace", "mailbox unknown"):
        assert not has_word(shown, secret)
    assert f"/organize/events/{event.slug}/messages?state=failed" in text


def test_they_are_told_once_an_hour_at_most(app, smtp):
    make_user(OWNER)
    event = make_event()
    for at in (NOON, NOON + 20 * MINUTE, NOON + 21 * MINUTE):
        register(event, now=at)
        smtp.script.append("rcpt 550 no")
        deliver(at)
        deliver(at + 11 * MINUTE)
    first, second = told()

    assert first.state == "sent"
    assert second.state == "queued"
    assert second.due_at >= first.due_at + HOUR
    assert deliver(NOON + 2 * HOUR) == (1, 0, 0)
    assert smtp.received[-1].mail["subject"] == "Mails to 3 people do not arrive"


def test_nobody_is_told_of_what_was_mended_meanwhile(app, smtp):
    make_user(OWNER)
    outcome = register(make_event(), email=ADA)
    smtp.script.append("rcpt 550 no")
    deliver()
    correct_address(outcome, "grace@example.org")

    assert deliver() == (1, 0, 0)
    assert deliver(NOON + HOUR) == (0, 0, 0)
    assert [m.state for m in told()] == ["superseded"]
