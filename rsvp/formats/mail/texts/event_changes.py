"""News: the mail that tells what has changed about an event, and asks about it."""

from __future__ import annotations

from datetime import datetime

from rsvp import i18n
from rsvp.formats.feeds import icalendar
from rsvp.formats.mail.texts.shared import (
    Parts,
    Standing,
    _,
    _n,
    asked_for,
    asks_about_change,
    changes_of,
    clock,
    how_it_stands,
    how_to_attend,
    is_neutral,
    is_online,
    place_in_line,
    seats_of,
    standing,
    title_of,
    until,
)
from rsvp.models import Message


def event_changed(message: Message) -> Parts:
    if is_neutral(message):
        headline = _("What you registered for has changed.")
        return subject(message), headline, [how_it_stands(message)]
    return (
        subject(message),
        headline_of(message),
        [
            is_it_fine(message),
            *where_you_stand(message),
        ],
    )


def subject(message: Message) -> str:
    title, what = title_of(message), changes_of(message)
    match sorted(what):
        case ["time"]:
            return _("Another time: %(title)s", title=title)
        case ["place"]:
            return _("Another place: %(title)s", title=title)
        case ["link"]:
            return _("Another way to join: %(title)s", title=title)
    if "mode" in what and is_online(message):
        return _("Now online: %(title)s", title=title)
    if "mode" in what:
        return _("Now in person: %(title)s", title=title)
    return _("Changed: %(title)s", title=title)


def headline_of(message: Message) -> str:
    what, title = changes_of(message), title_of(message)
    if message.event.discreet:
        title = _("It")
    begins = when_it_begins(message) if "time" in what else ""
    match begins, where_it_is(message, what):
        case "", "":
            if "time" in what:
                return ends(message, title)
            return _("There is another way to join %(title)s.", title=title)
        case "", where:
            return _("%(title)s takes place %(where)s now.", title=title, where=where)
        case begins, "":
            return _("%(title)s now begins %(when)s.", title=title, when=begins)
        case begins, where:
            return _(
                "%(title)s now begins %(when)s, %(where)s.",
                title=title,
                when=begins,
                where=where,
            )
    return ""


def when_it_begins(message: Message) -> str:
    """`on Friday 5 February at 18:00`; empty where it begins when it always did."""
    event, language = message.event, i18n.language_for(message.registration.language)
    was = message.facts.get("before") or {}
    if was and datetime.fromisoformat(was["starts"]) == event.starts_at:
        return ""
    day = i18n.near_day(event.starts_at, event.zone, language)
    return _("on %(day)s at %(time)s", day=day, time=clock(message, event.starts_at))


def ends(message: Message, title: str) -> str:
    time = clock(message, message.event.ends_at)
    return _("%(title)s now ends at %(time)s.", title=title, time=time)


def where_it_is(message: Message, what: set[str]) -> str:
    """`at The Library`; empty where it is where it was. The first sentence shows on
    locked screens: it says as little of where a discreet event is as of its title."""
    if "mode" in what and is_online(message):
        return _("online")
    if not {"mode", "place"} & what:
        return ""
    venue = icalendar.venue_lines(message.event)
    if venue and not message.event.discreet:
        return _("at %(place)s", place=venue[0])
    return _("on site") if "mode" in what else _("somewhere else")


def is_it_fine(message: Message) -> str:
    if not asks_about_change(message):
        return ""
    return _n(
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your place.",
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your %(num)d places.",
        seats_of(message),
    )


def where_you_stand(message: Message) -> list[str]:
    match standing(message):
        case Standing.SEATED if is_online(message):
            return [_("You stay registered."), *how_to_attend(message)]
        case Standing.SEATED if asks_about_change(message):
            return [
                _n(
                    "Your ticket stays valid.",
                    "Your tickets stay valid.",
                    seats_of(message),
                )
            ]
        case Standing.SEATED:
            return [
                _n(
                    "You keep your place, and your ticket stays valid.",
                    "You keep your %(num)d places, and your tickets stay valid.",
                    seats_of(message),
                )
            ]
        case Standing.IN_LINE:
            return [place_in_line(message), _("That stays as it is.")]
        case Standing.REQUESTED:
            return [asked_for(message), _("That stays as it is.")]
        case Standing.OFFERED if message.facts.get("until"):
            return [
                _n(
                    "A place is kept for you until %(until)s.",
                    "%(num)d places are kept for you until %(until)s.",
                    int(message.facts.get("offered") or seats_of(message)),
                    until=until(message),
                )
            ]
    return [how_it_stands(message)]
