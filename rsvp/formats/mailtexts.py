"""Mail texts: what each kind of message says, the most important sentence first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import gettext, ngettext

from rsvp import i18n
from rsvp.formats import feeds
from rsvp.models import Message
from rsvp.models.event import Mode
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import State

_: Callable[..., str] = gettext
_n: Callable[..., str] = ngettext


class Standing(StrEnum):
    """How the registration stands, as far as this message is concerned."""

    SEATED = "confirmed"
    IN_LINE = "waitlisted"
    OFF = "cancelled"


@dataclass(frozen=True)
class Words:
    subject: str
    headline: str
    lead: tuple[str, ...]


def standing(message: Message) -> Standing:
    match message.kind:
        case MessageKind.CONFIRMATION | MessageKind.PROMOTED:
            return Standing.SEATED
        case MessageKind.WAITLISTED:
            return Standing.IN_LINE
        case MessageKind.CANCELLED | MessageKind.EVENT_CANCELLED:
            return Standing.OFF
    return Standing(message.registration.state)


def words(message: Message) -> Words:
    """Subject, first sentence and the ones after it.

    What a discreet event is called stands in none of them: they show on locked screens.
    """
    subject, headline, lead = WRITERS[MessageKind(message.kind)](message)
    if message.event.discreet:
        subject = _("Your registration")
    return Words(subject, headline, tuple(text for text in lead if text))


Parts = tuple[str, str, list[str]]


def confirmation(message: Message) -> Parts:
    title, seats = title_of(message), seats_of(message)
    if is_online(message):
        return (
            _("Your link for %(title)s", title=title),
            _("You're registered."),
            (how_to_attend(message)),
        )
    return (
        _n(
            "Your ticket for %(title)s",
            "Your %(num)d tickets for %(title)s",
            seats,
            title=title,
        ),
        _n("Your place is confirmed.", "Your %(num)d places are confirmed.", seats),
        how_to_attend(message),
    )


def promoted(message: Message) -> Parts:
    seats = seats_of(message)
    if message.facts.get("what") == "confirm_above":
        headline = _n(
            "The organizers have made a place for you.",
            "The organizers have made %(num)d places for you.",
            seats,
        )
    else:
        headline = _n(
            "A place came free, and it's yours.",
            "%(num)d places came free, and they're yours.",
            seats,
        )
    return (
        _("You're off the waitlist: %(title)s", title=title_of(message)),
        headline,
        [
            *how_to_attend(message),
            _("Can't come any more? Please say so soon: others are waiting."),
        ],
    )


def waitlisted(message: Message) -> Parts:
    return (
        _("You're on the waitlist for %(title)s", title=title_of(message)),
        place_in_line(message),
        [when_a_place_comes_free(message)],
    )


def changed(message: Message) -> Parts:
    seats, who = seats_of(message), message.facts.get("who")
    subject = _("Your registration for %(title)s has changed", title=title_of(message))
    if message.facts.get("what") != "guest_cancelled":
        return subject, _("Your registration has changed."), [how_it_stands(message)]
    return (
        subject,
        _("%(name)s is no longer coming.", name=feeds.clean(who))
        if who
        else _("One of your guests is no longer coming."),
        [
            _("The place is free for somebody else; that ticket is no longer valid.")
            if standing(message) == Standing.SEATED
            else "",
            _n(
                "Your own place stays as it is.",
                "The other %(num)d of you stay registered.",
                seats,
            ),
            place_in_line(message) if standing(message) == Standing.IN_LINE else "",
        ],
    )


def ticket_again(message: Message) -> Parts:
    title, seats = title_of(message), seats_of(message)
    match standing(message):
        case Standing.SEATED:
            subject, *_rest = confirmation(message)
            lead = [why_again(message), *how_to_attend(message)]
            if message.facts.get("what") == "new_codes":
                return (
                    subject,
                    _n(
                        "You have a new ticket.", "You have %(num)d new tickets.", seats
                    ),
                    lead,
                )
            return (
                _("Once more: %(subject)s", subject=subject),
                _n(
                    "You have a place already.",
                    "You have %(num)d places already.",
                    seats,
                ),
                lead,
            )
        case Standing.IN_LINE:
            subject = _("You're on the waitlist for %(title)s", title=title)
            lead = [why_again(message), when_a_place_comes_free(message)]
            return subject, place_in_line(message), lead
    return cancelled(message)


def why_again(message: Message) -> str:
    match message.facts.get("what"):
        case "sent_again":
            return _("The organizers send you this once more. Nothing has changed.")
        case "new_codes":
            return _(
                "The organizers made new codes and links for you. Those in earlier "
                "mails no longer work."
            )
    return _(
        "Somebody, most likely you, registered with this address again. It already has "
        "a registration, so nothing has changed."
    )


def cancelled(message: Message) -> Parts:
    registration = message.registration
    subject = _("Your registration for %(title)s is cancelled", title=title_of(message))
    waited = message.facts.get("was") == State.WAITLISTED
    headline = _("Your registration is cancelled.")
    if waited:
        headline = _("You are no longer on the waitlist.")
    if registration.ended_by == "attendee":
        thanks = _("Thank you for telling: somebody else can come instead.")
        lead = [_("Those behind you have moved up.") if waited else thanks]
    else:
        why = feeds.clean(registration.ended_why or "")
        lead = [
            _("The organizers cancelled it."),
            _("They wrote: %(why)s", why=why) if why else "",
        ]
    return subject, headline, [*lead, "" if waited else tickets_are_off()]


def event_cancelled(message: Message) -> Parts:
    title = title_of(message)
    why = feeds.clean(str(message.facts.get("why") or ""))
    return (
        _("Cancelled: %(title)s", title=title),
        _("The event is cancelled.")
        if message.event.discreet
        else _("%(title)s is cancelled.", title=title),
        [
            _("The organizers had to call it off. We're sorry."),
            _("They wrote: %(why)s", why=why) if why else "",
            _("You don't need to do anything. Your registration no longer counts."),
        ],
    )


WRITERS: dict[MessageKind, Callable[[Message], Parts]] = {
    MessageKind.CONFIRMATION: confirmation,
    MessageKind.WAITLISTED: waitlisted,
    MessageKind.PROMOTED: promoted,
    MessageKind.CHANGED: changed,
    MessageKind.CANCELLED: cancelled,
    MessageKind.TICKET_AGAIN: ticket_again,
    MessageKind.EVENT_CANCELLED: event_cancelled,
}


# --- sentences that several kinds share ---------------------------------------------


def how_to_attend(message: Message) -> list[str]:
    if is_online(message):
        if not message.event.join_url:
            return [_("The link to join will be on your registration's page.")]
        return [
            _("Join with the link below. It is for those registered: don't pass it on.")
        ]
    return [
        _n(
            "Show the code on your ticket at the door, on your phone or on paper.",
            "Each of you has a ticket with its own code. Show them at the door, on a "
            "phone or on paper.",
            seats_of(message),
        )
    ]


def when_a_place_comes_free(message: Message) -> str:
    return _n(
        "As soon as a place comes free, it is yours and we mail you the ticket. You "
        "don't need to do anything.",
        "As soon as %(num)d places are free together, they are yours and we mail you "
        "the tickets. You don't need to do anything.",
        seats_of(message),
    )


def place_in_line(message: Message) -> str:
    place = message.facts.get("place")
    if not place:
        return _("You're on the waitlist.")
    return _("You're on the waitlist, %(place)s in line.", place=i18n.ordinal(place))


def how_it_stands(message: Message) -> str:
    match standing(message):
        case Standing.SEATED:
            seats = seats_of(message)
            return _n("You have a place.", "You have %(num)d places.", seats)
        case Standing.IN_LINE:
            return place_in_line(message)
    return tickets_are_off()


def tickets_are_off() -> str:
    return _("Any ticket from an earlier mail is no longer valid.")


def title_of(message: Message) -> str:
    return feeds.clean(message.event.title)


def seats_of(message: Message) -> int:
    return int(message.facts.get("seats") or message.registration.seats or 1)


def is_online(message: Message) -> bool:
    return bool(mode_of(message) == Mode.ONLINE)


def mode_of(message: Message) -> str:
    return str(message.facts.get("mode") or message.registration.admission.mode)


def is_seated_now(message: Message) -> bool:
    """Whether what the message says of its seats is still so when it is written."""
    return (
        standing(message) == Standing.SEATED
        and message.registration.state == State.CONFIRMED
    )
