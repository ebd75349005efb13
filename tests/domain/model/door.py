"""The door's rules in their plainest form, stated anew to compare with.

A `Hall` knows of each ticket who went in and out, in order. `Door` is a phone at one of
its doors: it has a clock that is wrong, and a queue of what it could not send yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

SHORT = timedelta(seconds=30)
TICK = timedelta(microseconds=1)
NO_CLOCK = timedelta(days=20)


@dataclass
class UnsentScan:
    """A scan that was made, and what the clock on the wall of its phone said."""

    made: datetime
    read: datetime
    sent: dict[str, Any]


@dataclass
class PhoneModel:
    """A phone. `ahead` is how far its clock is off, `believed` what it thinks of that.

    It measures how old a scan is by a clock that nobody can set; a `simple` one only
    subtracts what its clock said.
    """

    number: int
    device_id: int
    enrolled_at: datetime
    simple: bool = False
    ahead: timedelta = timedelta()
    believed: timedelta = timedelta()
    queue: list[UnsentScan] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    mine: list[str] = field(default_factory=list)

    def scan(self, now: datetime, scan_id: str, direction: str, **values: Any) -> None:
        sent = {"id": scan_id, "direction": direction, "code": None, "of": None}
        sent |= {"index": None, "epoch": 0, "seq": len(self.mine), "shown": None}
        self.queue.append(UnsentScan(now, now + self.ahead, sent | values))
        if direction in ("in", "out"):
            self.mine.append(scan_id)

    def body(self, now: datetime) -> str:
        """What it would send now."""
        sent_at, offset = now + self.ahead, -self.believed
        # So far off it is no clock: it goes by that of the server.
        moved = offset if abs(offset) > NO_CLOCK else timedelta()
        stamp = {"offset_ms": (offset - moved) // timedelta(milliseconds=1)}
        scans = []
        for one in self.queue:
            at = one.read if self.simple else sent_at - (now - one.made)
            scans.append(one.sent | stamp | {"at": (at + moved).isoformat()})
        return json.dumps({"sent_at": (sent_at + moved).isoformat(), "scans": scans})

    def hears(self) -> None:
        self.queue = []
        self.believed = self.ahead


@dataclass
class DoorModel:
    """What has arrived: of each ticket (when, `in` or `out`, which scan), in order."""

    steps: dict[str, list[tuple[datetime, str, str]]] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    made_by: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def arrives(self, body: str, door: PhoneModel, now: datetime) -> list[str]:
        """The verdict of each scan of a batch that arrives now."""
        batch = json.loads(body)
        sent_at = datetime.fromisoformat(batch["sent_at"])
        return [self.judge(scan, sent_at, door, now) for scan in batch["scans"]]

    def judge(
        self, scan: dict[str, Any], sent_at: datetime, door: PhoneModel, now: datetime
    ) -> str:
        if scan["direction"] == "look":
            return self.says(self.steps.get(scan["code"], []), "in")
        if scan["id"] in self.verdicts:
            return self.verdicts[scan["id"]]
        if scan["direction"] == "undo":
            verdict = self.take_back(scan["of"], door)
        else:
            verdict = self.pass_by(scan, sent_at, door, now)
        self.verdicts[scan["id"]] = verdict
        self.made_by[scan["id"]] = (door.number, scan["code"])
        return verdict

    def take_back(self, scan_id: str, door: PhoneModel) -> str:
        number, code = self.made_by.get(scan_id, (None, None))
        if number != door.number or code is None:
            return "unknown"
        self.steps[code] = [s for s in self.steps.get(code, []) if s[2] != scan_id]
        return "undone"

    def pass_by(
        self, scan: dict[str, Any], sent_at: datetime, door: PhoneModel, now: datetime
    ) -> str:
        steps = self.steps.setdefault(scan["code"], [])
        at = datetime.fromisoformat(scan["at"])
        if scan["shown"] is None and sent_at - at <= SHORT:
            # Who stands there comes after all we know of.
            at = max(door.enrolled_at, now - max(timedelta(), sent_at - at))
            if steps:
                at = max(at, steps[-1][0] + TICK)
            before = steps
        else:
            at += timedelta(milliseconds=scan["offset_ms"])
            at = min(max(door.enrolled_at, at), now)
            while any(when == at for when, *_ in steps):
                at += TICK
            before = [step for step in steps if step[0] < at]
        verdict = self.says(before, scan["direction"])
        if verdict in ("welcome", "left_and_back", "left"):
            steps.insert(len(before), (at, scan["direction"], scan["id"]))
        return verdict

    def says(self, steps: list[tuple[datetime, str, str]], way: str) -> str:
        stays = stays_from_steps(steps)
        is_in = bool(stays) and stays[-1][1] is None
        if way == "out":
            return "left" if is_in else "not_in"
        if is_in:
            return "already_in"
        return "left_and_back" if stays else "welcome"


def stays_from_steps(
    steps: list[tuple[datetime, str, str]],
) -> list[tuple[datetime, datetime | None]]:
    """From when until when (None: still) somebody was there."""
    stays: list[tuple[datetime, datetime | None]] = []
    since: datetime | None = None
    for when, way, _ in steps:
        if way == "in" and since is None:
            since = when
        elif way == "out" and since is not None:
            stays.append((since, when))
            since = None
    return [*stays, (since, None)] if since else stays


def shuffled_id(number: int) -> str:
    """Ids in an order that has nothing to do with that of the scans."""
    return str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128))
