"""The model's seats: who holds which, who waits in line, and what the clock ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SEATED = ("held", "offered", "confirmed")
LIVE = (*SEATED, "requested", "waitlisted")
OVER = ("cancelled", "declined", "lapsed")


class RuleRefusal(Exception):
    """The rules say no; the text is the refusal's code."""


@dataclass
class AdmissionModel:
    """A way of attending: its cap, whether it keeps a line, and how long a one."""

    cap: int | None
    line: bool = True
    longest: int | None = None
    in_person: bool = True


@dataclass
class PartyModel:
    """One booking. `people` are the places in the party (0, 1 …) of those coming."""

    who: str
    address: str
    way: str
    people: list[int]
    fewer_ok: bool = False
    state: str = "new"
    number: int | None = None
    until: datetime | None = None
    offered: int | None = None
    put_off: bool = False
    was: str | None = None
    ever: int = 0

    def __post_init__(self) -> None:
        self.ever = len(self.people)

    def copy(self) -> PartyModel:
        same = PartyModel.__new__(PartyModel)
        same.__dict__.update(self.__dict__, people=list(self.people))
        return same

    @property
    def size(self) -> int:
        return len(self.people)

    @property
    def holds(self) -> int:
        if self.state not in SEATED:
            return 0
        return self.size if self.offered is None else self.offered

    @property
    def could_use(self) -> int:
        """The fewest seats that are any good to it."""
        return 1 if self.fewer_ok else self.size


@dataclass
class SeatModel:
    """The seats of one event and everyone who asked for one, at an instant."""

    ways: dict[str, AdmissionModel]
    starts: datetime
    ends: datetime
    doors: datetime
    now: datetime
    zone: ZoneInfo
    room: int | None = None
    reserved: int = 0
    party_max: int = 4
    offers: bool = False
    paused: bool = False
    parties: dict[str, PartyModel] = field(default_factory=dict)
    last_number: int = 0

    # --- seats ----------------------------------------------------------------------

    def shares_room(self, way: str) -> bool:
        return self.room is not None and self.ways[way].in_person

    def rivals(self, way: str) -> list[str]:
        """The ways whose seats are partly the same ones."""
        if not self.shares_room(way):
            return [way]
        return [other for other in self.ways if self.shares_room(other)]

    def keeps_reserved(self) -> str | None:
        """The way whose cap the reserved seats count against; None: the room's."""
        if self.room is not None:
            return None
        capped = [way for way in self.ways if self.ways[way].cap is not None]
        in_person = [way for way in capped if self.ways[way].in_person]
        return next(iter(in_person or capped), None)

    def taken(self, *ways: str) -> int:
        kept = self.reserved if self.keeps_reserved() in ways else 0
        return kept + sum(p.holds for p in self.parties.values() if p.way in ways)

    def free(self, way: str) -> float:
        free = float("inf")
        if (cap := self.ways[way].cap) is not None:
            free = cap - self.taken(way)
        if self.shares_room(way):
            assert self.room is not None
            left = self.room - self.reserved - self.taken(*self.rivals(way))
            free = min(free, left)
        return max(0, free)

    def all_free(self) -> dict[str, float]:
        return {way: self.free(way) for way in self.ways}

    def largest_party(self, way: str) -> int:
        caps = [self.party_max]
        if (cap := self.ways[way].cap) is not None:
            caps.append(cap - self.reserved * (self.keeps_reserved() == way))
        if self.shares_room(way):
            assert self.room is not None
            caps.append(self.room - self.reserved)
        return max(0, min(caps))

    # --- the line -------------------------------------------------------------------

    def line(self, *ways: str) -> list[PartyModel]:
        waiting = [p for p in self.parties.values() if p.state == "waitlisted"]
        waiting.sort(key=lambda p: p.number or 0)
        return [p for p in waiting if not ways or p.way in ways]

    def runs(self) -> bool:
        return not self.paused and self.now < self.doors

    def has_room_for_newcomer(self, way: str, seats: int) -> bool:
        """They fit, and nobody waiting for the same seats could use what is free."""
        return seats <= self.free(way) and not self.is_wanted(way)

    def is_wanted(self, way: str) -> bool:
        """Whether somebody in line could use what is free, who did not put it off: they
        are asked again when the next seats come free."""
        free = self.all_free()
        return any(
            p.could_use <= free[p.way]
            for p in self.line(*self.rivals(way))
            if not p.put_off
        )

    def promote(self, but: PartyModel | None = None) -> None:
        free = self.all_free()
        for party in self.line() if self.runs() else ():
            left = free[party.way]
            if party is but or left < party.could_use:
                continue
            if left < party.size:
                self.keep_for(party, int(left))
            elif self.offers:
                self.keep_for(party, party.size)
            else:
                self.become(party, "confirmed")
            free = self.all_free()

    def keep_for(self, party: PartyModel, seats: int) -> None:
        self.become(party, "offered")
        party.offered, party.until = seats, self.deadline()

    def deadline(self) -> datetime:
        left = self.starts - self.now
        stands = timedelta(hours=24)
        if left <= timedelta(hours=48):
            stands = timedelta(hours=4)
        if left <= timedelta(hours=6):
            stands = timedelta(minutes=45)
        ends = (self.now + stands).astimezone(self.zone)
        if ends.hour >= 22:
            ends += timedelta(days=1)
        if ends.hour >= 22 or ends.hour < 8:
            ends = ends.replace(hour=10, minute=0, second=0, microsecond=0)
        return min(ends, self.doors)

    def join(self, party: PartyModel) -> None:
        """To the end of the line."""
        way = self.ways[party.way]
        if not way.line:
            raise RuleRefusal("full")
        waiting = sum(p.size for p in self.line(party.way))
        if way.longest is not None and waiting + party.size > way.longest:
            raise RuleRefusal("line_full")
        self.last_number += 1
        self.become(party, "waitlisted")
        party.number = self.last_number

    def become(self, party: PartyModel, state: str) -> None:
        comes_back = state in LIVE and party.state not in (*LIVE, "moving")
        if comes_back and self.has_address(party):
            raise RuleRefusal("address_in_use")
        party.was, party.state = party.state, state
        party.until = party.offered = None
        if state not in ("waitlisted", "offered"):
            party.number = None

    def has_address(self, party: PartyModel) -> bool:
        """Whether its address has another live booking for the same way."""
        return any(
            (other.address, other.way) == (party.address, party.way)
            for other in self.parties.values()
            if other is not party and other.state in LIVE
        )

    def seat_or_join(self, party: PartyModel) -> None:
        if self.has_room_for_newcomer(party.way, party.size):
            self.become(party, "confirmed")
        else:
            self.join(party)
            self.promote()

    # --- the clock ------------------------------------------------------------------

    def settle(self) -> None:
        """What the clock alone has ended by now; then it is the line's turn."""
        ended = [p for p in self.parties.values() if self.has_ended(p)]
        for party in ended:
            self.become(party, "lapsed")
        if ended:
            self.promote()

    def has_ended(self, party: PartyModel) -> bool:
        if party.state in ("requested", "waitlisted"):
            return self.is_over
        return party.until is not None and party.until <= self.now

    @property
    def is_over(self) -> bool:
        return self.now >= self.ends

    def touched(self, who: str, *states: str) -> PartyModel:
        """The party once the clock is settled; its state must be one of these."""
        self.settle()
        party = self.parties[who]
        if party.state not in states:
            is_late = party.state == "lapsed" and self.is_over
            raise RuleRefusal("event_over" if is_late else "already_over")
        return party

    def touched_in_line(self, who: str) -> PartyModel:
        party = self.touched(who, *LIVE)
        if party.state != "waitlisted":
            raise RuleRefusal("not_waiting")
        return party

    def refuse_late(self) -> None:
        """What a link can't do any more."""
        if self.now >= self.starts:
            raise RuleRefusal("too_late_to_cancel")
