"""VTIMEZONE definitions for calendar files (RFC 5545, 3.6.5).

The icalendar library can write them too, but it looks at every 64th day and misses
what lies between, such as Morocco's month of Ramadan.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@lru_cache(maxsize=256)
def zone_definition(name: str, first_year: int, last_year: int) -> Timezone:
    """Return what the clocks of a zone show from the start of one year to the end of
    another.

    Kept in memory, so it must not be changed by whoever uses it.
    """
    zone = ZoneInfo(name)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    timezone = Timezone()
    timezone.add("tzid", name)
    timezone.add_component(observance(zone, start, start))
    for before in clock_changes(zone, start, datetime(last_year + 1, 1, 1, tzinfo=UTC)):
        timezone.add_component(observance(zone, before, before + SECOND))
    return timezone


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the last second (UTC) before each change of the zone's clocks."""
    changes = []
    day = start
    while day < end:
        before, after = day, day + DAY
        if clock_state(zone, before) != clock_state(zone, after):
            while after - before > SECOND:
                middle = before + (after - before) // SECOND // 2 * SECOND
                if clock_state(zone, middle) == clock_state(zone, day):
                    before = middle
                else:
                    after = middle
            changes.append(before)
        day += DAY
    return changes


def clock_state(zone: ZoneInfo, instant: datetime) -> tuple[object, object, object]:
    local = instant.astimezone(zone)
    return local.utcoffset(), local.dst(), local.tzname()


def observance(
    zone: ZoneInfo, before: datetime, after: datetime
) -> TimezoneStandard | TimezoneDaylight:
    """Return what holds from `after` on; it starts by the clock that held `before`."""
    old, new = before.astimezone(zone), after.astimezone(zone)
    offset = old.utcoffset() or timedelta()
    part = TimezoneDaylight() if new.dst() else TimezoneStandard()
    part.add("dtstart", (after + offset).replace(tzinfo=None))
    part.add("tzoffsetfrom", offset)
    part.add("tzoffsetto", new.utcoffset() or timedelta())
    part.add("tzname", new.tzname() or zone.key)
    return part
