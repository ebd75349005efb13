"""Other processes on a test's database, each with connections of its own.

They are forked, with the application as it is: starting an interpreter, or making an
application, takes longer than what they do. `Process` hears what they say to their
`Wire`; one that is killed has no chance to tidy up.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask

from rsvp.extensions import db

FORK = multiprocessing.get_context("fork")
PATIENCE = 120  # seconds; longer than anything takes on a busy machine


class Wire:
    """How a process talks with the test that started it."""

    def __init__(self, end: Connection) -> None:
        self.end = end

    def say(self, value: Any) -> None:
        self.end.send(value)

    def hear(self) -> Any:
        """What the other side says next; None where it has ended."""
        try:
            if self.end.poll(PATIENCE):
                return self.end.recv()
        except (EOFError, ConnectionResetError):
            return None
        raise AssertionError("the other process says nothing")


class Process(Wire):
    """`work(wire, **told)` in a process of its own, on the database of `app`."""

    def __init__(
        self,
        work: Callable[..., None],
        app: Flask,
        settings: dict[str, Any] | None = None,
        **told: Any,
    ) -> None:
        mine, its = FORK.Pipe()
        super().__init__(mine)
        self.process = FORK.Process(
            target=run, args=(work, app, mine, its, settings or {}, told)
        )
        self.process.start()
        its.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.join(20)

    def end_well(self) -> bool:
        self.process.join(20)
        return self.process.exitcode == 0


@contextlib.contextmanager
def processes(
    work: Callable[..., None], app: Flask, count: int = 1, **told: Any
) -> Iterator[list[Process]]:
    """So many of them, numbered from 0 (`number`), until the end of the block."""
    # No connection may be shared with a child, not even by its end.
    db.session.remove()
    db.engine.dispose()
    started: list[Process] = []
    try:
        for number in range(count):
            started.append(Process(work, app, number=number, **told))
        yield started
    finally:
        for each in started:
            each.kill()
            each.end.close()


def run(
    work: Callable[..., None],
    app: Flask,
    others: Connection,
    mine: Connection,
    settings: dict[str, Any],
    told: dict[str, Any],
) -> None:
    others.close()
    app.config.update(settings)
    with app.app_context():
        work(Wire(mine), **told)
        db.session.remove()
