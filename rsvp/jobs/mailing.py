"""Mailing: what organizers wrote goes to the outbox when its time has come."""

from __future__ import annotations

from datetime import datetime

from rsvp.db import current_session, write
from rsvp.domain import mailings
from rsvp.jobs.turns import in_turn
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import mailings as mailing_queries


def write_due(now: datetime) -> int:
    """Write the messages of all mailings whose time has come; how many registrations
    that were. Safe to run twice and at once: each registration gets one."""
    due = mailings.due(now)
    current_session().rollback()
    return in_turn(due, lambda mailing_id: write_all(mailing_id, now))


def write_all(mailing_id: int, now: datetime) -> int:
    """In short transactions, so that whoever stops it is heard in between."""
    reached = 0
    while some := write(lambda _again: write_some(mailing_id, now)):
        reached += some
    return reached


def write_some(mailing_id: int, now: datetime) -> int:
    mailing = mailings.begin(mailing_id, now)
    if mailing is None:
        return 0
    # Whoever is on the list at this moment.
    wanted = mailing_queries.filter_of(mailing.event, mailing.wanted)
    matching = attendee_queries.matching(mailing.event_id, wanted)
    return mailings.write_some(mailing, matching, now=now)
