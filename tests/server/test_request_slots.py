"""Turns: so many at a time, whoever brings them, and nobody is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rsvp.server.request_slots import RequestSlots

SOON = 10


class Busy:
    """Jobs that are worked on until they are let go."""

    def __init__(self, number: int) -> None:
        self.turns = RequestSlots(number, self.work)
        self.turns.start()
        self.began: list[str] = []
        self.in_threads: dict[str, int] = {}
        self.let_go: dict[str, threading.Event] = {}
        self.change = threading.Condition()

    def work(self, job: str) -> None:
        with self.change:
            self.began.append(job)
            self.in_threads[job] = threading.get_ident()
            event = self.let_go.setdefault(job, threading.Event())
            self.change.notify_all()
        assert event.wait(SOON)

    def until(self, is_so: Callable[[], bool]) -> None:
        with self.change:
            assert self.change.wait_for(is_so, SOON)

    def end(self, job: str) -> None:
        self.let_go[job].set()

    def in_a_thread(self, job: str) -> threading.Thread:
        thread = threading.Thread(target=self.turns.run, args=(job,))
        thread.start()
        return thread


def test_a_thread_does_its_own_job_and_the_loop_does_none():
    done = []
    turns = RequestSlots(1, lambda job: done.append((job, threading.get_ident())))
    turns.start()

    turns.run("here")
    assert done == [("here", threading.get_ident())]
    turns.run_in_thread("elsewhere")
    turns.end()
    for thread in turns.threads:
        thread.join(SOON)
    assert done[1][0] == "elsewhere"
    assert done[1][1] != threading.get_ident()
    assert turns.all_free()


@pytest.mark.parametrize("late", ["run", "run_in_thread"])
def test_so_many_at_a_time_and_the_others_in_their_order(late):
    busy = Busy(2)
    threads = [busy.in_a_thread("one"), busy.in_a_thread("two")]
    busy.until(lambda: len(busy.began) == 2)
    assert busy.turns.all_taken()

    # Neither waits for its turn here: whoever brings it may go.
    getattr(busy.turns, late)("three")
    getattr(busy.turns, late)("four")
    assert len(busy.began) == 2
    first = busy.began[0]
    busy.end(first)
    busy.until(lambda: len(busy.began) == 3)
    assert busy.began[2] == "three"
    assert busy.in_threads["three"] == busy.in_threads[first]
    for job in ("three", "one", "two"):
        busy.end(job)
    busy.until(lambda: len(busy.began) == 4)
    busy.end("four")
    for thread in threads:
        thread.join(SOON)
    assert busy.turns.all_free()


def test_of_a_crowd_from_both_sides_each_is_served_once():
    served: list[int] = []
    at_once, most = [0], [0]
    lock, all_served = threading.Lock(), threading.Event()

    def work(job: int) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        with lock:
            served.append(job)
            at_once[0] -= 1
            if len(served) == 800:
                all_served.set()

    turns = RequestSlots(3, work)
    turns.start()
    start = threading.Barrier(8)

    def bring(first: int, how: Callable[[int], None]) -> None:
        start.wait(SOON)
        for job in range(first, first + 100):
            how(job)

    sides = [turns.run, turns.run_in_thread] * 4
    threads = [
        threading.Thread(target=bring, args=(100 * n, how))
        for n, how in enumerate(sides)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)

    assert all_served.wait(SOON)
    assert sorted(served) == list(range(800))
    assert most[0] <= 3
