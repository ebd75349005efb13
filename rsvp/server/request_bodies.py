"""Request bodies: read with a deadline, a minimum rate and a limit on memory."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

BODY_SECONDS = 10.0
"""How long a body may take in all; a longer one goes on while it is fast enough:"""
MIN_BYTES_PER_SECOND = 50_000
"""Bytes a second, on average since the body began."""
MAX_BYTES_IN_MEMORY = 32 * 1024 * 1024
"""Bytes of bodies in memory at a time, over all web processes."""
NETWORK_SHARE = 4
"""One network has a quarter of that at most."""

REQUEST_TIMEOUT, TOO_LARGE, UNAVAILABLE = 408, 413, 503


class BodyRefused(Exception):
    """A body is not taken; `status` says why. Nothing of it is kept."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClientDisconnected(Exception):
    """The client went away before its request was whole."""


class MemoryBudget:
    """How many bytes of bodies are in memory, and whose. For any thread.

    One body of `longest` bytes always finds room where there is no other.
    """

    def __init__(self, total: int, longest: int) -> None:
        self.total = max(total, longest)
        self.share = max(self.total // NETWORK_SHARE, longest)
        self.used = 0
        self.by_network: Counter[str] = Counter()
        self.lock = threading.Lock()

    def acquire(self, network: str, size: int) -> None:
        """Reserve so many bytes more. Raises BodyRefused where there is no room for
        them."""
        with self.lock:
            network_used = self.by_network[network] + size
            if self.used + size > self.total or network_used > self.share:
                raise BodyRefused(UNAVAILABLE)
            self.used += size
            self.by_network[network] = network_used

    def release(self, network: str, size: int) -> None:
        with self.lock:
            self.used -= size
            self.by_network[network] -= size
            if self.by_network[network] <= 0:
                del self.by_network[network]


class RequestBody:
    """A body that is being received, and what it takes of the budget until it is
    released."""

    def __init__(
        self,
        protocol: Any,
        headers: Any,
        longest: int,
        budget: MemoryBudget,
        network: str,
    ) -> None:
        self.protocol = protocol
        declared = headers.get("content-length")
        self.length = int(declared) if declared is not None else None
        self.longest = longest
        self.budget = budget
        self.network = network
        self.size = 0

    async def read(self, deadline: asyncio.Timeout) -> bytes:
        """Read the whole body. `deadline` moves on for as long as it comes fast enough.

        Raises BodyRefused where it is too large or there is no room, ClientDisconnected
        where it ends too soon.
        """
        if self.length is not None and self.length > self.longest:
            raise BodyRefused(TOO_LARGE)
        began = asyncio.get_running_loop().time()
        pieces: list[bytes] = []
        ends = 0
        async for piece in self.protocol:
            # The end of a body comes as an empty piece, and an error as one more.
            ends += not piece
            if self.size + len(piece) > self.longest:
                raise BodyRefused(TOO_LARGE)
            self.budget.acquire(self.network, len(piece))
            self.size += len(piece)
            pieces.append(piece)
            if (seconds := self.size / MIN_BYTES_PER_SECOND) > BODY_SECONDS:
                deadline.reschedule(began + seconds)
        if ends > 1 or self.length not in (None, self.size):
            raise ClientDisconnected
        return b"".join(pieces)

    def release(self) -> None:
        self.budget.release(self.network, self.size)
        self.size = 0
