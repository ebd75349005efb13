"""Audit queries: who changed something of an event last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from rsvp.db import current_session
from rsvp.models import AuditEntry
from rsvp.models.audit import EventVerb

MAX_ENTRIES = 50
"""How far back it is looked: what was edited at the same time is among the last."""

IMPORTS = (EventVerb.IMPORT, EventVerb.UPDATE)
"""An event file can change all that a form can, and its entry does not say to what."""


def find_last_change(
    event_id: int, verb: EventVerb, details: Mapping[str, Any]
) -> AuditEntry | None:
    """Return the last entry of a verb about an event that has these details; None where
    there is none, or an event file was imported after it."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.event_id == event_id, AuditEntry.verb.in_((verb, *IMPORTS)))
        .order_by(AuditEntry.id.desc())
        .limit(MAX_ENTRIES)
    )
    for entry in current_session().scalars(query):
        if entry.verb in IMPORTS:
            return None
        if details.items() <= entry.details.items():
            return entry
    return None
