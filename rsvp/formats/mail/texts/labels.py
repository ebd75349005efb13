"""Labels in mails: state, buttons and links around the ticket."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from rsvp.formats.mail.texts.shared import (
    MailSituation,
    asks_about_change,
    cause_of,
    is_neutral,
    is_online,
    seats_of,
    situation_of,
    state_before,
)
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message
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


def mail_labels(message: Message, *, joins: bool, method: str | None) -> MailLabels:
    """`joins`: the button is the link to join. `method`: of the calendar entry."""
    situation = situation_of(message)
    state = SITUATION_LABELS[situation].text
    calendars = {
        None: "",
        "PUBLISH": _("The date is attached for your calendar."),
        "CANCEL": _("The attached file takes the date out of your calendar."),
    }
    if message.kind == MessageKind.NOTE:
        # The organizers' words alone; the page is for those who look for it.
        is_off = message.event.status == Status.CANCELLED
        foot = (not is_off and button_label(message)) or _("Open your registration")
        return MailLabels(state, "", "", False, "", "", "", False, foot)
    if message.kind == MessageKind.EVENT_CHANGED:
        calendars["PUBLISH"] = _("The attached file brings your calendar up to date.")
    asks = asks_about_change(message)
    give_up, give_up_why = ("", "") if asks else give_up_label(message)
    return MailLabels(
        state=state,
        button=_("Join online") if joins and not asks else button_label(message),
        second=second_label(message),
        asks=asks or situation in ANSWERABLE or may_answer_late(message),
        give_up=give_up,
        give_up_why=give_up_why,
        calendar=calendars[method],
        registers_again=may_register_again(message)
        and not is_neutral(message)
        and message.event.status == Status.PUBLISHED,
    )


ANSWERABLE = (MailSituation.HELD, MailSituation.OFFERED, MailSituation.ASKED)


def may_register_again(message: Message) -> bool:
    """Whether they gave up, or did not say that they still come: they may change their
    mind."""
    silent = cause_of(message) in ("no_answer", "not_reached")
    return message.kind == MessageKind.CANCELLED or (
        message.kind == MessageKind.RELEASED and silent
    )


def may_answer_late(message: Message) -> bool:
    """Whether what has lapsed can still be answered: a yes if there is room."""
    late = state_before(message) in (State.HELD, State.OFFERED)
    return message.kind == MessageKind.LAPSED and late


def button_label(message: Message) -> str:
    if asks_about_change(message):
        return yes_label(message)
    match situation_of(message):
        case MailSituation.HELD:
            return _("Confirm your address")
        case MailSituation.OFFERED:
            return _("Answer the offer")
        case MailSituation.ASKED:
            return yes_label(message)
        case MailSituation.REQUESTED:
            return _("Open your request")
        case MailSituation.SEATED if not is_online(message):
            return ngettext("Open your ticket", "Open your tickets", seats_of(message))
        case MailSituation.SEATED | MailSituation.IN_LINE:
            return _("Open your registration")
    return _("Open your registration") if may_answer_late(message) else ""


def yes_label(message: Message) -> str:
    return ngettext("Yes, I’m coming", "Yes, we’re coming", seats_of(message))


def second_label(message: Message) -> str:
    if situation_of(message) != MailSituation.ASKED and not asks_about_change(message):
        return ""
    return ngettext("Give the place up", "Give the places up", seats_of(message))


def give_up_label(message: Message) -> tuple[str, str]:
    """Return the label of the link for those whose plans change, and what it is good
    for; empty where the button asks for an answer anyway."""
    match situation_of(message):
        case MailSituation.IN_LINE:
            return _("leave the line"), _(" so that the others move up")
        case MailSituation.REQUESTED:
            return _("withdraw your request"), ""
        case MailSituation.SEATED if is_online(message):
            return _("cancel your registration"), ""
        case MailSituation.SEATED:
            give_up = ngettext(
                "give your place up", "give a place up", seats_of(message)
            )
            return give_up, _(" so that somebody else can come")
    return "", ""
