"""Batches: bulk messages are loaded, rechecked and marked as sent several at a time.

One at a time that takes as long as writing and sending it.

Each still goes out as things stood a moment ago, and is noted a moment later; so of a
worker that is killed at most a batch comes twice, as the same mail. What one person
waits for is never here: it is read and noted alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from rsvp.jobs.delivery.claims import Claim, mark_all_sent
from rsvp.jobs.delivery.render import find_unchanged, load_bulk
from rsvp.models import Message

BATCH_SIZE = 10
MAX_AGE = timedelta(milliseconds=50)


class Batch:
    """The bulk messages among some claimed ones, as one worker sends them."""

    def __init__(self, claims: Sequence[Claim] = ()) -> None:
        messages = load_bulk(claims) if claims else {}
        self.ids = frozenset(messages)
        self.remaining = {
            one.id: messages[one.id] for one in claims if one.id in messages
        }
        # Those that were as they had been read, when they were looked at.
        self.unchanged: set[int] = set()
        self.checked_at: datetime | None = None
        self.sent: list[tuple[Claim, datetime]] = []

    def pop_unchanged(self, claim: Claim, now: datetime) -> Message | None:
        """Return the message, detached, if it is still as it was read; None: load it
        alone."""
        if claim.id not in self.remaining:
            return None
        is_old = self.checked_at is None or now - self.checked_at > MAX_AGE
        if is_old or claim.id not in self.unchanged:
            self.recheck(claim, now)
        message = self.remaining.pop(claim.id)
        return message if claim.id in self.unchanged else None

    def recheck(self, claim: Claim, now: datetime) -> None:
        messages = [
            self.remaining[claim.id],
            *islice(self.remaining.values(), BATCH_SIZE),
        ]
        self.unchanged, self.checked_at = find_unchanged(messages), now

    def add_sent(self, claim: Claim, now: datetime) -> None:
        self.sent.append((claim, now))
        if len(self.sent) >= BATCH_SIZE:
            self.flush_sent()

    def flush_if_old(self, now: datetime) -> None:
        """Mark as sent what has waited for it for long: to be called before anything
        slow."""
        if self.sent and now - self.sent[0][1] > MAX_AGE:
            self.flush_sent()

    def flush_sent(self) -> None:
        """Mark all that went out as sent. What the database did not take is marked next
        time."""
        if self.sent:
            mark_all_sent(self.sent)
            self.sent = []
