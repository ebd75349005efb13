"""Erasing: attendees' data goes away by itself when its time is over."""

from __future__ import annotations

import logging
from datetime import datetime

from rsvp.db import current_session, writing
from rsvp.domain import privacy

log = logging.getLogger("rsvp.jobs")


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
