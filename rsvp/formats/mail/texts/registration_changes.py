"""Again: the mails about what changed in a registration, and those sent once more."""

from __future__ import annotations

from rsvp.formats.feeds import icalendar
from rsvp.formats.mail.texts import endings
from rsvp.formats.mail.texts.places import ticket_subject
from rsvp.formats.mail.texts.shared import (
    Parts,
    Standing,
    _,
    _n,
    asked_for,
    fewer_is_fine,
    how_it_stands,
    how_requests_go_on,
    how_to_attend,
    place_in_line,
    seats_of,
    standing,
    title_of,
    what_of,
    when_a_place_comes_free,
    why_again,
)
from rsvp.models import Message

# --- what changed -------------------------------------------------------------------


def changed(message: Message) -> Parts:
    subject = _("Your registration for %(title)s has changed", title=title_of(message))
    writer = CHANGED.get(what_of(message) or "", details)
    headline, lead = writer(message)
    return subject, headline, lead


def guest_cancelled(message: Message) -> tuple[str, list[str]]:
    seats, who = seats_of(message), icalendar.clean(message.facts.get("who") or "")
    headline = _("One of your guests is no longer coming.")
    if who and message.registration.proved_at is not None:
        headline = _("%(name)s is no longer coming.", name=who)
    stays = _n(
        "Your own place stays as it is.",
        "The other %(num)d of you stay registered.",
        seats,
    )
    if standing(message) == Standing.SEATED:
        free = _("The place is free for somebody else; that ticket is no longer valid.")
        return headline, [free, stays]
    if standing(message) == Standing.IN_LINE:
        return headline, [stays, place_in_line(message)]
    return headline, [how_it_stands(message)]


def guest_added(message: Message) -> tuple[str, list[str]]:
    headline = _n(
        "You are one person now.",
        "A guest was added: you are %(num)d people now.",
        seats_of(message),
    )
    match standing(message):
        case Standing.SEATED:
            return headline, how_to_attend(message)
        case Standing.IN_LINE:
            return headline, [
                place_in_line(message),
                _("A larger party takes a new place, at the end of the line."),
                when_a_place_comes_free(message),
                fewer_is_fine(message),
            ]
    return headline, [how_it_stands(message)]


def moved(message: Message) -> tuple[str, list[str]]:
    admission = icalendar.clean(
        message.facts.get("admission") or message.registration.admission.name
    )
    headline = _("You will attend in another way.")
    if not message.event.discreet:
        headline = _("Your registration is for “%(way)s” now.", way=admission)
    match standing(message):
        case Standing.SEATED:
            return headline, [how_it_stands(message), *how_to_attend(message)]
        case Standing.IN_LINE:
            return headline, [
                place_in_line(message),
                when_a_place_comes_free(message),
            ]
    return headline, [how_it_stands(message)]


def details(message: Message) -> tuple[str, list[str]]:
    return _("Your registration has changed."), [
        _("Names or answers are different now; see the page below."),
        how_it_stands(message),
    ]


CHANGED = {
    "guest_cancelled": guest_cancelled,
    "guest_added": guest_added,
    "moved": moved,
}


# --- once more ----------------------------------------------------------------------


def ticket_again(message: Message) -> Parts:
    title, why = title_of(message), why_again(message) or registered_again()
    match standing(message):
        case Standing.SEATED:
            return seated_again(message, why)
        case Standing.IN_LINE:
            subject = _("You’re on the waitlist for %(title)s", title=title)
            lead = [why, when_a_place_comes_free(message), fewer_is_fine(message)]
            return subject, place_in_line(message), lead
        case Standing.REQUESTED:
            subject = _("Your request for %(title)s", title=title)
            return subject, asked_for(message), [why, how_requests_go_on()]
        case Standing.HELD | Standing.OFFERED:
            subject = _("Your registration for %(title)s", title=title)
            return subject, how_it_stands(message), [why]
        case Standing.RELEASED:
            return endings.released(message)
        case Standing.DECLINED:
            return endings.declined(message)
        case Standing.LAPSED:
            return endings.lapsed(message)
    return endings.cancelled(message)


def seated_again(message: Message, why: str) -> Parts:
    seats, subject = seats_of(message), ticket_subject(message)
    if what_of(message) == "new_codes":
        headline = _n("You have a new ticket.", "You have %(num)d new tickets.", seats)
    else:
        subject = _("Once more: %(subject)s", subject=subject)
        headline = _n(
            "You have a place already.", "You have %(num)d places already.", seats
        )
    if what_of(message) == "lost":
        headline = how_it_stands(message)
    return subject, headline, [why, *how_to_attend(message)]


def registered_again() -> str:
    return _(
        "Somebody, most likely you, registered with this address again. It already has "
        "a registration, so nothing has changed."
    )
