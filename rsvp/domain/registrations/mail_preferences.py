"""Mail preferences: no mails about an event but tickets and changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from rsvp import tokens
from rsvp.db import current_session
from rsvp.domain.registrations.locking import lock_in_any_state
from rsvp.domain.registrations.updates import update_registration
from rsvp.domain.transitions import record_change
from rsvp.models import Registration
from rsvp.models.audit import Verb


def find_by_mute_token(token: str, code_key: bytes) -> Registration | None:
    """Return the registration of an unsubscribe link, unless it was erased."""
    uuid = tokens.registration_of_token(token)
    if uuid is None:
        return None
    registration = current_session().scalar(
        select(Registration).where(Registration.uuid == uuid)
    )
    if registration is None or registration.is_erased:
        return None
    mute_token = tokens.mute_token(code_key, uuid, registration.link_version)
    return registration if tokens.is_same_token(mute_token, token) else None


def mute(registration_id: int, *, actor: str, now: datetime) -> None:
    """Send no more reminders, questions, thanks and organizers' own mails; safe to
    repeat. What waits in the outbox is looked at before it is sent. One that was erased
    meanwhile stays as it is: nothing goes there any more."""
    _locked, registration = lock_in_any_state(registration_id, now)
    if registration.muted_at is None and not registration.is_erased:
        update_registration(registration, muted_at=now)
        record_change(Verb.MUTE, registration, actor=actor, now=now)


def unmute(registration_id: int, *, actor: str, now: datetime) -> None:
    """Send such mails again from now on; safe to repeat."""
    _locked, registration = lock_in_any_state(registration_id, now)
    if registration.muted_at is not None and not registration.is_erased:
        update_registration(registration, muted_at=None)
        record_change(Verb.UNMUTE, registration, actor=actor, now=now)
