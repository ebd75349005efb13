"""Worker: runs mail delivery and the scheduler until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from rsvp.clocks import read_steady_clock
from rsvp.database import outages
from rsvp.db import current_session, utcnow
from rsvp.extensions import db
from rsvp.jobs.delivery.pool import deliver_due
from rsvp.jobs.scheduler import run_due_jobs
from rsvp.jobs.supervision import SupervisedWorker, WorkerLoop
from rsvp.models.jobs import DELIVERY_JOB, JOB_RETRY_DELAYS, SCHEDULER_JOB

log = logging.getLogger("rsvp.jobs")

POLL_SECONDS = 1.0
ERROR_PAUSE = 5.0
CLOCK_JUMP = timedelta(minutes=1)
"""A clock that moved so much otherwise than the steady one was set."""


def run_worker(
    stop: threading.Event,
    *,
    poll_seconds: float = POLL_SECONDS,
    clock: Callable[[], datetime] = utcnow,
    ended: str | None = None,
) -> None:
    """Send the mails that are due and run the jobs that are, until `stop` is set.

    Needs an application context. The jobs have a thread of their own, so that a slow
    mail server holds up no offer. What is being done is finished first: of a batch of
    mails the one that is being sent, for at most MAIL_TIMEOUT seconds. What fails is
    told and tried again. `ended`: how the worker before did, where that is known.
    """
    supervised = SupervisedWorker(clock)
    supervised.begin(ended)
    try:
        run_loops(stop, poll_seconds, clock, supervised)
    except BaseException as error:
        supervised.end(error)
        raise
    supervised.end(None)


def run_loops(
    stop: threading.Event,
    poll_seconds: float,
    clock: Callable[[], datetime],
    supervised: SupervisedWorker,
) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    errors: list[BaseException] = []

    def run_jobs_thread() -> None:
        try:
            with app.app_context():
                repeat_until_stopped(
                    WorkerLoop(SCHEDULER_JOB, run_scheduler, clock), stop, poll_seconds
                )
                db.session.remove()
        except BaseException as error:
            errors.append(error)
            stop.set()

    def run_scheduler() -> bool:
        run_due_jobs(clock(), stop=stop, steady=read_steady_clock())
        supervised.mark_running()
        return False

    def run_delivery() -> bool:
        return deliver_due(clock(), stop=StopOnClockJump(stop, clock)).sent > 0

    thread = threading.Thread(target=run_jobs_thread, name="rounds")
    thread.start()
    try:
        if app.config["MAIL_SERVER"]:
            repeat_until_stopped(
                WorkerLoop(DELIVERY_JOB, run_delivery, clock), stop, poll_seconds
            )
        else:
            log.info("no mail server is set: messages wait in the outbox")
            stop.wait()
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


class StopOnClockJump:
    """A stop signal that is also set where the clock has jumped, so that whoever counts
    from a start time begins anew."""

    def __init__(self, stop: threading.Event, clock: Callable[[], datetime]) -> None:
        self.stop, self.clock = stop, clock
        self.at, self.since = clock(), time.monotonic()

    def is_set(self) -> bool:
        passed = timedelta(seconds=time.monotonic() - self.since)
        return self.stop.is_set() or abs(self.clock() - self.at - passed) > CLOCK_JUMP


def repeat_until_stopped(part: WorkerLoop, stop: threading.Event, pause: float) -> None:
    """Run a loop's task until `stop` is set: at once again where it says so, else after
    a pause."""
    while not stop.is_set():
        try:
            wait = 0.0 if part.run() else pause
            part.mark_succeeded()
        except Exception as error:
            current_session().rollback()
            outage = outages.find(error)
            if outage is None and not isinstance(error, DBAPIError):
                # A mistake of ours; whoever ends for it would be started again, and
                # again, and do nothing else either.
                wait = max(
                    pause, part.mark_failed(error, JOB_RETRY_DELAYS).total_seconds()
                )
            else:
                log.error("trying again soon: %s", outage or type(error).__name__)
                wait = max(pause, ERROR_PAUSE)
        stop.wait(wait)
