"""The time and what is random, both as they are told: the same in every record.

`install` comes before anything else is imported, so that everybody gets these.
"""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from types import FunctionType
from typing import Any

START = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)

rng = random.Random()


class Clock(datetime):
    """Stands for `datetime` where the present is asked for."""

    at: datetime = START
    ticks: float = 1_000_000.0

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.at.astimezone(tz) if tz else cls.at.replace(tzinfo=None)


def set_time(at: datetime) -> None:
    Clock.at = at.astimezone(UTC)


def begin(step: str, *, passing: float = 10_000) -> None:
    """From here on what is random follows from the step's name alone, and whatever
    rests for some seconds has done so, as so many are `passing` by the steady clock."""
    rng.seed(step)
    Clock.ticks += passing


def install() -> None:
    begin("start")
    time.time = lambda: Clock.at.timestamp()  # type: ignore[assignment]
    time.monotonic = lambda: Clock.ticks  # type: ignore[assignment]
    os.urandom = rng.randbytes  # type: ignore[assignment]
    random._urandom = rng.randbytes  # type: ignore[attr-defined]


def take_over(utcnow: FunctionType) -> None:
    """Let the product's own look at the clock see this one."""
    utcnow.__globals__["datetime"] = Clock
