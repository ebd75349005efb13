"""Memory: what a process and its children hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


def memory_mib(pid: int) -> float:
    """MiB that a process and all its children hold, shared pages counted once."""
    total = 0
    for process in process_tree(pid):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(text.split("Pss:")[1].split()[0])
    return total / 1024


def process_tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from process_tree(int(child))
