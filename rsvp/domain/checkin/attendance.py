"""Attendance: who is in, and since when, computed from the scans of an attendee."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.orm import aliased

from rsvp.db import current_connection, table_of
from rsvp.domain.checkin.verdicts import COUNTED_VERDICTS
from rsvp.models import Attendee, CheckIn, Device, Registration, Scan
from rsvp.models.checkin import Direction, Verdict


@dataclass(frozen=True)
class Passage:
    """A counted scan: somebody went in or out."""

    at: datetime
    scan_id: UUID
    direction: Direction
    door: str | None = None


@dataclass(frozen=True)
class Stay:
    """From being let in until leaving; `out` None: still there."""

    entry: Passage
    out: Passage | None = None


def fold_passages(passages: Sequence[Passage]) -> list[Stay]:
    """Return the stays that passages come to, by (time, scan id): the first of two that
    say the same counts, and only the last stay can be open."""
    stays: list[Stay] = []
    for passage in sorted(passages, key=lambda p: (p.at, str(p.scan_id))):
        is_in = bool(stays) and stays[-1].out is None
        if passage.direction == Direction.IN and not is_in:
            stays.append(Stay(passage))
        elif passage.direction == Direction.OUT and is_in:
            stays[-1] = Stay(stays[-1].entry, passage)
    return stays


def is_inside(stays: Sequence[Stay]) -> bool:
    return bool(stays) and stays[-1].out is None


def directions(stays: Sequence[Stay]) -> list[Direction]:
    passed = []
    for stay in stays:
        passed += [Direction.IN, Direction.OUT] if stay.out else [Direction.IN]
    return passed


# --- from the scans -----------------------------------------------------------------

undo_scan = aliased(Scan)
SELECT_COUNTED_SCANS = (
    select(Scan.at, Scan.id, Scan.direction, Device.name, Scan.attendee_id)
    .outerjoin(Device, Device.id == Scan.device_id)
    .where(
        Scan.verdict.in_(COUNTED_VERDICTS),
        ~exists().where(
            undo_scan.undoes == Scan.id, undo_scan.verdict == Verdict.UNDONE
        ),
    )
)
SELECT_PASSAGES = SELECT_COUNTED_SCANS.where(
    Scan.attendee_id == bindparam("attendee"),
    Scan.is_rehearsal == bindparam("rehearsal"),
)


def passages_of(attendee_id: int, is_rehearsal: bool) -> list[Passage]:
    """Return the counted scans of an attendee, without those that were undone."""
    values = {"attendee": attendee_id, "rehearsal": is_rehearsal}
    return [
        to_passage(row) for row in current_connection().execute(SELECT_PASSAGES, values)
    ]


def all_passages() -> dict[int, list[Passage]]:
    """Return the counted scans that are no rehearsal, by attendee."""
    return passages_by_attendee(
        SELECT_COUNTED_SCANS.where(~Scan.is_rehearsal, Scan.attendee_id.is_not(None))
    )


def inside_in_rehearsal(attendee_ids: Sequence[int]) -> set[int]:
    """Return the ids of those who are in, by what a rehearsal has seen so far."""
    passages_by_id = passages_by_attendee(
        SELECT_COUNTED_SCANS.where(
            Scan.is_rehearsal, Scan.attendee_id.in_(attendee_ids)
        )
    )
    return {
        attendee_id
        for attendee_id, passages in passages_by_id.items()
        if is_inside(fold_passages(passages))
    }


def passages_by_attendee(query: Executable) -> dict[int, list[Passage]]:
    passages: dict[int, list[Passage]] = defaultdict(list)
    for row in current_connection().execute(query):
        passages[row.attendee_id].append(to_passage(row))
    return passages


def to_passage(row: Any) -> Passage:
    return Passage(row.at, row.id, Direction(row.direction), row.name)


# --- into the check-ins -------------------------------------------------------------

CHECK_IN_TABLE = table_of(CheckIn)
DELETE_CHECK_IN = delete(CHECK_IN_TABLE).where(
    CHECK_IN_TABLE.c.in_scan_id == bindparam("entry")
)
UPDATE_CHECK_IN = (
    update(CHECK_IN_TABLE)
    .where(CHECK_IN_TABLE.c.in_scan_id == bindparam("entry"))
    .values(out_at=bindparam("left_at"), out_scan_id=bindparam("left_by"))
)
INSERT_CHECK_IN = insert(CHECK_IN_TABLE)


def update_check_ins(
    event_id: int, attendee_id: int, before: Sequence[Stay], after: Sequence[Stay]
) -> None:
    """Update an attendee's check-ins to what their scans now come to."""
    connection = current_connection()
    old_stays = {stay.entry.scan_id: stay for stay in before}
    new_stays = {stay.entry.scan_id: stay for stay in after}
    # In this order, so that there are never two open ones.
    for entry in old_stays.keys() - new_stays.keys():
        connection.execute(DELETE_CHECK_IN, {"entry": entry})
    kept = [
        entry
        for entry in new_stays
        if entry in old_stays and new_stays[entry] != old_stays[entry]
    ]
    for entry in sorted(kept, key=lambda entry: new_stays[entry].out is None):
        connection.execute(
            UPDATE_CHECK_IN, {"entry": entry} | exit_columns(new_stays[entry])
        )
    for entry, stay in new_stays.items():
        if entry not in old_stays:
            out = exit_columns(stay)
            connection.execute(
                INSERT_CHECK_IN,
                {
                    "event_id": event_id,
                    "attendee_id": attendee_id,
                    "in_at": stay.entry.at,
                    "in_scan_id": entry,
                    "out_at": out["left_at"],
                    "out_scan_id": out["left_by"],
                },
            )


def exit_columns(stay: Stay) -> dict[str, Any]:
    return {
        "left_at": stay.out.at if stay.out else None,
        "left_by": stay.out.scan_id if stay.out else None,
    }


def was_checked_in() -> ColumnElement[bool]:
    """Whether somebody of a registration's party was let in at any time."""
    return (
        select(CheckIn.id)
        .join(Attendee, Attendee.id == CheckIn.attendee_id)
        .where(Attendee.registration_id == Registration.id)
        .exists()
    )
