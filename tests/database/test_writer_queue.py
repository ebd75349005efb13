"""The writer queue: one at a time, of all threads and processes, and never for ever."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from rsvp.database.writer_queue import WriterQueue
from rsvp.errors import WriteLockUnavailable

fork = multiprocessing.get_context("fork")


def hold(path: Path, holds: Event) -> None:
    with WriterQueue(path).acquire():
        holds.set()
        time.sleep(60)


class Holder:
    """A process that has its turn and does not end it."""

    def __init__(self, path: Path) -> None:
        holds = fork.Event()
        self.process = fork.Process(target=hold, args=(path, holds), daemon=True)
        self.process.start()
        assert holds.wait(20)
        os.kill(self.process.pid or 0, signal.SIGSTOP)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rsvp.db.lock"


def test_a_stopped_process_holds_up_nobody_for_ever(path: Path):
    queue = WriterQueue(path, wait_seconds=0.2)
    holder = Holder(path)
    try:
        for _ in range(3):
            with pytest.raises(WriteLockUnavailable), queue.acquire():
                pass
    finally:
        holder.end()
    queue.wait_seconds = 20
    for _ in range(3):
        with queue.acquire():
            pass


def test_who_comes_while_another_gave_up_has_the_next_turn(path: Path):
    queue = WriterQueue(path, wait_seconds=0.1)
    holder = Holder(path)
    with pytest.raises(WriteLockUnavailable), queue.acquire():
        pass
    queue.wait_seconds = 20
    threading.Timer(0.2, holder.end).start()

    with queue.acquire():
        # Nobody else has it meanwhile.
        other = WriterQueue(path, wait_seconds=0.1)
        with pytest.raises(WriteLockUnavailable), other.acquire():
            pass


def test_a_lock_that_nobody_waits_for_any_more_is_given_back(path: Path):
    queue = WriterQueue(path, wait_seconds=0.1)
    holder = Holder(path)
    with pytest.raises(WriteLockUnavailable), queue.acquire():
        pass
    holder.end()

    with WriterQueue(path, wait_seconds=20).acquire():
        pass


def one_who_waits(queue: WriterQueue) -> tuple[threading.Thread, threading.Event]:
    """A thread that wants a turn, and an event that tells when it was refused."""
    refused = threading.Event()

    def wait() -> None:
        try:
            with queue.acquire():
                pass
        except WriteLockUnavailable:
            refused.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, refused


def test_threads_wait_no_longer_than_processes(path: Path):
    queue = WriterQueue(path, wait_seconds=0.1)
    with queue.acquire():
        thread, refused = one_who_waits(queue)
        thread.join(20)
    assert refused.is_set()


def test_one_turn_at_a_time_of_all_threads_and_processes(path: Path, tmp_path: Path):
    """Each reads a number and writes the next one: none is lost."""
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count(queue: WriterQueue) -> None:
        for _ in range(50):
            with queue.acquire():
                number = int(counter.read_text())
                counter.write_text(str(number + 1))

    def several() -> None:
        queue = WriterQueue(path)
        threads = [threading.Thread(target=count, args=(queue,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    processes = [fork.Process(target=several) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert counter.read_text() == "450"


def test_who_waits_after_another_waited_in_vain_waits_less(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("rsvp.database.writer_queue.STUCK_WAIT_SECONDS", 0.1)
    queue = WriterQueue(path, wait_seconds=30)
    holder = Holder(path)
    try:
        queue.is_stuck = True
        began = time.monotonic()
        with pytest.raises(WriteLockUnavailable), queue.acquire():
            pass
        assert time.monotonic() - began < 10
    finally:
        holder.end()
    with queue.acquire():
        pass
    assert not queue.is_stuck


def test_who_waits_already_notices_that_another_waited_in_vain(path: Path):
    queue = WriterQueue(path, wait_seconds=30)
    with queue.acquire():
        thread, refused = one_who_waits(queue)
        queue.is_stuck = True
        assert refused.wait(10)
    thread.join(20)


def test_a_file_that_can_not_be_used_is_no_turn(tmp_path: Path):
    with (
        pytest.raises(WriteLockUnavailable) as refusal,
        WriterQueue(tmp_path / "no" / "f").acquire(),
    ):
        pass
    assert isinstance(refusal.value.__cause__, FileNotFoundError)
