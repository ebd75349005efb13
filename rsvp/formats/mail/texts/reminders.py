"""Texts of reminders, reconfirmation requests and thank-you mails."""

from __future__ import annotations

from rsvp import i18n
from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.formats.mail.texts.shared import (
    TextParts,
    attendance_sentences,
    no_answer_sentence,
    promotion_sentence,
    requested_sentence,
    seats_kept_sentence,
    state_sentence,
    tickets_void_sentence,
    waitlist_place_sentence,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext

# --- before it begins ---------------------------------------------------------------


def reminder(context: MailContext) -> TextParts:
    when, title = time_left_phrase(context), context.title
    subject = _("%(when)s: %(title)s", when=when, title=title)
    if context.is_neutral:
        return subject, state_sentence(context), []
    return subject, start_sentence(context), state_sentences(context)


def days_left(context: MailContext) -> int:
    """Return how many days there are to the start when the mail is written, by the
    calendar of the event's zone."""
    event = context.event
    today = context.at.astimezone(event.zone).date()
    return (event.starts_at.astimezone(event.zone).date() - today).days


def time_left_phrase(context: MailContext) -> str:
    match days_left(context):
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


def start_sentence(context: MailContext) -> str:
    event = context.event
    title = _("It") if event.discreet else context.title
    time = context.clock(event.starts_at)
    day = i18n.near_day(event.starts_at, event.zone, context.language)
    words = {"title": title, "day": day, "time": time}
    match days_left(context):
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


def state_sentences(context: MailContext) -> list[str]:
    match context.situation:
        case MailSituation.SEATED:
            return [state_sentence(context), *attendance_sentences(context)]
        case MailSituation.IN_LINE:
            return [
                waitlist_place_sentence(context),
                promotion_sentence(context),
                standby_sentence(context),
            ]
        case MailSituation.REQUESTED:
            return [
                requested_sentence(context),
                _(
                    "The organizers have not decided yet. We mail you as soon as they "
                    "have; until then no place is kept for you."
                ),
            ]
        case MailSituation.OFFERED:
            return [
                seats_kept_sentence(context, context.offered_seats),
                _("Please answer by then, on the page below."),
            ]
        case MailSituation.HELD:
            return [
                state_sentence(context),
                _("Please confirm it on the page below, to keep your place."),
            ]
    return [tickets_void_sentence()]


def standby_sentence(context: MailContext) -> str:
    """What those who wait may still hope for on the evening itself."""
    if context.is_online:
        return ""
    event = context.event
    return _(
        "From %(time)s on, places that are still free go to those who stand at the "
        "door, in the order of the line.",
        time=i18n.clock(event.doors_open_at, event.zone),
    )


# --- after it is over ---------------------------------------------------------------


def thank_you(context: MailContext) -> TextParts:
    title, is_discreet = context.title, context.event.discreet
    if context.facts.get("came"):
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


def still_coming(context: MailContext) -> TextParts:
    return (
        _("Are you still coming to %(title)s?", title=context.title),
        _(
            "Are you still coming? Please answer by %(until)s.",
            until=context.deadline,
        ),
        [
            no_answer_sentence(context, context.facts.get("no_answer")),
            _(
                "Each of the buttons opens a page, and counts only once you press it "
                "there."
            ),
            _("Only some of you can come? The page leads to giving up single places.")
            if context.seats > 1
            else "",
        ],
    )
