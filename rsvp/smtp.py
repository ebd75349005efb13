"""SMTP whose dialogue ends in time, however slowly a server speaks.

The library's time-out is for each read: a server that says a letter now and then (some
do so on purpose, to those they take for spammers) would hold us for hours.
"""

from __future__ import annotations

import io
import smtplib
import socket
from collections.abc import Callable
from typing import Any

Left = Callable[[], float]
"""Seconds that the next read or write may take; TimeoutError where none are left."""


class Reader(io.RawIOBase):
    """What comes over a socket, each piece in the time that is left."""

    def __init__(self, source: socket.socket, left: Left) -> None:
        self.source = source
        self.left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.source.settimeout(self.left())
        return self.source.recv_into(buffer)


class InTime(smtplib.SMTP):
    """Raises what smtplib does, and TimeoutError before it sends anything too late."""

    def __init__(self, host: str, port: int, *, left: Left, **more: Any) -> None:
        self.left = left
        super().__init__(host, port, timeout=left(), **more)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(Reader(self.sock, self.left))
        return super().getreply()

    def send(self, s: Any) -> None:
        left = self.left()
        if self.sock is not None:
            self.sock.settimeout(left)
        super().send(s)


class InTimeOverTLS(InTime, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte on."""
