"""Reminding: the reminders whose time has come are written into the outbox."""

from __future__ import annotations

import logging
from datetime import datetime

from rsvp.db import current_session, write
from rsvp.domain import reminders
from rsvp.jobs.turns import in_turn

log = logging.getLogger("rsvp.jobs")


def remind_due(now: datetime) -> int:
    """Write the reminders that are due, a few at a time; how many mails they are.

    Safe to stop anywhere: what was written stays, and the next round goes on there.
    """
    session = current_session()
    due = reminders.due_reminders(now)
    session.rollback()
    written = in_turn(due, lambda reminder: send_all(reminder, now))
    if written:
        log.info("%d reminders written", written)
    return written


def send_all(reminder: reminders.Due, now: datetime) -> int:
    written, goes_on = 0, True
    while goes_on:
        batch = write(lambda _again: reminders.send_batch(reminder, now))
        written += batch.written
        goes_on = batch.goes_on
    return written
