"""Response spool: long responses are written to a file before they go out."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

MAX_MEMORY_BYTES = 16 * 1024 * 1024
"""Bytes of an answer that are kept in memory where the disk has no room for it."""
MAX_CACHED_RESPONSES = 4
"""Answers in one piece that are kept for the next who asks."""


class SpooledResponse:
    """A long response, complete before it goes out: in a file without a name, or where
    the disk has no room for that, in memory. OSError where there is room in neither."""

    def __init__(self) -> None:
        self.size = 0
        self.used_at = 0.0
        """When the server was last told to read it, in monotonic seconds."""
        self.pieces: list[bytes] = []
        self.file: io.FileIO | None = None
        with contextlib.suppress(OSError):
            if Path("/dev/fd").exists():
                self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115

    def add(self, piece: bytes) -> None:
        if self.file is not None:
            try:
                write_all(self.file, piece)
            except OSError:
                # Back to memory with what was written whole.
                file, self.file = self.file, None
                with file:
                    file.seek(0)
                    self.pieces.append(file.read(min(self.size, MAX_MEMORY_BYTES)))
        if self.file is None:
            if self.size + len(piece) > MAX_MEMORY_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.pieces.append(piece)
        self.size += len(piece)

    def is_being_read(self) -> bool:
        """Whether the server has its file open, too."""
        if self.file is None or self.file.closed:
            return False
        own_stat, count = os.fstat(self.file.fileno()), 0
        for path in Path("/dev/fd").iterdir():
            with contextlib.suppress(OSError):
                count += os.path.samestat(path.stat(), own_stat)
        return count > 1

    def close(self) -> None:
        self.pieces = []
        if self.file is not None:
            self.file.close()


class SpoolCache:
    """A cache of recent one-piece responses: the scanner's files are the same for
    everybody, and needn't be written for each."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.responses: OrderedDict[bytes, SpooledResponse] = OrderedDict()

    def get(self, content: bytes) -> SpooledResponse | None:
        with self.lock:
            response = self.responses.get(content)
            if response is not None:
                self.responses.move_to_end(content)
            return response

    def put(self, content: bytes, response: SpooledResponse) -> SpooledResponse:
        """Cache a response, and return the one in the cache: this, or what another
        thread put there."""
        with self.lock:
            kept = self.responses.setdefault(content, response)
            while len(self.responses) > MAX_CACHED_RESPONSES:
                self.responses.popitem(last=False)
            return kept

    def has(self, response: SpooledResponse) -> bool:
        with self.lock:
            return response in self.responses.values()


def write_all(file: io.FileIO, piece: bytes) -> None:
    remaining = memoryview(piece)
    while remaining:
        remaining = remaining[file.write(remaining) :]
