"""Changing: names and answers, one guest more, another way to attend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm.attributes import set_committed_value

from rsvp import errors
from rsvp.db import current_connection
from rsvp.domain import audit, capacity, questions, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import cause_of
from rsvp.domain.registrations.create import (
    ATTENDEES,
    Person,
    attendee_row,
    largest_party,
    seat_newcomer,
)
from rsvp.domain.registrations.locking import (
    lock,
    place_of,
    refuse_if_in,
    refuse_late,
    refuse_over,
)
from rsvp.domain.registrations.updates import party_of, rewrite
from rsvp.domain.transitions import count_as_yes, record
from rsvp.models import Admission, Attendee, Event, Question, Registration
from rsvp.models.event import Per
from rsvp.models.message import MessageKind
from rsvp.models.registration import State

Answers = Mapping[str, Any]

# --- names and answers --------------------------------------------------------------


def change_details(
    registration_id: int,
    people: Mapping[int, Person],
    answers: Answers | None = None,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Give those at these positions (0 is who registered) other names and answers, and
    the registration other `answers`; say whether anything is new, and mail it then.

    Of the answers only those given change; None takes one back. What belongs to no
    question that is asked here is ignored. Its holder can do so until the organizer's
    deadline. Raises AlreadyOver (also where somebody is not coming), TooLateToCancel,
    EventCancelled and EventOver (erased), and ValueError where who registered would
    lose their name.
    """
    locked, registration = lock(registration_id, now)
    refuse_late(locked, actor, now)
    admission = locked.admissions[registration.admission_id]
    values = new_details(locked.event, admission, registration, people, answers)
    changed = values.pop("positions")
    if not changed and not values:
        return False
    rewrite(registration, **values)
    count_as_yes(registration, actor=actor, now=now)
    record("change_details", registration, {"positions": changed}, actor=actor, now=now)
    tell(locked, registration, "details", actor, now)
    return True


def new_details(
    event: Event,
    admission: Admission,
    registration: Registration,
    people: Mapping[int, Person],
    answers: Answers | None,
) -> dict[str, Any]:
    """Change the party, and give the columns of the registration that become others,
    with the `positions` of those who did."""
    coming = {one.position: one for one in party_of(registration) if one.is_coming}
    if not people.keys() <= coming.keys():
        raise errors.AlreadyOver
    if 0 in people and not people[0].name:
        raise ValueError("who registered keeps a name")
    asked = questions.asked(event, admission, Per.ATTENDEE)
    changed = [
        position
        for position, person in sorted(people.items())
        if is_changed(coming[position], person, asked)
    ]
    found: dict[str, Any] = {"positions": changed}
    if 0 in changed and coming[0].name != registration.name:
        found["name"] = coming[0].name
    asked = questions.asked(event, admission, Per.REGISTRATION)
    told = answered(registration.answers, answers or {}, asked)
    if told != registration.answers:
        found["answers"] = told
    return found


def is_changed(attendee: Attendee, person: Person, asked: list[Question]) -> bool:
    before = attendee.name, attendee.answers
    attendee.name = person.name or None
    attendee.answers = answered(attendee.answers, person.answers, asked)
    return before != (attendee.name, attendee.answers)


def answered(
    before: Answers, given: Answers, asked: Iterable[Question]
) -> dict[str, Any]:
    # What is erased sooner than the rest is not answered anew.
    keys = {question.key for question in asked if question.erased_at is None}
    after = dict(before) | {key: given[key] for key in given if key in keys}
    return {key: answer for key, answer in after.items() if answer is not None}


# --- one guest more -----------------------------------------------------------------


def add_guest(
    registration_id: int,
    person: Person,
    *,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> State:
    """Bring one guest more: at once where a seat is free that nobody waiting could use.

    A party in line grows too, at its end; one that waits for approval grows. Gives the
    state the registration is then in. Raises NoSeatFree, PartyTooLarge, LineFull,
    AnswerFirst (an offer or an unconfirmed address waits), TooLateToCancel,
    AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_settled(registration_id, actor, now)
    admission = locked.admissions[registration.admission_id]
    limit = largest_party(locked.event, admission)
    seats = registration.seats + 1
    if seats > limit:
        raise errors.PartyTooLarge(limit=limit)
    values: dict[str, Any] = {"seats": seats}
    if registration.state == State.CONFIRMED:
        if not seat_newcomer(locked, admission, 1):
            raise errors.NoSeatFree
    elif registration.state == State.WAITLISTED:
        capacity.leave_line(locked, admission, registration.seats)
        values["line_number"] = waitlist.end_of_line(locked, admission, seats)
    position = max(attendee.position for attendee in party_of(registration)) + 1
    asked = questions.asked(locked.event, admission, Per.ATTENDEE)
    guest = Person(person.name or None, answered({}, person.answers, asked))
    row = attendee_row(registration.event_id, position, guest, code_key)
    row["registration_id"] = registration.id
    current_connection().execute(ATTENDEES, [row])
    rewrite(registration, **values)
    count_as_yes(registration, actor=actor, now=now)
    record("add_guest", registration, {"position": position}, actor=actor, now=now)
    tell(locked, registration, "guest_added", actor, now)
    if registration.state == State.WAITLISTED:
        # Its place came free.
        waitlist.promote(locked, actor=actor, now=now)
    return State(registration.state)


# --- another way to attend ----------------------------------------------------------


def move(
    registration_id: int,
    admission_id: int,
    answers: Answers | None = None,
    people: Mapping[int, Person] | None = None,
    *,
    actor: str,
    now: datetime,
) -> State:
    """Attend another way: with all seats there, free ones that nobody waiting could
    use, else everything stays as it is.

    Who waits gets a place there if it is free by the same rule, else one at the end of
    that line; who waits for approval goes on waiting. `answers` and `people` are as in
    `change_details`, of what is asked there; answers to what is not are dropped. What
    comes free goes to the line. Gives the state the registration is then in. Raises
    WrongAdmission, NoSeatFree, PartyTooLarge, AdmissionFull, LineFull, AddressInUse,
    AlreadyIn, AnswerFirst, TooLateToCancel, AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_settled(registration_id, actor, now)
    target = locked.admissions.get(admission_id)
    if target is None or target.id == registration.admission_id:
        raise errors.WrongAdmission
    refuse_if_in(Attendee.registration_id == registration.id)
    was, left = registration.state, registration.admission_id
    values = new_details(locked.event, target, registration, people or {}, answers)
    del values["positions"]
    told = values.get("answers", registration.answers)
    asked = questions.asked(locked.event, target, Per.REGISTRATION)
    values["answers"] = only(told, asked)
    asked = questions.asked(locked.event, target, Per.ATTENDEE)
    for attendee in party_of(registration):
        attendee.answers = only(attendee.answers, asked)
    values |= seats_there(locked, registration, target, now)
    rewrite(registration, admission_id=target.id, **values)
    set_committed_value(registration, "admission", target)
    count_as_yes(registration, actor=actor, now=now)
    audit.record(
        "move",
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(was, registration.state),
        details={"from": left, "to": target.id},
    )
    tell(locked, registration, "moved", actor, now)
    waitlist.promote(locked, actor=actor, now=now)
    return State(registration.state)


def seats_there(
    locked: LockedEvent, registration: Registration, target: Admission, now: datetime
) -> dict[str, Any]:
    """Take the seats of a move, or a place in line; what changes by it."""
    source = locked.admissions[registration.admission_id]
    seats = registration.seats
    if registration.state == State.CONFIRMED:
        gives_back = source, seats
        if not waitlist.has_seats_for_newcomer(locked, target, seats, gives_back):
            raise errors.NoSeatFree
        capacity.release(locked, source, seats)
        if not capacity.claim(locked, target, seats):
            raise errors.NoSeatFree
        # Calendars take the newer of two entries: this is when it became another.
        return {"state_since": now}
    limit = largest_party(locked.event, target)
    if seats > limit:
        raise errors.PartyTooLarge(limit=limit)
    if registration.state == State.REQUESTED:
        return {}
    capacity.leave_line(locked, source, seats)
    if waitlist.has_seats_for_newcomer(
        locked, target, seats, but=registration.id
    ) and capacity.claim(locked, target, seats):
        return {"state": State.CONFIRMED, "state_since": now, "line_number": None}
    return {"line_number": waitlist.end_of_line(locked, target, seats)}


def only(answers: Answers, asked: Iterable[Question]) -> dict[str, Any]:
    keys = {question.key for question in asked}
    return {key: answer for key, answer in answers.items() if key in keys}


# --- what they share ----------------------------------------------------------------


def lock_settled(
    registration_id: int, actor: str, now: datetime
) -> tuple[LockedEvent, Registration]:
    """The lock, for a change of how many come or where: nothing waits for an answer."""
    locked, registration = lock(registration_id, now)
    refuse_late(locked, actor, now)
    refuse_over(locked, now)
    if registration.state in (State.HELD, State.OFFERED):
        raise errors.AnswerFirst
    return locked, registration


def tell(
    locked: LockedEvent,
    registration: Registration,
    what: str,
    actor: str,
    now: datetime,
) -> None:
    outbox.tell(
        registration,
        MessageKind.CHANGED,
        cause=cause_of(actor, registration),
        now=now,
        place=place_of(locked, registration),
        what=what,
    )
