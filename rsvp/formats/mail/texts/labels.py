"""Labels in mails: state, buttons and links around the ticket."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models.event import Phase, Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.text.states import PHASE_LABELS, STATE_LABELS, StateLabel

SITUATION_LABELS = {
    MailSituation.HELD: STATE_LABELS[State.HELD],
    MailSituation.REQUESTED: STATE_LABELS[State.REQUESTED],
    MailSituation.IN_LINE: STATE_LABELS[State.WAITLISTED],
    MailSituation.OFFERED: STATE_LABELS[State.OFFERED],
    MailSituation.SEATED: STATE_LABELS[State.CONFIRMED],
    MailSituation.ASKED: StateLabel("asked", _l("Still coming?")),
    MailSituation.RELEASED: STATE_LABELS[State.RELEASED],
    MailSituation.OFF: STATE_LABELS[State.CANCELLED],
    MailSituation.DECLINED: STATE_LABELS[State.DECLINED],
    MailSituation.LAPSED: STATE_LABELS[State.LAPSED],
    MailSituation.PAST: PHASE_LABELS[Phase.OVER],
}


@dataclass(frozen=True)
class MailLabels:
    """`button` leads to the registration's page, and stands above the ticket where it
    `asks` for an answer; empty: there is nothing to do there. `second` is the other
    answer, where the question has two. `foot` is what a link to that page is called in
    a mail without a ticket."""

    state: str
    button: str
    second: str
    asks: bool
    give_up: str
    give_up_why: str
    calendar: str
    registers_again: bool
    foot: str = ""


def mail_labels(context: MailContext, *, joins: bool, method: str | None) -> MailLabels:
    """`joins`: the button is the link to join. `method`: of the calendar entry."""
    situation = context.situation
    state = SITUATION_LABELS[situation].text
    calendars = {
        None: "",
        "PUBLISH": _("The date is attached for your calendar."),
        "CANCEL": _("The attached file takes the date out of your calendar."),
    }
    if context.kind == MessageKind.NOTE:
        # The organizers' words alone; the page is for those who look for it.
        is_off = context.event.status == Status.CANCELLED
        foot = (not is_off and button_label(context)) or _("Open your registration")
        return MailLabels(state, "", "", False, "", "", "", False, foot)
    if context.kind == MessageKind.EVENT_CHANGED:
        calendars["PUBLISH"] = _("The attached file brings your calendar up to date.")
    asks = context.asks_about_change
    give_up, give_up_why = ("", "") if asks else give_up_label(context)
    return MailLabels(
        state=state,
        button=_("Join online") if joins and not asks else button_label(context),
        second=second_label(context),
        asks=asks or situation in ANSWERABLE or may_answer_late(context),
        give_up=give_up,
        give_up_why=give_up_why,
        calendar=calendars[method],
        registers_again=may_register_again(context)
        and not context.is_neutral
        and context.event.status == Status.PUBLISHED,
    )


ANSWERABLE = (MailSituation.HELD, MailSituation.OFFERED, MailSituation.ASKED)


def may_register_again(context: MailContext) -> bool:
    """Whether they gave up, or did not say that they still come: they may change their
    mind."""
    silent = context.cause in ("no_answer", "not_reached")
    return context.kind == MessageKind.CANCELLED or (
        context.kind == MessageKind.RELEASED and silent
    )


def may_answer_late(context: MailContext) -> bool:
    """Whether what has lapsed can still be answered: a yes if there is room."""
    late = context.state_before in (State.HELD, State.OFFERED)
    return context.kind == MessageKind.LAPSED and late


def button_label(context: MailContext) -> str:
    if context.asks_about_change:
        return yes_label(context)
    match context.situation:
        case MailSituation.HELD:
            return _("Confirm your address")
        case MailSituation.OFFERED:
            return _("Answer the offer")
        case MailSituation.ASKED:
            return yes_label(context)
        case MailSituation.REQUESTED:
            return _("Open your request")
        case MailSituation.SEATED if not context.is_online:
            return ngettext("Open your ticket", "Open your tickets", context.seats)
        case MailSituation.SEATED | MailSituation.IN_LINE:
            return _("Open your registration")
    return _("Open your registration") if may_answer_late(context) else ""


def yes_label(context: MailContext) -> str:
    return ngettext("Yes, I’m coming", "Yes, we’re coming", context.seats)


def second_label(context: MailContext) -> str:
    if context.situation != MailSituation.ASKED and not context.asks_about_change:
        return ""
    return ngettext("Give the place up", "Give the places up", context.seats)


def give_up_label(context: MailContext) -> tuple[str, str]:
    """Return the label of the link for those whose plans change, and what it is good
    for; empty where the button asks for an answer anyway."""
    match context.situation:
        case MailSituation.IN_LINE:
            return _("leave the line"), _(" so that the others move up")
        case MailSituation.REQUESTED:
            return _("withdraw your request"), ""
        case MailSituation.SEATED if context.is_online:
            return _("cancel your registration"), ""
        case MailSituation.SEATED:
            give_up = ngettext("give your place up", "give a place up", context.seats)
            return give_up, _(" so that somebody else can come")
    return "", ""
