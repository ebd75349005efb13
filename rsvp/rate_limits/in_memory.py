"""Rate limit storage in this process's memory.

It goes by the steady clock: a server's clock that is wrong for seconds, and then right
again, locks nobody out for as long as it was ahead.

The limits library's own memory starts a timer thread for every count, which costs more
than the form it is to protect. This one throws away what has expired as it goes.
"""

from __future__ import annotations

import threading
import time

from limits.storage import Storage

STORAGE_URI = "process://"
"""What RATELIMIT_STORAGE_URI says to count here."""

SWEEP_SECONDS = 10.0  # seconds


class ProcessMemoryStorage(Storage):
    STORAGE_SCHEME = ["process"]

    def __init__(self, uri: str | None = None, **options: bool) -> None:
        super().__init__(uri, **options)
        self.lock = threading.Lock()
        # {key: (count, the time it expires at, in monotonic seconds)}
        self.counts: dict[str, tuple[int, float]] = {}
        self.sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.monotonic()
        with self.lock:
            if now >= self.sweep_at:
                self.counts = {k: c for k, c in self.counts.items() if c[1] > now}
                self.sweep_at = now + SWEEP_SECONDS
            count, expires_at = self.counts.get(key, (0, 0.0))
            if expires_at <= now:
                count, expires_at = 0, now + expiry
            self.counts[key] = (count + amount, expires_at)
            return count + amount

    def get(self, key: str) -> int:
        count, expires_at = self.counts.get(key, (0, 0.0))
        return count if expires_at > time.monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """When the count is over, in seconds since 1970, as the library wants it."""
        _count, expires_at = self.counts.get(key, (0, 0.0))
        return time.time() + max(0.0, expires_at - time.monotonic())

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self.lock:
            counted = len(self.counts)
            self.counts = {}
        return counted

    def clear(self, key: str) -> None:
        with self.lock:
            self.counts.pop(key, None)
