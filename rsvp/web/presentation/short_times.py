"""Short times: compact dates and times with their zone, for organizers' pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import dates

from rsvp import i18n


@dataclass(frozen=True)
class ShortTime:
    iso: str
    text: str


def short_time(at: datetime, zone: ZoneInfo) -> ShortTime:
    """A time in short, by the clocks of the event: `15 Jan 2027, 13:00 CET`."""
    day = dates.format_date(
        at.astimezone(zone), "d MMM y", locale=i18n.current_language()
    )
    return ShortTime(
        at.isoformat(timespec="seconds"), f"{day}, {clock_with_zone(at, zone)}"
    )


def weekday_time(at: datetime, zone: ZoneInfo) -> str:
    """A time that is not far off: `Friday 15 January, 13:00 CET`."""
    day = i18n.near_day(at, zone, i18n.current_language())
    return f"{day}, {clock_with_zone(at, zone)}"


def clock_with_zone(at: datetime, zone: ZoneInfo) -> str:
    """A time of day with its zone: `13:00 CET`."""
    return f"{i18n.clock(at, zone)} {zone_abbreviation(at, zone)}"


def zone_abbreviation(at: datetime, zone: ZoneInfo) -> str:
    """The zone as clocks there call it (`CET`), or its distance from UTC."""
    letters = at.astimezone(zone).strftime("%Z")
    return letters if letters.isalpha() else f"UTC{letters}"
