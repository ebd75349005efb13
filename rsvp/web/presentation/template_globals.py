"""Display: what templates print, worked out beforehand: days, zones, seats, labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, lists
from flask import Flask, current_app, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from rsvp import i18n
from rsvp.formats import markdown
from rsvp.formats.feeds import icalendar
from rsvp.models import Admission, Event
from rsvp.queries.events import EventState
from rsvp.text.mail_addresses import find_meant


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        find_meant=find_meant,
        asked_hint=asked_hint,
        by_day=by_day,
        date_block=date_block,
        day=day,
        direction=direction,
        event_meta=event_meta,
        instant=instant,
        joined=joined,
        map_url=map_url,
        venue_line=venue_line,
        moment=moment,
        ordinal=i18n.ordinal,
        page_language=i18n.current_language,
        privacy_notice=privacy_notice,
        public_url=public_url,
        seats_of=seats_of,
        send_label=send_label,
        share_text=share_text,
        take_part_label=take_part_label,
        site_name=lambda: app.config["SITE_NAME"],
        times_of=times_of,
    )
    app.jinja_env.filters["markdown"] = markdown.to_html


def locale() -> Locale:
    return Locale.parse(i18n.current_language())


# --- days and times -----------------------------------------------------------------


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
        weekday=dates.format_date(on, "EEEE", locale=locale()),
        weekday_short=dates.format_date(on, "EEE", locale=locale()),
        day=str(on.day),
        month=dates.format_date(on, "LLLL", locale=locale()),
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
        day=day(event.starts_at, zone),
        starts=i18n.clock(event.starts_at, zone),
        ends=i18n.clock(event.ends_at, zone),
        last_day=None
        if overnight or ends.date() == starts.date()
        else day(event.ends_at, zone),
        doors=i18n.clock(event.doors_at, zone) if event.doors_at else None,
        place=place_of(zone),
        elsewhere=tuple(time_in(event, other) for other in elsewhere),
        change=change_of_clocks(event),
    )


def time_in(event: Event, zone: ZoneInfo) -> ZoneTime:
    starts = event.starts_at.astimezone(zone)
    other_day = starts.date() != event.starts_at.astimezone(event.zone).date()
    return ZoneTime(
        place=place_of(zone),
        starts=i18n.clock(event.starts_at, zone),
        ends=i18n.clock(event.ends_at, zone),
        day=dates.format_date(starts.date(), "EEE d MMM", locale=locale())
        if other_day
        else None,
    )


def place_of(zone: ZoneInfo) -> str:
    return i18n.zone_name(zone, i18n.current_language())


def change_of_clocks(event: Event) -> str | None:
    """A word of warning where the clocks change while the event is on."""
    before = event.starts_at.astimezone(event.zone).utcoffset()
    after = event.ends_at.astimezone(event.zone).utcoffset()
    if before == after or before is None or after is None:
        return None
    if after < before:
        return _("The clocks go back in between: it lasts %(time)s.", time=lasts(event))
    return _("The clocks go forward in between: it lasts %(time)s.", time=lasts(event))


def lasts(event: Event) -> str:
    minutes = int((event.ends_at - event.starts_at).total_seconds()) // 60
    hours, minutes = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(ngettext("%(num)d hour", "%(num)d hours", hours))
    if minutes:
        parts.append(ngettext("%(num)d minute", "%(num)d minutes", minutes))
    return " ".join(parts)


def day(at: datetime, zone: ZoneInfo) -> str:
    return i18n.day(at, zone, i18n.current_language())


def instant(at: datetime, zone: ZoneInfo) -> str:
    """A day and a time with its zone, as in `Friday, 1 October 2027, 09:00 (Brussels
    time)`."""
    return _(
        "%(day)s, %(time)s (%(place)s time)",
        day=day(at, zone),
        time=i18n.clock(at, zone),
        place=place_of(zone),
    )


def moment(at: datetime, zone: ZoneInfo) -> Markup:
    """An instant in words, for people and, as `<time>`, for machines."""
    iso = at.astimezone(zone).isoformat()
    return Markup('<time datetime="{}">{}</time>').format(iso, instant(at, zone))


@dataclass(frozen=True)
class Day:
    block: DateBlock
    events: list[Event]


def by_day(events: Iterable[Event]) -> list[Day]:
    """Events under the day that each begins on, by the clocks where it takes place."""

    def starts_on(event: Event) -> date:
        return event.starts_at.astimezone(event.zone).date()

    ordered = sorted(events, key=lambda event: (starts_on(event), event.starts_at))
    days = (list(group) for _day, group in groupby(ordered, starts_on))
    return [Day(date_block(some[0].starts_at, some[0].zone), some) for some in days]


# --- seats --------------------------------------------------------------------------


@dataclass(frozen=True)
class Seats:
    """What is left of an admission, in words and as a share for the bar.

    `tone` is `free`, `few`, `full`, `over` or `open` (without a limit). `place` is what
    the next in line would be told; None where nobody would have to wait.
    """

    admission: Admission
    tone: str
    text: str
    note: str | None
    share: int | None
    left: int | None
    waits: bool
    is_full: bool
    keeps_line: bool
    place: str


def seats_of(event: Event, state: EventState | None) -> list[Seats]:
    """One for each admission; none where no counts are shown (discreet, or over)."""
    if state is None or event.discreet:
        return []
    seats = [seats_left(state, admission) for admission in event.admissions]
    if event.is_by_approval:
        # Who asks for a place takes none and joins no line: the organizer decides.
        return [
            replace(one, waits=False, is_full=False, keeps_line=False, place="")
            for one in seats
        ]
    return seats


def seats_left(state: EventState, admission: Admission) -> Seats:
    left = state.left(admission.id)
    waiting = state.waiting(admission.id)
    waits = state.would_wait(admission.id)
    keeps_line = state.seats[admission.id].line_takes(1)
    total = total_of(state, admission)
    place = state.next_place(admission.id) if waiting else 1
    over, note = state.over_by(admission.id), None
    if left is None or total is None:
        tone, text = "open", _("Open to everyone")
    elif waits:
        tone = "full"
        text = _("Full, %(count)d in line", count=place - 1) if waiting else _("Full")
        if over:
            tone, note = "over", _("Over by %(count)d", count=over)
        elif admission.waitlist and not keeps_line:
            note = _("The waitlist is full.")
        elif left:
            note = ngettext(
                "%(num)d free seat goes to those in line first.",
                "%(num)d free seats go to those in line first.",
                left,
            )
    else:
        tone = "few" if left <= max(3, total // 10) and left < total else "free"
        text = _("%(left)d of %(total)d left", left=left, total=total)
    return Seats(
        admission=admission,
        tone=tone,
        text=text,
        note=note,
        share=None if left is None or not total else 100 - 100 * left // total,
        left=left,
        waits=waits,
        is_full=state.is_full(admission.id),
        keeps_line=keeps_line,
        place=i18n.ordinal(place) if keeps_line else "",
    )


def total_of(state: EventState, admission: Admission) -> int | None:
    seats = state.seats[admission.id]
    caps = [seats.capacity]
    if seats.counts_in_room:
        caps.append(state.room_capacity)
    return min((cap for cap in caps if cap is not None), default=None)


def send_label(event: Event, seats: list[Seats], chosen: str) -> str:
    """What the form's button says that it will do."""
    ways = [s for s in seats if s.admission.key == chosen] if chosen else seats
    if ways and all(s.waits for s in ways):
        if len(ways) == 1 and ways[0].place:
            return waitlist_label(ways[0].place)
        return _("Join the waitlist")
    return take_part_label(event)


def take_part_label(event: Event) -> str:
    return _("Ask for a place") if event.is_by_approval else _("Register")


def waitlist_label(place: str) -> str:
    return _("Join the waitlist (%(place)s in line)", place=place)


# --- words --------------------------------------------------------------------------


def name_of(name: str | None, position: int) -> str:
    """An attendee's name, or `Guest 1` for one who was never named. Whoever registered
    had a name: without one it has been erased."""
    if name:
        return name
    if position == 0:
        return _("Whoever registered")
    return _("Guest %(number)d", number=position)


def joined(names: Iterable[str]) -> str:
    """Names as a list in words: `A, B and C`."""
    text: str = lists.format_list(list(names), locale=locale())
    # British style, as the dates are: no comma before the last one.
    return text.replace(", and ", " and ") if locale().language == "en" else text


def direction(language: str) -> str:
    """`rtl` for languages written from right to left, else `ltr`."""
    try:
        order = Locale.parse(language, sep="-").character_order
    except (ValueError, UnknownLocaleError):
        return "ltr"
    return "rtl" if order == "right-to-left" else "ltr"


def public_url(endpoint: str, **values: Any) -> str:
    """A page's address in full, as others may link it."""
    return f"{current_app.config['PUBLIC_URL']}{url_for(endpoint, **values)}"


def share_text(event: Event) -> str:
    """One line for those who see only a link to the event: when, where, what."""
    return icalendar.summary_line(event, i18n.current_language())


def asked_hint(event: Event, hint: str, only_for: Sequence[str]) -> str | Markup:
    """A question's hint, with the ways of attending that it is only asked for.

    A script hides the questions for others; without it these words tell them apart.
    """
    ways = [a.name for a in event.admissions if a.key in only_for]
    if not ways or len(ways) == len(event.admissions):
        return hint
    words = _("Only for: %(ways)s", ways=joined(ways))
    return Markup("{} <span data-ways>{}</span>").format(hint, words)


def privacy_notice(event: Event) -> str:
    """Who keeps what, and until when: two lines under the form."""
    keepers = [host["name"] for host in event.hosts] or [event.team.name]
    until = event.ends_at + timedelta(days=event.retention_days)
    return ngettext(
        "%(keepers)s keeps what you enter here to run this event, and for nothing "
        "else. It is erased by %(day)s.",
        "%(keepers)s keep what you enter here to run this event, and for nothing "
        "else. It is erased by %(day)s.",
        len(keepers),
        keepers=joined(keepers),
        day=day(until, event.zone),
    )


def venue_line(event: Event) -> str:
    """Name and address of the venue in one line; empty where the event has none."""
    return ", ".join(icalendar.venue_lines(event))


def map_url(event: Event) -> str:
    """Where a map of the venue is looked up; opened only by whoever follows it."""
    query = quote_plus(venue_line(event))
    return f"https://www.openstreetmap.org/search?query={query}"


def event_meta(event: Event, state: EventState | None, url: str) -> Markup:
    """The event's facts for search engines, to stand in a script element as data."""
    public = None if event.discreet else state
    return icalendar.ld_script(icalendar.json_ld(event, public, url))
