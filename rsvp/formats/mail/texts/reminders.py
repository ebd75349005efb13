"""Texts of reminders, reconfirmation requests and thank-you mails."""

from __future__ import annotations

from datetime import datetime

from rsvp import i18n
from rsvp.formats.mail.texts.shared import (
    MailSituation,
    TextParts,
    attendance_sentences,
    clock_text,
    deadline_text,
    is_neutral,
    is_online,
    no_answer_sentence,
    promotion_sentence,
    requested_sentence,
    seats_of,
    situation_of,
    state_sentence,
    tickets_void_sentence,
    title_of,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message

# --- before it begins ---------------------------------------------------------------


def reminder(message: Message, at: datetime) -> TextParts:
    """Said at `at`: how far off it is follows from when the mail is written."""
    when, title = time_left_phrase(message, at), title_of(message)
    subject = _("%(when)s: %(title)s", when=when, title=title)
    if is_neutral(message):
        return subject, state_sentence(message), []
    return subject, start_sentence(message, at), state_sentences(message)


def days_until(message: Message, at: datetime) -> int:
    """Return how many days from `at` to the start, by the calendar of the event's
    zone."""
    event = message.event
    today = at.astimezone(event.zone).date()
    return (event.starts_at.astimezone(event.zone).date() - today).days


def time_left_phrase(message: Message, at: datetime) -> str:
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
            return ngettext("In %(num)d day", "In %(num)d days", days)
    return _("Once more")


def start_sentence(message: Message, at: datetime) -> str:
    event, language = message.event, i18n.language_for(message.registration.language)
    title = _("It") if event.discreet else title_of(message)
    time = clock_text(message, event.starts_at)
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
            return ngettext(
                "%(title)s begins on %(day)s at %(time)s, in %(num)d day.",
                "%(title)s begins on %(day)s at %(time)s, in %(num)d days.",
                days,
                **words,
            )
    return _("%(title)s began on %(day)s at %(time)s.", **words)


def state_sentences(message: Message) -> list[str]:
    match situation_of(message):
        case MailSituation.SEATED:
            return [state_sentence(message), *attendance_sentences(message)]
        case MailSituation.IN_LINE:
            return [
                waitlist_place_sentence(message),
                promotion_sentence(message),
                standby_sentence(message),
            ]
        case MailSituation.REQUESTED:
            return [
                requested_sentence(message),
                _(
                    "The organizers have not decided yet. We mail you as soon as they "
                    "have; until then no place is kept for you."
                ),
            ]
        case MailSituation.OFFERED:
            return [
                ngettext(
                    "A place is kept for you until %(until)s.",
                    "%(num)d places are kept for you until %(until)s.",
                    int(message.facts.get("offered") or seats_of(message)),
                    until=deadline_text(message),
                ),
                _("Please answer by then, on the page below."),
            ]
        case MailSituation.HELD:
            return [
                state_sentence(message),
                _("Please confirm it on the page below, to keep your place."),
            ]
    return [tickets_void_sentence()]


def standby_sentence(message: Message) -> str:
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


def thank_you(message: Message) -> TextParts:
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


def still_coming(message: Message) -> TextParts:
    return (
        _("Are you still coming to %(title)s?", title=title_of(message)),
        _(
            "Are you still coming? Please answer by %(until)s.",
            until=deadline_text(message),
        ),
        [
            no_answer_sentence(message, message.facts.get("no_answer")),
            _(
                "Each of the buttons opens a page, and counts only once you press it "
                "there."
            ),
            _("Only some of you can come? The page leads to giving up single places.")
            if seats_of(message) > 1
            else "",
        ],
    )
