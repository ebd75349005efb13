"""States: label, sign and colour key of each phase, state and answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from rsvp.models.event import Phase
from rsvp.models.registration import State


@dataclass(frozen=True)
class StateLabel:
    """A state as pages show it: a word, a sign, and the key its colour goes by."""

    key: str
    sign: str
    label: Any


PHASE_LABELS: dict[str, StateLabel] = {
    Phase.DRAFT: StateLabel("draft", "○", _("Draft")),
    Phase.CANCELLED: StateLabel("cancelled", "✕", _("Cancelled")),
    Phase.OVER: StateLabel("over", "–", _("Over")),
    Phase.NOT_OPEN: StateLabel("not_open", "◷", _("Opens later")),
    Phase.PAUSED: StateLabel("paused", "‖", _("Paused")),
    Phase.CLOSED: StateLabel("closed", "–", _("Registration closed")),
    Phase.OPEN: StateLabel("open", "●", _("Open")),
}

STATE_LABELS: dict[str, StateLabel] = {
    State.CONFIRMED: StateLabel("confirmed", "●", _("Confirmed")),
    State.HELD: StateLabel("held", "◌", _("Address to be confirmed")),
    State.REQUESTED: StateLabel("requested", "?", _("Requested")),
    State.OFFERED: StateLabel("offered", "◑", _("Offered")),
    State.WAITLISTED: StateLabel("waitlisted", "◔", _("Waitlisted")),
    State.RELEASED: StateLabel("released", "↺", _("Given on")),
    State.CANCELLED: StateLabel("cancelled", "✕", _("Cancelled")),
    State.DECLINED: StateLabel("declined", "✕", _("Declined")),
    State.LAPSED: StateLabel("lapsed", "–", _("Lapsed")),
}
