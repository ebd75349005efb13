"""Languages: which one a page or mail is in, and localized dates and times."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, dates
from flask import Flask, g, has_request_context
from flask_babel import get_locale, get_translations

from rsvp.config import FILES_FOLDER
from rsvp.extensions import babel

AVAILABLE: tuple[str, ...] = ("en",)
"""The languages we have texts in; an event in another one gets the first of them."""

SOURCE = AVAILABLE[0]
"""The language our texts are written in: it needs no catalogue."""


def init_app(app: Flask) -> None:
    babel.init_app(
        app,
        locale_selector=current_language,
        default_translation_directories=str(FILES_FOLDER / "translations"),
    )
    # Looking for the catalogue at each text took a quarter of rendering a page.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        translate, translate_plural, newstyle=True
    )


def translate(text: str) -> str:
    return text if is_source_language() else str(get_translations().ugettext(text))


def translate_plural(one: str, many: str, number: int) -> str:
    if is_source_language():
        return one if number == 1 else many
    return str(get_translations().ungettext(one, many, number))


def gettext(text: str, **named: object) -> str:
    """As flask_babel's, for mails: hundreds of texts a second, most of them as they
    are."""
    translated = translate(text)
    return translated % named if named else translated


def ngettext(one: str, many: str, num: int, **named: object) -> str:
    return translate_plural(one, many, num) % {"num": num, **named}


_ = gettext


def is_source_language() -> bool:
    if AVAILABLE == (SOURCE,):
        return True
    locale = get_locale()
    return locale is None or locale.language == SOURCE


def current_language() -> str:
    """What this page speaks: as views that show an event set it, else our first."""
    return g.get("language", AVAILABLE[0]) if has_request_context() else AVAILABLE[0]


def language_for(tag: str) -> str:
    """The language to speak to somebody who would like `tag` (a BCP 47 tag)."""
    base = tag.replace("_", "-").split("-")[0].lower()
    return base if base in AVAILABLE else AVAILABLE[0]


def day(instant: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A day in full, as in `Friday, 29 January 2027`."""
    return format_day("EEEE, d MMMM y", instant.astimezone(zone).date(), language)


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """A time of day on the 24-hour clock, as in `18:00`."""
    return instant.astimezone(zone).strftime("%H:%M")


def seconds_ago(seconds: int) -> str:
    """A moment ago, as in `4 seconds ago`."""
    # Never in minutes: who asks for seconds wants them.
    return dates.format_timedelta(
        -timedelta(seconds=seconds),
        granularity="second",
        threshold=1000,
        add_direction=True,
        locale=Locale.parse(current_language()),
    )


def day_and_clock(instant: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A deadline on one line, as in `Friday 22 January, 10:00`: it is never far off."""
    return f"{near_day(instant, zone, language)}, {clock(instant, zone)}"


def near_day(instant: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A day that is not far off, as in `Friday 22 January`."""
    return format_day("EEEE d MMMM", instant.astimezone(zone).date(), language)


# A list of people or a round of mails says the same few days and zones all over.
@lru_cache(maxsize=256)
def format_day(pattern: str, day: date, language: str) -> str:
    return dates.format_date(day, pattern, locale=Locale.parse(language))


@lru_cache(maxsize=256)
def zone_name(zone: ZoneInfo, language: str = "en") -> str:
    """A zone as people say it, with its place: `Amsterdam time`, `New York time`."""
    return dates.get_timezone_location(
        dates.get_timezone(str(zone)), locale=Locale.parse(language), return_city=True
    )


def ordinal(number: int) -> str:
    """A place in line as people say it: `4th`."""
    if number % 100 in (11, 12, 13):
        return _("%(number)dth", number=number)
    match number % 10:
        case 1:
            return _("%(number)dst", number=number)
        case 2:
            return _("%(number)dnd", number=number)
        case 3:
            return _("%(number)drd", number=number)
    return _("%(number)dth", number=number)
