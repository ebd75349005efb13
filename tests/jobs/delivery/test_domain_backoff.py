"""Pacing: a domain that takes no mail at the moment is left alone for a while."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from rsvp import db as rsvp_db
from rsvp.extensions import db
from rsvp.jobs.delivery import claims, domain_backoff, sender
from rsvp.models import MailDomain
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states
from tests.support.smtp_server import RESET

STRICT, OTHER = "strict.example.org", "other.example.org"


def register_at(*domains):
    event = make_event({"capacity": None})
    for number, domain in enumerate(domains):
        register(event, email=f"guest-{number}@{domain}")


def known() -> MailDomain | None:
    db.session.rollback()
    return db.session.get(MailDomain, STRICT)


def attempts() -> list[int]:
    return [message.attempts for message in all_messages()]


@for_each("answer", [RESET, "rcpt 421 too many", "421 closing"], fresh=True)
def test_a_domain_that_hangs_up_rests_and_its_other_mails_wait_untried(
    app, smtp, answer
):
    smtp.by_domain[STRICT] = answer
    register_at(STRICT, STRICT, STRICT, OTHER, OTHER)

    assert deliver() == (2, 1, 0)
    assert attempts() == [1, 0, 0, 1, 1]
    rest = known().pause_until - NOON
    assert MINUTE <= rest < 2 * MINUTE
    assert deliver(NOON + MINUTE / 2) == (0, 0, 0)
    smtp.by_domain.clear()
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)
    assert (known().troubles, known().pause_until) == (0, None)


def test_one_who_is_to_come_later_is_no_matter_of_the_domain_but_two_are(app, smtp):
    smtp.script.extend(["rcpt 451 greylisted", "", "451 later", "452 full"])
    register_at(*[STRICT] * 6)

    assert deliver() == (1, 3, 0)
    assert attempts() == [1, 1, 1, 1, 0, 0]
    assert known().troubles == 1
    assert known().last_error == "it answered 452"  # the rest may quote an address
    assert deliver(NOON + 2 * MINUTE) == (5, 0, 0)


def test_each_pause_is_longer_and_ends_with_one_try(app, smtp):
    smtp.by_domain[STRICT] = RESET
    register_at(*[STRICT] * 9)
    pauses, now = [], NOON
    for tries in range(1, 8):
        assert deliver(now) == (0, 1, 0)
        assert sum(attempts()) == tries
        pauses.append(round((known().pause_until - now) / MINUTE))
        now = known().pause_until
    assert pauses == [1, 2, 5, 15, 30, 30, 30]

    smtp.by_domain.clear()
    assert deliver(now + timedelta(days=1)) == (9, 0, 0)


def test_a_domain_is_given_up_when_its_pauses_come_to_two_days():
    length, troubles = timedelta(), 0
    while not domain_backoff.is_given_up(troubles):
        length += domain_backoff.DOMAIN_PAUSES[
            min(troubles, len(domain_backoff.DOMAIN_PAUSES) - 1)
        ]
        troubles += 1
    assert timedelta(hours=48) <= length < timedelta(hours=49)


def test_what_is_younger_waits_on_when_older_mails_are_given_up(app, smtp):
    register_at(STRICT)
    now = NOON + timedelta(days=3)
    register(make_event(), email=f"late@{STRICT}", now=now)
    with rsvp_db.writing():
        domain_backoff.pause_domain(STRICT, 200, "421", now)
    smtp.by_domain[STRICT] = "rcpt 421 no"

    assert deliver(now + timedelta(hours=1)) == (0, 1, 1)
    assert message_states()[:2] == ["failed", "queued"]


def test_a_server_in_trouble_is_no_matter_of_any_domain(app, smtp, monkeypatch):
    register_at(STRICT, OTHER)
    smtp.script.extend(["mail 421 closing"] * 2)
    assert deliver() == (0, 2, 0)
    smtp.is_mute = True
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 1)
    assert deliver(NOON + 2 * MINUTE) == (0, 2, 0)
    assert all_messages()[0].last_error == "the mail server did not answer in time"
    smtp.is_mute = False
    smtp.stop()
    assert deliver(NOON + 5 * MINUTE) == (0, 2, 0)

    assert db.session.scalars(select(MailDomain)).all() == []
    smtp.start()
    assert deliver(NOON + 15 * MINUTE) == (2, 0, 0)


def test_after_a_slow_answer_others_come_first_for_as_long(app, smtp):
    register_at(STRICT, STRICT, OTHER)
    first, second, third = claims.claim_due(NOON, 10)
    lane = sender.Delivery(NOON, sender.DeliveryReport())
    lane.untried = [second, third]
    lane.record_sent(first, timedelta(seconds=7), was_refused=False)

    assert lane.untried == [third]
    assert message_states() == ["sent", "queued", "queued"]
    assert attempts() == [1, 0, 1]
    assert timedelta(seconds=7) <= known().pause_until - NOON < MINUTE
    assert known().troubles == 0
    assert deliver(NOON + MINUTE) == (1, 0, 0)


def test_so_many_a_minute_and_no_more(app, smtp, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_PER_DOMAIN_PER_MINUTE", 3)
    register_at(*[STRICT] * 5, *[OTHER] * 2)

    assert deliver() == (5, 0, 0)
    assert deliver(NOON + MINUTE / 2) == (0, 0, 0)
    assert deliver(NOON + 2 * MINUTE) == (2, 0, 0)
    assert len(set(smtp.recipients)) == 7


def test_what_is_over_is_forgotten(app, smtp):
    smtp.by_domain[STRICT] = RESET
    register_at(STRICT)
    deliver()

    assert (
        domain_backoff.forget_domains(NOON + timedelta(days=1)) == 0
    )  # it is in trouble
    smtp.by_domain.clear()
    assert deliver(NOON + timedelta(days=1)) == (1, 0, 0)
    assert domain_backoff.forget_domains(NOON + timedelta(days=1)) == 1
    assert known() is None
