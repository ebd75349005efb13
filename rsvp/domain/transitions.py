"""Transitions: a registration changes its state once, with an audit entry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from rsvp import errors
from rsvp.db import changed_one, current_session
from rsvp.domain import audit
from rsvp.models import Registration
from rsvp.models.audit import Verb
from rsvp.models.registration import (
    DEADLINE_STATES,
    LIVE_STATES,
    WAITLIST_STATES,
    State,
)

NOT_ASKED: dict[str, Any] = {
    "asked_at": None,
    "asked_about": None,
    "answer_by": None,
    "answered_at": None,
    "flagged_at": None,
}
"""A registration that nobody has asked whether they still come."""


def transition(
    registration: Registration,
    to: State,
    *,
    verb: Verb,
    actor: str,
    now: datetime,
    why: str | None = None,
    details: dict[str, Any] | None = None,
    **values: Any,
) -> str:
    """Move a registration, read under the event's lock, to another state. Return the
    state it was in.

    `values` are further columns; what the new state has no use for (a place in line, a
    deadline, who ended it) is cleared. Seats are moved by whoever calls this. Raises
    AlreadyOver where another change was first, and AddressInUse where one that was over
    comes back while its address has another registration.
    """
    old_state = registration.state
    values |= {"state": to, "state_since": now}
    if to not in WAITLIST_STATES:
        values["line_number"] = None
    if to not in DEADLINE_STATES:
        values["decide_by"] = None
    if to != State.OFFERED:
        values["offered_seats"] = None
    is_ended = to not in LIVE_STATES
    values |= {
        "ended_from": old_state if is_ended else None,
        "ended_by": actor if is_ended else None,
        "ended_why": why if is_ended else None,
    }
    comes_back = old_state not in LIVE_STATES and not is_ended
    if comes_back:
        # An exception of before is none any more, unless it is made again.
        values.setdefault("exception_why", None)
    if comes_back or to == State.CONFIRMED:
        # What was asked, and maybe answered, was about an earlier place.
        values |= NOT_ASKED
    move = (
        update(Registration)
        .where(Registration.id == registration.id, Registration.state == old_state)
        .values(values)
    )
    if not (changed_one_live(move) if comes_back else changed_one(move)):
        raise errors.AlreadyOver
    for name, value in values.items():
        # The row in memory follows, without asking the database for it.
        set_committed_value(registration, name, value)
    audit.record(
        verb,
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(old_state, to),
        details=details,
    )
    return old_state


def record_change(
    verb: Verb,
    registration: Registration,
    details: dict[str, Any] | None = None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Write the entry of a change after which a registration is in the same state."""
    audit.record(
        verb,
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(registration.state, registration.state),
        details=details,
    )


def reconfirm_by_change(
    registration: Registration, *, actor: str, now: datetime
) -> None:
    """Count a holder's own change as a yes while they are asked to reconfirm."""
    if actor == audit.ATTENDEE and registration.awaits_answer:
        registration.answered_at, registration.flagged_at = now, None


def changed_one_live(move: Any) -> bool:
    """Whether the statement changed one row; an address may have one live
    registration."""
    try:
        with current_session().begin_nested():
            return changed_one(move)
    except IntegrityError:
        raise errors.AddressInUse from None
