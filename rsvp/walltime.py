"""Wall times: conversion of local times in a zone to instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


class NoSuchTimeError(ValueError):
    """The clocks skip this wall time: they go from `gap_from` straight to `gap_to`."""

    def __init__(
        self, wall: datetime, zone: str, gap: tuple[datetime, datetime]
    ) -> None:
        self.wall, self.zone = wall, zone
        self.gap_from, self.gap_to = gap
        same_day = self.gap_from.date() == self.gap_to.date() == wall.date()
        shape = "%H:%M" if same_day else "%Y-%m-%d %H:%M"
        super().__init__(
            f"{wall:%Y-%m-%d %H:%M} does not exist in {zone}: the clocks go from "
            f"{self.gap_from.strftime(shape)} to {self.gap_to.strftime(shape)}"
        )


class TimeTwiceError(ValueError):
    """The clocks show this wall time twice, and nothing says which one is meant."""

    def __init__(
        self, wall: datetime, zone: str, offsets: tuple[timedelta, timedelta]
    ) -> None:
        self.wall, self.zone, self.offsets = wall, zone, offsets
        first, second = map(offset_name, offsets)
        super().__init__(
            f"{wall:%Y-%m-%d %H:%M} exists twice in {zone}: first at {first}, then at "
            f"{second}; say which with `fold: 0` ({first}) or `fold: 1` ({second})"
        )


@cache
def zone_names() -> frozenset[str]:
    """The IANA zones this machine knows."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def instant(wall: datetime, zone: ZoneInfo, fold: int | None = None) -> datetime:
    """The instant (UTC) at which clocks in `zone` show `wall` (naive).

    `fold` (0: the first, 1: the second) matters only to a wall time that exists twice.
    Raises NoSuchTimeError and TimeTwiceError.
    """
    before, after = offsets(wall, zone)
    if before < after:
        raise NoSuchTimeError(wall, str(zone), gap(wall, zone))
    if before > after and fold is None:
        raise TimeTwiceError(wall, str(zone), (before, after))
    return nearest_instant(wall, zone, fold)


def nearest_instant(
    wall: datetime, zone: ZoneInfo, fold: int | None = None
) -> datetime:
    """As `instant`, but always an answer: the first of two, and a skipped wall time
    counted on with the offset from before the gap (RFC 5545, 3.3.5)."""
    return wall.replace(tzinfo=zone, fold=fold or 0).astimezone(UTC)


def offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offsets from UTC by the rules before and after a change at this wall time."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first.utcoffset() or timedelta(), second.utcoffset() or timedelta()


def gap(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What the clocks show right before and right after the jump that skips `wall`."""
    before, after = offsets(wall, zone)
    # The jump lies between these instants; halve until a second is left.
    early = (wall - after).replace(tzinfo=UTC)
    late = (wall - before).replace(tzinfo=UTC)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    jump = late.replace(tzinfo=None)
    return jump + before, jump + after


def offset_name(offset: timedelta) -> str:
    """An offset as people write it, as in `UTC+02:00`."""
    minutes = offset // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
