"""Slow peers: clients that send or read as slowly as they can, and what that does to
those who don't."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from bench.load import get_page, median_timing, run_clients, submit_form
from tests.support.http_client import Connection, form_token
from tests.support.live_site import run_rsvp, run_site
from tests.support.slow_peers import EVENT, slow_readers, slow_senders

EACH = 200
BEGIN_AGAIN = 5.0
"""Seconds after which the slow begin anew, before the site has cut them off."""
CLIENTS = 8


@contextlib.contextmanager
def slow_peers(port: int, number: int) -> Iterator[None]:
    """So many slow senders and as many slow readers, until the end."""
    over = threading.Event()

    def begin_again_and_again() -> None:
        while not over.is_set():
            peers = [*slow_senders(port, number), *slow_readers(port, number)]
            begun.set()
            over.wait(BEGIN_AGAIN)
            for peer in peers:
                peer.close()

    begun = threading.Event()
    thread = threading.Thread(target=begin_again_and_again)
    thread.start()
    begun.wait(30)
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(engine: str, times: int = 3, seconds: float = 4.0) -> dict[str, Any]:
    """The event's page and its form, with and without 200 slow senders and readers, by
    turns; medians."""
    found: dict[str, list[Any]] = {}
    with run_site(engine) as here:
        run_rsvp("event", "import", "-", environ=here.environ, stdin=EVENT)
        token = form_token(Connection(here.port).get("/events/evening").body)
        visits = {
            "page": get_page("/events/evening"),
            "form": submit_form("evening", "seat", token),
        }
        for _ in range(times):
            for number in (0, EACH):
                with slow_peers(here.port, number):
                    for name, visit in visits.items():
                        timing = run_clients(here.port, visit, CLIENTS, seconds)
                        found.setdefault(f"{name}, {number} slow of each", []).append(
                            timing
                        )
    return {what: median_timing(timings).figures() for what, timings in found.items()}
