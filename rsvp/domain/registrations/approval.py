"""Approval: addresses confirmed, requests approved or declined, ended ones reinstated.

Each of these finds seats by the rules for newcomers, or the end of the line.
"""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import capacity, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.create import claim_for_newcomer
from rsvp.domain.registrations.locking import lock_registration, refuse_if_event_over
from rsvp.domain.transitions import transition
from rsvp.models import Registration
from rsvp.models.audit import Verb
from rsvp.models.message import MessageKind
from rsvp.models.registration import ENDED_STATES, State


def confirm_address(registration_id: int, *, actor: str, now: datetime) -> State:
    """Make a held place the holder's. Late, it is claimed again, or a place in line.

    What has a place or waits in line is left as it is. Late, and nothing is left, it
    raises AdmissionFull or WaitlistFull; else AlreadyOver, AddressInUse, EventCancelled
    and EventOver.
    """
    states = (
        State.HELD,
        State.CONFIRMED,
        State.WAITLISTED,
        State.OFFERED,
        State.LAPSED,
    )
    locked, registration = lock_registration(registration_id, now, states)
    reason = "confirmed_address"
    if registration.state == State.HELD:
        confirm_and_notify(
            registration, reason, actor=actor, now=now, verb=Verb.CONFIRM_ADDRESS
        )
    elif registration.state == State.LAPSED:
        if registration.ended_from != State.HELD:
            raise errors.AlreadyOver
        refuse_if_event_over(locked, now)
        seat_or_waitlist(
            locked, registration, Verb.CONFIRM_ADDRESS, reason, actor=actor, now=now
        )
    return State(registration.state)


def approve(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> State:
    """Give a request its seats if they are free by the rules, else the end of the line;
    `why` is a line of text for the mail.

    Raises NotRequested, AdmissionFull, WaitlistFull, EventCancelled and EventOver.
    """
    locked, registration = lock_requested(registration_id, now)
    seat_or_waitlist(
        locked,
        registration,
        Verb.APPROVE,
        "approved",
        actor=actor,
        now=now,
        mail_text=why,
    )
    return State(registration.state)


def decline(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> None:
    """Say no to a request; `why` is read in the mail.

    Raises NotRequested, EventCancelled and EventOver (erased).
    """
    _locked, registration = lock_requested(registration_id, now)
    transition(
        registration, State.DECLINED, verb=Verb.DECLINE, actor=actor, now=now, why=why
    )
    cause = cause_of(actor, registration)
    outbox.enqueue(registration, MessageKind.DECLINED, cause=cause, now=now)


def reinstate(
    registration_id: int, *, why: str | None = None, actor: str, now: datetime
) -> State:
    """Bring back what is over, or was given on: by the rules for newcomers, or with
    `why`, which is kept, whatever the caps say.

    Raises NotOver, AddressInUse, AdmissionFull, WaitlistFull, EventCancelled and
    EventOver.
    """
    locked, registration = lock_registration(registration_id, now, tuple(State))
    if registration.state not in (*ENDED_STATES, State.RELEASED):
        raise errors.NotOver
    refuse_if_event_over(locked, now)
    if not registration.email:
        # Whose it was asked us to forget it.
        raise errors.AlreadyOver
    reason = "reinstated"
    if why is None:
        seat_or_waitlist(
            locked, registration, Verb.REINSTATE, reason, actor=actor, now=now
        )
        return State(registration.state)
    admission = locked.admissions[registration.admission_id]
    is_above = capacity.claim_seats_above_caps(locked, admission, registration.seats)
    transition(
        registration,
        State.CONFIRMED,
        verb=Verb.REINSTATE,
        actor=actor,
        now=now,
        details={"seats": registration.seats, "is_above": is_above},
        exception_why=why if is_above else None,
    )
    outbox.enqueue(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what=reason,
    )
    return State.CONFIRMED


# --- what they share ----------------------------------------------------------------


def lock_requested(
    registration_id: int, now: datetime
) -> tuple[LockedEvent, Registration]:
    locked, registration = lock_registration(registration_id, now, tuple(State))
    if registration.state != State.REQUESTED:
        raise errors.NotRequested
    return locked, registration


def seat_or_waitlist(
    locked: LockedEvent,
    registration: Registration,
    verb: Verb,
    reason: str,
    *,
    actor: str,
    now: datetime,
    mail_text: str | None = None,
) -> None:
    """Confirm it if its seats are free by the rules for newcomers, else put it at the
    end of the line, and tell them."""
    admission = locked.admissions[registration.admission_id]
    if claim_for_newcomer(locked, admission, registration.seats):
        confirm_and_notify(
            registration, reason, actor=actor, now=now, verb=verb, mail_text=mail_text
        )
        return
    line_number = waitlist.join(locked, admission, registration.seats)
    transition(
        registration,
        State.WAITLISTED,
        verb=verb,
        actor=actor,
        now=now,
        line_number=line_number,
    )
    place = waitlist.position_of(registration)
    outbox.enqueue(
        registration,
        MessageKind.WAITLISTED,
        cause=cause_of(actor, registration),
        now=now,
        place=place,
        what=reason,
        why=mail_text,
    )
    # Fewer may be fine with it, and there may be some.
    waitlist.promote(locked, actor=actor, now=now)


def confirm_and_notify(
    registration: Registration,
    reason: str,
    *,
    actor: str,
    now: datetime,
    verb: Verb,
    mail_text: str | None = None,
) -> None:
    transition(registration, State.CONFIRMED, verb=verb, actor=actor, now=now)
    outbox.enqueue(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what=reason,
        why=mail_text,
    )
