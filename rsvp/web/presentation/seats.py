"""Seats: what is left and taken, in words and shares, and labels of buttons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import i18n
from rsvp.models import Admission, Event
from rsvp.queries.events import EventState


@dataclass(frozen=True)
class SeatsFilled:
    """How full an admission or the room is; `share` (per cent) None without a limit."""

    name: Any
    taken: int
    capacity: int | None
    waiting: int

    @property
    def share(self) -> int | None:
        if self.capacity is None:
            return None
        return min(100, 100 * self.taken // self.capacity) if self.capacity else 100

    @property
    def over(self) -> int:
        return 0 if self.capacity is None else max(0, self.taken - self.capacity)

    @property
    def tone(self) -> str:
        if self.capacity is None or self.taken < self.capacity:
            return "free"
        return "over" if self.over else "full"


def seats_filled(event: Event) -> list[SeatsFilled]:
    seats = [
        SeatsFilled(a.name, a.seats_taken, a.capacity, a.waiting)
        for a in event.admissions
    ]
    if event.room_capacity is not None:
        room = _("The room, all together")
        seats.append(SeatsFilled(room, event.room_taken, event.room_capacity, 0))
    return seats


@dataclass(frozen=True)
class Seats:
    """What is left of an admission, in words and as a share for the bar.

    `tone` is `free`, `few`, `full`, `over` or `open` (without a limit). `place` is what
    the next in line would be told; None where nobody would have to wait.
    """

    admission: Admission
    tone: str
    text: str
    note: str | None
    share: int | None
    left: int | None
    waits: bool
    is_full: bool
    keeps_line: bool
    place: str


def seats_of(event: Event, state: EventState | None) -> list[Seats]:
    """One for each admission; none where no counts are shown (discreet, or over)."""
    if state is None or event.discreet:
        return []
    seats = [seats_left(state, admission) for admission in event.admissions]
    if event.is_by_approval:
        # Who asks for a place takes none and joins no line: the organizer decides.
        return [
            replace(row, waits=False, is_full=False, keeps_line=False, place="")
            for row in seats
        ]
    return seats


def seats_left(state: EventState, admission: Admission) -> Seats:
    left = state.seats_left(admission.id)
    waiting = state.waiting(admission.id)
    waits = state.would_wait(admission.id)
    keeps_line = state.seats[admission.id].can_wait(1)
    total = total_seats(state, admission)
    place = state.next_waitlist_position(admission.id) if waiting else 1
    over, note = state.seats_over_cap(admission.id), None
    if left is None or total is None:
        tone, text = "open", _("Open to everyone")
    elif waits:
        tone = "full"
        text = _("Full, %(count)d in line", count=place - 1) if waiting else _("Full")
        if over:
            tone, note = "over", _("Over by %(count)d", count=over)
        elif admission.waitlist and not keeps_line:
            note = _("The waitlist is full.")
        elif left:
            note = ngettext(
                "%(num)d free seat goes to those in line first.",
                "%(num)d free seats go to those in line first.",
                left,
            )
    else:
        tone = "few" if left <= max(3, total // 10) and left < total else "free"
        text = _("%(left)d of %(total)d left", left=left, total=total)
    return Seats(
        admission=admission,
        tone=tone,
        text=text,
        note=note,
        share=None if left is None or not total else 100 - 100 * left // total,
        left=left,
        waits=waits,
        is_full=state.is_full(admission.id),
        keeps_line=keeps_line,
        place=i18n.ordinal(place) if keeps_line else "",
    )


def total_seats(state: EventState, admission: Admission) -> int | None:
    seats = state.seats[admission.id]
    caps = [seats.capacity]
    if seats.counts_in_room:
        caps.append(state.room_capacity)
    return min((cap for cap in caps if cap is not None), default=None)


def submit_label(event: Event, seats: list[Seats], chosen: str) -> str:
    """What the form's button says that it will do."""
    chosen_seats = [s for s in seats if s.admission.key == chosen] if chosen else seats
    if chosen_seats and all(s.waits for s in chosen_seats):
        if len(chosen_seats) == 1 and chosen_seats[0].place:
            return waitlist_label(chosen_seats[0].place)
        return _("Join the waitlist")
    return register_label(event)


def register_label(event: Event) -> str:
    return _("Ask for a place") if event.is_by_approval else _("Register")


def waitlist_label(place: str) -> str:
    return _("Join the waitlist (%(place)s in line)", place=place)
