"""Writer queue: one SQLite writer at a time, of all threads and processes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rsvp.errors import WriteLockUnavailable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has one web process and no flock
    fcntl = None  # type: ignore[assignment]

WAIT_SECONDS = 10.0
"""Seconds to wait for a turn. A writer takes some milliseconds; who holds the lock for
so long was stopped, or its disk hangs."""
STUCK_WAIT_SECONDS = 1.0
"""The same once somebody waited in vain, until a turn went well: whoever waits keeps a
thread from those who only read."""
POLL_SECONDS = 0.5
"""Seconds after which those who wait notice that another has."""

QUEUES: weakref.WeakSet[WriterQueue] = weakref.WeakSet()


class WriterQueue:
    """A fair-enough queue in front of `BEGIN IMMEDIATE`: p99 tens of milliseconds,
    where SQLite's own sleeping retries reach seconds under a rush."""

    def __init__(self, path: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = path
        self.wait_seconds = wait_seconds
        self.file: IO[str] | None = None
        self.reset_after_fork()
        QUEUES.add(self)

    def reset_after_fork(self) -> None:
        """Start anew in a process just forked: locks that its parent's threads hold
        stay the parent's, and so does the open file, to which the file's lock
        belongs."""
        self.threads = threading.Lock()
        self.guard = threading.Lock()
        self.asked = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.is_fetching = self.is_wanted = self.is_started = False
        self.is_stuck = False
        self.failure: OSError | None = None
        if self.file is not None:
            self.file.close()
            self.file = None

    @contextlib.contextmanager
    def acquire(self, wait_seconds: float | None = None) -> Iterator[None]:
        """Hold the only write lock of all threads and processes.

        Raises WriteLockUnavailable where it does not come in time, or the file can't be
        used. Who brings `wait_seconds` of their own waits for so long, whatever others
        do.
        """
        began = time.monotonic()
        if not self.acquire_in_time(self.threads, began, wait_seconds):
            raise WriteLockUnavailable
        try:
            if fcntl is None:
                yield
                return
            try:
                file = self.file = self.file or self.open_lock_file()
                self.lock_file(file, began, wait_seconds)
            except OSError as error:
                raise WriteLockUnavailable from error
            try:
                yield
                self.is_stuck = False
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            self.threads.release()

    def open_lock_file(self) -> IO[str]:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        return os.fdopen(os.open(self.path, flags, 0o600), "a")

    def acquire_in_time(
        self,
        lock: threading.Lock | threading.Semaphore,
        began: float,
        wait_seconds: float | None,
    ) -> bool:
        """Take a lock; False where that takes too long."""
        while True:
            remaining = (wait_seconds or self.wait_seconds) - (time.monotonic() - began)
            if wait_seconds is None and self.is_stuck:
                remaining = min(
                    remaining, began + STUCK_WAIT_SECONDS - time.monotonic()
                )
            if lock.acquire(timeout=max(0.0, min(remaining, POLL_SECONDS))):
                return True
            if remaining <= POLL_SECONDS:
                self.is_stuck = True
                return False

    # --- the file's lock, with an end to waiting for it ---

    def lock_file(
        self, file: IO[str], began: float, wait_seconds: float | None
    ) -> None:
        """Take the lock at once, or have it fetched.

        Waiting in the kernel has no end, and asking again and again would lose to those
        who wait there. So a thread of its own waits in the kernel, perhaps in vain.
        """
        with self.guard:
            if not self.is_fetching:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    self.start_fetching(file)
            self.is_wanted = True
        if not self.acquire_in_time(self.arrived, began, wait_seconds):
            with self.guard:
                self.is_wanted = False
                # Unless it came in this very moment.
                if not self.arrived.acquire(blocking=False):
                    raise WriteLockUnavailable
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def start_fetching(self, file: IO[str]) -> None:
        if not self.is_started:
            fetching = threading.Thread(
                target=self.run_fetch_thread,
                args=(file, self.asked),
                name="writer queue",
                daemon=True,
            )
            fetching.start()
            self.is_started = True
        self.is_fetching = True
        self.asked.release()

    def run_fetch_thread(self, file: IO[str], asked: threading.Semaphore) -> None:
        while True:
            asked.acquire()
            failure = None
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                failure = error
            with self.guard:
                self.is_fetching = False
                if self.is_wanted:
                    self.is_wanted, self.failure = False, failure
                    self.arrived.release()
                elif failure is None:
                    fcntl.flock(file, fcntl.LOCK_UN)


def reset_after_fork() -> None:
    for queue in list(QUEUES):
        queue.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_after_fork)
