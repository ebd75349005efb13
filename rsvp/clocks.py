"""Clock tolerance: how far an instant written by another machine's clock is trusted.

A server's clock may be wrong for seconds: by hours after a start, by days or years with
an empty battery. What it wrote ahead of time meanwhile (a lease, a pause, when a job is
due) must hold nothing up once it is right again. So an instant to come counts only as
far as its writer, by a right clock, could have meant it.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

MAX_CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clock of another node may run ahead and still be called right."""


def latest_end(now: datetime, length: timedelta) -> datetime:
    """Return until when something of this length can last that has begun by now; what
    is said to last longer was written by a clock that ran ahead, and is over."""
    return now + length + MAX_CLOCK_SKEW


def is_lasting(until: datetime | None, now: datetime, length: timedelta) -> bool:
    """Whether what has this length lasts at `now`."""
    return until is not None and now < until <= latest_end(now, length)


# --- the steady clock ---------------------------------------------------------------


@dataclass(frozen=True)
class SteadyTime:
    """What a machine's steady clock says, which nobody sets: seconds since the start
    `boot` of the machine."""

    seconds: float
    boot: str


def read_steady_clock() -> SteadyTime:
    """Read the steady clock. Linux counts what a machine sleeps (CLOCK_BOOTTIME) and
    names each start; where there is no such name the machine's own stands for it."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    seconds = time.monotonic() if clock is None else time.clock_gettime(clock)
    try:
        boot = BOOT_ID_PATH.read_text().strip()
    except OSError:
        boot = socket.gethostname()
    return SteadyTime(seconds, boot[:64])


BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")
