"""Changes: other names and answers, one more guest, another admission."""

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
    INSERT_ATTENDEES,
    RequestedAttendee,
    attendee_row,
    claim_for_newcomer,
    largest_party,
)
from rsvp.domain.registrations.locking import (
    lock_registration,
    refuse_after_deadline,
    refuse_if_checked_in,
    refuse_if_event_over,
)
from rsvp.domain.registrations.updates import load_party, update_registration
from rsvp.domain.transitions import reconfirm_by_change, record_change
from rsvp.models import Admission, Attendee, Event, Question, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import QuestionScope
from rsvp.models.message import MessageKind
from rsvp.models.registration import State

Answers = Mapping[str, Any]

# --- names and answers --------------------------------------------------------------


def change_details(
    registration_id: int,
    people: Mapping[int, RequestedAttendee],
    answers: Answers | None = None,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Change the names and answers of those at these positions (0 is who registered),
    and the registration's `answers`. Return whether anything is new, and mail it then.

    Of the answers only those given change; None takes one back. What belongs to no
    question that is asked here is ignored. Its holder can do so until the organizer's
    deadline. Raises AlreadyOver (also where somebody is not coming), TooLateToCancel,
    EventCancelled and EventOver (erased), and ValueError where who registered would
    lose their name.
    """
    locked, registration = lock_registration(registration_id, now)
    refuse_after_deadline(locked, actor, now)
    admission = locked.admissions[registration.admission_id]
    values = apply_details(locked.event, admission, registration, people, answers)
    changed = values.pop("positions")
    if not changed and not values:
        return False
    update_registration(registration, **values)
    reconfirm_by_change(registration, actor=actor, now=now)
    record_change(
        Verb.CHANGE_DETAILS, registration, {"positions": changed}, actor=actor, now=now
    )
    notify_change(registration, "details", actor, now)
    return True


def apply_details(
    event: Event,
    admission: Admission,
    registration: Registration,
    people: Mapping[int, RequestedAttendee],
    answers: Answers | None,
) -> dict[str, Any]:
    """Change the party. Return the columns of the registration that change, with the
    `positions` of those who did."""
    attendees = {
        attendee.position: attendee
        for attendee in load_party(registration)
        if attendee.is_coming
    }
    if not people.keys() <= attendees.keys():
        raise errors.AlreadyOver
    if 0 in people and not people[0].name:
        raise ValueError("who registered keeps a name")
    asked_questions = questions.questions_for(event, admission, QuestionScope.ATTENDEE)
    changed = [
        position
        for position, person in sorted(people.items())
        if change_attendee(attendees[position], person, asked_questions)
    ]
    columns: dict[str, Any] = {"positions": changed}
    if 0 in changed and attendees[0].name != registration.name:
        columns["name"] = attendees[0].name
    asked_questions = questions.questions_for(
        event, admission, QuestionScope.REGISTRATION
    )
    new_answers = merge_answers(registration.answers, answers or {}, asked_questions)
    if new_answers != registration.answers:
        columns["answers"] = new_answers
    return columns


def change_attendee(
    attendee: Attendee, person: RequestedAttendee, asked_questions: list[Question]
) -> bool:
    before = attendee.name, attendee.answers
    attendee.name = person.name or None
    attendee.answers = merge_answers(attendee.answers, person.answers, asked_questions)
    return before != (attendee.name, attendee.answers)


def merge_answers(
    before: Answers, given: Answers, asked_questions: Iterable[Question]
) -> dict[str, Any]:
    # What is erased sooner than the rest is not answered anew.
    keys = {question.key for question in asked_questions if question.erased_at is None}
    after = dict(before) | {key: given[key] for key in given if key in keys}
    return {key: answer for key, answer in after.items() if answer is not None}


# --- one guest more -----------------------------------------------------------------


def add_guest(
    registration_id: int,
    person: RequestedAttendee,
    *,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> State:
    """Add one guest: at once where a seat is free that nobody waiting could use.

    A party in line grows too, at its end; one that waits for approval grows. Gives the
    state the registration is then in. Raises NoSeatFree, PartyTooLarge, WaitlistFull,
    AnswerFirst (an offer or an unconfirmed address waits), TooLateToCancel,
    AlreadyOver, EventCancelled and EventOver.
    """
    locked, registration = lock_for_change(registration_id, actor, now)
    admission = locked.admissions[registration.admission_id]
    limit = largest_party(locked.event, admission)
    seats = registration.seats + 1
    if seats > limit:
        raise errors.PartyTooLarge(limit=limit)
    values: dict[str, Any] = {"seats": seats}
    if registration.state == State.CONFIRMED:
        if not claim_for_newcomer(locked, admission, 1):
            raise errors.NoSeatFree
    elif registration.state == State.WAITLISTED:
        capacity.leave_waitlist(locked, admission, registration.seats)
        values["line_number"] = waitlist.join(locked, admission, seats)
    position = max(attendee.position for attendee in load_party(registration)) + 1
    asked_questions = questions.questions_for(
        locked.event, admission, QuestionScope.ATTENDEE
    )
    guest = RequestedAttendee(
        person.name or None, merge_answers({}, person.answers, asked_questions)
    )
    row = attendee_row(registration.event_id, position, guest, code_key)
    row["registration_id"] = registration.id
    current_connection().execute(INSERT_ATTENDEES, [row])
    update_registration(registration, **values)
    reconfirm_by_change(registration, actor=actor, now=now)
    record_change(
        Verb.ADD_GUEST, registration, {"position": position}, actor=actor, now=now
    )
    notify_change(registration, "guest_added", actor, now)
    if registration.state == State.WAITLISTED:
        # Its place came free.
        waitlist.promote(locked, actor=actor, now=now)
    return State(registration.state)


# --- another way to attend ----------------------------------------------------------


def change_admission(
    registration_id: int,
    admission_id: int,
    answers: Answers | None = None,
    people: Mapping[int, RequestedAttendee] | None = None,
    *,
    actor: str,
    now: datetime,
) -> State:
    """Move to another admission: with all seats there, free ones that nobody waiting
    could use, else everything stays as it is.

    Who waits gets a place there if it is free by the same rule, else one at the end of
    that line; who waits for approval goes on waiting. `answers` and `people` are as in
    `change_details`, of what is asked there; answers to what is not are dropped. What
    comes free goes to the line. Gives the state the registration is then in. Raises
    WrongAdmission, NoSeatFree, PartyTooLarge, AdmissionFull, WaitlistFull,
    AddressInUse, AlreadyCheckedIn, AnswerFirst, TooLateToCancel, AlreadyOver,
    EventCancelled and EventOver.
    """
    locked, registration = lock_for_change(registration_id, actor, now)
    target = locked.admissions.get(admission_id)
    if target is None or target.id == registration.admission_id:
        raise errors.WrongAdmission
    refuse_if_checked_in(Attendee.registration_id == registration.id)
    old_state, old_admission_id = registration.state, registration.admission_id
    values = apply_details(locked.event, target, registration, people or {}, answers)
    del values["positions"]
    old_answers = values.get("answers", registration.answers)
    asked_questions = questions.questions_for(
        locked.event, target, QuestionScope.REGISTRATION
    )
    values["answers"] = answers_to_asked(old_answers, asked_questions)
    asked_questions = questions.questions_for(
        locked.event, target, QuestionScope.ATTENDEE
    )
    for attendee in load_party(registration):
        attendee.answers = answers_to_asked(attendee.answers, asked_questions)
    values |= claim_target_seats(locked, registration, target, now)
    update_registration(registration, admission_id=target.id, **values)
    set_committed_value(registration, "admission", target)
    reconfirm_by_change(registration, actor=actor, now=now)
    audit.record(
        Verb.MOVE,
        actor=actor,
        now=now,
        event_id=registration.event_id,
        registration_id=registration.id,
        states=(old_state, registration.state),
        details={"from": old_admission_id, "to": target.id},
    )
    notify_change(registration, "moved", actor, now)
    waitlist.promote(locked, actor=actor, now=now)
    return State(registration.state)


def claim_target_seats(
    locked: LockedEvent, registration: Registration, target: Admission, now: datetime
) -> dict[str, Any]:
    """Claim the seats of a move, or a place in line. Return the columns that change."""
    source = locked.admissions[registration.admission_id]
    seats = registration.seats
    if registration.state == State.CONFIRMED:
        releasing = source, seats
        if not waitlist.has_seats_for_newcomer(locked, target, seats, releasing):
            raise errors.NoSeatFree
        capacity.release_seats(locked, source, seats)
        if not capacity.claim_seats(locked, target, seats):
            raise errors.NoSeatFree
        # Calendars take the newer of two entries: this is when it became another.
        return {"state_since": now}
    limit = largest_party(locked.event, target)
    if seats > limit:
        raise errors.PartyTooLarge(limit=limit)
    if registration.state == State.REQUESTED:
        return {}
    capacity.leave_waitlist(locked, source, seats)
    if waitlist.has_seats_for_newcomer(
        locked, target, seats, except_id=registration.id
    ) and capacity.claim_seats(locked, target, seats):
        return {"state": State.CONFIRMED, "state_since": now, "line_number": None}
    return {"line_number": waitlist.join(locked, target, seats)}


def answers_to_asked(
    answers: Answers, asked_questions: Iterable[Question]
) -> dict[str, Any]:
    keys = {question.key for question in asked_questions}
    return {key: answer for key, answer in answers.items() if key in keys}


# --- what they share ----------------------------------------------------------------


def lock_for_change(
    registration_id: int, actor: str, now: datetime
) -> tuple[LockedEvent, Registration]:
    """Lock for a change of how many come or where: nothing waits for an answer."""
    locked, registration = lock_registration(registration_id, now)
    refuse_after_deadline(locked, actor, now)
    refuse_if_event_over(locked, now)
    if registration.state in (State.HELD, State.OFFERED):
        raise errors.AnswerFirst
    return locked, registration


def notify_change(
    registration: Registration,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    outbox.enqueue(
        registration,
        MessageKind.CHANGED,
        cause=cause_of(actor, registration),
        now=now,
        place=waitlist.position_of(registration),
        what=reason,
    )
