"""A worker that can't do its work: it goes on, and how it fares is told."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from rsvp.cli.server import exit_text
from rsvp.db import utcnow, writing
from rsvp.domain import workers
from rsvp.extensions import db
from rsvp.jobs import supervision
from rsvp.jobs import worker as job_worker
from rsvp.jobs.supervision import HEALTHY_AFTER, SupervisedWorker
from rsvp.jobs.worker import StopOnClockJump
from rsvp.models import Job, Worker
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each

ADA = "ada@example.org"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HERE = socket.gethostname()[:40]
GONE = f"{HERE}:4194305:1"  # no process has such a number


def row() -> Worker | None:
    db.session.rollback()
    return db.session.get(Worker, HERE)


def job(name: str) -> Job | None:
    db.session.rollback()
    return db.session.get(Job, name)


# --- what fails is tried again ------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Pauses as short as a test wants them."""
    monkeypatch.setattr(job_worker, "JOB_RETRY_DELAYS", [SECOND / 20])


class work:  # noqa: N801 - reads as the verb it is
    """A worker in a thread of its own, until the end of the block."""

    def __init__(self, app) -> None:
        self.app, self.stop = app, threading.Event()
        self.raised: list[BaseException] = []

    def run(self) -> None:
        with self.app.app_context():
            try:
                job_worker.run_worker(self.stop, poll_seconds=0.02)
            except BaseException as error:
                self.raised.append(error)
            finally:
                db.session.remove()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def until(happens) -> None:
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@for_each("name", ["deliver", "rounds"], fresh=True)
def test_a_mistake_ends_no_worker_and_is_told_until_it_is_over(
    app, smtp, quick, monkeypatch, caplog, name
):
    broken = threading.Event()
    broken.set()
    doing = {"deliver": "deliver_due", "rounds": "run_due_jobs"}[name]
    done = getattr(job_worker, doing)

    def stumble(*args, **options):
        if broken.is_set():
            raise LookupError(ADA)
        return done(*args, **options)

    monkeypatch.setattr(job_worker, doing, stumble)
    register(make_event(), email=ADA, now=utcnow() - MINUTE)
    with work(app) as worker:
        until(lambda: (found := job(name)) and found.failures >= 3)
        noted = job(name).last_error
        broken.clear()
        until(lambda: job(name) is None)
        until(lambda: smtp.received and job("settle"))
    assert worker.raised == []
    assert noted.startswith("LookupError at worker.py:")
    assert f"{name} failed, to be tried again in" in caplog.text
    assert ADA not in caplog.text + noted


def test_what_was_noted_by_a_worker_before_is_taken_back(app, smtp):
    part = supervision.WorkerLoop("deliver", lambda: True, utcnow)
    pauses = [MINUTE, 5 * MINUTE]
    assert [part.mark_failed(KeyError(), pauses) for _ in range(3)] == [
        MINUTE,
        5 * MINUTE,
        5 * MINUTE,
    ]
    assert job("deliver").failures == 3
    supervision.WorkerLoop("deliver", lambda: True, utcnow).mark_succeeded()
    assert job("deliver") is None


def test_what_the_database_does_not_take_stands_in_the_log(app, monkeypatch, caplog):
    def refuse(*_, **__):
        raise ProgrammingError("INSERT", {}, Exception(ADA))

    monkeypatch.setattr(workers, "record_start", refuse)
    monkeypatch.setattr(workers, "record_end", refuse)
    worker = SupervisedWorker(utcnow)
    worker.begin(None)
    worker.end(None)
    assert caplog.text.count("how the worker fares is not noted: Programming") == 2
    assert ADA not in caplog.text


# --- what ends ----------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def dies(clock: Clock, error: BaseException, after: timedelta) -> Worker:
    worker = SupervisedWorker(clock)
    worker.begin(None)
    clock.now += after
    worker.end(error)
    return row()


def test_two_that_end_within_a_minute_are_told_with_the_reason(app, clock, caplog):
    first = dies(clock, LookupError(ADA), 10 * SECOND)
    assert (first.ends, first.holder) == (1, None)
    assert "within a short time" not in caplog.text
    second = dies(clock, ZeroDivisionError(ADA), 59 * SECOND)
    assert (second.ends, second.why) == (2, "ZeroDivisionError")
    assert "ended 2 times within a short time: ZeroDivisionError" in caplog.text
    assert ADA not in caplog.text
    # However long the pauses between them get.
    assert dies(clock, KeyError(), 10 * MINUTE).ends == 3


def test_two_that_end_now_and_then_are_not(app, clock):
    assert dies(clock, LookupError(), 10 * SECOND).ends == 1
    assert dies(clock, LookupError(), 61 * SECOND).ends == 1


def test_one_that_was_told_to_end_is_none_of_them(app, clock):
    for _ in range(3):
        worker = SupervisedWorker(clock)
        worker.begin(None)
        worker.end(None)
    assert (row().ends, row().why, row().holder) == (0, None, None)


def test_one_that_runs_for_some_minutes_is_well(app, clock):
    for _ in range(2):
        dies(clock, LookupError(), SECOND)
    worker = SupervisedWorker(clock)
    worker.begin(None)
    worker.mark_running()
    assert row().ends == 2
    worker.began -= HEALTHY_AFTER
    worker.mark_running()
    assert (row().ends, row().why, row().holder) == (0, None, worker.holder)


@for_each(
    ("ended", "why"),
    [(None, "it was killed, or ended without a word"), ("signal SIGSEGV",) * 2],
    fresh=True,
)
def test_one_that_was_killed_is_noted_by_the_next(app, clock, ended, why):
    for ends in (1, 2):
        with writing():
            workers.record_start(HERE, GONE, None, now=NOON)
        following = SupervisedWorker(clock)
        following.begin(ended)
        assert (row().ends, row().why) == (ends, why)
        following.end(None)


def test_one_that_runs_beside_another_is_not_called_killed(app, clock):
    first, second = SupervisedWorker(clock), SupervisedWorker(clock)
    first.begin(None)
    second.begin(None)
    assert row().ends == 0
    first.end(None)
    assert row().holder == second.holder
    second.end(None)


def test_ends_of_machines_that_are_gone_are_forgotten(app, clock):
    with writing():
        db.session.add(Worker(host="old", ends=7, ended_at=NOON - timedelta(days=2)))
        db.session.add(Worker(host="other", ends=7, ended_at=NOON))
    worker = SupervisedWorker(clock)
    worker.begin(None)
    worker.began -= HEALTHY_AFTER
    worker.mark_running()
    db.session.rollback()
    assert set(db.session.scalars(select(Worker.host))) == {"other", HERE}


@for_each(
    ("code", "words"),
    [(3, "exit status 3"), (-9, "signal SIGKILL"), (-63, "signal 63")],
    fresh=True,
)
def test_an_exit_is_told_in_words(code, words):
    assert exit_text(code) == words


# --- a clock that is set while mails go out -----------------------------------------


def test_who_counts_from_an_instant_begins_anew_when_the_clock_leaps(clock):
    stop = threading.Event()
    until_then = StopOnClockJump(stop, clock)
    assert not until_then.is_set()
    for leap in (2 * MINUTE, timedelta(days=60), -timedelta(days=2)):
        clock.now = NOON + leap
        assert until_then.is_set()
    clock.now = NOON
    assert not until_then.is_set()
    stop.set()
    assert until_then.is_set()
