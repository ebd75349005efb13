"""Verdicts: the answer to a scanned code, by rules that need no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rsvp.models.checkin import Direction, Verdict
from rsvp.models.event import Mode
from rsvp.models.registration import ENDED_STATES, State

VERDICT_BY_STATE: dict[str, Verdict] = {
    State.HELD: Verdict.WAITLISTED,
    State.REQUESTED: Verdict.WAITLISTED,
    State.WAITLISTED: Verdict.WAITLISTED,
    State.OFFERED: Verdict.WAITLISTED,
    State.RELEASED: Verdict.RELEASED,
}
"""Registrations that aren't cancelled and yet let nobody in."""

ADMITTING_VERDICTS = (Verdict.WELCOME, Verdict.LEFT_AND_BACK)
COUNTED_VERDICTS = (*ADMITTING_VERDICTS, Verdict.LEFT)
"""The scans that say something about who is in."""


class DoorPhase(StrEnum):
    """Whether a door lets people in at an instant."""

    OPEN = "open"
    TOO_EARLY = "too_early"
    OVER = "over"


@dataclass(frozen=True)
class TicketFacts:
    """What is known of a scanned code."""

    is_of_this_event: bool
    is_current: bool
    mode: str
    registration_state: str
    is_coming: bool


def verdict_of(
    ticket: TicketFacts | None,
    *,
    door_phase: DoorPhase,
    before: Sequence[Direction],
    direction: Direction,
) -> Verdict:
    """Return the verdict on `ticket` (None: the code is nobody's).

    `before` are the attendee's counted scans so far, each `in` or `out`. How the ticket
    stands is said before what time it is, so that nobody comes back later in vain.
    tests/cases/verdicts.json has every case, for this and for the phone's screen.
    """
    if ticket is None:
        return Verdict.UNKNOWN
    if not ticket.is_of_this_event:
        return Verdict.WRONG_EVENT
    if not ticket.is_current:
        return Verdict.REPLACED
    is_in = bool(before) and before[-1] == Direction.IN
    if direction == Direction.OUT:
        # Whoever is in may leave, whatever became of the ticket.
        return Verdict.LEFT if is_in else Verdict.NOT_IN
    if not ticket.is_coming or ticket.registration_state in ENDED_STATES:
        return Verdict.CANCELLED
    if ticket.mode != Mode.IN_PERSON:
        return Verdict.NOT_IN_PERSON
    if door_phase == DoorPhase.OVER:
        return Verdict.OVER
    if (verdict := VERDICT_BY_STATE.get(ticket.registration_state)) is not None:
        return verdict
    if is_in:
        return Verdict.ALREADY_IN
    if door_phase == DoorPhase.TOO_EARLY:
        return Verdict.TOO_EARLY
    return Verdict.LEFT_AND_BACK if before else Verdict.WELCOME
