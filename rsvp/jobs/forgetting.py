"""Forgetting: what mails are counted by is dropped once it counts no more."""

from __future__ import annotations

from datetime import datetime

from rsvp.db import write
from rsvp.domain.messages import mail_limits


def forget_due(now: datetime) -> int:
    """Drop the hashes of mailboxes and networks that are older than a day; of how many
    mails. In small steps: others want to write meanwhile."""
    total = 0
    while dropped := write(lambda _again: mail_limits.forget(now)):
        total += dropped
    return total
