"""Durations as people write them: `2 days`, `90 minutes`."""

import re

MINUTES_IN = {"day": 24 * 60, "hour": 60, "minute": 1}
DURATION = re.compile(r"([0-9]{1,6}) *(minute|hour|day|week)s?")


def parse_duration(text: str) -> int:
    """Return how many minutes a span is. Raises ValueError for what is none."""
    match = DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("must be a span of time, as in 2 days or 90 minutes")
    number, unit = int(match[1]), match[2]
    return number * (7 * MINUTES_IN["day"] if unit == "week" else MINUTES_IN[unit])


def format_duration(minutes: int) -> str:
    """Return a span in the largest unit that it is a whole number of."""
    unit = next(unit for unit, length in MINUTES_IN.items() if minutes % length == 0)
    unit = unit if minutes else "minute"
    number = minutes // MINUTES_IN[unit]
    return f"{number} {unit}" + ("" if number == 1 else "s")
