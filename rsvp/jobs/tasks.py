"""Tasks: what the recurring jobs do, for everything that is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from rsvp.database import outages
from rsvp.db import current_session, write
from rsvp.domain import mailings, privacy, reconfirmation, reminders
from rsvp.domain.messages import mail_limits
from rsvp.domain.registrations import expiry
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import mailings as mailing_queries

log = logging.getLogger("rsvp.jobs")


def send_reconfirmations(now: datetime) -> int:
    """Send the reconfirmation requests that are due. Return how many."""
    return run_in_batches(reconfirmation.events_to_ask, reconfirmation.ask_batch, now)


def close_reconfirmations(now: datetime) -> int:
    """Release, or flag, the places of those whose time to answer is over. Return how
    many."""
    return run_in_batches(
        reconfirmation.events_to_close, reconfirmation.close_batch, now
    )


def run_in_batches(
    find_due: Callable[[datetime], list[int]], handle: Callable[..., int], now: datetime
) -> int:
    session = current_session()
    due = find_due(now)
    session.rollback()
    return run_each(due, lambda event_id: run_all_batches(handle, event_id, now))


def run_all_batches(handle: Callable[..., int], event_id: int, now: datetime) -> int:
    done, handled = 0, reconfirmation.BATCH_SIZE
    while handled >= reconfirmation.BATCH_SIZE:
        handled = write(handle, event_id, now=now)
        done += handled
    return done


def erase_expired(now: datetime) -> int:
    """Erase attendees' data whose time is over. Return of how many events."""
    session = current_session()
    due = privacy.due_for_erasure(now)
    session.rollback()
    return run_each(due, lambda event_id: erase_event(event_id, now))


def erase_event(event_id: int, now: datetime) -> int:
    write(privacy.erase_due, event_id, actor="worker", now=now)
    log.info("event %d: attendees' data erased", event_id)
    return 1


def forget_mail_counts(now: datetime) -> int:
    """Delete the hashes of mailboxes and networks that are older than a day. Return of
    how many mails. In small steps: others want to write meanwhile."""
    total = 0
    while dropped := write(mail_limits.forget_old_marks, now):
        total += dropped
    return total


def send_mailings(now: datetime) -> int:
    """Write the messages of all mailings that are due. Return for how many
    registrations. Safe to run twice and at once: each registration gets one."""
    due = mailings.due_mailings(now)
    current_session().rollback()
    return run_each(due, lambda mailing_id: send_mailing(mailing_id, now))


def send_mailing(mailing_id: int, now: datetime) -> int:
    """Write the messages of one mailing in short transactions, so that a stop is
    noticed in between."""
    reached = 0
    while batch := write(send_mailing_batch, mailing_id, now):
        reached += batch
    return reached


def send_mailing_batch(mailing_id: int, now: datetime) -> int:
    mailing = mailings.begin_sending(mailing_id, now)
    if mailing is None:
        return 0
    # Whoever is on the list at this moment.
    filter_ = mailing_queries.mailing_filter(mailing.event, mailing.wanted)
    matching = attendee_queries.matching_registrations(mailing.event_id, filter_)
    return mailings.write_batch(mailing, matching, now=now)


def send_reminders(now: datetime) -> int:
    """Write the reminders that are due, a few at a time. Return how many mails they
    are.

    Safe to stop anywhere: what was written stays, and the next run goes on there.
    """
    session = current_session()
    due = reminders.due_reminders(now)
    session.rollback()
    written = run_each(due, lambda reminder: send_reminder(reminder, now))
    if written:
        log.info("%d reminders written", written)
    return written


def send_reminder(reminder: reminders.DueReminder, now: datetime) -> int:
    written, goes_on = 0, True
    while goes_on:
        batch = write(reminders.send_batch, reminder, now)
        written += batch.written
        goes_on = batch.has_more
    return written


def expire_registrations(now: datetime) -> int:
    """Expire the offers and held places whose time is over, and release their seats.
    Return how many they were."""
    session = current_session()
    due = expiry.events_to_expire(now)
    session.rollback()
    return run_each(due, lambda event_id: expire_event(event_id, now))


def expire_event(event_id: int, now: datetime) -> int:
    return write(expiry.expire_due, event_id, now=now)


Item = TypeVar("Item")


def run_each(items: Iterable[Item], handle: Callable[[Item], int]) -> int:
    """Handle each item by itself, and return how many things that did.

    One that fails is left as it was; its error (the first, of several) is raised once
    all have had their turn. A database that can't be used is told of at once.
    """
    done, first_error = 0, None
    for item in items:
        try:
            done += handle(item)
        except Exception as error:
            if outages.find(error):
                raise
            current_session().rollback()
            first_error = first_error or error
    if first_error is not None:
        raise first_error
    return done
