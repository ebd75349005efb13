"""Slow peers: clients that send or read as slowly as they can, and what that does to
those who don't."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from bench.load import Connection, form_token, load, median, page, post
from rsvp.web.static_files import Assets
from tests.paths import ROOT
from tests.support.live_site import run, site

EVENT = """
slug: evening
title: Letters by the Lamp
summary: An evening of reading aloud.
timezone: Europe/Amsterdam
starts: 2035-01-29 18:00
ends: 2035-01-29 21:30
venue: {name: The Boat House, address: Quay 1}
hosts: [{name: Reading Room}]
admissions:
  - {key: seat, name: In person, mode: in_person, capacity: null}
contact: hello@reading-room.example.org
"""
HEAD = (
    "POST /events/evening/registrations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
)
LONG = 500_000
"""Bytes that no buffer on the way holds."""
EACH = 200
BEGIN_AGAIN = 5.0
"""Seconds after which the slow begin anew, before the site has cut them off."""
CLIENTS = 8


def senders(port: int, number: int) -> list[socket.socket]:
    """Each has sent a form's first bytes."""
    peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    for peer in peers:
        peer.sendall(f"{HEAD}Content-Length: 500\r\n\r\nname=".encode())
    return peers


def readers(port: int, number: int) -> list[socket.socket]:
    """Each has asked for much more than fits into the buffers on the way."""
    peers = []
    for _ in range(number):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        peer.sendall(f"GET {long_file()} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 4)
        peers.append(peer)
    return peers


def long_file() -> str:
    """The address of the longest file that anybody may ask for."""
    assets = Assets(ROOT / "static")
    name = max(assets.files, key=lambda each: len(assets.files[each].content))
    assert len(assets.files[name].content) > LONG
    return f"/assets/{assets.version}/{name}"


@contextlib.contextmanager
def around(port: int, number: int) -> Iterator[None]:
    """So many slow senders and as many slow readers, until the end."""
    over = threading.Event()

    def begin_again_and_again() -> None:
        while not over.is_set():
            peers = [*senders(port, number), *readers(port, number)]
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
    with site(engine) as here:
        run("event", "import", "-", environ=here.environ, stdin=EVENT)
        token = form_token(Connection(here.port).get("/events/evening").body)
        visits = {
            "page": page("/events/evening"),
            "form": post("evening", "seat", token),
        }
        for _ in range(times):
            for number in (0, EACH):
                with around(here.port, number):
                    for name, visit in visits.items():
                        timing = load(here.port, visit, CLIENTS, seconds)
                        found.setdefault(f"{name}, {number} slow of each", []).append(
                            timing
                        )
    return {what: median(timings).figures() for what, timings in found.items()}
