"""The booking rules in their plainest form, stated anew for tests to compare with.

An `Evening` is one event and everyone who asked for a place at it. Each method is what
somebody does; it changes the evening at its present instant `now`, or raises `No` with
the code of the refusal, after which the evening is to be thrown away (`trying` does).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SEATED = ("held", "offered", "confirmed")
LIVE = (*SEATED, "requested", "waitlisted")
OVER = ("cancelled", "declined", "lapsed")


class No(Exception):
    """The rules say no; the text is the refusal's code."""


@dataclass
class Way:
    """A way of attending: its cap, whether it keeps a line, and how long a one."""

    cap: int | None
    line: bool = True
    longest: int | None = None
    in_person: bool = True


@dataclass
class Party:
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

    def copy(self) -> Party:
        same = Party.__new__(Party)
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
class Evening:
    ways: dict[str, Way]
    starts: datetime
    ends: datetime
    doors: datetime
    now: datetime
    zone: ZoneInfo
    room: int | None = None
    reserved: int = 0
    party_max: int = 4
    by_approval: bool = False
    offers: bool = False
    by_mail_first: bool = False
    standby: timedelta | None = timedelta(minutes=15)
    paused: bool = False
    parties: dict[str, Party] = field(default_factory=dict)
    last_number: int = 0

    def trying(self, deed: Callable[[Evening], str | None]) -> tuple[Evening, str]:
        """The evening after a deed, and the answer: unchanged after a refusal."""
        # By hand, since deepcopy is slow and histories are long.
        after = copy.copy(self)
        after.ways = {key: copy.copy(way) for key, way in self.ways.items()}
        after.parties = {who: party.copy() for who, party in self.parties.items()}
        try:
            return after, deed(after) or "done"
        except No as refusal:
            return self, str(refusal)

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

    def line(self, *ways: str) -> list[Party]:
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

    def promote(self, but: Party | None = None) -> None:
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

    def keep_for(self, party: Party, seats: int) -> None:
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

    def join(self, party: Party) -> None:
        """To the end of the line."""
        way = self.ways[party.way]
        if not way.line:
            raise No("full")
        waiting = sum(p.size for p in self.line(party.way))
        if way.longest is not None and waiting + party.size > way.longest:
            raise No("line_full")
        self.last_number += 1
        self.become(party, "waitlisted")
        party.number = self.last_number

    def become(self, party: Party, state: str) -> None:
        comes_back = state in LIVE and party.state not in (*LIVE, "moving")
        if comes_back and self.has_address(party):
            raise No("address_in_use")
        party.was, party.state = party.state, state
        party.until = party.offered = None
        if state not in ("waitlisted", "offered"):
            party.number = None

    def has_address(self, party: Party) -> bool:
        """Whether its address has another live booking for the same way."""
        return any(
            (other.address, other.way) == (party.address, party.way)
            for other in self.parties.values()
            if other is not party and other.state in LIVE
        )

    def seat_or_join(self, party: Party) -> None:
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

    def has_ended(self, party: Party) -> bool:
        if party.state in ("requested", "waitlisted"):
            return self.is_over
        return party.until is not None and party.until <= self.now

    @property
    def is_over(self) -> bool:
        return self.now >= self.ends

    def touched(self, who: str, *states: str) -> Party:
        """The party once the clock is settled; its state must be one of these."""
        self.settle()
        party = self.parties[who]
        if party.state not in states:
            is_late = party.state == "lapsed" and self.is_over
            raise No("event_over" if is_late else "already_over")
        return party

    def touched_in_line(self, who: str) -> Party:
        party = self.touched(who, *LIVE)
        if party.state != "waitlisted":
            raise No("not_waiting")
        return party

    def refuse_late(self) -> None:
        """What a link can't do any more."""
        if self.now >= self.starts:
            raise No("too_late_to_cancel")

    # --- asking ---------------------------------------------------------------------

    def register(self, party: Party) -> str:
        if self.now >= self.ends:
            raise No("event_over")
        if self.now >= self.starts:
            raise No("registration_closed")
        if self.paused:
            raise No("registration_paused")
        if party.size > self.largest_party(party.way):
            raise No("party_too_large")
        self.settle()
        if self.has_address(party):
            return "mailed again"
        self.parties[party.who] = party
        if self.by_approval:
            self.become(party, "requested")
        elif not self.has_room_for_newcomer(party.way, party.size):
            self.join(party)
            self.promote()
        elif self.by_mail_first:
            self.become(party, "held")
            party.until = self.now + timedelta(hours=2)
        else:
            self.become(party, "confirmed")
        return party.state

    def confirm_address(self, who: str) -> str:
        party = self.touched(who, *LIVE, "lapsed")
        if party.state == "held":
            self.become(party, "confirmed")
        elif (party.state, party.was) == ("lapsed", "held"):
            if self.is_over:
                raise No("event_over")
            self.seat_or_join(party)
        elif party.state in ("requested", "lapsed"):
            raise No("already_over")
        return party.state

    # --- giving up, growing, moving -------------------------------------------------

    def cancel(self, who: str) -> None:
        party = self.touched(who, *LIVE, "released")
        self.refuse_late()
        self.become(party, "cancelled")
        self.promote()

    def cancel_guest(self, who: str, position: int) -> None:
        party = self.touched(who, *LIVE)
        self.refuse_late()
        if party.state == "offered":
            raise No("answer_first")
        if position not in party.people[1:]:
            raise No("already_over")
        party.people.remove(position)
        self.promote()

    def touched_settled(self, who: str) -> Party:
        party = self.touched(who, *LIVE)
        self.refuse_late()
        if party.state in ("held", "offered"):
            raise No("answer_first")
        return party

    def add_guest(self, who: str) -> str:
        party = self.touched_settled(who)
        if party.size + 1 > self.largest_party(party.way):
            raise No("party_too_large")
        if party.state == "confirmed" and not self.has_room_for_newcomer(party.way, 1):
            raise No("no_seat_free")
        party.people.append(party.ever)
        party.ever += 1
        if party.state == "waitlisted":
            self.join_again(party)
        return party.state

    def move(self, who: str, way: str) -> str:
        party = self.touched_settled(who)
        if party.way == way:
            raise No("wrong_admission")
        was = party.state
        if was != "confirmed" and party.size > self.largest_party(way):
            raise No("party_too_large")
        # What it leaves behind is free for itself alone.
        could_be_used = was == "confirmed" and self.is_wanted(way)
        party.way, party.state = way, "moving"
        has_room = self.has_room_for_newcomer(way, party.size)
        if was == "requested":
            party.state = was
        elif was == "confirmed":
            if could_be_used or party.size > self.free(way):
                raise No("no_seat_free")
            party.state = was
        elif has_room:
            self.become(party, "confirmed")
        else:
            self.join(party)
        if self.has_address(party):
            raise No("address_in_use")
        self.promote()
        return party.state

    def join_again(self, party: Party) -> None:
        party.state = "moving"
        self.join(party)
        self.promote()

    # --- offers ---------------------------------------------------------------------

    def accept(self, who: str, coming: list[int] | None = None) -> str:
        party = self.touched(who, "offered", "waitlisted", "confirmed", "lapsed")
        is_late = (party.state, party.was) == ("lapsed", "offered")
        if party.state != "offered" and not is_late:
            raise No("not_offered")
        if is_late and self.now >= self.doors:
            raise No("offer_ended")
        offered = party.offered or party.size
        coming = party.people if coming is None else coming
        if not coming or not set(coming) <= set(party.people) or len(coming) > offered:
            raise No("wrong_party")
        if len(coming) < party.size and not party.fewer_ok:
            raise No("wrong_party")
        if is_late and not self.has_room_for_newcomer(party.way, len(coming)):
            raise No("offer_ended")
        party.people = sorted(coming)
        self.become(party, "confirmed")
        self.promote()
        return party.state

    def touched_offer(self, who: str) -> Party:
        party = self.touched(who, *LIVE)
        if party.state != "offered":
            raise No("not_offered")
        return party

    def decline_offer(self, who: str) -> None:
        party = self.touched_offer(who)
        self.become(party, "cancelled")
        self.promote()

    def keep_place(self, who: str) -> None:
        party = self.touched_offer(who)
        if party.put_off:
            raise No("put_off_before")
        self.become(party, "waitlisted")
        party.put_off = True
        self.promote(but=party)

    # --- by an organizer ------------------------------------------------------------

    def touched_request(self, who: str) -> Party:
        self.settle()
        party = self.parties[who]
        if party.state != "requested":
            raise No("not_requested")
        return party

    def approve(self, who: str) -> str:
        party = self.touched_request(who)
        self.seat_or_join(party)
        return party.state

    def decline(self, who: str) -> None:
        self.become(self.touched_request(who), "declined")

    def reinstate(self, who: str, above: bool) -> str:
        self.settle()
        party = self.parties[who]
        if party.state in LIVE:
            raise No("not_over")
        if self.is_over:
            raise No("event_over")
        if above:
            self.become(party, "confirmed")
        else:
            self.seat_or_join(party)
        return party.state

    def offer(self, who: str) -> None:
        """By hand, out of turn; only seats that are free."""
        party = self.touched_in_line(who)
        if self.now >= self.doors:
            raise No("event_over")
        free = self.free(party.way)
        if free < party.could_use:
            raise No("no_seat_free")
        self.keep_for(party, int(min(free, party.size)))

    def seat_above(self, who: str) -> None:
        self.become(self.touched_in_line(who), "confirmed")

    def move_in_line(self, who: str, place: int) -> None:
        party = self.touched_in_line(who)
        line = self.line(*self.rivals(party.way))
        if not 1 <= place <= len(line):
            raise No("no_such_place")
        if line[place - 1] is party:
            return
        numbers = [p.number for p in line]
        line.remove(party)
        line.insert(place - 1, party)
        for each, number in zip(line, numbers, strict=True):
            each.number = number
        self.promote()

    def release(self, who: str) -> None:
        party = self.touched(who, *LIVE)
        if party.state != "confirmed":
            raise No("not_confirmed")
        self.become(party, "released")
        self.promote()

    def seat_present(self, who: str) -> None:
        """Who waits and stands there gets what is free; some time after the start also
        the seats of those who are not there: of the same way first, the latest first.
        """
        party = self.touched(who, *LIVE)
        if self.is_over:
            raise No("event_over")
        if party.state != "waitlisted":
            raise No("not_waiting")
        if self.now < self.doors:
            raise No("doors_not_open")
        for other in self.absent(party.way):
            if self.free(party.way) < party.size:
                self.become(other, "released")
        if self.free(party.way) < party.size:
            raise No("no_seat_free")
        self.become(party, "confirmed")

    def absent(self, way: str) -> list[Party]:
        """Nobody is ever let in here, so all who are confirmed are missing."""
        if self.standby is None or self.now < self.starts + self.standby:
            return []
        if not self.ways[way].in_person:
            return []
        confirmed = [p for p in self.parties.values() if p.state == "confirmed"]
        confirmed.reverse()
        same_first = sorted(confirmed, key=lambda p: p.way != way)
        return [p for p in same_first if p.way in self.rivals(way)]

    # --- the caps -------------------------------------------------------------------

    def set_cap(self, way: str, seats: int | None) -> None:
        self.change_caps(lambda: setattr(self.ways[way], "cap", seats))

    def set_room(self, seats: int | None) -> None:
        self.change_caps(lambda: setattr(self, "room", seats))

    def reserve(self, seats: int) -> None:
        self.change_caps(lambda: setattr(self, "reserved", seats))

    def change_caps(self, change: Callable[[], None]) -> None:
        self.settle()
        if self.is_over:
            raise No("event_over")
        before = self.caps()
        change()
        keeper = self.keeps_reserved()
        cap = self.room if keeper is None else self.ways[keeper].cap
        if self.reserved and (cap is None or self.reserved > cap):
            raise No("too_few_to_reserve")
        if self.caps() != before:
            self.promote()

    def caps(self) -> tuple[int | None, ...]:
        return (self.room, self.reserved, *(way.cap for way in self.ways.values()))

    def pause(self) -> None:
        self.settle()
        if self.is_over:
            raise No("event_over")
        self.paused = True

    def resume(self) -> None:
        self.settle()
        if self.is_over:
            raise No("event_over")
        if self.paused:
            self.paused = False
            self.promote()
