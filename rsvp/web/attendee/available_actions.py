"""Available actions: what an attendee can do about a registration now.

As far as rows and the clock tell: the domain, under its lock, has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from rsvp.domain.registrations import create
from rsvp.models import Registration
from rsvp.models.event import Phase, Status
from rsvp.models.registration import DEADLINE_STATES, LIVE_STATES, State
from rsvp.queries import events as event_queries
from rsvp.queries.events import EventState

LazyEventState = Callable[[], EventState | None]
"""The event's counts, read when they are first asked for: most pages never do."""

GUEST_CANCELLABLE_STATES = (
    State.HELD,
    State.REQUESTED,
    State.WAITLISTED,
    State.CONFIRMED,
)
CHANGEABLE_STATES = (State.REQUESTED, State.WAITLISTED, State.CONFIRMED)


@dataclass(frozen=True)
class AttendeeActions:
    """What an attendee can do now; accepting and confirming may be late, too."""

    confirm_address: bool = False
    accept_offer: bool = False
    put_off_offer: bool = False
    decline_offer: bool = False
    change_details: bool = False
    add_guest: bool = False
    cancel_guest: bool = False
    change_admission: bool = False
    transfer: bool = False
    cancel: bool = False
    register_again: bool = False

    @property
    def asks_something(self) -> bool:
        return self.confirm_address or self.accept_offer

    @property
    def any_change(self) -> bool:
        return (
            self.change_details
            or self.add_guest
            or self.change_admission
            or self.transfer
        )


def state_at(registration: Registration, now: datetime) -> tuple[str, str | None]:
    """Return the state, and from which one it ended. What has ended by the clock has
    lapsed, even where nobody has noted it yet."""
    if (
        registration.state in DEADLINE_STATES
        and registration.decide_by is not None
        and registration.decide_by <= now
    ):
        return State.LAPSED, registration.state
    return registration.state, registration.ended_from


def allowed_actions(
    registration: Registration, now: datetime, counts: LazyEventState
) -> AttendeeActions:
    event, (state, ended_from) = registration.event, state_at(registration, now)
    if event.status != Status.PUBLISHED or event.erased_at or registration.is_erased:
        return AttendeeActions()
    # Who was told no is not asked to try again.
    may_register_again = state not in (*LIVE_STATES, State.DECLINED)
    register_again = may_register_again and event.phase(now) == Phase.OPEN
    if state == State.LAPSED:
        is_late = can_accept_late(registration, ended_from, now, counts)
        return AttendeeActions(
            confirm_address=is_late and ended_from == State.HELD,
            accept_offer=is_late and ended_from == State.OFFERED,
            register_again=register_again,
        )
    may_change = now < event.changes_end_at and state in LIVE_STATES
    can_grow = len(registration.coming_attendees) < create.largest_party(
        event, registration.admission
    )
    return AttendeeActions(
        confirm_address=state == State.HELD,
        accept_offer=state == State.OFFERED,
        put_off_offer=state == State.OFFERED and not registration.was_put_off,
        decline_offer=state == State.OFFERED,
        change_details=may_change,
        add_guest=may_change and state in CHANGEABLE_STATES and can_grow,
        cancel_guest=may_change and state in GUEST_CANCELLABLE_STATES,
        change_admission=may_change
        and state in CHANGEABLE_STATES
        and len(event.admissions) > 1,
        transfer=may_change
        and state == State.CONFIRMED
        and not event.is_by_approval
        and not event.needs_invitation,
        cancel=may_change and state != State.OFFERED,
        register_again=register_again,
    )


def can_accept_late(
    registration: Registration,
    ended_from: str | None,
    now: datetime,
    counts: LazyEventState,
) -> bool:
    """Whether an offer, or a held place, that has ended could still be had."""
    event = registration.event
    if ended_from == State.OFFERED:
        return now < event.doors_open_at and seats_after_lapse(registration, counts) > 0
    state = counts() if ended_from == State.HELD and now < event.ends_at else None
    if state is None:
        return False
    may_wait = state.seats[registration.admission_id].can_wait(registration.seats)
    return may_wait or free_seats_for(registration, state) >= registration.seats


def seats_on_offer(
    registration: Registration, now: datetime, counts: LazyEventState
) -> int:
    """Count those of the party that can accept: what the offer is of; late, what is
    free."""
    if state_at(registration, now) == (State.LAPSED, State.OFFERED):
        return seats_after_lapse(registration, counts)
    return registration.held_seats


def seats_after_lapse(registration: Registration, counts: LazyEventState) -> int:
    """How many seats a party could still take that let an offer lapse; 0: too few."""
    state = counts()
    left = free_seats_for(registration, state) if state else 0
    return left if left == registration.seats or registration.fewer_ok else 0


def free_seats_for(registration: Registration, state: EventState) -> int:
    """How many of the party's seats are free that nobody waits for."""
    if state.waiting(registration.admission_id):
        return 0
    left = state.seats_left(registration.admission_id)
    if left is None:
        return registration.seats
    if registration.state in DEADLINE_STATES:
        # It has ended, though nobody has noted it yet: what it holds comes free.
        left += registration.held_seats
    return min(left, registration.seats)


def allowed_actions_now(registration: Registration, now: datetime) -> AttendeeActions:
    return allowed_actions(registration, now, lazy_event_state(registration))


def lazy_event_state(registration: Registration) -> LazyEventState:
    slug = registration.event.slug
    return cache(lambda: event_queries.find_event_state(slug))
