"""Deciding: an address is confirmed, a request approved or declined, one brought back.

Each of these finds seats by the rules for newcomers, or the end of the line.
"""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.create import seat_newcomer
from rsvp.domain.registrations.locking import lock, place_of, refuse_over
from rsvp.domain.transitions import step
from rsvp.models import Registration
from rsvp.models.message import MessageKind
from rsvp.models.registration import OVER, State


def confirm_address(registration_id: int, *, actor: str, now: datetime) -> State:
    """Make a held place the holder's. Late, it is claimed again, or a place in line.

    What has a place or waits in line is left as it is. Late, and nothing is left, it
    raises AdmissionFull or LineFull; else AlreadyOver, AddressInUse, EventCancelled and
    EventOver.
    """
    known = (State.HELD, State.CONFIRMED, State.WAITLISTED, State.OFFERED, State.LAPSED)
    locked, registration = lock(registration_id, now, known)
    what = "confirmed_address"
    if registration.state == State.HELD:
        confirm(registration, what, actor=actor, now=now, verb="confirm_address")
    elif registration.state == State.LAPSED:
        if registration.ended_from != State.HELD:
            raise errors.AlreadyOver
        refuse_over(locked, now)
        find_place(locked, registration, "confirm_address", what, actor=actor, now=now)
    return State(registration.state)


def approve(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> State:
    """Give a request its seats if they are free by the rules, else the end of the line;
    `why` is a line of text for the mail.

    Raises NotRequested, AdmissionFull, LineFull, EventCancelled and EventOver.
    """
    locked, registration = lock_requested(registration_id, now)
    find_place(
        locked, registration, "approve", "approved", actor=actor, now=now, words=why
    )
    return State(registration.state)


def decline(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> None:
    """Say no to a request; `why` is read in the mail.

    Raises NotRequested, EventCancelled and EventOver (erased).
    """
    _locked, registration = lock_requested(registration_id, now)
    step(registration, State.DECLINED, verb="decline", actor=actor, now=now, why=why)
    cause = cause_of(actor, registration)
    outbox.tell(registration, MessageKind.DECLINED, cause=cause, now=now)


def reinstate(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> State:
    """Bring back what is over, or was given on: by the rules for newcomers, or with
    `why`, which is kept, whatever the caps say.

    Raises NotOver, AddressInUse, AdmissionFull, LineFull, EventCancelled and EventOver.
    """
    locked, registration = lock(registration_id, now, tuple(State))
    if registration.state not in (*OVER, State.RELEASED):
        raise errors.NotOver
    refuse_over(locked, now)
    if not registration.email:
        # Whose it was asked us to forget it.
        raise errors.AlreadyOver
    what = "reinstated"
    if why is None:
        find_place(locked, registration, "reinstate", what, actor=actor, now=now)
        return State(registration.state)
    admission = locked.admissions[registration.admission_id]
    is_above = capacity.claim_above(locked, admission, registration.seats)
    step(
        registration,
        State.CONFIRMED,
        verb="reinstate",
        actor=actor,
        now=now,
        details={"seats": registration.seats, "is_above": is_above},
        exception_why=why if is_above else None,
    )
    outbox.tell(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what=what,
    )
    return State.CONFIRMED


# --- what they share ----------------------------------------------------------------


def lock_requested(
    registration_id: int, now: datetime
) -> tuple[LockedEvent, Registration]:
    locked, registration = lock(registration_id, now, tuple(State))
    if registration.state != State.REQUESTED:
        raise errors.NotRequested
    return locked, registration


def find_place(
    locked: LockedEvent,
    registration: Registration,
    verb: str,
    what: str,
    *,
    actor: str,
    now: datetime,
    words: str | None = None,
) -> None:
    """Confirm it if its seats are free by the rules for newcomers, else put it at the
    end of the line, and tell them."""
    admission = locked.admissions[registration.admission_id]
    if seat_newcomer(locked, admission, registration.seats):
        confirm(registration, what, actor=actor, now=now, verb=verb, words=words)
        return
    number = waitlist.end_of_line(locked, admission, registration.seats)
    step(
        registration,
        State.WAITLISTED,
        verb=verb,
        actor=actor,
        now=now,
        line_number=number,
    )
    place = place_of(locked, registration)
    outbox.tell(
        registration,
        MessageKind.WAITLISTED,
        cause=cause_of(actor, registration),
        now=now,
        place=place,
        what=what,
        why=words,
    )
    # Fewer may be fine with it, and there may be some.
    waitlist.promote(locked, actor=actor, now=now)


def confirm(
    registration: Registration,
    what: str,
    *,
    actor: str,
    now: datetime,
    verb: str,
    words: str | None = None,
) -> None:
    step(registration, State.CONFIRMED, verb=verb, actor=actor, now=now)
    outbox.tell(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what=what,
        why=words,
    )
