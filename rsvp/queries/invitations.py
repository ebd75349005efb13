"""Queries about invitations: the codes of an event, and how far they are used."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, and_, func, select

from rsvp.db import current_session
from rsvp.domain.invitations import USING_STATES
from rsvp.models import Invitation, Registration
from rsvp.queries.pagination import PAGE_SIZE, Page


@dataclass(frozen=True)
class InvitationUse:
    """An invitation, and how many registrations use it."""

    invitation: Invitation
    uses: int


def list_invitations(event_id: int) -> list[InvitationUse]:
    """List the invitations of an event, newest first."""
    return [
        InvitationUse(*row)
        for row in current_session().execute(invitations_with_uses(event_id))
    ]


def page_of_invitations(
    event_id: int, before: int | None = None
) -> Page[InvitationUse]:
    """Return a page of them; `before` is the id of the one that ended the page
    before."""
    query = invitations_with_uses(event_id)
    if before is not None:
        query = query.where(Invitation.id < before)
    rows = current_session().execute(query.limit(PAGE_SIZE + 1)).all()
    invitations = [InvitationUse(*row) for row in rows[:PAGE_SIZE]]
    return Page(invitations, is_last=len(rows) <= PAGE_SIZE)


def invitations_with_uses(event_id: int) -> Select[Invitation, int]:
    uses = and_(
        Registration.invitation_id == Invitation.id,
        Registration.state.in_(USING_STATES),
    )
    return (
        select(Invitation, func.count(Registration.id))
        .outerjoin(Registration, uses)
        .where(Invitation.event_id == event_id)
        .group_by(Invitation.id)
        .order_by(Invitation.id.desc())
    )


def find_invitation(event_id: int, uuid: UUID) -> Invitation | None:
    """Return the invitation of this event with this uuid."""
    of_event = Invitation.event_id == event_id
    return current_session().scalar(
        select(Invitation).where(of_event, Invitation.uuid == uuid)
    )
