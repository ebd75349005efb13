"""Jobs that come round again and again: one worker does each, and none is lost."""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, update

from rsvp.db import writing
from rsvp.domain.registrations import expiry
from rsvp.extensions import db
from rsvp.jobs import scheduler, tasks
from rsvp.jobs.scheduler import (
    LEASE,
    RETRY_PAUSES,
    JobClaim,
    RecurringJob,
    run_due_jobs,
)
from rsvp.models import Job, Registration
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each

SECOND = timedelta(seconds=1)
ADA = "ada@example.org"
HERE = socket.gethostname()[:40]


class Counting:
    """A job that says how often it ran, and fails as often as it is told to."""

    def __init__(self, name: str = "count", seconds: float = 60) -> None:
        self.every = RecurringJob(name, seconds, self.run)
        self.ran: list = []
        self.failing = 0

    def run(self, now) -> int:
        self.ran.append(now)
        if self.failing:
            self.failing -= 1
            raise LookupError(ADA)
        return 7


@pytest.fixture
def count() -> Counting:
    return Counting()


def row(name: str = "count") -> Job:
    db.session.rollback()
    return db.session.scalars(select(Job).where(Job.name == name)).one()


def run(*counting: Counting, at=NOON, **options) -> dict[str, int]:
    return run_due_jobs(at, jobs=[each.every for each in counting], **options)


def test_a_job_runs_when_it_is_due_and_notes_how_it_went(app, count):
    assert run(count) == {"count": 7}
    assert run(count, at=NOON + 59 * SECOND) == {}
    assert run(count, at=NOON + 60 * SECOND) == {"count": 7}

    assert count.ran == [NOON, NOON + 60 * SECOND]
    noted = row()
    assert (noted.runs, noted.done, noted.failures) == (2, 7, 0)
    assert noted.due_at == NOON + 120 * SECOND
    assert noted.started_at == NOON + 60 * SECOND <= noted.finished_at
    assert (noted.holder, noted.lease_until, noted.last_error) == (None, None, None)


def test_who_asks_for_it_runs_what_is_not_due_yet(app, count):
    run(count)
    assert run(count, at=NOON + SECOND, early=True) == {"count": 7}


def test_with_nothing_due_a_worker_makes_one_read(app, count):
    run(count)
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert run(count) == {}
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
    reads = [each for each in statements if not each.startswith("BEGIN")]
    assert [each.split()[0] for each in reads] == ["SELECT"]


def test_one_that_fails_is_tried_again_after_growing_pauses(app, count, caplog):
    other = Counting("other")
    count.failing = len(RETRY_PAUSES) + 2
    at = NOON
    for number, pause in enumerate(
        [*RETRY_PAUSES, RETRY_PAUSES[-1], RETRY_PAUSES[-1]], 1
    ):
        assert "count" not in run(count, other, at=at)
        noted = row()
        assert noted.failures == number
        assert timedelta(0) <= noted.due_at - (at + pause) < 5 * SECOND
        at = noted.due_at

    assert len(other.ran) > 3  # the others go on
    assert noted.last_error.startswith("LookupError at scheduler.py:")
    assert ADA not in caplog.text + noted.last_error
    assert run(count, at=at) == {"count": 7}
    assert (row().failures, row().last_error, row().runs) == (0, None, 1)


def test_of_two_workers_at_once_one_runs_it(app, count, caplog):
    both, done = threading.Barrier(2), []

    def work():
        with app.app_context():
            both.wait(10)
            done.append(run(count))
            db.session.remove()

    for first_ever in range(3):  # the row is there from the second time on
        count.ran.clear()
        with writing():
            db.session.execute(update(Job).values(due_at=NOON))
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
        assert count.ran == [NOON], first_ever
        assert row().runs == first_ever + 1
    assert sorted(map(bool, done)) == [False] * 3 + [True] * 3


def test_who_stalled_past_the_lease_leaves_the_row_to_who_took_over(app, count, caplog):
    stalled = JobClaim.try_claim(count.every, NOON)
    assert run(count, at=NOON + LEASE - SECOND) == {}
    later = JobClaim.try_claim(count.every, NOON + LEASE)
    assert later is not None

    stalled.run()
    assert row().holder == later.holder
    assert row().lease_until == NOON + 2 * LEASE
    assert "took so long that another took it over" in caplog.text
    later.run()
    assert (row().holder, row().runs) == (None, 1)
    stalled.record_success(1)
    stalled.record_failure(LookupError())
    assert (row().done, row().failures) == (7, 0)


@for_each(
    ("holder", "takes_over"),
    [
        (f"{HERE}:4194305:1", True),  # no process has such a number
        (f"{HERE}:{os.getpid()}:0", True),  # not one of ours, so from before a restart
        (f"{HERE}:1:1", False),  # it is there
        ("elsewhere:4194305:1", False),  # nobody here can tell
    ],
    ids=("ended", "ours from before", "at work", "elsewhere"),
    fresh=True,
)
def test_nobody_waits_for_a_lease_whose_holder_is_known_to_be_gone(
    app, count, holder, takes_over
):
    run(count)
    with writing():
        held = {"holder": holder, "lease_until": NOON + LEASE}
        db.session.execute(update(Job).values(due_at=NOON, **held))

    assert run(count, at=NOON + SECOND) == ({"count": 7} if takes_over else {})
    assert run(count, at=NOON + 2 * LEASE) == {"count": 7}


def test_who_was_told_to_stop_begins_nothing(app, count):
    stop = threading.Event()
    stop.set()
    assert run(count, stop=stop) == {}
    assert count.ran == []


def test_a_claim_that_fails_is_held_by_nobody(app, count, monkeypatch):
    monkeypatch.setattr(JobClaim, "claim_row", lambda *_, **__: 1 / 0)
    before = set(scheduler.LIVE_HOLDERS)
    with pytest.raises(ZeroDivisionError):
        JobClaim.try_claim(count.every, NOON)
    assert before == scheduler.LIVE_HOLDERS


def test_each_job_has_a_name_of_its_own_that_fits(app, caplog):
    caplog.set_level(logging.ERROR)
    names = [job.name for job in scheduler.JOBS]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 64 for name in names)
    assert run_due_jobs(NOON) == dict.fromkeys(names, 0)
    assert caplog.text == ""


# --- each event by itself -----------------------------------------------------------


def test_one_event_with_a_mistake_keeps_no_other_one_waiting(app, monkeypatch):
    first, second = (
        register(make_event(slug=slug, confirm_address=True), email=ADA)
        for slug in ("first", "second")
    )
    wrong = db.session.get_one(Registration, first.registration_id).event_id
    db.session.rollback()
    settle = expiry.expire_due

    def stumble(event_id, *, now):
        if event_id == wrong:
            raise ZeroDivisionError
        return settle(event_id, now=now)

    monkeypatch.setattr(expiry, "expire_due", stumble)
    later = NOON + timedelta(hours=3)

    with pytest.raises(ZeroDivisionError):
        tasks.expire_registrations(later)

    db.session.rollback()
    states = [
        db.session.get_one(Registration, held.registration_id).state
        for held in (first, second)
    ]
    assert states == ["held", "lapsed"]
    monkeypatch.undo()
    assert tasks.expire_registrations(later) == 1
