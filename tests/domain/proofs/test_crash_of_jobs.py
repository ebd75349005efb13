"""Crashes of the work that comes round: wherever a worker is killed, everybody is
asked, reminded and written to once, and the places of the silent are given on."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from rsvp.db import writing
from rsvp.domain import invariants, mailings, reconfirmation
from rsvp.domain.registrations import mail_preferences
from rsvp.domain.registrations.create import Outcome
from rsvp.extensions import db
from rsvp.jobs import scheduler
from rsvp.jobs.delivery import pool
from rsvp.jobs.scheduler import LEASE
from rsvp.models import Job, Mailing, Message, Registration
from rsvp.queries import mailings as mailing_queries
from tests.support import crash_points
from tests.support.factories import NOON, register
from tests.support.processes import processes
from tests.support.reconfirmation import flag_reason, make_asking_event
from tests.support.registrations import HOUR, MINUTE, act, audit_verbs, states_of
from tests.support.reminders import TWO_DAYS, add_reminders

# Sixteen kills each: at four points of four jobs. In `make soak` 208.
EVENINGS = [1, pytest.param(13, marks=pytest.mark.soak)]
WEEK = timedelta(weeks=1)
ORGANIZER = "user:1"


@dataclass
class Evening:
    """An evening with ten seats, all taken, and three in line; a mail of its organizers
    is due together with the reminder and the question whether people still come."""

    event_id: int
    asked_at: datetime
    answer_by: datetime
    mailing_id: int
    # Of those with a seat: who wants no such mails, who came too late to be asked, and
    # who, once asked, says yes, has the question late, and says nothing.
    muted: Outcome
    fresh: Outcome
    willing: list[Outcome]
    late: Outcome
    silent: list[Outcome]
    line: list[Outcome]

    @property
    def asked(self) -> list[Outcome]:
        return [*self.willing, self.late, *self.silent]


def make_evening(week: int) -> Evening:
    starts, now = datetime(2027, 1, 29, 18) + week * WEEK, NOON + week * WEEK
    event = make_asking_event({"capacity": 10}, starts=starts)
    add_reminders(event, TWO_DAYS, now=now)
    muted, late, *others = [register(event, now=now) for _ in range(9)]
    act(mail_preferences.mute, muted, now=now)
    asked_at, answer_by = event.ask_at, event.answer_by
    assert asked_at and answer_by
    evening = Evening(
        event.id,
        asked_at,
        answer_by,
        write_mailing(event.id, asked_at, now),
        muted=muted,
        fresh=register(event, now=asked_at - HOUR),
        willing=others[::4],
        late=late,
        silent=[one for place, one in enumerate(others) if place % 4],
        line=[register(event, now=asked_at - HOUR) for _ in range(3)],
    )
    assert states_of(evening.fresh, *evening.line) == ["confirmed", *["waitlisted"] * 3]
    return evening


def write_mailing(event_id: int, send_at: datetime, now: datetime) -> int:
    by = {"actor": ORGANIZER, "now": now}
    words = {"subject": "Bring a bowl", "text": "Soup is at six.", "recipients": {}}
    with writing():
        mailing = mailings.create_draft(event_id, **words, **by).id
        mailings.schedule(mailing, send_at=send_at, **by)
    return mailing


@pytest.mark.parametrize("evenings", EVENINGS)
def test_work_is_done_once_and_whole_though_workers_are_killed(app, smtp, evenings):
    dice = random.Random(evenings)
    for week in range(evenings):
        evening = make_evening(week)
        smtp.received.clear()

        kills = [
            kill for job in ("ask", "remind", "mailings") for kill in of(job, dice)
        ]
        at = kill_all(app, in_some_order(kills, dice), evening.asked_at, dice)
        finish(at)
        pool.deliver_due(at)
        assert_everybody_was_written_to_once(evening)
        assert_each_mail_came_once(evening, smtp)

        for one in evening.willing:
            act(reconfirmation.reconfirm, one, now=evening.answer_by - HOUR)
        send_question_late(evening)
        at = kill_all(app, of("close", dice), evening.answer_by, dice)
        finish(at)
        pool.deliver_due(at)
        assert_the_places_of_the_silent_are_given_on(evening)
        assert_each_mail_came_once(evening, smtp)


def send_question_late(evening: Evening) -> None:
    """As if that one had gone out only an hour before the time to answer is over."""
    about = Message.registration_id == evening.late.registration_id
    with writing() as session:
        session.execute(
            update(Message)
            .where(about, Message.kind == "still_coming")
            .values(sent_at=evening.answer_by - HOUR)
        )


# --- who is killed, and where -------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    job: str
    point: str
    countdown: int = 1


def of(job: str, dice: random.Random) -> list[Kill]:
    """One at each point of a job, the last of them when all of it is done."""
    kills = [
        Kill(job, crash_points.AFTER_JOB_CLAIM),
        Kill(job, crash_points.BEFORE_THE_COMMIT, dice.randint(1, 2)),
        Kill(job, crash_points.AFTER_BATCH, dice.randint(1, 2)),
    ]
    dice.shuffle(kills)
    return [*kills, Kill(job, crash_points.BEFORE_JOB_DONE)]


def in_some_order(kills: list[Kill], dice: random.Random) -> list[Kill]:
    """Those of several jobs among each other; of each job in the order given."""
    order = [kill.job for kill in kills]
    dice.shuffle(order)
    waiting = {job: iter([kill for kill in kills if kill.job == job]) for job in order}
    return [next(waiting[job]) for job in order]


def kill_all(
    app: Any, kills: list[Kill], at: datetime, dice: random.Random
) -> datetime:
    """Kill a worker at each of these; when the next one can go on everywhere."""
    for kill in kills:
        told = {"name": kill.job, "point": kill.point, "countdown": kill.countdown}
        elsewhere = dice.random() < 0.5
        told |= {"at": at, "elsewhere": elsewhere}
        with processes(crash_points.run_job, app, **told) as [worker]:
            assert worker.hear() == "here", kill
            worker.kill()
        assert invariants.find_problems(at) == []
        if elsewhere:
            # Nobody knows that it is gone before its lease ends.
            [job] = [job for job in scheduler.JOBS if job.name == kill.job]
            assert scheduler.run_due_jobs(at + LEASE - MINUTE, jobs=[job]) == {}
            at += LEASE
        at += MINUTE
    return at


def finish(at: datetime) -> None:
    """A healthy worker does what is left."""
    assert scheduler.run_due_jobs(at).keys() == {job.name for job in scheduler.JOBS}
    assert invariants.find_problems(at) == []
    held = select(Job.name).where(
        Job.holder.is_not(None) | Job.lease_until.is_not(None)
    )
    assert db.session.scalars(held).all() == []
    db.session.rollback()


# --- what came of it ----------------------------------------------------------------


def written(evening: Evening, kind: str) -> Counter[int | None]:
    """How many mails of a kind were written, by registration."""
    of_kind = Message.event_id == evening.event_id, Message.kind == kind
    found = db.session.scalars(select(Message.registration_id).where(*of_kind)).all()
    db.session.rollback()
    return Counter(found)


def once(outcomes: list[Outcome]) -> Counter[int]:
    return Counter(outcome.registration_id for outcome in outcomes)


def assert_everybody_was_written_to_once(evening: Evening) -> None:
    seated = [*evening.asked, evening.fresh]
    reached = [*seated, *evening.line]
    assert written(evening, "still_coming") == once(evening.asked)
    assert written(evening, "reminder") == once(seated)
    assert written(evening, "note") == once(reached)
    asked = db.session.scalars(
        select(Registration.id).where(
            Registration.event_id == evening.event_id,
            Registration.asked_at.is_not(None),
        )
    )
    assert Counter(asked) == once(evening.asked)
    assert flag_reason(evening.muted) == "muted"
    assert audit_verbs(evening.muted).count("flag") == 1

    mailing = db.session.get_one(Mailing, evening.mailing_id)
    assert (mailing.state, mailing.total) == ("sent", len(reached))
    assert mailing.finished_at is not None
    progress = mailing_queries.progress_by_mailing([mailing.id])[mailing.id]
    assert progress.total == progress.sent == len(reached)


def assert_the_places_of_the_silent_are_given_on(evening: Evening) -> None:
    keep = [evening.muted, evening.fresh, *evening.willing, evening.late]
    assert set(states_of(*keep, *evening.line)) == {"confirmed"}
    assert set(states_of(*evening.silent)) == {"released"}
    assert written(evening, "released") == once(evening.silent)
    assert written(evening, "promoted") == once(evening.line)
    assert flag_reason(evening.late) == "not_mailed"
    assert audit_verbs(evening.late).count("flag") == 1
    assert [flag_reason(one) for one in (evening.fresh, *evening.willing)] == [None] * 3


def assert_each_mail_came_once(evening: Evening, smtp: Any) -> None:
    outbox = db.session.scalars(
        select(Message).where(Message.event_id == evening.event_id)
    ).all()
    assert {message.state for message in outbox} == {"sent"}
    received = Counter(each.mail["Message-ID"] for each in smtp.received)
    assert received == Counter(f"<{m.uuid}@rsvp.example.org>" for m in outbox)
