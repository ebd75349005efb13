"""Settling: offers and held places end when their time is over, though nobody looks."""

from __future__ import annotations

from datetime import datetime

from rsvp.db import current_session, write
from rsvp.domain.registrations import expiry
from rsvp.jobs.turns import in_turn


def settle_due(now: datetime) -> int:
    """End the offers and held places whose time is over, and give their seats on; how
    many they were."""
    session = current_session()
    due = expiry.due_to_settle(now)
    session.rollback()
    return in_turn(due, lambda event_id: settle(event_id, now))


def settle(event_id: int, now: datetime) -> int:
    return write(lambda _again: expiry.settle(event_id, now=now))
