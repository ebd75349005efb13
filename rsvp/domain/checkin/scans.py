"""Scans: what phones read, and check-ins by hand, judged and stored one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError

from rsvp import tokens
from rsvp.db import current_connection, current_session, fresh, insert_or_ignore
from rsvp.domain.checkin import lookup, passes
from rsvp.domain.checkin.attendance import (
    Passage,
    Stay,
    directions,
    fold_passages,
    passages_of,
    update_check_ins,
)
from rsvp.domain.checkin.lookup import ScannedAttendee
from rsvp.domain.checkin.results import ScanResult, build_result
from rsvp.domain.checkin.verdicts import (
    ADMITTING_VERDICTS,
    COUNTED_VERDICTS,
    DoorPhase,
    verdict_of,
)
from rsvp.errors import NotAdmitted, Refusal
from rsvp.models import CheckIn, Device, Event, Scan
from rsvp.models.checkin import Direction, Verdict, check_in_ends_at, check_in_starts_at

MAX_LIVE_AGE = timedelta(seconds=30)
"""How old a scan may be that is judged by what has arrived before it."""

MIN_TIME_STEP = timedelta(microseconds=1)
"""The least by which two times differ."""


@dataclass(frozen=True)
class ScanInput:
    """One scan as a phone sends it; `id` is made by the phone.

    `phone_at` and `sent_at` are by its own clock, and `offset_ms` what it knows that
    clock to be behind. Older pages don't say when they sent it. `shown_verdict` is the
    verdict the phone has shown by itself meanwhile. `undone_scan_id` is the scan that
    an `undo` takes back.
    """

    id: UUID
    code: bytes | None
    direction: Direction
    undone_scan_id: UUID | None
    seq: int
    epoch: int
    phone_at: datetime
    offset_ms: int
    sent_at: datetime | None = None
    shown_verdict: Verdict | None = None

    @property
    def age(self) -> timedelta | None:
        """How old the scan was when it was sent. One that was sent before it was made
        is of this moment: its phone's clock was put back."""
        if self.sent_at is None:
            return None
        return max(self.sent_at - self.phone_at, timedelta())

    @property
    def is_live(self) -> bool:
        """Whether the attendee stands there and waits for the server's verdict."""
        return (
            self.shown_verdict is None
            and self.age is not None
            and self.age <= MAX_LIVE_AGE
        )


def record_scans(
    scan_inputs: Sequence[ScanInput], device: Device, *, now: datetime
) -> list[ScanResult | None]:
    """Record a batch of scans; one that can't be kept (None) does not hurt the
    others."""
    results: list[ScanResult | None] = []
    kept = [
        scan_input
        for scan_input in scan_inputs
        if scan_input.direction != Direction.LOOK
    ]
    codes = {scan_input.code for scan_input in kept if scan_input.code is not None}
    lookup.lock_by_codes([tokens.code_id(code) for code in codes])
    for scan_input in scan_inputs:
        savepoint = current_session().begin_nested()
        try:
            results.append(record_scan(scan_input, device, now=now))
        except (Refusal, IntegrityError, DataError):
            savepoint.rollback()
            results.append(None)
        else:
            savepoint.commit()
    passes.update_seen_at(device.id, now=now)
    return results


def record_scan(scan_input: ScanInput, device: Device, *, now: datetime) -> ScanResult:
    """Record a scan of a phone and return its result. A scan that was sent before is
    stored once and answered the same again.

    Raises NotAdmitted where the id is another phone's scan.
    """
    if scan_input.direction == Direction.LOOK:
        return preview_scan(scan_input, device, now=now)
    if stored := find_scan(scan_input.id):
        if stored.device_id != device.id:
            raise NotAdmitted(verdict=Verdict.UNKNOWN)
        return repeat_result(stored)
    return judge_scan(pending_scan(device, scan_input, now), now=now)


def preview_scan(scan_input: ScanInput, device: Device, *, now: datetime) -> ScanResult:
    """Return what a check-in would be answered now; admits nobody, and keeps
    nothing."""
    scan = pending_scan(device, scan_input, now)
    code_id = scan.code_id
    attendee = lookup.find_by_code(code_id) if code_id is not None else None
    stays = fold_passages(earlier_passages(scan, attendee))
    verdict = verdict_for(scan, attendee, stays, door_phase_of(scan))
    return result_of(scan, verdict, attendee, stays, stays)


def pending_scan(device: Device, scan_input: ScanInput, now: datetime) -> PendingScan:
    event = device.door_pass.event
    at = scan_time(device, scan_input, now)
    return PendingScan(
        id=scan_input.id,
        event=event,
        device_id=device.id,
        door=device.name,
        actor=passes.device_actor(device),
        code=scan_input.code,
        direction=scan_input.direction,
        undone_scan_id=scan_input.undone_scan_id,
        seq=scan_input.seq,
        epoch=scan_input.epoch,
        at=at,
        phone_at=scan_input.phone_at,
        offset_ms=scan_input.offset_ms,
        is_live=scan_input.is_live,
        is_rehearsal=device.door_pass.at_once and at < check_in_starts_at(event),
    )


def scan_time(device: Device, scan_input: ScanInput, now: datetime) -> datetime:
    if scan_input.direction == Direction.LOOK:
        return now
    if scan_input.is_live and scan_input.age is not None:
        # Whatever the phone's clock says: durations are all that is asked of it.
        at = now - scan_input.age
    else:
        at = scan_input.phone_at + timedelta(milliseconds=scan_input.offset_ms)
    # Clocks of phones drift: a scan was made after its phone was enrolled, and before
    # it arrived here.
    return min(max(device.enrolled_at, at), now)


# --- by hand ------------------------------------------------------------------------


def check_in(
    attendee_id: int, event_id: int, *, actor: str, now: datetime
) -> ScanResult:
    """Check an attendee in by hand. Raises NotAdmitted with the verdict that says why
    not; somebody who is in already stays in."""
    result = judge_by_hand(attendee_id, event_id, Direction.IN, None, actor, now)
    if result.verdict not in (*ADMITTING_VERDICTS, Verdict.ALREADY_IN):
        raise NotAdmitted(verdict=result.verdict)
    return result


def undo_check_in(
    attendee_id: int, event_id: int, *, actor: str, now: datetime
) -> ScanResult | None:
    """Undo the scan that let an attendee in; None where nobody is in."""
    entry = current_session().scalar(
        select(CheckIn.in_scan_id).where(
            CheckIn.attendee_id == attendee_id,
            CheckIn.event_id == event_id,
            CheckIn.out_at.is_(None),
        )
    )
    if entry is None:
        return None
    return judge_by_hand(attendee_id, event_id, Direction.UNDO, entry, actor, now)


def judge_by_hand(
    attendee_id: int,
    event_id: int,
    direction: Direction,
    undone_scan_id: UUID | None,
    actor: str,
    now: datetime,
) -> ScanResult:
    event = current_session().get_one(Event, event_id)
    scan = PendingScan(
        id=uuid4(),
        event=event,
        device_id=None,
        door=None,
        actor=actor,
        code=None,
        attendee_id=attendee_id,
        direction=direction,
        undone_scan_id=undone_scan_id,
        seq=0,
        epoch=0,
        at=now,
        phone_at=now,
        offset_ms=0,
        is_live=True,
        is_rehearsal=False,
    )
    return judge_scan(scan, now=now)


# --- taking a scan ------------------------------------------------------------------


@dataclass(frozen=True)
class PendingScan:
    """A scan about to be kept: by its code, or (by hand) by its attendee."""

    id: UUID
    event: Event
    device_id: int | None
    door: str | None
    actor: str
    code: bytes | None
    direction: Direction
    undone_scan_id: UUID | None
    seq: int
    epoch: int
    at: datetime
    phone_at: datetime
    offset_ms: int
    is_live: bool
    is_rehearsal: bool
    attendee_id: int | None = None

    @property
    def code_id(self) -> bytes | None:
        return tokens.code_id(self.code) if self.code is not None else None


def judge_scan(scan: PendingScan, *, now: datetime) -> ScanResult:
    """Judge the scan by what came before it, store it, and update the check-ins."""
    undone_scan = find_undone_scan(scan) if scan.direction == Direction.UNDO else None
    if undone_scan is not None:
        scan = replace(scan, is_rehearsal=undone_scan.is_rehearsal)
    attendee = lock_scanned_attendee(scan, undone_scan)
    passages = earlier_passages(scan, attendee)
    stays = fold_passages(passages)
    # Before it is moved: counted scans from while our clock was ahead close no door.
    door_phase = door_phase_of(scan)
    scan = replace(scan, at=time_after_passages(passages, scan))
    if scan.direction == Direction.UNDO:
        verdict = Verdict.UNDONE if undone_scan else Verdict.UNKNOWN
    else:
        earlier = fold_passages([p for p in passages if p.at <= scan.at])
        verdict = verdict_for(scan, attendee, earlier, door_phase)
    if not store_scan(scan, attendee, verdict, now):
        # The same scan was sent twice at once, and the other one was quicker.
        if stored := find_scan(scan.id):
            return repeat_result(stored)
        raise NotAdmitted(verdict=verdict)

    after = fold_passages(passages_after(passages, scan, verdict))
    if after != stays and not scan.is_rehearsal and attendee is not None:
        update_check_ins(scan.event.id, attendee.attendee_id, stays, after)
    return result_of(scan, verdict, attendee, stays, after)


def result_of(
    scan: PendingScan,
    verdict: Verdict,
    attendee: ScannedAttendee | None,
    stays: Sequence[Stay],
    after: Sequence[Stay],
) -> ScanResult:
    return build_result(
        scan.id,
        verdict,
        scan.at,
        scan.door,
        scan.is_rehearsal,
        attendee,
        stays,
        after,
    )


def earlier_passages(
    scan: PendingScan, attendee: ScannedAttendee | None
) -> list[Passage]:
    if attendee is None or attendee.event_id != scan.event.id:
        return []
    return passages_of(attendee.attendee_id, scan.is_rehearsal)


def time_after_passages(passages: Sequence[Passage], scan: PendingScan) -> datetime:
    """Return when the scan was made, as far as the ticket's counted scans allow: one
    that is judged at once comes after all of them (they are all that has arrived, since
    the holder is locked), and no two have the same time, so that the order in which
    they were judged is the order in which they count."""
    at, times = scan.at, {passage.at for passage in passages}
    if scan.is_live and times:
        return max(at, max(times) + MIN_TIME_STEP)
    while at in times:
        at += MIN_TIME_STEP
    return at


def verdict_for(
    scan: PendingScan,
    attendee: ScannedAttendee | None,
    before: Sequence[Stay],
    door_phase: DoorPhase,
) -> Verdict:
    return verdict_of(
        attendee.ticket_facts(scan.event.id) if attendee else None,
        door_phase=door_phase,
        before=directions(before),
        direction=scan.direction,
    )


def passages_after(
    passages: list[Passage], scan: PendingScan, verdict: Verdict
) -> list[Passage]:
    """Return the passages once this scan is one of them, or has undone one."""
    if verdict == Verdict.UNDONE:
        return [p for p in passages if p.scan_id != scan.undone_scan_id]
    if verdict in COUNTED_VERDICTS:
        return [*passages, Passage(scan.at, scan.id, scan.direction, scan.door)]
    return passages


def door_phase_of(scan: PendingScan) -> DoorPhase:
    if scan.at >= check_in_ends_at(scan.event):
        return DoorPhase.OVER
    # In a rehearsal it is never too early: that is what it is for.
    is_early = not scan.is_rehearsal and scan.at < check_in_starts_at(scan.event)
    return DoorPhase.TOO_EARLY if is_early else DoorPhase.OPEN


def lock_scanned_attendee(
    scan: PendingScan, undone_scan: Scan | None
) -> ScannedAttendee | None:
    attendee_id = undone_scan.attendee_id if undone_scan else scan.attendee_id
    if attendee_id is not None:
        return lookup.lock_by_id(attendee_id)
    if scan.code_id is None or scan.direction == Direction.UNDO:
        return None
    return lookup.lock_by_code(scan.code_id)


def find_undone_scan(scan: PendingScan) -> Scan | None:
    """Return the scan that is undone: of this event, and for a phone its own."""
    if scan.undone_scan_id is None:
        return None
    query = select(Scan).where(
        Scan.id == scan.undone_scan_id,
        Scan.event_id == scan.event.id,
        Scan.direction != Direction.UNDO,
    )
    if scan.device_id is not None:
        query = query.where(Scan.device_id == scan.device_id)
    return current_session().scalar(query)


# --- keeping ------------------------------------------------------------------------

# A conflict means: the same scan, sent twice.
INSERT_SCAN = insert_or_ignore(Scan, returning=Scan.id)


def store_scan(
    scan: PendingScan, attendee: ScannedAttendee | None, verdict: Verdict, now: datetime
) -> bool:
    """Insert the scan. Return whether it was not there before."""
    is_ours = attendee is not None and attendee.event_id == scan.event.id
    connection = current_connection()
    inserted = connection.execute(
        INSERT_SCAN[connection.dialect.name],
        {
            "id": scan.id,
            "event_id": scan.event.id,
            "device_id": scan.device_id,
            "actor": scan.actor,
            # Whose ticket it is at another event is nothing this one keeps.
            "attendee_id": attendee.attendee_id if attendee and is_ours else None,
            "code_id": scan.code_id,
            "direction": scan.direction,
            "undoes": scan.undone_scan_id,
            "seq": scan.seq,
            "epoch": scan.epoch,
            "at": scan.at,
            "phone_at": scan.phone_at,
            "offset_ms": scan.offset_ms,
            "received_at": now,
            "is_rehearsal": scan.is_rehearsal,
            "verdict": verdict,
        },
    )
    return inserted.scalar_one_or_none() is not None


def find_scan(scan_id: UUID) -> Scan | None:
    return current_session().scalar(fresh(select(Scan).where(Scan.id == scan_id)))


def find_result(scan_id: UUID, device: Device) -> ScanResult | None:
    """Return the result of a scan of this phone's own; None where it made none."""
    scan = find_scan(scan_id)
    return repeat_result(scan) if scan and scan.device_id == device.id else None


def repeat_result(scan: Scan) -> ScanResult:
    """Return the result of a scan that is stored already."""
    door = scan.device.name if scan.device else None
    attendee, stays = None, []
    if scan.attendee_id is not None:
        attendee = lookup.lock_by_id(scan.attendee_id)
        stays = fold_passages(passages_of(scan.attendee_id, scan.is_rehearsal))
    verdict = Verdict(scan.verdict)
    return build_result(
        scan.id, verdict, scan.at, door, scan.is_rehearsal, attendee, stays, stays
    )
