"""Invitations: codes that open registration, with a limit of uses and an end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from rsvp import errors, tokens
from rsvp.db import current_session
from rsvp.models import Invitation, Registration
from rsvp.models.registration import LIVE, State


def find(event_id: int, typed: str) -> Invitation | None:
    """The invitation to this event with the code that was typed."""
    code_id = tokens.invitation_id(typed)
    if code_id is None:
        return None
    wanted = select(Invitation).where(
        Invitation.event_id == event_id, Invitation.code_id == code_id
    )
    return current_session().scalar(wanted)


def refuse_unless_usable(event_id: int, typed: str, now: datetime) -> Invitation:
    """The invitation, if one more registration may name it. Needs the event's lock.

    Raises NoInvitation: `unknown`, `ended` or `used_up`.
    """
    invitation = find(event_id, typed)
    if invitation is None:
        raise errors.NoInvitation(why="unknown")
    if not invitation.works_at(now):
        raise errors.NoInvitation(why="ended")
    if invitation.uses_max is not None and uses_of(invitation) >= invitation.uses_max:
        raise errors.NoInvitation(why="used_up")
    return invitation


def uses_of(invitation: Invitation) -> int:
    used = select(func.count()).where(
        Registration.invitation_id == invitation.id,
        Registration.state.in_((*LIVE, State.RELEASED)),
    )
    return current_session().scalar(used) or 0
