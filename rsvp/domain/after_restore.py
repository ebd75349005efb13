"""After a restore: what must end in a database that was put back from a backup.

What happened since the backup is not known to it: sign-ins and phones that were ended,
mails that have gone out, people who asked to be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from rsvp import errors
from rsvp.db import current_session
from rsvp.domain import audit, privacy
from rsvp.domain import mailings as domain_mailings
from rsvp.domain.checkin import passes as checkin_passes
from rsvp.models import Device, DoorPass, Event, Message, Registration, User
from rsvp.models.audit import EventVerb
from rsvp.models.message import MessageState

HELD_BACK_REASON = (
    "not sent: the site was restored from a backup, and it may have gone out"
)


@dataclass(frozen=True)
class EndedCounts:
    """How many accounts were signed out, and passes, phones, mails, mailings ended."""

    accounts: int = 0
    passes: int = 0
    phones: int = 0
    mails: int = 0
    mailings: int = 0


def end_stale_access(
    made_at: datetime, *, hold_mails: bool | None, actor: str, now: datetime
) -> EndedCounts:
    """End all sign-ins, password links, door passes and phones, and hold mails back
    that were due: whoever was at it since the backup may be somebody else by now.

    `hold_mails` None: where this site has ever sent one.
    """
    accounts = end_sign_ins()
    phones = scalar_count(
        select(func.count(Device.id)).where(Device.revoked_at.is_(None))
    )
    passes = revoke_door_passes(actor, now)
    if hold_mails is None:
        sent = select(Message.id).where(Message.state == MessageState.SENT).limit(1)
        hold_mails = current_session().scalar(sent) is not None
    stopped = stop_mailings(actor, now) if hold_mails else 0
    mails = hold_back_messages(now) if hold_mails else 0
    ended = EndedCounts(accounts, passes, phones, mails, stopped)
    audit.record(
        EventVerb.RESTORE,
        actor=actor,
        now=now,
        details={"made_at": made_at.isoformat(), "mails": mails},
    )
    return ended


def end_sign_ins() -> int:
    """Sign every account out everywhere; links to set a password die with it."""
    users = current_session().scalars(select(User)).all()
    for user in users:
        user.fs_uniquifier = uuid4().hex
    current_session().flush()
    return len(users)


def revoke_door_passes(actor: str, now: datetime) -> int:
    """End all door passes and their phones: one of them may have been lost since."""
    query = select(DoorPass.id).where(DoorPass.revoked_at.is_(None))
    pass_ids = current_session().scalars(query.order_by(DoorPass.id)).all()
    for pass_id in pass_ids:
        checkin_passes.revoke_pass(pass_id, actor=actor, now=now)
    revoke_rest = (
        update(Device).where(Device.revoked_at.is_(None)).values(revoked_at=now)
    )
    current_session().execute(revoke_rest)
    return len(pass_ids)


def stop_mailings(actor: str, now: datetime) -> int:
    """Stop those of the organizers' mailings that were to go out by now."""
    mailing_ids = domain_mailings.due_mailings(now)
    for mailing_id in mailing_ids:
        domain_mailings.stop(mailing_id, actor=actor, now=now)
    return len(mailing_ids)


def hold_back_messages(now: datetime) -> int:
    """Send none of the mails that were due by now, unless somebody says so: they count
    as failed, and organizers can send each of them again."""
    result: Any = current_session().execute(
        update(Message)
        .where(Message.state == MessageState.QUEUED, Message.due_at <= now)
        .values(
            state=MessageState.FAILED, last_error=HELD_BACK_REASON, lease_until=None
        )
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


# --- what was erased since ------------------------------------------------------------


def erasures_to_repeat(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the noted erasures that are of this database and not done in it, each
    once, in their order. An entry names a `registration`, or an `event` with, where not
    all was erased, the `questions` whose answers were."""
    erasures: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if "registration" in entry:
            registration = find_registration(entry)
            if (
                registration is not None
                and not registration.is_erased
                and registration.event.erased_at is None
            ):
                erasures[entry["registration"]] = entry
        elif "event" in entry:
            event = find_event(entry)
            if event is not None and event.erased_at is None:
                erasures[f"{entry['event']}/{entry.get('questions')}"] = entry
    return list(erasures.values())


def repeat_erasure(entry: dict[str, Any], *, actor: str, now: datetime) -> None:
    """Erase once more what an entry notes; safe to repeat."""
    if "registration" in entry:
        registration = find_registration(entry)
        if registration is None:
            return
        try:
            privacy.erase_registration(
                registration.id, actor=actor, now=now, even_if_checked_in=True
            )
        except errors.EventOver:
            return  # all of its event is
    elif (event := find_event(entry)) is not None:
        privacy.erase_event_again(
            event.id, entry.get("questions"), actor=actor, now=now
        )


def find_registration(entry: dict[str, Any]) -> Registration | None:
    query = select(Registration).where(Registration.uuid == UUID(entry["registration"]))
    return current_session().scalar(query)


def find_event(entry: dict[str, Any]) -> Event | None:
    return current_session().scalar(
        select(Event).where(Event.uuid == UUID(entry["event"]))
    )


# --- what is there --------------------------------------------------------------------


def count_queued_messages() -> int:
    query = select(func.count(Message.id)).where(Message.state == MessageState.QUEUED)
    return scalar_count(query)


def newest_registration_at() -> datetime | None:
    return current_session().scalar(select(func.max(Registration.registered_at)))


def scalar_count(query: Any) -> int:
    return int(current_session().scalar(query) or 0)
