"""Working: what a worker does from its start until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from rsvp import outages
from rsvp.clocks import read_steady
from rsvp.db import current_session, utcnow
from rsvp.extensions import db
from rsvp.jobs.lanes import deliver_due
from rsvp.jobs.rounds import run_due

log = logging.getLogger("rsvp.jobs")

POLL_SECONDS = 1.0
PAUSE_AFTER_TROUBLE = 5.0


def run_worker(
    stop: threading.Event,
    *,
    poll_seconds: float = POLL_SECONDS,
    clock: Callable[[], datetime] = utcnow,
) -> None:
    """Send the mails that are due and run the jobs that are, until `stop` is set.

    Needs an application context. The jobs have a thread of their own, so that a slow
    mail server holds up no offer. What is being done is finished first: of a batch of
    mails the one that is being sent, for at most MAIL_TIMEOUT seconds.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    broken: list[BaseException] = []

    def beside() -> None:
        try:
            with app.app_context():
                again_and_again(rounds, stop, poll_seconds)
                db.session.remove()
        except BaseException as error:
            broken.append(error)
            stop.set()

    def rounds() -> bool:
        run_due(clock(), stop=stop, steady=read_steady())
        return False

    def delivery() -> bool:
        return deliver_due(clock(), stop=stop).sent > 0

    thread = threading.Thread(target=beside, name="rounds")
    thread.start()
    try:
        if app.config["MAIL_SERVER"]:
            again_and_again(delivery, stop, poll_seconds)
        else:
            log.info("no mail server is set: messages wait in the outbox")
            stop.wait()
    finally:
        stop.set()
        thread.join()
    if broken:
        raise broken[0]


def again_and_again(
    what: Callable[[], bool], stop: threading.Event, pause: float
) -> None:
    """Do it until `stop` is set: at once again where it says so, else after a pause."""
    while not stop.is_set():
        try:
            wait = 0.0 if what() else pause
        except Exception as error:
            outage = outages.find(error)
            if outage is None and not isinstance(error, DBAPIError):
                raise
            log.error("trying again soon: %s", outage or type(error).__name__)
            current_session().rollback()
            wait = max(pause, PAUSE_AFTER_TROUBLE)
        stop.wait(wait)
