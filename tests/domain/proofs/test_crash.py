"""Crashes: whoever is killed, at whatever point, what was answered stands, nothing is
left by halves, and each mail goes out, none of a place after its cancellation."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rsvp.domain import invariants
from rsvp.domain.messages.relevance import STATES_BY_KIND
from rsvp.extensions import db
from rsvp.jobs.delivery import claims, pool
from rsvp.models import Event, Message, Registration
from rsvp.models.event import Promotion
from rsvp.models.message import MessageKind
from tests.support import crash_points
from tests.support.factories import NOON, make_event, register
from tests.support.processes import Process, processes
from tests.support.smtp_server import LOST, MailServer

PLACES = (MessageKind.CONFIRMATION, MessageKind.PROMOTED)
# Beside those of the mail test below: 10 and 200 in all.
KILLS = [6, pytest.param(160, marks=pytest.mark.soak)]
MAIL_KILLS = [4, pytest.param(40, marks=pytest.mark.soak)]
TO_THE_NEXT = (
    claims.LEASE.total_seconds() / 60 + 1
)  # minutes: by then a lease has ended


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
        point = crash_points.POINTS[kill % 3]
        told = {"event": evenings[kill // 3 % 2], "name": f"life-{kill}"}
        told |= {"point": point, "countdown": dice.randint(1, 8)}
        with processes(crash_points.register_and_cancel, app, **told) as [victim]:
            in_flight = live(victim, answered)
            victim.kill()
        check(answered, in_flight, is_committed=point == crash_points.AFTER_THE_COMMIT)


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
    assert invariants.find_problems(NOON) == []
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
    twice = 0
    for kill in range(kills):
        point = crash_points.MAIL_POINTS[kill % 2]
        told = {"point": point, "countdown": 2, "minutes": kill * TO_THE_NEXT}
        with processes(crash_points.send_mails, app, **told) as [worker]:
            assert worker.hear() == "here"
            worker.kill()
        twice += point == crash_points.AFTER_SMTP
    told = {"point": "never", "countdown": 1, "minutes": kills * TO_THE_NEXT}
    with processes(crash_points.send_mails, app, **told) as [worker]:
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


# --- given up while the mail about it is on its way ---------------------------------


@dataclass(frozen=True)
class Fate:
    """A worker stops at the point with a mail in hand. Once its place is given up it is
    killed, or goes on, and the mail server then does the `trick`; `beside` that, it
    goes on while people give up."""

    point: str
    is_killed: bool = False
    trick: str = ""
    beside: bool = False

    @property
    def may_have_arrived(self) -> bool:
        """Whether the mail was taken, and nobody noted it."""
        is_unnoted = self.is_killed and self.point == crash_points.AFTER_SMTP
        return is_unnoted or self.trick == LOST


FATES = (
    Fate(crash_points.BEFORE_SMTP, is_killed=True),
    Fate(crash_points.BEFORE_SMTP, trick=LOST),
    Fate(crash_points.AFTER_SMTP, is_killed=True),
    Fate(crash_points.BEFORE_SMTP),
    Fate(crash_points.BEFORE_SMTP, trick="451 later"),
    Fate(crash_points.AFTER_SMTP),
    Fate(crash_points.BEFORE_SMTP, beside=True),
)
# In each the web is killed as well, between its commit and its answer: in `make soak`
# 207 kills.
FATES_MET = [4, pytest.param(7 * 23, marks=pytest.mark.soak)]


@pytest.mark.parametrize("fates", FATES_MET)
def test_no_mail_of_a_place_comes_after_its_cancellation(app, smtp, fates):
    dice = random.Random(fates)
    hall = {"key": "hall", "capacity": 6}
    story = Story(app, smtp, make_event(hall, promotion=Promotion.OFFER).id)
    for number in range(fates):
        story.meet(FATES[number % len(FATES)], number, deeds=dice.randint(1, 4))
    for late in range(fates, fates + 9):
        pool.deliver_due(later(late * TO_THE_NEXT))

    assert_all_came_in_order(arrivals(smtp), story)
    # Each that could be given up under a hand was; chance says how many could.
    assert story.overtaken == story.chances > fates / 4


@dataclass
class Story:
    """What became of places and of the mails about them."""

    app: Flask
    smtp: MailServer
    event_id: int
    answered: dict[int, str] = field(default_factory=dict)
    # Of each place given up: how many mails had arrived by then, and which one a worker
    # had in hand that lived on.
    given_up: dict[int, tuple[int, int | None]] = field(default_factory=dict)
    # The mails that nobody could know to have arrived.
    uncertain: Counter[int] = field(default_factory=Counter)
    overtaken: int = 0
    chances: int = 0

    def meet(self, fate: Fate, number: int, deeds: int) -> None:
        """Stop a worker, give up the place that its mail is about, and let it meet its
        fate."""
        self.let_some_register()
        minutes = number * TO_THE_NEXT
        told = {"point": fate.point, "countdown": 1, "minutes": minutes}
        with processes(crash_points.send_mails, self.app, **told) as [worker]:
            assert worker.hear() == "here"
            mail_id, whom = in_hand()
            if fate.beside:
                worker.say("go on")
            gone = self.give_up(whom, f"life-{number}", deeds)
            if not fate.beside:
                survives = None if fate.is_killed else mail_id
                since = len(self.smtp.received), survives
                self.given_up |= dict.fromkeys(gone, since)
                self.chances += whom is not None
                self.overtaken += whom in gone
                # Nobody else gets ahead of the one that has it in hand.
                pool.deliver_due(later(minutes + 1))
            if fate.is_killed:
                worker.kill()
            else:
                self.smtp.script.extend([fate.trick] if fate.trick else [])
                if not fate.beside:
                    worker.say("go on")
                assert "sent" in worker.hear()
        if fate.may_have_arrived:
            self.uncertain[mail_id] += 1

    def let_some_register(self) -> None:
        for _ in range(3):
            made = register(db.session.get_one(Event, self.event_id))
            self.answered[made.registration_id] = str(made.state)

    def give_up(self, whom: int | None, name: str, deeds: int) -> set[int]:
        """The place of `whom`, and what else comes of a few deeds; which were given up.
        The last of them is done, but was not answered."""
        before = given_up()
        told = {"event": self.event_id, "name": name, "first": whom}
        told |= {"point": crash_points.AFTER_THE_COMMIT, "countdown": deeds}
        with processes(crash_points.register_and_cancel, self.app, **told) as [web]:
            in_flight = live(web, self.answered)
            web.kill()
        check(self.answered, in_flight, is_committed=True)
        return given_up() - before


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def in_hand() -> tuple[int, int | None]:
    """The mail that a worker stopped at, and whose place it is about, if that can be
    given up."""
    claimed = Message.state == "queued", Message.lease_until.is_not(None)
    first = Message.lease_until.desc(), Message.rank, Message.due_at, Message.id
    mail = db.session.scalars(select(Message).where(*claimed).order_by(*first)).first()
    assert mail is not None
    found = mail.id, mail.registration_id if mail.registration.is_live else None
    db.session.rollback()
    return found


def given_up() -> set[int]:
    wanted = select(Registration.id).where(Registration.state == "cancelled")
    found = set(db.session.scalars(wanted))
    db.session.rollback()
    return found


def arrivals(smtp: MailServer) -> list[Message]:
    """The mails that the server took, as often as it did, in their order."""
    outbox = db.session.scalars(select(Message)).all()
    assert {mail.state for mail in outbox} <= {"sent", "superseded"}
    known = {f"<{mail.uuid}@rsvp.example.org>": mail for mail in outbox}
    return [known[str(each.mail["Message-ID"])] for each in smtp.received]


def assert_all_came_in_order(arrived: list[Message], story: Story) -> None:
    by_place: dict[int, list[Message]] = defaultdict(list)
    for mail in arrived:
        by_place[mail.registration_id].append(mail)
    # Whoever was answered has mail, and the last one says how it stands now.
    assert by_place.keys() == story.answered.keys()
    for number, state in story.answered.items():
        ids = [mail.id for mail in by_place[number]]
        assert ids == sorted(ids)
        assert state in STATES_BY_KIND[by_place[number][-1].kind]
    # What speaks of a place is not sent any more once it is given up, not even again;
    # but a worker that lives finishes what it has in hand.
    for number, (arrived_before, survives) in story.given_up.items():
        late = [m for m in arrived[arrived_before:] if m.registration_id == number]
        of_a_place = [mail.id for mail in late if mail.kind != MessageKind.CANCELLED]
        assert of_a_place in ([], [survives])
    # Nothing comes twice but the mails that nobody could know to have arrived.
    repeated = Counter(mail.id for mail in arrived)
    repeated.subtract(set(repeated))
    assert +repeated <= story.uncertain
