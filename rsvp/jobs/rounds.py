"""Rounds: what the worker does again and again, and how often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy.exc import DBAPIError

from rsvp.db import current_session, utcnow, writing
from rsvp.domain import privacy, registrations
from rsvp.jobs.asking import ask_due, close_due
from rsvp.jobs.delivery import deliver_due
from rsvp.jobs.mailing import write_due
from rsvp.jobs.reminding import remind_due

log = logging.getLogger("rsvp.jobs")

POLL_SECONDS = 1.0
ERASE_EVERY = timedelta(hours=1)
SETTLE_EVERY = timedelta(seconds=5)
REMIND_EVERY = timedelta(seconds=20)
PAUSE_AFTER_TROUBLE = 5.0


def run_worker(
    stop: threading.Event,
    *,
    poll_seconds: float = POLL_SECONDS,
    clock: Callable[[], datetime] = utcnow,
) -> None:
    """Send what is due, as it becomes due, until `stop` is set.

    Needs an application context. What is being sent is finished first, for at most
    MAIL_TIMEOUT seconds; the rest of the batch goes back. Offers and held places that
    have ended are given on within seconds, and reminders written; once an hour, data
    whose time is over is erased.
    """
    if not current_app.config["MAIL_SERVER"]:
        log.info("no mail server is set: messages wait in the outbox")
        poll_seconds = SETTLE_EVERY.total_seconds()
    erase_next = settle_next = remind_next = clock()
    while not stop.is_set():
        pause = poll_seconds
        try:
            if clock() >= settle_next:
                settle_next = clock() + SETTLE_EVERY
                settle_due(clock())
            if clock() >= remind_next:
                remind_next = clock() + REMIND_EVERY
                ask_due(clock())
                close_due(clock())
                remind_due(clock())
                write_due(clock())
            if clock() >= erase_next:
                erase_next = clock() + ERASE_EVERY
                erase_due(clock())
            if deliver_due(clock(), stop=stop).sent:
                pause = 0
        except DBAPIError as error:
            log.error("the outbox can't be read: %s", type(error.orig).__name__)
            current_session().rollback()
            pause = max(poll_seconds, PAUSE_AFTER_TROUBLE)
        stop.wait(pause)


def settle_due(now: datetime) -> int:
    """End the offers and held places whose time is over, and give their seats on; how
    many they were."""
    session = current_session()
    due = registrations.due_to_settle(now)
    session.rollback()
    ended = 0
    for event_id in due:
        with writing():
            ended += registrations.settle(event_id, now=now)
    return ended


def erase_due(now: datetime) -> int:
    """Erase attendees' data whose time is over; of how many events."""
    session = current_session()
    due = privacy.due_for_erasure(now)
    session.rollback()
    for event_id in due:
        with writing():
            privacy.erase(event_id, actor="worker", now=now)
        log.info("event %d: attendees' data erased", event_id)
    return len(due)
