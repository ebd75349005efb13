"""Counting in memory: each count in its window, none lost, nothing kept for ever."""

import threading
import time

import pytest

from rsvp.rate_limits import in_memory
from rsvp.rate_limits.in_memory import ProcessMemoryStorage
from tests.support.for_each import for_each


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The library asks the clocks itself, so here they are stopped: the steady one, and
    how far the other is ahead of it."""
    now = [1_000.0, 0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: sum(now))
    return now


@for_each("days", [2, 60, 366, -2, -60], fresh=True)
def test_a_clock_that_is_wrong_for_a_moment_locks_nobody_out(
    clock: list[float], days: int
):
    storage = ProcessMemoryStorage()
    storage.incr("before", 60)
    clock[1] = days * 86_400
    storage.incr("meanwhile", 60)
    assert storage.get_expiry("meanwhile") == 1_060 + clock[1]
    clock[1] = 0
    assert (storage.get("before"), storage.get("meanwhile")) == (1, 1)
    assert storage.get_expiry("meanwhile") == 1_060
    clock[0] += 60
    assert (storage.get("before"), storage.get("meanwhile")) == (0, 0)


def test_a_count_starts_anew_with_its_next_window(clock: list[float]):
    storage = ProcessMemoryStorage()

    assert [storage.incr("ada", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.incr("bo", 60, amount=5) == 5
    assert (storage.get("ada"), storage.get_expiry("ada")) == (3, 1_060)
    clock[0] += 59
    assert storage.incr("ada", 60) == 4
    clock[0] += 1
    assert storage.get("ada") == 0
    assert storage.incr("ada", 60) == 1


def test_what_has_expired_is_thrown_away(clock: list[float]):
    storage = ProcessMemoryStorage()
    for number in range(1000):
        storage.incr(f"visitor {number}", 60)
    clock[0] += 60 + in_memory.SWEEP_SECONDS
    storage.incr("ada", 60)

    assert list(storage.counts) == ["ada"]


def test_a_count_can_be_cleared_and_all_can_be_reset():
    storage = ProcessMemoryStorage()
    for key in ("ada", "ada", "bo", "cy"):
        storage.incr(key, 60)
    storage.clear("ada")

    assert (storage.get("ada"), storage.get("bo")) == (0, 1)
    assert storage.reset() == 2
    assert storage.get("bo") == 0
    assert storage.check()


def test_threads_lose_no_count():
    storage = ProcessMemoryStorage()
    threads = [
        threading.Thread(target=lambda: [storage.incr("ada", 60) for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert storage.get("ada") == 8000


def test_counting_starts_no_thread():
    before = threading.active_count()
    storage = ProcessMemoryStorage()
    for _ in range(100):
        storage.incr("ada", 60)

    assert threading.active_count() == before
