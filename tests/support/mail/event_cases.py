"""Mail cases about the event itself: it is near, it is over, it has moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rsvp.models.registration import State
from tests.support.mail.mail_case import (
    ANSWER,
    BY,
    CONFIRM,
    OPEN,
    PAGE,
    YES,
    MailCase,
    ended_case,
)

STARTS = datetime(2027, 1, 29, 18, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))


def reminder_case(state: str, *told: Any, days: int = 2, **facts: Any) -> MailCase:
    """Of an evening that begins on Friday at 18:00, so many days before."""
    far = {0: "today", 1: "tomorrow, Friday 29 January,"}.get(days)
    when = far or "on Friday 29 January"
    in_days = "" if far else ", in two days" if days == 2 else f", in {days} days"
    subject = {0: "Today", 1: "Tomorrow", 2: "In two days"}.get(days, f"In {days} days")
    first = f"Letters and Soup begins {when} at 18:00{{}}{in_days}."
    return MailCase(
        "reminder",
        state,
        f"{subject}: Letters and Soup",
        first.format(""),
        *told,
        facts={"what": f"start {days}"} | facts,
        online_first=first.format(" (Amsterdam time)"),
        tickets=state == State.CONFIRMED,
        due_at=STARTS - timedelta(days=days, hours=2),
    )


EARLIER = {
    "starts": "2027-01-28T17:00:00+00:00",
    "ends": "2027-01-28T20:00:00+00:00",
    "timezone": "Europe/Amsterdam",
    "place": ["The Library", "Markt 1"],
}
NOW_AT = "Letters and Soup now begins on Friday 29 January at 18:00{}"


def event_changed_case(
    state: str, what: list[str], *told: Any, **more: Any
) -> MailCase:
    """Of an evening that was to be a day earlier, in the library, and is not now. The
    other way to come is what those who read it online come by now."""
    asks = more.pop("asks", False)
    facts: dict[str, Any] = {"what": what, "asks": asks, "before": EARLIER}
    facts["before"] = EARLIER | {"mode": more.pop("mode", "in_person")}
    return MailCase(
        "event_changed",
        state,
        *told,
        calendar="PUBLISH" if state == State.CONFIRMED else None,
        second="Give the place up" if asks else None,
        facts=facts | more.pop("facts", {}),
        **more,
    )


EVENT_CASES = [
    # before it begins, and after it is over
    reminder_case(State.CONFIRMED, "Show the code on your ticket at the door", OPEN),
    reminder_case(State.CONFIRMED, "You have a place.", OPEN, days=1),
    reminder_case(State.CONFIRMED, "You have a place.", OPEN, days=0),
    reminder_case(State.CONFIRMED, "You have a place.", OPEN, days=5),
    reminder_case(
        State.WAITLISTED, "You’re on the waitlist, 4th in line.", PAGE, place=4
    ),
    reminder_case(
        State.REQUESTED, "The organizers have not decided", "Open your request"
    ),
    reminder_case(
        State.OFFERED, f"A place is kept for you until {BY}", ANSWER, offered=1
    ),
    reminder_case(State.HELD, "Your address waits to be confirmed.", CONFIRM),
    ended_case(
        "thank_you",
        State.CONFIRMED,
        {"what": "end", "came": True},
        "Thank you for coming: Letters and Soup",
        "Thank you for coming to Letters and Soup.",
        "It was good to have you there.",
    ),
    ended_case(
        "thank_you",
        State.CONFIRMED,
        {},
        "Thank you for being part of it: Letters and Soup",
        "Thank you for being part of Letters and Soup.",
        "We hope that you could be there",
    ),
    # the organizers' own
    MailCase(
        "note",
        State.CONFIRMED,
        "Bring a bowl",
        "Bring a bowl",
        "Soup is at 18:00, Ada Lovelace. — Reading Room",
        facts={"subject": "Bring a bowl", "text": "Soup is at {time}, {name}."},
    ),
    # the event moves
    event_changed_case(
        State.CONFIRMED,
        ["time"],
        "Another time: Letters and Soup",
        NOW_AT.format("."),
        "Thursday, 28 January 2027, 18:00 to 21:00, Amsterdam time",
        OPEN,
        online_first=NOW_AT.format(" (Amsterdam time)."),
    ),
    event_changed_case(
        State.CONFIRMED,
        ["place"],
        "Another place: Letters and Soup",
        "Letters and Soup takes place at The Boat Shed now.",
        "Is that fine with you?",
        YES,
        asks=True,
    ),
    event_changed_case(
        State.CONFIRMED,
        ["mode"],
        "Now in person: Letters and Soup",
        "Letters and Soup takes place at The Boat Shed now.",
        "Without an answer you keep your place.",
        YES,
        asks=True,
        mode="online",
        online="Now online: Letters and Soup",
        online_first="Letters and Soup takes place online now.",
    ),
    event_changed_case(
        State.CONFIRMED,
        ["time", "mode"],
        "Now in person: Letters and Soup",
        NOW_AT.format(", at The Boat Shed."),
        "Without an answer you keep your place.",
        YES,
        asks=True,
        mode="online",
        online="Now online: Letters and Soup",
        online_first=NOW_AT.format(" (Amsterdam time), online."),
    ),
    event_changed_case(
        State.CONFIRMED,
        ["link"],
        "Another way to join: Letters and Soup",
        "There is another way to join Letters and Soup.",
        "You keep your place",
        OPEN,
    ),
    event_changed_case(
        State.CONFIRMED,
        ["time"],
        "Another time: Letters and Soup",
        "Letters and Soup now ends at 21:30.",
        "You keep your place, and your ticket stays valid.",
        OPEN,
        facts={"before": EARLIER | {"starts": "2027-01-29T17:00:00+00:00"}},
        online_first="Letters and Soup now ends at 21:30 (Amsterdam time).",
    ),
    event_changed_case(
        State.WAITLISTED,
        ["time", "place"],
        "Changed: Letters and Soup",
        NOW_AT.format(", at The Boat Shed."),
        "You’re on the waitlist, 4th in line.",
        PAGE,
        facts={"place": 4},
        online_first=NOW_AT.format(" (Amsterdam time), at The Boat Shed."),
    ),
    event_changed_case(
        State.REQUESTED,
        ["place"],
        "Another place: Letters and Soup",
        "Letters and Soup takes place at The Boat Shed now.",
        "The Library, Markt 1",
        "Open your request",
    ),
    event_changed_case(
        State.OFFERED,
        ["place"],
        "Another place: Letters and Soup",
        "Letters and Soup takes place at The Boat Shed now.",
        f"A place is kept for you until {BY}",
        ANSWER,
    ),
]
