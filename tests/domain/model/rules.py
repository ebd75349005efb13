"""Rules: the booking rules in their plainest form, stated anew to compare with.

An `Evening` is one event and everyone who asked for a place at it. Each method is what
somebody does; it changes the evening at its present instant `now`, or raises `No` with
the code of the refusal, after which the evening is to be thrown away (`trying` does).
Who holds the seats and who waits for them is in `seats`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tests.domain.model.seats import LIVE, PartyModel, RuleRefusal, SeatModel


@dataclass
class EventModel(SeatModel):
    by_approval: bool = False
    by_mail_first: bool = False
    standby: timedelta | None = timedelta(minutes=15)

    def trying(
        self, deed: Callable[[EventModel], str | None]
    ) -> tuple[EventModel, str]:
        """The evening after a deed, and the answer: unchanged after a refusal."""
        # By hand, since deepcopy is slow and histories are long.
        after = copy.copy(self)
        after.ways = {key: copy.copy(way) for key, way in self.ways.items()}
        after.parties = {who: party.copy() for who, party in self.parties.items()}
        try:
            return after, deed(after) or "done"
        except RuleRefusal as refusal:
            return self, str(refusal)

    # --- asking ---------------------------------------------------------------------

    def register(self, party: PartyModel) -> str:
        if self.now >= self.ends:
            raise RuleRefusal("event_over")
        if self.now >= self.starts:
            raise RuleRefusal("registration_closed")
        if self.paused:
            raise RuleRefusal("registration_paused")
        if party.size > self.largest_party(party.way):
            raise RuleRefusal("party_too_large")
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
                raise RuleRefusal("event_over")
            self.seat_or_join(party)
        elif party.state in ("requested", "lapsed"):
            raise RuleRefusal("already_over")
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
            raise RuleRefusal("answer_first")
        if position not in party.people[1:]:
            raise RuleRefusal("already_over")
        party.people.remove(position)
        self.promote()

    def touched_settled(self, who: str) -> PartyModel:
        party = self.touched(who, *LIVE)
        self.refuse_late()
        if party.state in ("held", "offered"):
            raise RuleRefusal("answer_first")
        return party

    def add_guest(self, who: str) -> str:
        party = self.touched_settled(who)
        if party.size + 1 > self.largest_party(party.way):
            raise RuleRefusal("party_too_large")
        if party.state == "confirmed" and not self.has_room_for_newcomer(party.way, 1):
            raise RuleRefusal("no_seat_free")
        party.people.append(party.ever)
        party.ever += 1
        if party.state == "waitlisted":
            self.join_again(party)
        return party.state

    def move(self, who: str, way: str) -> str:
        party = self.touched_settled(who)
        if party.way == way:
            raise RuleRefusal("wrong_admission")
        was = party.state
        if was != "confirmed" and party.size > self.largest_party(way):
            raise RuleRefusal("party_too_large")
        # What it leaves behind is free for itself alone.
        could_be_used = was == "confirmed" and self.is_wanted(way)
        party.way, party.state = way, "moving"
        has_room = self.has_room_for_newcomer(way, party.size)
        if was == "requested":
            party.state = was
        elif was == "confirmed":
            if could_be_used or party.size > self.free(way):
                raise RuleRefusal("no_seat_free")
            party.state = was
        elif has_room:
            self.become(party, "confirmed")
        else:
            self.join(party)
        if self.has_address(party):
            raise RuleRefusal("address_in_use")
        self.promote()
        return party.state

    def join_again(self, party: PartyModel) -> None:
        party.state = "moving"
        self.join(party)
        self.promote()

    # --- offers ---------------------------------------------------------------------

    def accept(self, who: str, coming: list[int] | None = None) -> str:
        party = self.touched(who, "offered", "waitlisted", "confirmed", "lapsed")
        is_late = (party.state, party.was) == ("lapsed", "offered")
        if party.state != "offered" and not is_late:
            raise RuleRefusal("not_offered")
        if is_late and self.now >= self.doors:
            raise RuleRefusal("offer_ended")
        offered = party.offered or party.size
        coming = party.people if coming is None else coming
        if not coming or not set(coming) <= set(party.people) or len(coming) > offered:
            raise RuleRefusal("wrong_party")
        if len(coming) < party.size and not party.fewer_ok:
            raise RuleRefusal("wrong_party")
        if is_late and not self.has_room_for_newcomer(party.way, len(coming)):
            raise RuleRefusal("offer_ended")
        party.people = sorted(coming)
        self.become(party, "confirmed")
        self.promote()
        return party.state

    def touched_offer(self, who: str) -> PartyModel:
        party = self.touched(who, *LIVE)
        if party.state != "offered":
            raise RuleRefusal("not_offered")
        return party

    def decline_offer(self, who: str) -> None:
        party = self.touched_offer(who)
        self.become(party, "cancelled")
        self.promote()

    def keep_place(self, who: str) -> None:
        party = self.touched_offer(who)
        if party.put_off:
            raise RuleRefusal("put_off_before")
        self.become(party, "waitlisted")
        party.put_off = True
        self.promote(but=party)

    # --- by an organizer ------------------------------------------------------------

    def touched_request(self, who: str) -> PartyModel:
        self.settle()
        party = self.parties[who]
        if party.state != "requested":
            raise RuleRefusal("not_requested")
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
            raise RuleRefusal("not_over")
        if self.is_over:
            raise RuleRefusal("event_over")
        if above:
            self.become(party, "confirmed")
        else:
            self.seat_or_join(party)
        return party.state

    def offer(self, who: str) -> None:
        """By hand, out of turn; only seats that are free."""
        party = self.touched_in_line(who)
        if self.now >= self.doors:
            raise RuleRefusal("event_over")
        free = self.free(party.way)
        if free < party.could_use:
            raise RuleRefusal("no_seat_free")
        self.keep_for(party, int(min(free, party.size)))

    def seat_above(self, who: str) -> None:
        self.become(self.touched_in_line(who), "confirmed")

    def move_in_line(self, who: str, place: int) -> None:
        party = self.touched_in_line(who)
        line = self.line(*self.rivals(party.way))
        if not 1 <= place <= len(line):
            raise RuleRefusal("no_such_place")
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
            raise RuleRefusal("not_confirmed")
        self.become(party, "released")
        self.promote()

    def seat_present(self, who: str) -> None:
        """Who waits and stands there gets what is free; some time after the start also
        the seats of those who are not there: of the same way first, the latest first.
        """
        party = self.touched(who, *LIVE)
        if self.is_over:
            raise RuleRefusal("event_over")
        if party.state != "waitlisted":
            raise RuleRefusal("not_waiting")
        if self.now < self.doors:
            raise RuleRefusal("doors_not_open")
        for other in self.absent(party.way):
            if self.free(party.way) < party.size:
                self.become(other, "released")
        if self.free(party.way) < party.size:
            raise RuleRefusal("no_seat_free")
        self.become(party, "confirmed")

    def absent(self, way: str) -> list[PartyModel]:
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
            raise RuleRefusal("event_over")
        before = self.caps()
        change()
        keeper = self.keeps_reserved()
        cap = self.room if keeper is None else self.ways[keeper].cap
        if self.reserved and (cap is None or self.reserved > cap):
            raise RuleRefusal("too_few_to_reserve")
        if self.caps() != before:
            self.promote()

    def caps(self) -> tuple[int | None, ...]:
        return (self.room, self.reserved, *(way.cap for way in self.ways.values()))

    def pause(self) -> None:
        self.settle()
        if self.is_over:
            raise RuleRefusal("event_over")
        self.paused = True

    def resume(self) -> None:
        self.settle()
        if self.is_over:
            raise RuleRefusal("event_over")
        if self.paused:
            self.paused = False
            self.promote()
