"""Writer queue: where SQLite's writers wait for each other: threads, then processes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rsvp.errors import NoTurn

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has one web process and no flock
    fcntl = None  # type: ignore[assignment]

PATIENCE = 15.0
"""Seconds to wait for a turn. A writer takes some milliseconds; who holds the lock for
so long was stopped, or its disk hangs."""

QUEUES: weakref.WeakSet[WriterQueue] = weakref.WeakSet()


class WriterQueue:
    """A fair-enough queue in front of `BEGIN IMMEDIATE`: p99 tens of milliseconds,
    where SQLite's own sleeping retries reach seconds under a rush."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self.path = path
        self.patience = patience
        self.file: IO[str] | None = None
        self.begin_anew()
        QUEUES.add(self)

    def begin_anew(self) -> None:
        """In a process just forked: locks that its parent's threads hold stay the
        parent's, and so does the open file, to which the file's lock belongs."""
        self.threads = threading.Lock()
        self.guard = threading.Lock()
        self.asked = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.is_fetching = self.is_wanted = self.is_started = False
        self.failure: OSError | None = None
        if self.file is not None:
            self.file.close()
            self.file = None

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """The only turn to write, of all threads and processes.

        Raises NoTurn where it does not come in time, or the file can't be used.
        """
        ends_at = time.monotonic() + self.patience
        if not self.threads.acquire(timeout=self.patience):
            raise NoTurn
        try:
            if fcntl is None:
                yield
                return
            try:
                file = self.file = self.file or self.path.open("a")
                self.lock(file, ends_at)
            except OSError as error:
                raise NoTurn from error
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            self.threads.release()

    # --- the file's lock, with an end to waiting for it ---

    def lock(self, file: IO[str], ends_at: float) -> None:
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
                    self.have_it_fetched(file)
            self.is_wanted = True
        if not self.arrived.acquire(timeout=max(0.0, ends_at - time.monotonic())):
            with self.guard:
                self.is_wanted = False
                # Unless it came in this very moment.
                if not self.arrived.acquire(blocking=False):
                    raise NoTurn
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def have_it_fetched(self, file: IO[str]) -> None:
        if not self.is_started:
            fetching = threading.Thread(
                target=self.fetch_again_and_again,
                args=(file, self.asked),
                name="writer queue",
                daemon=True,
            )
            fetching.start()
            self.is_started = True
        self.is_fetching = True
        self.asked.release()

    def fetch_again_and_again(self, file: IO[str], asked: threading.Semaphore) -> None:
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


def begin_anew() -> None:
    for queue in list(QUEUES):
        queue.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_anew)
