"""Celery beat scheduler that survives changes of the server's clock.

Celery's own rings again once its interval has passed since the last time. Where that
was noted by a clock that ran two days ahead, it would ring for nobody for two days.
"""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler

from rsvp.clocks import MAX_CLOCK_SKEW


class Beat(PersistentScheduler):
    """Celery's scheduler; what ran at a time that has not come counts as run now."""

    def tick(self, *args: Any, **options: Any) -> float:
        now = self.app.now()
        for entry in self.schedule.values():
            if entry.last_run_at > now + MAX_CLOCK_SKEW:
                entry.last_run_at = now
                # Their order was made by the same clock.
                self._heap = None
        wait: float = super().tick(*args, **options)
        return wait
