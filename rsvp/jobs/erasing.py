"""Erasing: attendees' data goes away by itself when its time is over."""

from __future__ import annotations

import logging
from datetime import datetime

from rsvp.db import current_session, write
from rsvp.domain import privacy
from rsvp.jobs.turns import in_turn

log = logging.getLogger("rsvp.jobs")


def erase_due(now: datetime) -> int:
    """Erase attendees' data whose time is over; of how many events."""
    session = current_session()
    due = privacy.due_for_erasure(now)
    session.rollback()
    return in_turn(due, lambda event_id: erase(event_id, now))


def erase(event_id: int, now: datetime) -> int:
    write(lambda _again: privacy.erase(event_id, actor="worker", now=now))
    log.info("event %d: attendees' data erased", event_id)
    return 1
