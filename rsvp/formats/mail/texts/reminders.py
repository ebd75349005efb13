"""Reminding: the mails before the start and after the end of an event."""

from __future__ import annotations

from datetime import datetime

from rsvp import i18n
from rsvp.formats.mail.texts.shared import (
    Parts,
    Standing,
    _,
    _n,
    asked_for,
    clock,
    how_it_stands,
    how_to_attend,
    is_neutral,
    is_online,
    place_in_line,
    seats_of,
    standing,
    tickets_are_off,
    title_of,
    until,
    when_a_place_comes_free,
)
from rsvp.models import Message

# --- before it begins ---------------------------------------------------------------


def reminder(message: Message, at: datetime) -> Parts:
    """Said at `at`: how far off it is follows from when the mail is written."""
    when, title = how_far(message, at), title_of(message)
    subject = _("%(when)s: %(title)s", when=when, title=title)
    if is_neutral(message):
        return subject, how_it_stands(message), []
    return subject, when_it_begins(message, at), where_you_stand(message)


def days_until(message: Message, at: datetime) -> int:
    """How many days from `at` to the start, by the calendar of the event's zone."""
    event = message.event
    today = at.astimezone(event.zone).date()
    return (event.starts_at.astimezone(event.zone).date() - today).days


def how_far(message: Message, at: datetime) -> str:
    match days_until(message, at):
        case 0:
            return _("Today")
        case 1:
            return _("Tomorrow")
        case 2:
            return _("In two days")
        case 7:
            return _("In a week")
        case days if days > 0:
            return _n("In %(num)d day", "In %(num)d days", days)
    return _("Once more")


def when_it_begins(message: Message, at: datetime) -> str:
    event, language = message.event, i18n.language_for(message.registration.language)
    title = _("It") if event.discreet else title_of(message)
    time = clock(message, event.starts_at)
    day = i18n.near_day(event.starts_at, event.zone, language)
    words = {"title": title, "day": day, "time": time}
    match days_until(message, at):
        case 0:
            return _("%(title)s begins today at %(time)s.", **words)
        case 1:
            return _("%(title)s begins tomorrow, %(day)s, at %(time)s.", **words)
        case 2:
            return _("%(title)s begins on %(day)s at %(time)s, in two days.", **words)
        case 7:
            return _("%(title)s begins on %(day)s at %(time)s, in a week.", **words)
        case days if days > 0:
            return _n(
                "%(title)s begins on %(day)s at %(time)s, in %(num)d day.",
                "%(title)s begins on %(day)s at %(time)s, in %(num)d days.",
                days,
                **words,
            )
    return _("%(title)s began on %(day)s at %(time)s.", **words)


def where_you_stand(message: Message) -> list[str]:
    match standing(message):
        case Standing.SEATED:
            return [how_it_stands(message), *how_to_attend(message)]
        case Standing.IN_LINE:
            return [
                place_in_line(message),
                when_a_place_comes_free(message),
                at_the_door(message),
            ]
        case Standing.REQUESTED:
            return [
                asked_for(message),
                _(
                    "The organizers have not decided yet. We mail you as soon as they "
                    "have; until then no place is kept for you."
                ),
            ]
        case Standing.OFFERED:
            return [
                _n(
                    "A place is kept for you until %(until)s.",
                    "%(num)d places are kept for you until %(until)s.",
                    int(message.facts.get("offered") or seats_of(message)),
                    until=until(message),
                ),
                _("Please answer by then, on the page below."),
            ]
        case Standing.HELD:
            return [
                how_it_stands(message),
                _("Please confirm it on the page below, to keep your place."),
            ]
    return [tickets_are_off()]


def at_the_door(message: Message) -> str:
    """What those who wait may still hope for on the evening itself."""
    if is_online(message):
        return ""
    event = message.event
    return _(
        "From %(time)s on, places that are still free go to those who stand at the "
        "door, in the order of the line.",
        time=i18n.clock(event.doors_open_at, event.zone),
    )


# --- after it is over ---------------------------------------------------------------


def thank_you(message: Message) -> Parts:
    title, is_discreet = title_of(message), message.event.discreet
    if message.facts.get("came"):
        return (
            _("Thank you for coming: %(title)s", title=title),
            _("Thank you for coming.")
            if is_discreet
            else _("Thank you for coming to %(title)s.", title=title),
            [_("It was good to have you there.")],
        )
    return (
        _("Thank you for being part of it: %(title)s", title=title),
        _("Thank you for being part of it.")
        if is_discreet
        else _("Thank you for being part of %(title)s.", title=title),
        [_("We hope that you could be there, and that it was worth your time.")],
    )
