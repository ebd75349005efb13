"""Crashes: whoever is killed, at whatever point, what was answered stands, nothing is
left by halves, and each mail goes out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from rsvp import jobs
from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.models import Message, Registration
from rsvp.models.event import Promotion
from rsvp.models.ledger import MessageKind
from tests.domain import doomed
from tests.domain.processes import Process, processes
from tests.factories import NOON, make_event, register

PLACES = (MessageKind.CONFIRMATION, MessageKind.PROMOTED)
# Beside those of the mail test below: 10 and 200 in all.
KILLS = [6, pytest.param(160, marks=pytest.mark.soak)]
MAIL_KILLS = [4, pytest.param(40, marks=pytest.mark.soak)]


@pytest.mark.parametrize("kills", KILLS)
def test_what_was_answered_survives_and_nothing_is_left_by_halves(app, kills):
    dice = random.Random(kills)
    seats = {"key": "hall", "capacity": 6}
    offers = {"promotion": Promotion.OFFER}
    evenings = [
        make_event(seats, **offers).id,  # one statement decides
        make_event(seats, room_capacity=5, **offers).id,  # the lock does
    ]
    answered: dict[int, str] = {}
    for kill in range(kills):
        point = doomed.POINTS[kill % 3]
        told = {"event": evenings[kill // 3 % 2], "name": f"life-{kill}"}
        told |= {"point": point, "countdown": dice.randint(1, 8)}
        with processes(doomed.register_and_cancel, app, **told) as [victim]:
            in_flight = live(victim, answered)
            victim.kill()
        check(answered, in_flight, is_committed=point == doomed.AFTER_THE_COMMIT)


def live(victim: Process, answered: dict[int, str]) -> dict[str, Any]:
    """Hear what it asks and is answered until it gets to its point; what it asked last.

    `answered` is brought up to date: what the holder of each place knows of it.
    """
    asked: dict[str, Any] = {}
    while (said := victim.hear()) != "here":
        assert said, f"it ended by itself: {victim.process.exitcode}"
        if "told" not in said:
            asked = said
        elif said["verb"] == "register":
            answered[said["whom"]] = said["told"]
        elif said["told"] in ("done", "confirmed"):
            became = {"done": "cancelled"}.get(said["told"], said["told"])
            answered[said["whom"]] = became
    return asked


def check(
    answered: dict[int, str], in_flight: dict[str, Any], *, is_committed: bool
) -> None:
    assert invariants.problems(NOON) == []
    there = {r.id: r for r in db.session.scalars(select(Registration))}
    assert answered.keys() <= there.keys(), "lost"
    new = there.keys() - answered.keys()
    verb, whom = in_flight["verb"], in_flight["whom"]
    if verb == "register":
        assert [there[n].email for n in new] == [whom] * is_committed
    else:
        assert not new
        ended = {"cancel": "cancelled", "accept": "confirmed"}[verb]
        assert (there[whom].state == ended) is is_committed
    for number, told in answered.items():
        state = there[number].state
        if number != whom:
            line_moved = told in ("waitlisted", "offered")
            assert state == told or (line_moved and state == "offered")
    # The next to be checked begins with what is there now.
    answered.update({number: r.state for number, r in there.items()})
    mailed = set(
        db.session.scalars(
            select(Message.registration_id).where(Message.kind.in_(PLACES))
        )
    )
    assert {n for n, r in there.items() if r.state == "confirmed"} <= mailed


@pytest.mark.parametrize("kills", MAIL_KILLS)
def test_each_mail_goes_out_though_workers_are_killed_while_sending(app, smtp, kills):
    event = make_event({"capacity": 6})
    for _ in range(kills + 6):
        register(event)
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": smtp.port, "MAIL_TIMEOUT": 5}
    lease = jobs.LEASE.total_seconds() / 60 + 1
    twice = 0
    for kill in range(kills):
        point = doomed.MAIL_POINTS[kill % 2]
        told = {"point": point, "countdown": 2, "minutes": kill * lease}
        with processes(doomed.send_mails, app, settings=settings, **told) as [worker]:
            assert worker.hear() == "here"
            worker.kill()
        twice += point == doomed.BEFORE_NOTING_IT
    told = {"point": "never", "countdown": 1, "minutes": kills * lease}
    with processes(doomed.send_mails, app, settings=settings, **told) as [worker]:
        assert worker.hear()["sent"] > 0

    outbox = db.session.scalars(select(Message)).all()
    assert {message.state for message in outbox} == {"sent"}
    received = Counter(
        (received.recipients[0], received.mail["Message-ID"])
        for received in smtp.received
    )
    assert len(received) == len(outbox)
    assert {address for address, _ in received} == {m.recipient for m in outbox}
    # Only what nobody could know to have arrived went out again, as the same mail.
    assert sum(received.values()) == len(outbox) + twice
