"""Short request bodies: forms, read by the server's threads without the event loop.

The server gathers a body by itself and tells of it as an asyncio future would: it has
the loop make a call. Here that call is made at once, by the thread that tells of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rsvp.server import request_bodies
from rsvp.server.request_bodies import MemoryBudget

MAX_SHORT_BYTES = 16 * 1024
"""Bytes that a form has at most; longer bodies are the loop's, which counts them."""


def short_length(headers: Any) -> int | None:
    """Return the length that a short body declares; None where the loop reads it."""
    declared = headers.get("content-length")
    if declared is None or not declared.isdecimal():
        return None
    return length if (length := int(declared)) <= MAX_SHORT_BYTES else None


class ShortBodies:
    """The short bodies being received; for any thread. `ready` gets each request once
    its `body` is there, or `refused` says why not."""

    def __init__(self, budget: MemoryBudget, ready: Callable[[Any], None]) -> None:
        self.budget = budget
        self.ready = ready
        self.pending: set[PendingBody] = set()

    def read(self, request: Any, length: int, network: str) -> None:
        """Have a body read. Its place in the budget is kept until the request is
        finished. Raises BodyRefused where there is none."""
        self.budget.acquire(network, length)
        request.finish = partial(self.finish, request.finish, network, length)
        arrival = PendingBody(self, request)
        arrival.future = request.protocol()
        self.pending.add(arrival)
        arrival.future.add_done_callback(arrival)
        # Where it was there before anybody could be told, the loop is to make the call,
        # and sleeps.
        if arrival.future.done():
            arrival(arrival.future)

    def finish(self, and_then: Callable[[], Any], network: str, length: int) -> None:
        self.budget.release(network, length)
        and_then()

    def arrived(self, arrival: PendingBody) -> None:
        request = arrival.request
        if not self.claim(arrival):
            return
        try:
            request.body = arrival.future.result()
        except Exception:
            # The client went away in between.
            request.protocol.response_empty(400, [])
            request.finish()
        else:
            self.ready(request)

    def extend_deadlines(self, seconds: float) -> None:
        for arrival in self.pending.copy():
            arrival.deadline += seconds

    def refuse_late(self, now: float) -> None:
        """Refuse those that should have arrived by now (monotonic seconds)."""
        for arrival in self.pending.copy():
            if now >= arrival.deadline:
                self.refuse(arrival, request_bodies.REQUEST_TIMEOUT)

    def refuse_all(self) -> None:
        for arrival in self.pending.copy():
            self.refuse(arrival, request_bodies.UNAVAILABLE)

    def refuse(self, arrival: PendingBody, status: int) -> None:
        if self.claim(arrival):
            arrival.future.cancel()
            arrival.request.refused = status
            self.ready(arrival.request)

    def claim(self, arrival: PendingBody) -> bool:
        """Whether nobody else has handled it; from now on nobody else will."""
        with contextlib.suppress(KeyError):
            self.pending.remove(arrival)
            return True
        return False


class PendingBody:
    """A body being received; the server calls it when it is complete."""

    __slots__ = ("bodies", "deadline", "future", "request")

    def __init__(self, bodies: ShortBodies, request: Any) -> None:
        self.bodies = bodies
        self.request = request
        self.deadline = time.monotonic() + request_bodies.BODY_SECONDS
        self.future: Any = None

    def __call__(self, _future: Any) -> None:
        self.bodies.arrived(self)


def bypass_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have PendingBody callbacks called at once, in the thread that reports them, and
    all else by the loop as ever."""
    call_in_loop = loop.call_soon_threadsafe

    def call(callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        if type(callback) is PendingBody:
            return callback(*args)
        return call_in_loop(callback, *args, context=context)

    setattr(loop, "call_soon_threadsafe", call)  # noqa: B010 - it is not typed so
