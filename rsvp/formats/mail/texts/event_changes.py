"""Texts of the mail about a changed event."""

from __future__ import annotations

from datetime import datetime

from rsvp import i18n
from rsvp.formats import location
from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.formats.mail.texts.shared import (
    TextParts,
    attendance_sentences,
    requested_sentence,
    seats_kept_sentence,
    state_sentence,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext


def event_changed(context: MailContext) -> TextParts:
    if context.is_neutral:
        headline = _("What you registered for has changed.")
        return change_subject(context), headline, [state_sentence(context)]
    return (
        change_subject(context),
        change_headline(context),
        [
            change_question(context),
            *unchanged_state_sentences(context),
        ],
    )


def change_subject(context: MailContext) -> str:
    title, changed = context.title, context.changed_parts
    match sorted(changed):
        case ["time"]:
            return _("Another time: %(title)s", title=title)
        case ["place"]:
            return _("Another place: %(title)s", title=title)
        case ["link"]:
            return _("Another way to join: %(title)s", title=title)
    if "mode" in changed and context.is_online:
        return _("Now online: %(title)s", title=title)
    if "mode" in changed:
        return _("Now in person: %(title)s", title=title)
    return _("Changed: %(title)s", title=title)


def change_headline(context: MailContext) -> str:
    changed, title = context.changed_parts, context.title
    if context.event.discreet:
        title = _("It")
    begins = new_start_phrase(context) if "time" in changed else ""
    match begins, new_place_phrase(context, changed):
        case "", "":
            if "time" in changed:
                return new_end_sentence(context, title)
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


def new_start_phrase(context: MailContext) -> str:
    """`on Friday 5 February at 18:00`; empty where it begins when it always did."""
    event = context.event
    old = context.facts.get("before") or {}
    if old and datetime.fromisoformat(old["starts"]) == event.starts_at:
        return ""
    day = i18n.near_day(event.starts_at, event.zone, context.language)
    return _("on %(day)s at %(time)s", day=day, time=context.clock(event.starts_at))


def new_end_sentence(context: MailContext, title: str) -> str:
    time = context.clock(context.event.ends_at)
    return _("%(title)s now ends at %(time)s.", title=title, time=time)


def new_place_phrase(context: MailContext, changed: set[str]) -> str:
    """`at The Library`; empty where it is where it was. The first sentence shows on
    locked screens: it says as little of where a discreet event is as of its title."""
    if "mode" in changed and context.is_online:
        return _("online")
    if not {"mode", "place"} & changed:
        return ""
    venue = location.venue_lines(context.event)
    if venue and not context.event.discreet:
        return _("at %(place)s", place=venue[0])
    return _("on site") if "mode" in changed else _("somewhere else")


def change_question(context: MailContext) -> str:
    if not context.asks_about_change:
        return ""
    return ngettext(
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your place.",
        "Is that fine with you? Please say so on the page below. Without an answer you "
        "keep your %(num)d places.",
        context.seats,
    )


def unchanged_state_sentences(context: MailContext) -> list[str]:
    match context.situation:
        case MailSituation.SEATED if context.is_online:
            return [_("You stay registered."), *attendance_sentences(context)]
        case MailSituation.SEATED if context.asks_about_change:
            return [
                ngettext(
                    "Your ticket stays valid.",
                    "Your tickets stay valid.",
                    context.seats,
                )
            ]
        case MailSituation.SEATED:
            return [
                ngettext(
                    "You keep your place, and your ticket stays valid.",
                    "You keep your %(num)d places, and your tickets stay valid.",
                    context.seats,
                )
            ]
        case MailSituation.IN_LINE:
            return [waitlist_place_sentence(context), _("That stays as it is.")]
        case MailSituation.REQUESTED:
            return [requested_sentence(context), _("That stays as it is.")]
        case MailSituation.OFFERED if context.facts.get("until"):
            return [seats_kept_sentence(context, context.offered_seats)]
    return [state_sentence(context)]
