"""Simulated evenings: how many sit by first come, by reconfirmation, and by standby.

People behave as in a stated model; what happens to them is the product's own doing,
with a clock that is passed in.

    python -m bench.reconfirmation_simulation --evenings 200 --seed 1

docs/still-coming.md has the table and the model in words.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from rsvp import create_app, errors, startup
from rsvp.db import write, write_optimistic, writing
from rsvp.domain import invariants, reconfirmation
from rsvp.domain.registrations import cancellation, create, door_seating
from rsvp.domain.registrations.create import Outcome
from rsvp.extensions import db
from rsvp.jobs.tasks import close_reconfirmations, send_reconfirmations
from rsvp.models import AuditEntry, CheckIn, Event, Message, Registration
from rsvp.queries import events as event_queries
from tests.support.door import make_phone, record_scan
from tests.support.factories import CODE_KEY, NOON, load_registration, make_event

CHAIRS = 30
PEOPLE = 60  # thirty get a chair at once, thirty wait

# The model, as shares of one.
NEVER_SHOW = 0.45
YES_OF_COMERS = 0.92  # in time; the others don't answer
GIVE_UP_OF_OTHERS = 0.35  # when they are asked
YES_OF_OTHERS = 0.05  # and don't come all the same; the rest don't answer
SHOW_WHEN_LATE = 0.70  # of those who get a chair from the line, a day before
STAND_AT_THE_DOOR = 0.25  # of those who still wait then

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Rules:
    name: str
    asks: bool
    standby: bool

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {"standby_minutes": 15 if self.standby else None}
        if self.asks:
            found |= {"ask_hours": 48, "answer_hours": 24}
        return found


RULES = (
    Rules("first come, first served", asks=False, standby=False),
    Rules("first come, and standby", asks=False, standby=True),
    Rules("still coming?", asks=True, standby=False),
    Rules("still coming?, and standby", asks=True, standby=True),
)


@dataclass(frozen=True)
class Person:
    """What one of them would do; the same person whatever the rules are."""

    comes: bool
    answer: str  # yes, gives_up or silent
    answers_at: float  # of the time there is
    comes_when_late: bool
    stands_there: bool


@dataclass
class EveningFacts:
    """What came of one evening."""

    sit: int = 0
    given_on: int = 0  # chairs that went to the line before the evening
    said_yes: int = 0
    turned_away: int = 0  # who said yes and found no chair


@dataclass
class Result:
    rules: Rules
    evenings: list[EveningFacts] = field(default_factory=list)

    @property
    def line(self) -> str:
        sit = [seen.sit for seen in self.evenings]
        given_on = statistics.mean(seen.given_on for seen in self.evenings)
        return (
            f"| {self.rules.name} | {statistics.mean(sit):.1f} of {CHAIRS} | "
            f"{min(sit)}–{max(sit)} | {given_on:.1f} |"
        )


HEAD = (
    "| Rules | Sit (mean) | Sit (from–to) | Chairs given to the line before |\n"
    "|---|---|---|---|"
)


def run(evenings: int, seed: int, rules: tuple[Rules, ...] = RULES) -> list[Result]:
    """So many evenings by each of the rules, with the same people. Needs an application
    context with a database that may be written to."""
    results = [Result(each) for each in rules]
    for number in range(evenings):
        people = list(draw(random.Random(f"{seed} {number}")))
        for result in results:
            result.evenings.append(evening(people, result.rules))
    assert invariants.find_problems(NOON + timedelta(days=14)) == []
    return results


def draw(chance: random.Random) -> Iterator[Person]:
    for _ in range(PEOPLE):
        comes, says = chance.random() >= NEVER_SHOW, chance.random()
        if comes:
            answer = "yes" if says < YES_OF_COMERS else "silent"
        elif says < GIVE_UP_OF_OTHERS:
            answer = "gives_up"
        else:
            said_so = says < GIVE_UP_OF_OTHERS + YES_OF_OTHERS
            answer = "yes" if said_so else "silent"
        yield Person(
            comes=comes,
            answer=answer,
            answers_at=chance.random(),
            comes_when_late=chance.random() < SHOW_WHEN_LATE,
            stands_there=chance.random() < STAND_AT_THE_DOOR,
        )


def evening(people: list[Person], rules: Rules) -> EveningFacts:
    made = make_event({"capacity": CHAIRS}, **rules.values)
    number = made.id
    booked = list(zip(people, register_people(made.slug), strict=True))
    event, seen = db.session.get_one(Event, number), EveningFacts()
    if rules.asks:
        ask(event, booked[:CHAIRS], seen)
    hold_evening(event, booked, rules, seen)
    check(event, seen)
    return seen


def register_people(slug: str) -> list[Outcome]:
    """Register all of them, one a minute; by the form of one page, as a site would that
    keeps it in memory."""
    page = event_queries.load_detached_event(slug)
    assert page is not None
    db.session.expunge_all()
    return [book_one(page, NOON + at * MINUTE) for at in range(PEOPLE)]


def book_one(page: Event, now: datetime) -> Outcome:
    email = f"{page.slug}-{now:%H-%M}@example.org"
    wanted = create.RegistrationRequest(
        admission_id=page.admissions[0].id,
        email=email,
        email_key=email,
        party=(create.RequestedAttendee("Somebody"),),
    )
    plan = create.prepare(page, wanted, code_key=CODE_KEY, now=now)
    return write_optimistic(create.register, plan)


def ask(event: Event, asked: list[tuple[Person, Outcome]], seen: EveningFacts) -> None:
    """Ask, let people answer, and give on the chairs of those who did not."""
    ask_at, answer_by = event.ask_at, event.answer_by
    assert ask_at is not None and answer_by is not None
    send_reconfirmations(ask_at)
    send_all(ask_at)
    for person, one in sorted(asked, key=lambda pair: pair[0].answers_at):
        now = ask_at + person.answers_at * (answer_by - ask_at)
        if person.answer == "yes":
            act(reconfirmation.reconfirm, one, now)
            seen.said_yes += 1
        elif person.answer == "gives_up":
            act(cancellation.cancel, one, now)
    close_reconfirmations(answer_by)
    seen.given_on = (
        CHAIRS - len(asked) + sum(state_of(one) != "confirmed" for _, one in asked)
    )


def hold_evening(
    event: Event, booked: list[tuple[Person, Outcome]], rules: Rules, seen: EveningFacts
) -> None:
    """Let in who comes and, once standby begins, who stands there for a chair."""
    phone = make_phone(event, now=event.doors_open_at)
    for at, (person, one) in enumerate(booked):
        had_it_first = at < CHAIRS
        comes = person.comes if had_it_first else person.comes_when_late
        if comes and state_of(one) == "confirmed":
            let_in(phone, one, event.doors_open_at + MINUTE)
        elif comes and had_it_first and person.answer == "yes" and rules.asks:
            seen.turned_away += 1
    if event.standby_at is None:
        return
    now = event.standby_at
    for person, one in booked:
        if person.stands_there and state_of(one) == "waitlisted":
            try:
                act(door_seating.seat_present, one, now)
            except errors.NoSeatFree:
                return
            let_in(phone, one, now)


def check(event: Event, seen: EveningFacts) -> None:
    """Count who sits, and hold the product to its promises."""
    db.session.rollback()
    inside = sa.select(sa.func.count()).where(
        CheckIn.event_id == event.id, CheckIn.out_at.is_(None)
    )
    seen.sit = db.session.scalars(inside).one()
    assert seen.sit <= CHAIRS
    said_yes = sa.select(AuditEntry.registration_id).where(
        AuditEntry.event_id == event.id, AuditEntry.verb == "say_yes"
    )
    given_on = sa.select(AuditEntry).where(
        AuditEntry.verb == "release", AuditEntry.registration_id.in_(said_yes)
    )
    for entry in db.session.scalars(given_on):
        # Not for want of an answer: they are not there when standby begins.
        assert entry.details["what"] == "not_there"
        assert event.standby_at is not None and entry.at >= event.standby_at
    assert seen.turned_away == 0


# --- what they do -------------------------------------------------------------------


def act(verb: Any, one: Outcome, now: datetime) -> None:
    number = one.registration_id
    write(verb, number, actor="attendee", now=now)


def let_in(phone: Any, one: Outcome, now: datetime) -> None:
    answer = record_scan(phone, load_registration(one).attendees[0], now=now)
    assert answer.verdict == "welcome", answer.verdict


def state_of(one: Outcome) -> str:
    db.session.rollback()
    state = sa.select(Registration.state).where(Registration.id == one.registration_id)
    return db.session.scalars(state).one()


def send_all(at: datetime) -> None:
    """Every mail arrives at once."""
    with writing() as session:
        session.execute(
            sa.update(Message)
            .where(Message.state == "queued")
            .values(state="sent", sent_at=at)
        )


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--evenings", type=int, default=50)
    words.add_argument("--seed", type=int, default=1)
    wanted = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"INSTANCE_PATH": folder, "CODE_KEY": CODE_KEY.hex()}
        with create_app(settings).app_context():
            startup.initialise()
            results = run(wanted.evenings, wanted.seed)
    print(HEAD)
    for result in results:
        print(result.line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
