"""Labels: the short texts around a mail's ticket, and where its one button leads."""

from __future__ import annotations

from dataclasses import dataclass

from rsvp.formats.mail.texts.shared import (
    Standing,
    _,
    _n,
    asks_about_change,
    is_neutral,
    is_online,
    seats_of,
    standing,
    was_of,
    what_of,
)
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import State


@dataclass(frozen=True)
class Labels:
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


def labels_of(message: Message, *, joins: bool, method: str | None) -> Labels:
    """`joins`: the button is the link to join. `method`: of the calendar entry."""
    stands = standing(message)
    states = {
        Standing.HELD: _("◌ Address to be confirmed"),
        Standing.REQUESTED: _("○ Requested"),
        Standing.IN_LINE: _("◔ Waitlisted"),
        Standing.OFFERED: _("◑ Offered"),
        Standing.SEATED: _("● Confirmed"),
        Standing.ASKED: _("◑ Still coming?"),
        Standing.RELEASED: _("↺ Given on"),
        Standing.OFF: _("✕ Cancelled"),
        Standing.DECLINED: _("✕ Declined"),
        Standing.LAPSED: _("– Lapsed"),
        Standing.PAST: _("– Over"),
    }
    calendars = {
        None: "",
        "PUBLISH": _("The date is attached for your calendar."),
        "CANCEL": _("The attached file takes the date out of your calendar."),
    }
    if message.kind == MessageKind.NOTE:
        # The organizers' words alone; the page is for those who look for it.
        is_off = message.event.status == Status.CANCELLED
        foot = (not is_off and button(message)) or _("Open your registration")
        return Labels(states[stands], "", "", False, "", "", "", False, foot)
    if message.kind == MessageKind.EVENT_CHANGED:
        calendars["PUBLISH"] = _("The attached file brings your calendar up to date.")
    asks = asks_about_change(message)
    give_up, why = ("", "") if asks else giving_up(message)
    return Labels(
        state=states[stands],
        button=_("Join online") if joins and not asks else button(message),
        second=second(message),
        asks=asks or stands in ASKED or may_be_late(message),
        give_up=give_up,
        give_up_why=why,
        calendar=calendars[method],
        registers_again=is_out_by_choice(message)
        and not is_neutral(message)
        and message.event.status == Status.PUBLISHED,
    )


ASKED = (Standing.HELD, Standing.OFFERED, Standing.ASKED)


def is_out_by_choice(message: Message) -> bool:
    """Whether they gave up, or did not say that they still come: they may change their
    mind."""
    silent = what_of(message) in ("no_answer", "not_reached")
    return message.kind == MessageKind.CANCELLED or (
        message.kind == MessageKind.RELEASED and silent
    )


def may_be_late(message: Message) -> bool:
    """Whether what has lapsed can still be answered: a yes if there is room."""
    late = was_of(message) in (State.HELD, State.OFFERED)
    return message.kind == MessageKind.LAPSED and late


def button(message: Message) -> str:
    if asks_about_change(message):
        return yes(message)
    match standing(message):
        case Standing.HELD:
            return _("Confirm your address")
        case Standing.OFFERED:
            return _("Answer the offer")
        case Standing.ASKED:
            return yes(message)
        case Standing.REQUESTED:
            return _("Open your request")
        case Standing.SEATED if not is_online(message):
            return _n("Open your ticket", "Open your tickets", seats_of(message))
        case Standing.SEATED | Standing.IN_LINE:
            return _("Open your registration")
    return _("Open your registration") if may_be_late(message) else ""


def yes(message: Message) -> str:
    return _n("Yes, I’m coming", "Yes, we’re coming", seats_of(message))


def second(message: Message) -> str:
    if standing(message) != Standing.ASKED and not asks_about_change(message):
        return ""
    return _n("Give the place up", "Give the places up", seats_of(message))


def giving_up(message: Message) -> tuple[str, str]:
    """What a link for those whose plans change is called, and what it is good for;
    empty where the button asks for an answer anyway."""
    match standing(message):
        case Standing.IN_LINE:
            return _("leave the line"), _(" so that the others move up")
        case Standing.REQUESTED:
            return _("withdraw your request"), ""
        case Standing.SEATED if is_online(message):
            return _("cancel your registration"), ""
        case Standing.SEATED:
            give_up = _n("give your place up", "give a place up", seats_of(message))
            return give_up, _(" so that somebody else can come")
    return "", ""
