"""Mail cases: every mail there is, with its cause and its first words."""

from __future__ import annotations

from typing import Any

from rsvp.models.registration import State
from tests.support.mail.event_cases import EVENT_CASES
from tests.support.mail.mail_case import (
    ANSWER,
    BY,
    CANCELLED,
    CHANGED,
    CONFIRM,
    LINE,
    LINK,
    OPEN,
    PAGE,
    TICKET,
    WHY,
    YES,
    MailCase,
    ended_case,
)
from tests.support.mail.messages import UNTIL


def confirmation_case(what: str | None, first: str, says: str, **more: Any) -> MailCase:
    return MailCase(
        "confirmation",
        State.CONFIRMED,
        TICKET,
        first,
        says,
        OPEN,
        "PUBLISH",
        facts={"what": what} | more.pop("facts", {}),
        online=LINK,
        **more,
    )


def waitlist_case(what: str | None, says: str, **facts: Any) -> MailCase:
    first = "You’re on the waitlist, 4th in line."
    facts = {"what": what, "place": 4} | facts
    return MailCase(
        "waitlisted", State.WAITLISTED, LINE, first, says, PAGE, facts=facts
    )


def cancelled_case(was: str, first: str, says: str, **more: Any) -> MailCase:
    values = {"ended_by": "attendee", "ended_from": was}
    return MailCase(
        "cancelled",
        State.CANCELLED,
        CANCELLED,
        first,
        says,
        facts={"was": was},
        values=values,
        **more,
    )


def ticket_again_case(
    state: str, what: str | None, *told: Any, **more: Any
) -> MailCase:
    facts = {"what": what, "place": 4 if state == State.WAITLISTED else None}
    return MailCase("ticket_again", state, *told, facts=facts, **more)


EVERY_MAIL = [
    # asked first
    MailCase(
        "confirm_address",
        State.HELD,
        "Please confirm your address: Letters and Soup",
        f"A place is kept for you until {BY}.",
        "Your ticket comes by mail after that.",
        CONFIRM,
        facts={"until": UNTIL.isoformat()},
        online_first=f"A place is kept for you until {BY} (Amsterdam time).",
    ),
    MailCase(
        "confirm_address",
        State.HELD,
        "Please confirm your address: Letters and Soup",
        f"2 places are kept for you until {BY}.",
        "The organizers send you this once more.",
        CONFIRM,
        facts={"what": "sent_again"},
        names=("Ada Lovelace", None),
        online_first=f"2 places are kept for you until {BY} (Amsterdam time).",
    ),
    MailCase(
        "requested",
        State.REQUESTED,
        "Your request for Letters and Soup",
        "You’ve asked for a place.",
        "Until then no place is kept for you.",
        "Open your request",
    ),
    *(
        MailCase(
            kind,
            state,
            subject,
            first,
            "The registration belongs to this address now.",
            button,
            facts={"what": "address", "offered": 1},
            online_first=online_first,
        )
        for kind, state, subject, first, button, online_first in (
            (
                "confirm_address",
                State.HELD,
                "Please confirm your address: Letters and Soup",
                f"A place is kept for you until {BY}.",
                CONFIRM,
                f"A place is kept for you until {BY} (Amsterdam time).",
            ),
            (
                "requested",
                State.REQUESTED,
                "Your request for Letters and Soup",
                "You’ve asked for a place.",
                "Open your request",
                None,
            ),
            (
                "offer",
                State.OFFERED,
                "A place is free for you: Letters and Soup",
                f"A place is kept for you until {BY}.",
                ANSWER,
                f"A place is kept for you until {BY} (Amsterdam time).",
            ),
        )
    ),
    # a place
    confirmation_case(
        None,
        "Your place is confirmed.",
        "Show the code on your ticket at the door",
        online_first="You’re registered.",
    ),
    confirmation_case(
        "approved",
        "The organizers said yes: your place is confirmed.",
        f"They wrote: “{WHY}”",
        facts={"why": WHY},
    ),
    confirmation_case(
        "confirmed_address", "Thank you: your place is confirmed.", "Show the code"
    ),
    confirmation_case("accepted", "You took the place: it’s yours.", "Show the code"),
    confirmation_case(
        "reinstated",
        "You have your place back.",
        "The organizers brought your registration back.",
    ),
    confirmation_case(
        "passed_on",
        "Somebody passed their place on to you.",
        "It’s yours now.",
    ),
    confirmation_case(
        "address",
        "Your place is confirmed.",
        "Links and codes in earlier mails no longer work.",
        online_first="You’re registered.",
    ),
    *(
        MailCase(
            "promoted",
            State.CONFIRMED,
            "You’re off the waitlist: Letters and Soup",
            first,
            "Can’t come any more?",
            OPEN,
            "PUBLISH",
            facts={"what": what},
        )
        for what, first in (
            ("promote", "A place came free, and it’s yours."),
            ("confirm", "A place came free, and it’s yours."),
            ("confirm_above", "The organizers have made a place for you."),
        )
    ),
    MailCase(
        "promoted",
        State.CONFIRMED,
        TICKET,
        "You got a place at the door.",
        "Show the code",
        OPEN,
        "PUBLISH",
        facts={"what": "seat_present"},
        online=LINK,
    ),
    # the line, and an offer
    waitlist_case(None, "we mail you and keep it for you until you answer"),
    waitlist_case("approved", f"They wrote: “{WHY}”", why=WHY),
    waitlist_case(
        "confirmed_address", "Your address is confirmed. By now all places are"
    ),
    waitlist_case("put_off", "please answer the next offer with yes or no"),
    waitlist_case(
        "reinstated", "The organizers brought your registration back, but all"
    ),
    waitlist_case("passed_on", "Somebody passed their place in line on to you."),
    waitlist_case("address", "The registration belongs to this address now."),
    MailCase(
        "offer",
        State.OFFERED,
        "A place is free for you: Letters and Soup",
        f"A place is kept for you until {BY}.",
        "let others go first this once and keep your place in line",
        ANSWER,
        facts={"offered": 1},
        online_first=f"A place is kept for you until {BY} (Amsterdam time).",
    ),
    MailCase(
        "offer",
        State.OFFERED,
        "2 places are free for you: Letters and Soup",
        f"2 places are kept for you until {BY}.",
        "You asked for 3 places, and 2 are free.",
        ANSWER,
        facts={"offered": 2},
        names=("Ada Lovelace", "Grace", None),
        online_first=f"2 places are kept for you until {BY} (Amsterdam time).",
    ),
    MailCase(
        "offer",
        State.OFFERED,
        "A place is free for you: Letters and Soup",
        f"A place is kept for you until {BY}.",
        "take it or let it go.",
        ANSWER,
        facts={"offered": 1, "what": "by_hand"},
        values={"was_put_off": True},
        online_first=f"A place is kept for you until {BY} (Amsterdam time).",
    ),
    # still coming?
    *(
        MailCase(
            "still_coming",
            State.CONFIRMED,
            "Are you still coming to Letters and Soup?",
            f"Are you still coming? Please answer by {BY}.",
            says,
            button,
            facts={"no_answer": then},
            names=names,
            online_first="Are you still coming? "
            f"Please answer by {BY} (Amsterdam time).",
            second=second,
        )
        for then, names, says, button, second in (
            (
                "release",
                ("Ada Lovelace",),
                "If we don’t hear from you, your place goes to the next in line.",
                YES,
                "Give the place up",
            ),
            (
                "flag",
                ("Ada Lovelace", None),
                "If we don’t hear from you, the organizers may give your places on.",
                "Yes, we’re coming",
                "Give the places up",
            ),
        )
    ),
    # what changed
    MailCase(
        "changed",
        State.CONFIRMED,
        CHANGED,
        "Grace is no longer coming.",
        "Your own place stays as it is.",
        OPEN,
        "PUBLISH",
        facts={"what": "guest_cancelled", "who": "Grace"},
    ),
    MailCase(
        "changed",
        State.REQUESTED,
        CHANGED,
        "Grace is no longer coming.",
        "You’ve asked for a place.",
        "Open your request",
        facts={"what": "guest_cancelled", "who": "Grace"},
    ),
    MailCase(
        "changed",
        State.CONFIRMED,
        CHANGED,
        "A guest was added: you are 2 people now.",
        "Show them at the door",
        "Open your tickets",
        "PUBLISH",
        facts={"what": "guest_added"},
        names=("Ada Lovelace", None),
    ),
    MailCase(
        "changed",
        State.WAITLISTED,
        CHANGED,
        "A guest was added: you are 2 people now.",
        "takes a new place, at the end of the line",
        PAGE,
        facts={"what": "guest_added", "place": 9},
        names=("Ada Lovelace", None),
    ),
    MailCase(
        "changed",
        State.CONFIRMED,
        CHANGED,
        "Your registration is for “In person” now.",
        "You have a place.",
        OPEN,
        "PUBLISH",
        facts={"what": "moved"},
        online_first="Your registration is for “Webinar” now.",
    ),
    MailCase(
        "changed",
        State.WAITLISTED,
        CHANGED,
        "Your registration is for “In person” now.",
        "You’re on the waitlist, 4th in line.",
        PAGE,
        facts={"what": "moved", "place": 4},
        online_first="Your registration is for “Webinar” now.",
    ),
    MailCase(
        "changed",
        State.CONFIRMED,
        CHANGED,
        "Your registration has changed.",
        "Names or answers are different now",
        OPEN,
        "PUBLISH",
        facts={"what": "details"},
    ),
    ended_case(
        "passed_on",
        State.CONFIRMED,
        {},
        "Your place for Letters and Soup was passed on",
        "The registration belongs to somebody else now.",
        "Links and tickets in those mails no longer work.",
        calendar="CANCEL",
    ),
    # what is over
    cancelled_case(
        State.CONFIRMED,
        "Your registration is cancelled.",
        "Any ticket from an earlier mail is no longer valid.",
        calendar="CANCEL",
    ),
    cancelled_case(
        State.WAITLISTED, "You are no longer on the waitlist.", "have moved up"
    ),
    cancelled_case(
        State.OFFERED,
        "You let the place go, and your wait is over.",
        "it goes to those who wait after you",
    ),
    cancelled_case(
        State.REQUESTED, "Your request is withdrawn.", "Thank you for telling."
    ),
    cancelled_case(State.HELD, "Your registration is cancelled.", "is free again"),
    ended_case(
        "cancelled",
        State.CANCELLED,
        {"was": "confirmed"},
        CANCELLED,
        "Your registration is cancelled.",
        f"They wrote: “{WHY}”",
        calendar="CANCEL",
        values={"ended_by": "user:1", "ended_why": WHY},
    ),
    ended_case(
        "declined",
        State.DECLINED,
        {},
        "Your request for Letters and Soup was declined",
        "The organizers can’t give you a place.",
        f"They wrote: “{WHY}”",
        values={"ended_by": "user:1", "ended_why": WHY},
    ),
    ended_case(
        "lapsed",
        State.LAPSED,
        {"was": "held"},
        "Not confirmed in time: Letters and Soup",
        "Your address was not confirmed in time.",
        "You can still confirm on the page below",
        PAGE,
    ),
    ended_case(
        "lapsed",
        State.LAPSED,
        {"was": "offered"},
        "Your offer for Letters and Soup has ended",
        "The offer has ended without an answer.",
        "You can still accept on the page below",
        PAGE,
    ),
    ended_case(
        "lapsed",
        State.LAPSED,
        {"was": "waitlisted"},
        "No place came free for Letters and Soup",
        "No place came free for you.",
        "The event is over, and so is the waitlist.",
    ),
    ended_case(
        "lapsed",
        State.LAPSED,
        {"was": "requested"},
        "Your request for Letters and Soup has lapsed",
        "Your request was not decided on in time.",
        "The event is over.",
    ),
    ended_case(
        "released",
        State.RELEASED,
        {"what": "no_answer"},
        "Your place for Letters and Soup was given on",
        "Your place was given to somebody else.",
        "there was no answer",
        calendar="CANCEL",
    ),
    ended_case(
        "released",
        State.RELEASED,
        {"what": "not_reached"},
        "Your place for Letters and Soup was given on",
        "Your place was given to somebody else.",
        "Nobody could ask you whether you still come",
        calendar="CANCEL",
    ),
    ended_case(
        "released",
        State.RELEASED,
        {"what": "not_there"},
        "Your place for Letters and Soup was given on",
        "Your place was given to somebody else.",
        "you are let in while there is room",
        calendar="CANCEL",
    ),
    # once more
    ticket_again_case(
        State.CONFIRMED,
        None,
        f"Once more: {TICKET}",
        "You have a place already.",
        "registered with this address again",
        OPEN,
        "PUBLISH",
        online=f"Once more: {LINK}",
    ),
    ticket_again_case(
        State.CONFIRMED,
        "sent_again",
        f"Once more: {TICKET}",
        "You have a place already.",
        "The organizers send you this once more.",
        OPEN,
        "PUBLISH",
        online=f"Once more: {LINK}",
    ),
    ticket_again_case(
        State.CONFIRMED,
        "new_codes",
        TICKET,
        "You have a new ticket.",
        "Those in earlier mails no longer work.",
        OPEN,
        "PUBLISH",
        online=LINK,
    ),
    ticket_again_case(
        State.CONFIRMED,
        "lost",
        f"Once more: {TICKET}",
        "You have a place.",
        "asked for this mail once more",
        OPEN,
        "PUBLISH",
        online=f"Once more: {LINK}",
    ),
    ticket_again_case(
        State.WAITLISTED,
        "lost",
        LINE,
        "You’re on the waitlist, 4th in line.",
        "asked for this mail once more",
        PAGE,
    ),
    ticket_again_case(
        State.REQUESTED,
        "lost",
        "Your request for Letters and Soup",
        "You’ve asked for a place.",
        "asked for this mail once more",
        "Open your request",
    ),
    # the event is off
    ended_case(
        "event_cancelled",
        State.CONFIRMED,
        {"why": WHY},
        "Cancelled: Letters and Soup",
        "Letters and Soup is cancelled.",
        f"They wrote: “{WHY}”",
        calendar="CANCEL",
    ),
    ended_case(
        "event_cancelled",
        State.WAITLISTED,
        {},
        "Cancelled: Letters and Soup",
        "Letters and Soup is cancelled.",
        "You don’t need to do anything.",
    ),
    *EVENT_CASES,
]
