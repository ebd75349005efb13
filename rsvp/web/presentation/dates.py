"""Dates: days, times and time zones in words, in the page's language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from babel import Locale, dates
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from rsvp import i18n
from rsvp.models import Event


def current_locale() -> Locale:
    return Locale.parse(i18n.current_language())


@dataclass(frozen=True)
class DateBlock:
    weekday: str
    weekday_short: str
    day: str
    month: str
    year: str
    iso: str


def date_block(at: datetime, zone: ZoneInfo) -> DateBlock:
    """A day in parts, as in `Friday` `29` `January` `2027`."""
    on = at.astimezone(zone).date()
    return DateBlock(
        weekday=dates.format_date(on, "EEEE", locale=current_locale()),
        weekday_short=dates.format_date(on, "EEE", locale=current_locale()),
        day=str(on.day),
        month=dates.format_date(on, "LLLL", locale=current_locale()),
        year=str(on.year),
        iso=on.isoformat(),
    )


@dataclass(frozen=True)
class ZoneTime:
    """The same hours elsewhere; `day` is told where it is another one there."""

    place: str
    starts: str
    ends: str
    day: str | None


@dataclass(frozen=True)
class Times:
    """When an event is, in words; `last_day` is told where it isn't the first."""

    day: str
    starts: str
    ends: str
    last_day: str | None
    doors: str | None
    place: str
    elsewhere: tuple[ZoneTime, ...]
    change: str | None


def times_of(event: Event) -> Times:
    zone = event.zone
    starts, ends = event.starts_at.astimezone(zone), event.ends_at.astimezone(zone)
    # What ends in the small hours belongs to the evening it began in.
    overnight = ends.date() != starts.date() and ends - starts < timedelta(hours=12)
    elsewhere = (ZoneInfo(name) for name in event.also_show if name != event.timezone)
    return Times(
        day=long_date(event.starts_at, zone),
        starts=i18n.clock(event.starts_at, zone),
        ends=i18n.clock(event.ends_at, zone),
        last_day=None
        if overnight or ends.date() == starts.date()
        else long_date(event.ends_at, zone),
        doors=i18n.clock(event.doors_at, zone) if event.doors_at else None,
        place=zone_place(zone),
        elsewhere=tuple(time_in_zone(event, other) for other in elsewhere),
        change=clock_change_notice(event),
    )


def time_in_zone(event: Event, zone: ZoneInfo) -> ZoneTime:
    starts = event.starts_at.astimezone(zone)
    other_day = starts.date() != event.starts_at.astimezone(event.zone).date()
    return ZoneTime(
        place=zone_place(zone),
        starts=i18n.clock(event.starts_at, zone),
        ends=i18n.clock(event.ends_at, zone),
        day=dates.format_date(starts.date(), "EEE d MMM", locale=current_locale())
        if other_day
        else None,
    )


def zone_place(zone: ZoneInfo) -> str:
    return i18n.zone_name(zone, i18n.current_language())


def clock_change_notice(event: Event) -> str | None:
    """A word of warning where the clocks change while the event is on."""
    before = event.starts_at.astimezone(event.zone).utcoffset()
    after = event.ends_at.astimezone(event.zone).utcoffset()
    if before == after or before is None or after is None:
        return None
    if after < before:
        return _(
            "The clocks go back in between: it lasts %(time)s.",
            time=duration_text(event),
        )
    return _(
        "The clocks go forward in between: it lasts %(time)s.",
        time=duration_text(event),
    )


def duration_text(event: Event) -> str:
    minutes = int((event.ends_at - event.starts_at).total_seconds()) // 60
    hours, minutes = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(ngettext("%(num)d hour", "%(num)d hours", hours))
    if minutes:
        parts.append(ngettext("%(num)d minute", "%(num)d minutes", minutes))
    return " ".join(parts)


def long_date(at: datetime, zone: ZoneInfo) -> str:
    return i18n.day(at, zone, i18n.current_language())


def date_and_time(at: datetime, zone: ZoneInfo) -> str:
    """A day and a time with its zone, as in `Friday, 1 October 2027, 09:00 (Brussels
    time)`."""
    return _(
        "%(day)s, %(time)s (%(place)s time)",
        day=long_date(at, zone),
        time=i18n.clock(at, zone),
        place=zone_place(zone),
    )


def time_tag(at: datetime, zone: ZoneInfo) -> Markup:
    """An instant in words, for people and, as `<time>`, for machines."""
    iso = at.astimezone(zone).isoformat()
    return Markup('<time datetime="{}">{}</time>').format(iso, date_and_time(at, zone))


@dataclass(frozen=True)
class AgendaDay:
    block: DateBlock
    events: list[Event]


def events_by_day(events: Iterable[Event]) -> list[AgendaDay]:
    """Events under the day that each begins on, by the clocks where it takes place."""

    def starts_on(event: Event) -> date:
        return event.starts_at.astimezone(event.zone).date()

    ordered = sorted(events, key=lambda event: (starts_on(event), event.starts_at))
    days = (list(group) for _day, group in groupby(ordered, starts_on))
    return [
        AgendaDay(date_block(some[0].starts_at, some[0].zone), some) for some in days
    ]
