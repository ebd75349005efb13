"""Settling: offers and held places end when their time is over, though nobody looks."""

from __future__ import annotations

from datetime import datetime

from rsvp.db import current_session, writing
from rsvp.domain import registrations


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
