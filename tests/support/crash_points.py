"""Crash points: processes that stop at a named point and are killed there.

The points are hooked in here, around the product's own functions.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event as events
from sqlalchemy import select

from rsvp.domain import capacity, mailings, reconfirmation, reminders
from rsvp.extensions import db
from rsvp.jobs import scheduler
from rsvp.jobs.delivery import claims, pool, sender
from rsvp.models import Event, Registration
from tests.domain.model import actions
from tests.domain.model.seats import PartyModel
from tests.support.factories import NOON
from tests.support.processes import Wire

AFTER_THE_CLAIM = "after the claim"
BEFORE_THE_COMMIT = "before the commit"
AFTER_THE_COMMIT = "after the commit, before the answer and the mail"
POINTS = (AFTER_THE_CLAIM, BEFORE_THE_COMMIT, AFTER_THE_COMMIT)

BEFORE_SMTP = "before the mail is handed over"
AFTER_SMTP = "after the mail server took it, before that is noted"
MAIL_POINTS = (BEFORE_SMTP, AFTER_SMTP)

AFTER_JOB_CLAIM = "after the job is claimed"
AFTER_BATCH = "after the commit of a part, before the next"
BEFORE_JOB_DONE = "after the last part, before the job is noted as done"
BATCH_SIZE = 2  # registrations


@dataclass
class CrashPoint:
    """Who comes to the `point` for the `countdown`-th time says so, and is killed."""

    wire: Wire
    point: str
    countdown: int
    is_near: bool = field(default=False)

    def comes(self, point: str) -> None:
        if self.is_near and point == self.point:
            self.countdown -= 1
            if self.countdown == 0:
                self.wire.say("here")
                self.wire.hear()

    def after(self, function: Callable[..., Any], point: str) -> Callable[..., Any]:
        def then(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self.comes(point)
            return result

        return then

    def before(self, function: Callable[..., Any], point: str) -> Callable[..., Any]:
        def first(*args: Any, **kwargs: Any) -> Any:
            self.comes(point)
            return function(*args, **kwargs)

        return first


def register_and_cancel(
    wire: Wire,
    *,
    number: int,
    event: int,
    name: str,
    point: str,
    countdown: int,
    first: int | None = None,
) -> None:
    """Cancel the `first`, then register, cancel and accept; say before each what is
    asked, and afterwards what was answered."""
    del number
    dice = random.Random(name)
    doom = CrashPoint(wire, point, countdown, is_near=True)
    capacity.claim_seats = doom.after(capacity.claim_seats, AFTER_THE_CLAIM)
    capacity.claim_seats_without_lock = doom.after(
        capacity.claim_seats_without_lock, AFTER_THE_CLAIM
    )

    stop_at_commits(doom)
    slug = db.session.get_one(Event, event).slug
    for step in range(1000):
        verb = dice.choice(("register", "register", "cancel", "accept"))
        whom = pick_registration(event, verb, dice)
        if step == 0 and first is not None:
            verb, whom = "cancel", first
        if verb == "register":
            who = f"{name}-{step}@example.org"
            people = list(range(dice.choice((1, 1, 2, 3))))
            wire.say({"verb": verb, "whom": who})
            answer, whom = actions.register_party(
                slug, PartyModel("Ada", who, "hall", people), NOON
            )
        elif whom is None:
            continue
        else:
            wire.say({"verb": verb, "whom": whom})
            given = [None] if verb == "accept" else []
            answer = actions.perform(verb, whom, *given, now=NOON)
        doom.comes(AFTER_THE_COMMIT)
        wire.say({"verb": verb, "whom": whom, "told": answer})


def stop_at_commits(doom: CrashPoint) -> None:
    def begins(connection: Any) -> None:
        if connection.get_execution_options().get("rsvp_writing"):
            doom.comes(BEFORE_THE_COMMIT)

    def is_done(session: Any) -> None:
        if session.info.get("writing") and not session.in_nested_transaction():
            doom.comes(AFTER_BATCH)

    events.listen(db.engine, "commit", begins)
    events.listen(db.session, "after_commit", is_done)


def pick_registration(event_id: int, verb: str, dice: random.Random) -> int | None:
    # Not by chance among all: the line grows, and nobody would free a seat any more.
    states = {"cancel": ("confirmed", "waitlisted"), "accept": ("offered",)}
    wanted = dice.choice(states.get(verb, ("none",)))
    found = db.session.scalars(
        select(Registration.id).where(
            Registration.event_id == event_id,
            Registration.state == wanted,
        )
    ).all()
    db.session.rollback()
    return dice.choice(found) if found else None


def send_mails(
    wire: Wire, *, number: int, point: str, countdown: int, minutes: float
) -> None:
    """A worker that delivers what is due so many minutes after noon."""
    del number
    doom = CrashPoint(wire, point, countdown, is_near=True)
    sender.mark_sent = doom.before(claims.mark_sent, AFTER_SMTP)
    sender.Delivery.send_smtp = doom.before(  # type: ignore[method-assign]
        sender.Delivery.send_smtp, BEFORE_SMTP
    )
    report = pool.deliver_due(NOON + timedelta(minutes=minutes))
    wire.say({"sent": report.sent})


def run_job(
    wire: Wire,
    *,
    number: int,
    name: str,
    point: str,
    countdown: int,
    at: datetime,
    elsewhere: bool,
) -> None:
    """A worker that does one job, in small parts. Of one on a machine `elsewhere`
    nobody here can tell that it is gone."""
    del number
    reconfirmation.BATCH_SIZE = reminders.BATCH_SIZE = mailings.BATCH_SIZE = BATCH_SIZE
    doom = CrashPoint(wire, point, countdown)
    stop_at_commits(doom)
    if elsewhere:
        scheduler.new_holder_name = lambda: "elsewhere:1:0"
    [job] = [job for job in scheduler.JOBS if job.name == name]

    def run(now: datetime) -> int:
        # Only what the job itself commits is near: not the claim, and not the note.
        doom.is_near = True
        doom.comes(AFTER_JOB_CLAIM)
        done = job.run(now)
        doom.comes(BEFORE_JOB_DONE)
        doom.is_near = False
        return done

    wire.say(scheduler.run_due_jobs(at, jobs=[replace(job, run=run)]))
