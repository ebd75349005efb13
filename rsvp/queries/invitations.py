"""Queries about invitations: the codes of an event, and how far they are used."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, select

from rsvp.db import current_session
from rsvp.domain.invitations import USING
from rsvp.models import Invitation, Registration


@dataclass(frozen=True)
class Issued:
    """An invitation, and how many registrations use it."""

    invitation: Invitation
    used: int


def invitations(event_id: int) -> list[Issued]:
    """The invitations of an event, newest first."""
    uses = and_(
        Registration.invitation_id == Invitation.id, Registration.state.in_(USING)
    )
    rows = current_session().execute(
        select(Invitation, func.count(Registration.id))
        .outerjoin(Registration, uses)
        .where(Invitation.event_id == event_id)
        .group_by(Invitation.id)
        .order_by(Invitation.id.desc())
    )
    return [Issued(*row) for row in rows]
