"""Request slots: how many requests run at a time, and in which threads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class RequestSlots(Generic[Item]):
    """Runs at most `number` requests at a time; others wait, first come first served.
    `work` handles one, in any thread, and must not raise.

    A thread that may wait takes its job by itself, which costs nothing. The event loop
    hands its own over to a thread that is kept for that.
    """

    def __init__(self, number: int, work: Callable[[Item], None]) -> None:
        self.number = number
        self.work = work
        self.free = number
        self.waiting: deque[Item] = deque()
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.thread_queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()

    def start(self) -> None:
        self.threads = [
            threading.Thread(target=self.listen, name=f"web-{n + 1}", daemon=True)
            for n in range(self.number)
        ]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        for _ in range(self.number):
            self.thread_queue.put(None)

    def all_free(self) -> bool:
        return self.free == self.number

    def all_taken(self) -> bool:
        return self.free == 0

    def run(self, job: Item) -> None:
        """Run it in this thread; where no slot is free, the next thread that gets free
        will."""
        if self.acquire_or_queue(job):
            self.run_and_drain(job)

    def run_in_thread(self, job: Item) -> None:
        """Have another thread run it."""
        if self.acquire_or_queue(job):
            self.thread_queue.put(job)

    def acquire_or_queue(self, job: Item) -> bool:
        with self.lock:
            if not self.free:
                self.waiting.append(job)
                return False
            self.free -= 1
            return True

    def run_and_drain(self, job: Item) -> None:
        """Run this job, and then those that wait, until there are none."""
        while True:
            self.work(job)
            with self.lock:
                if not self.waiting:
                    self.free += 1
                    return
                job = self.waiting.popleft()

    def listen(self) -> None:
        while (job := self.thread_queue.get()) is not None:
            self.run_and_drain(job)
