"""Erasure log: a file beside the keys that records which data was erased and when.

A backup of before still has that data: a restore reads this file and erases it again.
A line is JSON with the instant and ids that name nobody: `{"at": …, "registration":
hex}`, or `{"at": …, "event": hex}` with the keys of the `questions` where only their
answers went. The first line says since when all erasures are noted (`since`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask

from rsvp.extensions import db

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("rsvp.erasures")

FILE_NAME = "erasures"


def init_app(app: Flask) -> None:
    """Log each erasure of a `writing()` block before its commit.

    One that then fails has noted too much, which is safe: somebody asked for it.
    """
    with app.app_context():
        db.engine.__dict__["rsvp_erased"] = get_erasure_log(app).append


def get_erasure_log(app: Flask) -> ErasureLog:
    return ErasureLog(Path(app.instance_path) / FILE_NAME)


@dataclass(frozen=True)
class LoggedErasures:
    """Contents of an erasure log: since when it has all (None: not known), and its
    entries."""

    since: datetime | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)


class ErasureLog:
    """An append-only file: any number of processes add lines, each line whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, now: datetime) -> None:
        """Make the file where there is none."""
        if not self.path.exists():
            self.append([{"since": now.isoformat()}])

    def append(self, entries: Sequence[dict[str, Any]]) -> None:
        """Append entries, on the disk when this returns. Where that can't be done, that
        is logged, and the erasure goes on."""
        try:
            self.write(entries)
        except OSError as error:
            log.error(
                "what was erased can't be noted in %s (%s): after a restore from a "
                "backup of before it must be erased again by hand",
                self.path,
                error.strerror,
            )

    def write(self, entries: Sequence[dict[str, Any]]) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        handle = os.open(self.path, flags, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            lines = [json.dumps(entry) for entry in entries]
            if not size and "since" not in entries[0]:
                lines = [json.dumps({"since": entries[0]["at"]}), *lines]
            text = "".join(f"{line}\n" for line in lines)
            # A line that was cut off by a crash must not swallow this one.
            if size and os.pread(handle, 1, size - 1) != b"\n":
                text = "\n" + text
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self) -> LoggedErasures:
        """Read the file; a line that was cut off is passed over. Raises OSError."""
        since, entries = None, []
        with contextlib.suppress(FileNotFoundError):
            for line in self.path.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    entry = json.loads(line)
                    if "since" in entry:
                        since = datetime.fromisoformat(entry["since"])
                    elif is_valid_entry(entry):
                        entries.append(entry)
        return LoggedErasures(since, entries)


def is_valid_entry(entry: dict[str, Any]) -> bool:
    ids = [entry[key] for key in ("registration", "event") if key in entry]
    return len(ids) == 1 and len(bytes.fromhex(ids[0])) == 16
