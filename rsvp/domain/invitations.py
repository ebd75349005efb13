"""Invitations: codes that let people register for an event, so often and so long."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select, update

from rsvp import errors, tokens
from rsvp.db import changed_one, current_session
from rsvp.domain import audit
from rsvp.models import Event, Invitation, Registration
from rsvp.models.audit import EventVerb
from rsvp.models.event import Phase
from rsvp.models.registration import LIVE_STATES, State

MAX_AT_ONCE = 500
MAX_USES = 100_000
MAX_LABEL_LENGTH = 200
"""How many codes are made at once, how often each works, characters of its label."""

USING_STATES = (*LIVE_STATES, State.RELEASED)
"""The states in which a registration uses its invitation up."""


def create(
    event_id: int,
    *,
    count: int,
    uses_max: int | None,
    expires_at: datetime | None,
    label: str | None,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> list[Invitation]:
    """Create invitations for an event, each with a code of its own (`invitation_code`).

    Each works `uses_max` times (None: without limit) and before `expires_at` (None: as
    long as registration is open). `label` says for whom it is, to organizers alone.
    Raises EventCancelled and EventOver, and ValueError for numbers, an end or a label
    that make no sense.
    """
    label = (label or "").strip() or None
    if not 1 <= count <= MAX_AT_ONCE:
        raise ValueError("count")
    if uses_max is not None and not 1 <= uses_max <= MAX_USES:
        raise ValueError("uses_max")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise ValueError("expires_at")
    if label is not None and len(label) > MAX_LABEL_LENGTH:
        raise ValueError("label")
    session = current_session()
    event = session.get_one(Event, event_id)
    if event.phase(now) == Phase.CANCELLED:
        raise errors.EventCancelled(title=event.title)
    if event.phase(now) == Phase.OVER or event.erased_at is not None:
        raise errors.EventOver(title=event.title)
    invitations = []
    for _number in range(count):
        invitation = Invitation(
            uuid=uuid4(),
            event_id=event_id,
            label=label,
            uses_max=uses_max,
            expires_at=expires_at,
            created_at=now,
            created_by=actor,
        )
        invitation.code_id = (
            tokens.invitation_id(invitation_code(invitation, code_key)) or b""
        )
        invitations.append(invitation)
    session.add_all(invitations)
    session.flush()
    audit.record(
        EventVerb.MAKE_INVITATIONS,
        actor=actor,
        now=now,
        event_id=event_id,
        details={"count": count, "uses": uses_max},
    )
    return invitations


def invitation_code(invitation: Invitation, code_key: bytes) -> str:
    """Return an invitation's code as people type it: `ABCD-EFGH-JKMN`."""
    return tokens.invitation_code(code_key, invitation.uuid)


def revoke(invitation_id: int, *, actor: str, now: datetime) -> None:
    """Revoke an invitation: its code opens nothing any more; who is registered stays.

    Safe to repeat.
    """
    invitation = current_session().get_one(Invitation, invitation_id)
    revoked = changed_one(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if not revoked:
        return
    current_session().expire(invitation, ["revoked_at"])
    audit.record(
        EventVerb.REVOKE_INVITATION,
        actor=actor,
        now=now,
        event_id=invitation.event_id,
        details={"invitation": invitation_id},
    )


# --- using one ----------------------------------------------------------------------


def find_by_code(event_id: int, typed: str) -> Invitation | None:
    """Return the invitation of this event whose code was typed, whether or not it
    works."""
    code_id = tokens.invitation_id(typed)
    if code_id is None:
        return None
    return current_session().scalar(
        select(Invitation).where(
            Invitation.event_id == event_id, Invitation.code_id == code_id
        )
    )


def lock_usable(event_id: int, typed: str, now: datetime) -> Invitation:
    """Lock and return the invitation that a typed code opens the event with.

    Needs the event's lock, under which the one who registers by it is written: its last
    use is then given once. Raises InvalidInvitation.
    """
    invitation = find_by_code(event_id, typed)
    if invitation is not None:
        # Whoever revokes it meanwhile waits, or was first.
        current_session().refresh(invitation, with_for_update={"key_share": True})
    return usable_or_refuse(invitation, now)


def refuse_without_lock(event_id: int, typed: str, now: datetime) -> None:
    """Raise InvalidInvitation where a code opens nothing as things stand, without a
    lock.

    For forms whose answer must not depend on who asks; `lock_usable` decides.
    """
    usable_or_refuse(find_by_code(event_id, typed), now)


def usable_or_refuse(invitation: Invitation | None, now: datetime) -> Invitation:
    if invitation is None:
        raise errors.InvalidInvitation(why="unknown")
    if why := unusable_reason(invitation, now):
        raise errors.InvalidInvitation(why=why)
    return invitation


def unusable_reason(invitation: Invitation, now: datetime) -> str | None:
    """Return why it lets nobody in (`ended`, `used_up`), or None where it does."""
    if not invitation.works_at(now):
        return "ended"
    is_used_up = (
        invitation.uses_max is not None
        and count_uses(invitation.id) >= invitation.uses_max
    )
    return "used_up" if is_used_up else None


def count_uses(invitation_id: int) -> int:
    """Return how often it was used: registrations that name it and are not over."""
    uses = select(func.count(Registration.id)).where(
        Registration.invitation_id == invitation_id,
        Registration.state.in_(USING_STATES),
    )
    return current_session().scalars(uses).one()
