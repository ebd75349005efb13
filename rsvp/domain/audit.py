"""Audit: who did what, when, and from which state to which."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from rsvp.db import current_connection, current_session, table_of
from rsvp.models import AuditEntry
from rsvp.models.audit import EventVerb, Verb

ATTENDEE = "attendee"
"""The actor of what a secret link or the public form does."""

INSERT_ENTRY = insert(table_of(AuditEntry))


def record(
    verb: Verb | EventVerb,
    *,
    actor: str,
    now: datetime,
    event_id: int | None = None,
    registration_id: int | None = None,
    states: tuple[str | None, str | None] = (None, None),
    details: dict[str, Any] | None = None,
) -> None:
    """Write one entry in the commit of what it tells. `details` must name no person.

    Where the event's lock is held its number is noted, too.
    """
    entry = {
        "at": now,
        "actor": actor,
        "event_id": event_id,
        "registration_id": registration_id,
        "verb": verb,
        "from_state": states[0],
        "to_state": states[1],
        "details": details or {},
        "lock_number": None if event_id is None else held_lock_numbers().get(event_id),
    }
    current_connection().execute(INSERT_ENTRY, entry)


def held_lock_numbers() -> dict[int, int]:
    """Return the lock number of each event that this transaction has locked."""
    numbers: dict[int, int] = current_session().info.setdefault("lock_numbers", {})
    return numbers
