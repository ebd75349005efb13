"""Faults: mistakes of ours, told without their text: it may quote somebody's data."""

from __future__ import annotations

import traceback
from pathlib import Path

OURS = str(Path(__file__).parents[1])


def in_short(error: BaseException) -> str:
    """What it is, and where in our code: `KeyError at privacy.py:12`."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if OURS in f.filename), None)
    where = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{where}"


def at_length(error: BaseException) -> str:
    """The way that led there, for the log."""
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
