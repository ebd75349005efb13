"""Lanes: several connections at once, and one domain's server holds up no other."""

from __future__ import annotations

import threading

import pytest

from rsvp.extensions import db
from rsvp.jobs.delivery import claims as delivery_claims
from rsvp.jobs.delivery import pool, sender
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states


def register_at(event, *domains):
    for number, domain in enumerate(domains):
        register(event, email=f"guest-{number}@{domain}")


def claimed_domains(**options):
    claims = delivery_claims.claim_due(NOON, delivery_claims.CLAIM_SIZE, **options)
    return [claim.domain for claim in claims]


@for_each("connections", [2, 4], fresh=True)
def test_fast_domains_are_done_while_a_slow_one_still_hangs(
    app, smtp, monkeypatch, connections
):
    monkeypatch.setattr(sender, "SLOW_SECONDS", 0.1)
    fast = [f"fast-{number}.example.org" for number in range(6)]
    register_at(make_event(), "slow.example.org", "slow.example.org", *fast)
    smtp.held.add("slow.example.org")
    reports = []

    def work():
        with app.app_context():
            reports.append(pool.deliver_due(NOON, connections=connections))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert smtp.holding.wait(20)
        smtp.wait_for(len(fast))
        assert {r.recipients[0].split("@")[1] for r in smtp.received} == set(fast)
    finally:
        smtp.release()
        worker.join(30)
    # It took its time: the other one to this domain has to wait as long.
    assert [report.sent for report in reports] == [len(fast) + 1]
    assert deliver(NOON + MINUTE) == (1, 0, 0)


def test_several_connections_send_everything_once(app, smtp):
    event = make_event({"capacity": None})
    register_at(event, *[f"d{n % 7}.example.org" for n in range(30)])

    assert deliver(connections=4) == (30, 0, 0)
    assert sorted(smtp.recipients) == sorted(m.recipient for m in all_messages())
    assert {m.attempts for m in all_messages()} == {1}
    assert 1 < smtp.connections <= 4


def test_to_one_domain_goes_one_connection(app, smtp):
    event = make_event({"capacity": None})
    register_at(
        event, *["example.org"] * (delivery_claims.CLAIM_SIZE + 5), "example.com"
    )

    assert claimed_domains() == ["example.org"] * delivery_claims.CLAIM_SIZE
    assert claimed_domains() == ["example.com"]
    assert claimed_domains() == []
    later = delivery_claims.claim_due(
        NOON + delivery_claims.LEASE, delivery_claims.CLAIM_SIZE
    )
    assert len(later) == delivery_claims.CLAIM_SIZE  # whoever had them has died


def test_one_claim_takes_many_domains_with_few_mails_each(app):
    event = make_event({"capacity": None})
    many = [
        f"d{number}.example.org" for number in range(delivery_claims.CLAIM_SIZE + 5)
    ]
    register_at(event, *many)

    assert claimed_domains() == many[: delivery_claims.CLAIM_SIZE]
    assert claimed_domains() == many[delivery_claims.CLAIM_SIZE :]


def test_a_claim_leaves_domains_for_the_other_lanes(app):
    event = make_event({"capacity": None})
    register_at(event, "a.example.org", "b.example.org", "a.example.org")

    assert claimed_domains(connections=2) == ["a.example.org"] * 2
    assert claimed_domains(connections=2) == ["b.example.org"]


def test_a_lane_that_fails_ends_the_round_and_says_so(app, smtp, monkeypatch):
    def stumble(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(sender, "mark_sent", stumble)
    register_at(make_event(), "a.example.org", "b.example.org")

    with pytest.raises(RuntimeError):
        deliver(connections=2)
    db.session.rollback()


def test_a_server_that_is_gone_ends_the_round(app, smtp):
    smtp.stop()
    register_at(make_event(), *[f"d{n}.example.org" for n in range(8)])

    sent, put_off, failed = deliver(connections=2)
    assert (sent, failed) == (0, 0)
    assert put_off >= 2
    assert set(message_states()) == {"queued"}
    smtp.start()
    assert deliver(NOON + 2 * MINUTE, connections=2)[0] == 8


def test_nothing_due_starts_no_thread(app, smtp, monkeypatch):
    monkeypatch.setattr(pool, "SenderPool", None)
    assert deliver(connections=4) == (0, 0, 0)
