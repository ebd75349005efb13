"""Working: what a worker does from its start until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from rsvp.clocks import read_steady
from rsvp.database import outages
from rsvp.db import current_session, utcnow
from rsvp.extensions import db
from rsvp.jobs.delivery.pool import deliver_due
from rsvp.jobs.scheduler import run_due
from rsvp.jobs.supervision import Part, Supervised
from rsvp.models.jobs import DELIVERY, JOB_PAUSES, ROUNDS

log = logging.getLogger("rsvp.jobs")

POLL_SECONDS = 1.0
PAUSE_AFTER_TROUBLE = 5.0
LEAP = timedelta(minutes=1)
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
    supervised = Supervised(clock)
    supervised.begin(ended)
    try:
        work(stop, poll_seconds, clock, supervised)
    except BaseException as error:
        supervised.end(error)
        raise
    supervised.end(None)


def work(
    stop: threading.Event,
    poll_seconds: float,
    clock: Callable[[], datetime],
    supervised: Supervised,
) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    broken: list[BaseException] = []

    def beside() -> None:
        try:
            with app.app_context():
                again_and_again(Part(ROUNDS, rounds, clock), stop, poll_seconds)
                db.session.remove()
        except BaseException as error:
            broken.append(error)
            stop.set()

    def rounds() -> bool:
        run_due(clock(), stop=stop, steady=read_steady())
        supervised.runs()
        return False

    def delivery() -> bool:
        return deliver_due(clock(), stop=UntilTheClockLeaps(stop, clock)).sent > 0

    thread = threading.Thread(target=beside, name="rounds")
    thread.start()
    try:
        if app.config["MAIL_SERVER"]:
            again_and_again(Part(DELIVERY, delivery, clock), stop, poll_seconds)
        else:
            log.info("no mail server is set: messages wait in the outbox")
            stop.wait()
    finally:
        stop.set()
        thread.join()
    if broken:
        raise broken[0]


class UntilTheClockLeaps:
    """`stop`; also set where the clock is not what it was plus what has passed since,
    so that who counts from there begins anew."""

    def __init__(self, stop: threading.Event, clock: Callable[[], datetime]) -> None:
        self.stop, self.clock = stop, clock
        self.at, self.since = clock(), time.monotonic()

    def is_set(self) -> bool:
        passed = timedelta(seconds=time.monotonic() - self.since)
        return self.stop.is_set() or abs(self.clock() - self.at - passed) > LEAP


def again_and_again(part: Part, stop: threading.Event, pause: float) -> None:
    """Do it until `stop` is set: at once again where it says so, else after a pause."""
    while not stop.is_set():
        try:
            wait = 0.0 if part.run() else pause
            part.went_well()
        except Exception as error:
            current_session().rollback()
            outage = outages.find(error)
            if outage is None and not isinstance(error, DBAPIError):
                # A mistake of ours; whoever ends for it would be started again, and
                # again, and do nothing else either.
                wait = max(pause, part.failed(error, JOB_PAUSES).total_seconds())
            else:
                log.error("trying again soon: %s", outage or type(error).__name__)
                wait = max(pause, PAUSE_AFTER_TROUBLE)
        stop.wait(wait)
