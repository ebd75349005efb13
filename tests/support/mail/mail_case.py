"""A mail case: what causes a mail, and what it says.

It says the kind, how the registration stands, the message's facts, the subject and the
first sentence (of one in person and, where it differs, of one online), a later
sentence, what the one button says, what the calendar entry does, and whether the
tickets are in it (else: where the entry says that there is a place).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rsvp.models import Event, Message
from tests.support.mail.messages import (
    HALL,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)

WHY = "The stove takes ten pots."
TICKET, LINK = "Your ticket for Letters and Soup", "Your link for Letters and Soup"
YES = "Yes, I’m coming"
CONFIRM, ANSWER = "Confirm your address", "Answer the offer"
OPEN, PAGE = "Open your ticket", "Open your registration"
BY = "Friday 22 January, 10:00"
CANCELLED = "Your registration for Letters and Soup is cancelled"
CHANGED = "Your registration for Letters and Soup has changed"
LINE = "You’re on the waitlist for Letters and Soup"


@dataclass(frozen=True, eq=False)
class MailCase:
    kind: str
    state: str
    subject: str
    first: str
    says: str
    button: str | None = None
    calendar: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    names: tuple[str | None, ...] = ("Ada Lovelace",)
    online: str | None = None  # the subject online, where it is another one
    online_first: str | None = None
    second: str | None = None  # the other answer, beside the one button
    tickets: bool = False
    due_at: datetime | None = None

    @property
    def is_seated(self) -> bool:
        return self.tickets or self.calendar == "PUBLISH"

    @property
    def id(self) -> str:
        told = (self.facts.get(key) for key in ("what", "was", "offered"))
        words = [self.kind, *(str(word) for word in told if word)]
        return "-".join([*words, *([str(len(self.names))] * (len(self.names) > 1))])

    def message(self, *, is_online: bool = False, **event: Any) -> Message:
        registration = build_registration(
            self.event(**event),
            *self.names,
            state=self.state,
            admission=int(is_online),
            **self.values,
        )
        # What people answered is in no mail.
        registration.answers = {"diet": "No anchovies"}
        for attendee in registration.attendees:
            attendee.answers = {"access": "A chair with arms"}
        message = build_message(self.kind, registration, **self.facts)
        message.due_at = self.due_at or message.due_at
        return message

    def event(self, **values: Any) -> Event:
        # A note of where the wall is, so that no mail can be mistaken for another's.
        return build_event(HALL, WEBINAR, **values)


def ended_case(
    kind: str, state: str, facts: dict[str, Any], *told: Any, **more: Any
) -> MailCase:
    return MailCase(kind, state, *told, facts=facts, **more)
