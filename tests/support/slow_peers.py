"""Slow peers: clients that send or read as slowly as they can."""

from __future__ import annotations

import socket

from rsvp.web.static_files import Assets
from tests.paths import ROOT

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


def slow_senders(port: int, number: int) -> list[socket.socket]:
    """Each has sent a form's first bytes."""
    peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    for peer in peers:
        peer.sendall(f"{HEAD}Content-Length: 500\r\n\r\nname=".encode())
    return peers


def slow_readers(port: int, number: int) -> list[socket.socket]:
    """Each has asked for much more than fits into the buffers on the way."""
    peers = []
    for _ in range(number):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        peer.sendall(
            f"GET {longest_file_path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 4
        )
        peers.append(peer)
    return peers


def longest_file_path() -> str:
    """The address of the longest file that anybody may ask for."""
    assets = Assets(ROOT / "static")
    name = max(assets.files, key=lambda each: len(assets.files[each].content))
    assert len(assets.files[name].content) > LONG
    return f"/assets/{assets.version}/{name}"
