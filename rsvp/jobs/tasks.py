"""Asking: whether people still come, and what no answer means for a place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rsvp.db import current_session, write
from rsvp.domain import reconfirmation
from rsvp.jobs.turns import in_turn


def ask_due(now: datetime) -> int:
    """Ask everybody who is to be asked now; how many they were."""
    return in_batches(reconfirmation.due_to_ask, reconfirmation.ask, now)


def close_due(now: datetime) -> int:
    """Give on, or flag, the places of those whose time to answer is over; how many."""
    return in_batches(reconfirmation.due_to_close, reconfirmation.close, now)


def in_batches(
    find: Callable[[datetime], list[int]], deal: Callable[..., int], now: datetime
) -> int:
    session = current_session()
    due = find(now)
    session.rollback()
    return in_turn(due, lambda event_id: all_of(deal, event_id, now))


def all_of(deal: Callable[..., int], event_id: int, now: datetime) -> int:
    done, dealt = 0, reconfirmation.BATCH
    while dealt >= reconfirmation.BATCH:
        dealt = write(lambda _again: deal(event_id, now=now))
        done += dealt
    return done
