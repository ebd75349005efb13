"""States: the one table of signs and words of phases, registrations and the like.

Pages, lists and mails take them from here. A state's key says its sign, in `SIGNS`, and
its tone: `pill.css`, `organizer/shell.css` and, in mails, `message.css` colour by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask_babel import lazy_gettext as _l

from rsvp.models.event import Phase
from rsvp.models.registration import State

SIGNS = {
    # registrations
    "confirmed": "●",
    "held": "◌",
    "requested": "○",
    "offered": "◑",
    "waitlisted": "◔",
    "released": "↺",
    "cancelled": "✕",
    "declined": "✕",
    "lapsed": "–",
    # attendees: let in at the door, or not yet
    "in": "✓",
    "not_in": "○",
    # what they said when they were asked whether they still come
    "said_yes": "✓",
    "unanswered": "?",
    "flagged": "!",
    # in a mail that asks them
    "asked": "◑",
    # events, and what is open for a time
    "draft": "○",
    "not_open": "◷",
    "open": "●",
    "paused": "‖",
    "closed": "–",
    "over": "–",
    # mails and mailings
    "queued": "◔",
    "retrying": "↻",
    "sent": "●",
    "failed": "✕",
    "superseded": "–",
    # recurring jobs
    "late": "◷",
}


@dataclass(frozen=True)
class StateLabel:
    """A state as people see it: its sign and tone go by `key`, its word is `label`;
    whoever it is about reads `attendee_label` on their page, where that is another."""

    key: str
    label: Any
    attendee_label: Any = None

    @property
    def sign(self) -> str:
        return SIGNS[self.key]

    @property
    def text(self) -> str:
        """Sign and word, where there is text alone: `○ Requested`."""
        return f"{self.sign} {self.label}"

    def for_attendee(self) -> StateLabel:
        return self.reworded(self.attendee_label or self.label)

    def reworded(self, label: Any) -> StateLabel:
        """Return the same sign and tone with another word."""
        return replace(self, label=label)


PHASE_LABELS: dict[str, StateLabel] = {
    Phase.DRAFT: StateLabel("draft", _l("Draft")),
    Phase.CANCELLED: StateLabel("cancelled", _l("Cancelled")),
    Phase.OVER: StateLabel("over", _l("Over")),
    Phase.NOT_OPEN: StateLabel("not_open", _l("Opens later")),
    Phase.PAUSED: StateLabel("paused", _l("Paused")),
    Phase.CLOSED: StateLabel("closed", _l("Registration closed")),
    Phase.OPEN: StateLabel("open", _l("Open")),
}

STATE_LABELS: dict[str, StateLabel] = {
    State.CONFIRMED: StateLabel("confirmed", _l("Confirmed")),
    State.HELD: StateLabel(
        "held", _l("Address to be confirmed"), _l("Not confirmed yet")
    ),
    State.REQUESTED: StateLabel("requested", _l("Requested"), _l("Asked for")),
    State.OFFERED: StateLabel("offered", _l("Offered")),
    State.WAITLISTED: StateLabel("waitlisted", _l("Waitlisted")),
    State.RELEASED: StateLabel("released", _l("Given on")),
    State.CANCELLED: StateLabel("cancelled", _l("Cancelled")),
    State.DECLINED: StateLabel("declined", _l("Declined")),
    State.LAPSED: StateLabel("lapsed", _l("Lapsed"), _l("Ended")),
}
