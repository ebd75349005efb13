"""Texts of the mail about a changed event."""

from __future__ import annotations

from datetime import datetime

from rsvp import i18n
from rsvp.formats import location
from rsvp.formats.mail.texts.shared import (
    MailSituation,
    TextParts,
    asks_about_change,
    attendance_sentences,
    changed_parts,
    clock_text,
    deadline_text,
    is_neutral,
    is_online,
    requested_sentence,
    seats_of,
    situation_of,
    state_sentence,
    title_of,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message


def event_changed(message: Message) -> TextParts:
    if is_neutral(message):
        headline = _("What you registered for has changed.")
        return change_subject(message), headline, [state_sentence(message)]
    return (
        change_subject(message),
        change_headline(message),
        [
            change_question(message),
            *unchanged_state_sentences(message),
        ],
    )


def change_subject(message: Message) -> str:
    title, changed = title_of(message), changed_parts(message)
    match sorted(changed):
        case ["time"]:
            return _("Another time: %(title)s", title=title)
        case ["place"]:
            return _("Another place: %(title)s", title=title)
        case ["link"]:
            return _("Another way to join: %(title)s", title=title)
    if "mode" in changed and is_online(message):
        return _("Now online: %(title)s", title=title)
    if "mode" in changed:
        return _("Now in person: %(title)s", title=title)
    return _("Changed: %(title)s", title=title)


def change_headline(message: Message) -> str:
    changed, title = changed_parts(message), title_of(message)
    if message.event.discreet:
        title = _("It")
    begins = new_start_phrase(message) if "time" in changed else ""
    match begins, new_place_phrase(message, changed):
        case "", "":
            if "time" in changed:
                return new_end_sentence(message, title)
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


def new_start_phrase(message: Message) -> str:
    """`on Friday 5 February at 18:00`; empty where it begins when it always did."""
    event, language = message.event, i18n.language_for(message.registration.language)
    old = message.facts.get("before") or {}
    if old and datetime.fromisoformat(old["starts"]) == event.starts_at:
        return ""
    day = i18n.near_day(event.starts_at, event.zone, language)
    return _(
        "on %(day)s at %(time)s", day=day, time=clock_text(message, event.starts_at)
    )


def new_end_sentence(message: Message, title: str) -> str:
    time = clock_text(message, message.event.ends_at)
    return _("%(title)s now ends at %(time)s.", title=title, time=time)


def new_place_phrase(message: Message, changed: set[str]) -> str:
    """`at The Library`; empty where it is where it was. The first sentence shows on
    locked screens: it says as little of where a discreet event is as of its title."""
    if "mode" in changed and is_online(message):
        return _("online")
    if not {"mode", "place"} & changed:
        return ""
    venue = location.venue_lines(message.event)
    if venue and not message.event.discreet:
        return _("at %(place)s", place=venue[0])
    return _("on site") if "mode" in changed else _("somewhere else")


def change_question(message: Message) -> str:
    if not asks_about_change(message):
        return ""
    return ngettext(
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your place.",
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your %(num)d places.",
        seats_of(message),
    )


def unchanged_state_sentences(message: Message) -> list[str]:
    match situation_of(message):
        case MailSituation.SEATED if is_online(message):
            return [_("You stay registered."), *attendance_sentences(message)]
        case MailSituation.SEATED if asks_about_change(message):
            return [
                ngettext(
                    "Your ticket stays valid.",
                    "Your tickets stay valid.",
                    seats_of(message),
                )
            ]
        case MailSituation.SEATED:
            return [
                ngettext(
                    "You keep your place, and your ticket stays valid.",
                    "You keep your %(num)d places, and your tickets stay valid.",
                    seats_of(message),
                )
            ]
        case MailSituation.IN_LINE:
            return [waitlist_place_sentence(message), _("That stays as it is.")]
        case MailSituation.REQUESTED:
            return [requested_sentence(message), _("That stays as it is.")]
        case MailSituation.OFFERED if message.facts.get("until"):
            return [
                ngettext(
                    "A place is kept for you until %(until)s.",
                    "%(num)d places are kept for you until %(until)s.",
                    int(message.facts.get("offered") or seats_of(message)),
                    until=deadline_text(message),
                )
            ]
    return [state_sentence(message)]
