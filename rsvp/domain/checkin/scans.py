"""Scans: what phones read, and check-ins by hand, judged and stored one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from rsvp import tokens
from rsvp.db import current_connection, current_session, table_of
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
        """How old it was when it was sent. One that was sent before it was made is of
        this moment: its phone's clock was put back."""
        if self.sent_at is None:
            return None
        return max(self.sent_at - self.phone_at, timedelta())

    @property
    def is_live(self) -> bool:
        """Whether the person stands there and waits for our word."""
        return (
            self.shown_verdict is None
            and self.age is not None
            and self.age <= MAX_LIVE_AGE
        )


def record_scans(
    readings: Sequence[ScanInput], device: Device, *, now: datetime
) -> list[ScanResult | None]:
    """Take a batch of scans; one that can't be kept (None) does not hurt the others."""
    answers: list[ScanResult | None] = []
    kept = [reading for reading in readings if reading.direction != Direction.LOOK]
    codes = {reading.code for reading in kept if reading.code is not None}
    lookup.lock_by_codes([tokens.code_id(code) for code in codes])
    for reading in readings:
        savepoint = current_session().begin_nested()
        try:
            answers.append(record_scan(reading, device, now=now))
        except (Refusal, IntegrityError, DataError):
            savepoint.rollback()
            answers.append(None)
        else:
            savepoint.commit()
    passes.update_seen_at(device.id, now=now)
    return answers


def record_scan(reading: ScanInput, device: Device, *, now: datetime) -> ScanResult:
    """Keep a scan of a phone and say what it is worth. A scan that was sent before is
    stored once and answered the same again.

    Raises NotAdmitted where the id is another phone's scan.
    """
    if reading.direction == Direction.LOOK:
        return preview_scan(reading, device, now=now)
    if before := find_scan(reading.id):
        if before.device_id != device.id:
            raise NotAdmitted(verdict=Verdict.UNKNOWN)
        return repeat_result(before)
    return judge_scan(pending_scan(device, reading, now), now=now)


def preview_scan(reading: ScanInput, device: Device, *, now: datetime) -> ScanResult:
    """What letting them in would be answered now; admits nobody, and keeps nothing."""
    taken = pending_scan(device, reading, now)
    code_id = taken.code_id
    holder = lookup.find_by_code(code_id) if code_id is not None else None
    stays = fold_passages(earlier_passages(taken, holder))
    verdict = verdict_for(taken, holder, stays, door_phase_of(taken))
    return result_of(taken, verdict, holder, stays, stays)


def pending_scan(device: Device, reading: ScanInput, now: datetime) -> PendingScan:
    event = device.door_pass.event
    at = scan_time(device, reading, now)
    return PendingScan(
        id=reading.id,
        event=event,
        device_id=device.id,
        door=device.name,
        actor=passes.device_actor(device),
        code=reading.code,
        direction=reading.direction,
        undone_scan_id=reading.undone_scan_id,
        seq=reading.seq,
        epoch=reading.epoch,
        at=at,
        phone_at=reading.phone_at,
        offset_ms=reading.offset_ms,
        is_live=reading.is_live,
        is_rehearsal=device.door_pass.at_once and at < check_in_starts_at(event),
    )


def scan_time(device: Device, reading: ScanInput, now: datetime) -> datetime:
    if reading.direction == Direction.LOOK:
        return now
    if reading.is_live and reading.age is not None:
        # Whatever the phone's clock says: durations are all that is asked of it.
        at = now - reading.age
    else:
        at = reading.phone_at + timedelta(milliseconds=reading.offset_ms)
    # Clocks of phones drift: a scan was made after its phone was enrolled, and before
    # it arrived here.
    return min(max(device.enrolled_at, at), now)


# --- by hand ------------------------------------------------------------------------


def check_in(
    attendee_id: int, event_id: int, *, actor: str, now: datetime
) -> ScanResult:
    """Let an attendee in by hand. Raises NotAdmitted with the verdict that says why
    not; somebody who is in already stays in."""
    answer = judge_by_hand(attendee_id, event_id, Direction.IN, None, actor, now)
    if answer.verdict not in (*ADMITTING_VERDICTS, Verdict.ALREADY_IN):
        raise NotAdmitted(verdict=answer.verdict)
    return answer


def undo_check_in(
    attendee_id: int, event_id: int, *, actor: str, now: datetime
) -> ScanResult | None:
    """Take back the scan that let an attendee in; None where nobody is in."""
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
    of: UUID | None,
    actor: str,
    now: datetime,
) -> ScanResult:
    event = current_session().get_one(Event, event_id)
    taken = PendingScan(
        id=uuid4(),
        event=event,
        device_id=None,
        door=None,
        actor=actor,
        code=None,
        attendee_id=attendee_id,
        direction=direction,
        undone_scan_id=of,
        seq=0,
        epoch=0,
        at=now,
        phone_at=now,
        offset_ms=0,
        is_live=True,
        is_rehearsal=False,
    )
    return judge_scan(taken, now=now)


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


def judge_scan(taken: PendingScan, *, now: datetime) -> ScanResult:
    """Judge the scan by what came before it, keep it, and let who is in follow."""
    undone = find_undone_scan(taken) if taken.direction == Direction.UNDO else None
    if undone is not None:
        taken = replace(taken, is_rehearsal=undone.is_rehearsal)
    holder = lock_scanned_attendee(taken, undone)
    passages = earlier_passages(taken, holder)
    stays = fold_passages(passages)
    # Before it is moved: counted scans from while our clock was ahead close no door.
    moment = door_phase_of(taken)
    taken = replace(taken, at=time_after_passages(passages, taken))
    if taken.direction == Direction.UNDO:
        verdict = Verdict.UNDONE if undone else Verdict.UNKNOWN
    else:
        earlier = fold_passages([p for p in passages if p.at <= taken.at])
        verdict = verdict_for(taken, holder, earlier, moment)
    if not store_scan(taken, holder, verdict, now):
        # The same scan was sent twice at once, and the other one was quicker.
        if again := find_scan(taken.id):
            return repeat_result(again)
        raise NotAdmitted(verdict=verdict)

    after = fold_passages(passages_after(passages, taken, verdict))
    if after != stays and not taken.is_rehearsal and holder is not None:
        update_check_ins(taken.event.id, holder.attendee_id, stays, after)
    return result_of(taken, verdict, holder, stays, after)


def result_of(
    taken: PendingScan,
    verdict: Verdict,
    holder: ScannedAttendee | None,
    stays: Sequence[Stay],
    after: Sequence[Stay],
) -> ScanResult:
    return build_result(
        taken.id,
        verdict,
        taken.at,
        taken.door,
        taken.is_rehearsal,
        holder,
        stays,
        after,
    )


def earlier_passages(
    taken: PendingScan, holder: ScannedAttendee | None
) -> list[Passage]:
    if holder is None or holder.event_id != taken.event.id:
        return []
    return passages_of(holder.attendee_id, taken.is_rehearsal)


def time_after_passages(passages: Sequence[Passage], taken: PendingScan) -> datetime:
    """When the scan was made, as far as the ticket's counted scans allow: one that is
    judged at once comes after all of them (they are all that has arrived, since the
    holder is locked), and no two have the same time, so that the order in which they
    were judged is the order in which they count."""
    at, times = taken.at, {passage.at for passage in passages}
    if taken.is_live and times:
        return max(at, max(times) + MIN_TIME_STEP)
    while at in times:
        at += MIN_TIME_STEP
    return at


def verdict_for(
    taken: PendingScan,
    holder: ScannedAttendee | None,
    before: Sequence[Stay],
    moment: DoorPhase,
) -> Verdict:
    return verdict_of(
        holder.ticket_facts(taken.event.id) if holder else None,
        door_phase=moment,
        before=directions(before),
        direction=taken.direction,
    )


def passages_after(
    passages: list[Passage], taken: PendingScan, verdict: Verdict
) -> list[Passage]:
    """The passages once this scan is one of them, or has taken one back."""
    if verdict == Verdict.UNDONE:
        return [p for p in passages if p.scan_id != taken.undone_scan_id]
    if verdict in COUNTED_VERDICTS:
        return [*passages, Passage(taken.at, taken.id, taken.direction, taken.door)]
    return passages


def door_phase_of(taken: PendingScan) -> DoorPhase:
    if taken.at >= check_in_ends_at(taken.event):
        return DoorPhase.OVER
    # In a rehearsal it is never too early: that is what it is for.
    is_early = not taken.is_rehearsal and taken.at < check_in_starts_at(taken.event)
    return DoorPhase.TOO_EARLY if is_early else DoorPhase.OPEN


def lock_scanned_attendee(
    taken: PendingScan, undone: Scan | None
) -> ScannedAttendee | None:
    attendee_id = undone.attendee_id if undone else taken.attendee_id
    if attendee_id is not None:
        return lookup.lock_by_id(attendee_id)
    if taken.code_id is None or taken.direction == Direction.UNDO:
        return None
    return lookup.lock_by_code(taken.code_id)


def find_undone_scan(taken: PendingScan) -> Scan | None:
    """The scan that is taken back: of this event, and for a phone its own."""
    if taken.undone_scan_id is None:
        return None
    wanted = select(Scan).where(
        Scan.id == taken.undone_scan_id,
        Scan.event_id == taken.event.id,
        Scan.direction != Direction.UNDO,
    )
    if taken.device_id is not None:
        wanted = wanted.where(Scan.device_id == taken.device_id)
    return current_session().scalar(wanted)


# --- keeping ------------------------------------------------------------------------

# A conflict means: the same scan, sent twice.
INSERT_SCAN = {
    "sqlite": sqlite.insert(table_of(Scan)).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table_of(Scan)).on_conflict_do_nothing(),
}
INSERT_SCAN = {
    name: row.returning(table_of(Scan).c.id) for name, row in INSERT_SCAN.items()
}


def store_scan(
    taken: PendingScan, holder: ScannedAttendee | None, verdict: Verdict, now: datetime
) -> bool:
    """Write the scan, and say whether it was not there before."""
    is_ours = holder is not None and holder.event_id == taken.event.id
    connection = current_connection()
    done = connection.execute(
        INSERT_SCAN[connection.dialect.name],
        {
            "id": taken.id,
            "event_id": taken.event.id,
            "device_id": taken.device_id,
            "actor": taken.actor,
            # Whose ticket it is at another event is nothing this one keeps.
            "attendee_id": holder.attendee_id if holder and is_ours else None,
            "code_id": taken.code_id,
            "direction": taken.direction,
            "undoes": taken.undone_scan_id,
            "seq": taken.seq,
            "epoch": taken.epoch,
            "at": taken.at,
            "phone_at": taken.phone_at,
            "offset_ms": taken.offset_ms,
            "received_at": now,
            "is_rehearsal": taken.is_rehearsal,
            "verdict": verdict,
        },
    )
    return done.scalar_one_or_none() is not None


def find_scan(scan_id: UUID) -> Scan | None:
    return current_session().scalar(
        select(Scan).where(Scan.id == scan_id),
        execution_options={"populate_existing": True},
    )


def find_result(scan_id: UUID, device: Device) -> ScanResult | None:
    """What a phone was told of a scan of its own; None where it made none."""
    scan = find_scan(scan_id)
    return repeat_result(scan) if scan and scan.device_id == device.id else None


def repeat_result(scan: Scan) -> ScanResult:
    """The answer to a scan that is stored already."""
    door = scan.device.name if scan.device else None
    holder, stays = None, []
    if scan.attendee_id is not None:
        holder = lookup.lock_by_id(scan.attendee_id)
        stays = fold_passages(passages_of(scan.attendee_id, scan.is_rehearsal))
    verdict = Verdict(scan.verdict)
    return build_result(
        scan.id, verdict, scan.at, door, scan.is_rehearsal, holder, stays, stays
    )
