"""Door passes: the links that let phones scan for an event, and those phones."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import joinedload, selectinload

from rsvp import errors, tokens
from rsvp.db import changed_one, current_session, fresh, lock_rows
from rsvp.domain import audit
from rsvp.models import Device, DoorPass, Event, Scan
from rsvp.models.audit import EventVerb
from rsvp.models.checkin import DEFAULT_PHONES_MAX, check_in_ends_at, check_in_starts_at

MAX_PHONES = 100
"""The most phones one pass may be made for."""


def create_pass(
    event_id: int,
    *,
    code_key: bytes,
    actor: str,
    now: datetime,
    phones_max: int = DEFAULT_PHONES_MAX,
    at_once: bool = False,
) -> DoorPass:
    """Create a pass for the door of an event. Raises DoorPassInactive once the door has
    ended, and ValueError for a number of phones that makes no sense."""
    if not 1 <= phones_max <= MAX_PHONES:
        raise ValueError("phones_max")
    event = current_session().get_one(Event, event_id)
    if now >= check_in_ends_at(event):
        raise errors.DoorPassInactive(opens_at=None)
    uuid = uuid4()
    door_pass = DoorPass(
        uuid=uuid,
        event_id=event_id,
        link_id=tokens.link_id(tokens.door_pass_token(code_key, uuid, 0)),
        phones_max=phones_max,
        at_once=at_once,
        created_at=now,
        created_by=actor,
    )
    current_session().add(door_pass)
    current_session().flush()
    audit.record(
        EventVerb.MAKE_DOOR_PASS,
        actor=actor,
        now=now,
        event_id=event_id,
        details={"pass": door_pass.id, "phones": phones_max, "at_once": at_once},
    )
    return door_pass


def pass_token(door_pass: DoorPass, code_key: bytes) -> str:
    return tokens.door_pass_token(code_key, door_pass.uuid, door_pass.version)


def find_pass_by_token(token: str) -> DoorPass | None:
    """Return the pass a link opens, with its event; one that has ended or was revoked
    too."""
    link_id = tokens.link_id(token)
    if link_id is None:
        return None
    return current_session().scalar(
        select(DoorPass)
        .where(DoorPass.link_id == link_id)
        .options(joinedload(DoorPass.event))
    )


def list_passes(event_id: int) -> list[DoorPass]:
    """Return the passes of an event with their phones, newest first."""
    return list(
        current_session().scalars(
            select(DoorPass)
            .where(DoorPass.event_id == event_id)
            .options(selectinload(DoorPass.devices))
            .order_by(DoorPass.id.desc())
        )
    )


def revoke_pass(pass_id: int, *, actor: str, now: datetime) -> None:
    """End a pass and all its phones at once; safe to repeat."""
    door_pass = lock_pass(pass_id)
    if door_pass.revoked_at is not None:
        return
    door_pass.revoked_at = now
    current_session().execute(
        update(Device)
        .where(Device.pass_id == pass_id, Device.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    current_session().flush()
    audit.record(
        EventVerb.REVOKE_DOOR_PASS,
        actor=actor,
        now=now,
        event_id=door_pass.event_id,
        details={"pass": pass_id},
    )


# --- phones -------------------------------------------------------------------------


def enrol_device(
    pass_id: int,
    name: str,
    secret: str,
    *,
    now: datetime,
    keeps_cookies: bool = True,
    version: int | None = None,
) -> Device:
    """Enrol a phone, which may then scan; `secret` is what its cookie will hold.

    One that is not known to keep cookies takes its place when it comes back with this
    one (`confirm_device`). `version` is that of the link it came by, where it came by
    one. Raises DoorPassInactive (before it opens, after it ended, revoked, by a link
    that has been renewed meanwhile) and DoorPassFull.
    """
    door_pass = lock_pass(pass_id)
    refuse_unless_active(door_pass, now)
    if version not in (None, door_pass.version):
        raise errors.DoorPassInactive(opens_at=None)
    refuse_if_full(door_pass)
    if not keeps_cookies:
        delete_unconfirmed_devices(door_pass)
    device = Device(
        pass_id=pass_id,
        name=name,
        secret_id=tokens.link_id(secret),
        enrolled_at=now,
        came_back_at=now if keeps_cookies else None,
        seen_at=now,
    )
    current_session().add(device)
    current_session().flush()
    audit.record(
        EventVerb.ENROL_PHONE,
        actor=device_actor(device),
        now=now,
        event_id=door_pass.event_id,
        details={"pass": pass_id, "device": device.id},
    )
    return device


def confirm_device(device_id: int, *, now: datetime) -> None:
    """Confirm that a phone keeps its cookie: it takes a place now. Safe to repeat.

    Raises DoorPassFull where others have taken the last one meanwhile, and PhoneStopped
    where it was sent home.
    """
    device = current_session().get_one(Device, device_id)
    door_pass = lock_pass(device.pass_id)
    current_session().refresh(device)
    if not may_scan(device, now):
        raise errors.PhoneStopped
    if device.came_back_at is None:
        refuse_if_full(door_pass)
        device.came_back_at = now


def refuse_if_full(door_pass: DoorPass) -> None:
    enrolled = current_session().scalar(
        select(func.count())
        .select_from(Device)
        .where(
            Device.pass_id == door_pass.id,
            Device.revoked_at.is_(None),
            Device.came_back_at.is_not(None),
        )
    )
    if (enrolled or 0) >= door_pass.phones_max:
        raise errors.DoorPassFull(limit=door_pass.phones_max)


def delete_unconfirmed_devices(door_pass: DoorPass) -> None:
    """Delete unconfirmed phones beyond as many as there are places, the newest stay:
    whoever sends the form again and again without a cookie fills no table."""
    query = (
        select(Device.id)
        .where(
            Device.pass_id == door_pass.id,
            Device.came_back_at.is_(None),
            # A process of the release before notes nobody's coming back.
            ~exists().where(Scan.device_id == Device.id),
        )
        .order_by(Device.id.desc())
        .offset(door_pass.phones_max - 1)
    )
    device_ids = current_session().scalars(query).all()
    current_session().execute(delete(Device).where(Device.id.in_(device_ids)))


def refuse_unless_active(door_pass: DoorPass, now: datetime) -> None:
    if door_pass.works_at(now):
        return
    opens_at = check_in_starts_at(door_pass.event)
    is_early = door_pass.revoked_at is None and now < opens_at
    raise errors.DoorPassInactive(opens_at=opens_at if is_early else None)


def find_device_by_secret(secret: str) -> Device | None:
    """Return the phone with this cookie, with its pass and event; a revoked one too."""
    secret_id = tokens.link_id(secret)
    if secret_id is None:
        return None
    return current_session().scalar(
        select(Device)
        .where(Device.secret_id == secret_id)
        .options(joinedload(Device.door_pass).joinedload(DoorPass.event))
    )


def may_scan(device: Device, now: datetime) -> bool:
    """Whether this phone may scan at `now`."""
    return device.revoked_at is None and device.door_pass.works_at(now)


def device_actor(device: Device) -> str:
    """Return the actor by which scans and the audit log name a phone."""
    return f"door:{device.id}"


def update_seen_at(device_id: int, *, now: datetime) -> None:
    """Note when a phone was last heard of, for the organizer to see."""
    current_session().execute(
        update(Device)
        .where(Device.id == device_id)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def retire_device(device_id: int, *, actor: str, now: datetime) -> bool:
    """Take a phone's right to scan away, and say whether it had it: it goes to another
    door. Safe to repeat."""
    device = current_session().get_one(Device, device_id)
    event_id = device.door_pass.event_id
    was_active = changed_one(
        update(Device)
        .where(Device.id == device_id, Device.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if was_active:
        audit.record(
            EventVerb.RETIRE_PHONE,
            actor=actor,
            now=now,
            event_id=event_id,
            details={"device": device_id},
        )
    return was_active


def block_device(device_id: int, *, code_key: bytes, actor: str, now: datetime) -> None:
    """Take a phone's right to scan away for good: it was lost, borrowed, or is in the
    wrong hands. Safe to repeat.

    Its browser knows the link of its pass, so that link dies with it
    (`renew_pass_link`). The other phones go on.
    """
    door_pass = lock_pass(current_session().get_one(Device, device_id).pass_id)
    if retire_device(device_id, actor=actor, now=now) and door_pass.revoked_at is None:
        renew_pass_link(door_pass, code_key, actor=actor, now=now)


def renew_pass_link(
    door_pass: DoorPass, code_key: bytes, *, actor: str, now: datetime
) -> None:
    """Give a pass, which is locked, another link; the one before enrols nobody."""
    door_pass.version += 1
    door_pass.link_id = tokens.link_id(pass_token(door_pass, code_key)) or b""
    current_session().flush()
    audit.record(
        EventVerb.RENEW_DOOR_PASS,
        actor=actor,
        now=now,
        event_id=door_pass.event_id,
        details={"pass": door_pass.id, "version": door_pass.version},
    )


def find_device_of_event(event_id: int, uuid: UUID) -> Device | None:
    """Return a phone of this event by its public id."""
    return current_session().scalar(
        select(Device)
        .join(DoorPass)
        .where(Device.uuid == uuid, DoorPass.event_id == event_id)
    )


def find_pass_of_event(event_id: int, uuid: UUID) -> DoorPass | None:
    """Return a pass of this event by its public id."""
    return current_session().scalar(
        select(DoorPass).where(DoorPass.uuid == uuid, DoorPass.event_id == event_id)
    )


def lock_pass(pass_id: int) -> DoorPass:
    """Lock and return the pass, with its event: phones enrol one after the other."""
    query = select(DoorPass).where(DoorPass.id == pass_id)
    return current_session().scalars(fresh(lock_rows(query, DoorPass))).one()
