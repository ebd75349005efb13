"""Invariants: what must hold in every database at every moment, for `rsvp check`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from rsvp.db import current_session
from rsvp.domain.capacity import HELD_SEATS
from rsvp.domain.checkin import attendance
from rsvp.domain.events import zone_rules
from rsvp.models import (
    Admission,
    Attendee,
    AuditEntry,
    CheckIn,
    Event,
    Message,
    Registration,
)
from rsvp.models.audit import Verb
from rsvp.models.event import Mode
from rsvp.models.message import MessageKind
from rsvp.models.registration import LIVE_STATES, SEATED_STATES, AttendeeState, State

# What people are told of, by the verb of its audit entry.
RESEND_KINDS = (
    MessageKind.TICKET_AGAIN,
    MessageKind.CONFIRM_ADDRESS,
    MessageKind.OFFER,
)
PLACED_KINDS = (MessageKind.CONFIRMATION, MessageKind.WAITLISTED)
KINDS_BY_VERB = {
    Verb.REGISTER: (*PLACED_KINDS, MessageKind.CONFIRM_ADDRESS, MessageKind.REQUESTED),
    Verb.CONFIRM_ADDRESS: PLACED_KINDS,
    Verb.APPROVE: PLACED_KINDS,
    Verb.REINSTATE: PLACED_KINDS,
    Verb.DECLINE: (MessageKind.DECLINED,),
    Verb.OFFER: (MessageKind.OFFER,),
    Verb.ACCEPT: (MessageKind.CONFIRMATION,),
    Verb.DECLINE_OFFER: (MessageKind.CANCELLED,),
    Verb.KEEP_PLACE: (MessageKind.WAITLISTED,),
    Verb.LAPSE: (MessageKind.LAPSED,),
    Verb.RELEASE: (MessageKind.RELEASED,),
    Verb.SEAT_PRESENT: (MessageKind.PROMOTED,),
    Verb.PROMOTE: (MessageKind.PROMOTED,),
    Verb.CONFIRM: (MessageKind.PROMOTED,),
    Verb.CONFIRM_ABOVE: (MessageKind.PROMOTED,),
    Verb.SEND_AGAIN: RESEND_KINDS,
    Verb.REPLACE_CODES: RESEND_KINDS,
    Verb.CANCEL: (MessageKind.CANCELLED,),
    Verb.CANCEL_GUEST: (MessageKind.CHANGED,),
    Verb.CHANGE_DETAILS: (MessageKind.CHANGED,),
    Verb.ADD_GUEST: (MessageKind.CHANGED,),
    Verb.MOVE: (MessageKind.CHANGED,),
    Verb.CORRECT_ADDRESS: (
        *PLACED_KINDS,
        MessageKind.CONFIRM_ADDRESS,
        MessageKind.REQUESTED,
        MessageKind.OFFER,
    ),
    Verb.PASS_ON: (MessageKind.PASSED_ON,),
}

CAPPED_TABLES: tuple[tuple[Any, str, str, str, str], ...] = (
    (Admission, "admissions", "seats_taken", "capacity", "ceiling"),
    (Event, "events", "room_taken", "room_capacity", "room_ceiling"),
)


@dataclass(frozen=True)
class Problem:
    """One row that breaks a rule: which rule (I1 …), where, and how it is wrong."""

    rule: str
    table: str
    id: int
    text: str

    def __str__(self) -> str:
        return f"{self.rule} {self.table} {self.id}: {self.text}"


def find_problems(now: datetime) -> list[Problem]:
    """Return every row that breaks an invariant, in the order of the rules.

    I1 counts are the sums of what they count · I2 nobody above the caps and ceilings ·
    I3 each change people are told of has its message, or the reason for none, from the
    same commit · I4 while
    the line runs, nobody waiting could be seated by what is free · I6 every state has
    its audit entry · I5 at most one open check-in per attendee, and check-ins are what
    the scans come to.
    """
    return [problem for rule in RULES for problem in rule(now)]


def find_all_problems(now: datetime) -> list[Problem]:
    """Return these and the events whose instants are not what zone rules make of
    them."""
    return find_problems(now) + [
        Problem(
            "zone",
            "events",
            event.id,
            f"{event.slug}: times are not what they are by today's zone rules",
        )
        for event in zone_rules.find_moved_events(now)
    ]


def wrong_admission_counts(_now: datetime) -> Iterator[Problem]:
    taken = sum_of_seats(SEATED_STATES) + Admission.reserved
    waiting = sum_of_seats((State.WAITLISTED,))
    rows = current_session().execute(
        select(Admission.id, Admission.seats_taken, taken, Admission.waiting, waiting)
        .outerjoin(Registration, Registration.admission_id == Admission.id)
        .group_by(Admission.id)
        .having(or_(Admission.seats_taken != taken, Admission.waiting != waiting))
        .order_by(Admission.id)
    )
    for row_id, counted, are_taken, queued, are_waiting in rows:
        if counted != are_taken:
            text = (
                f"counts {counted} seats taken, registrations hold {are_taken} with "
                "those reserved"
            )
            yield Problem("I1", "admissions", row_id, text)
        if queued != are_waiting:
            text = (
                f"counts {queued} seats waiting, registrations wait for {are_waiting}"
            )
            yield Problem("I1", "admissions", row_id, text)


def wrong_room_counts(_now: datetime) -> Iterator[Problem]:
    in_room = Admission.mode == Mode.IN_PERSON
    taken = sum_of_seats(SEATED_STATES, in_room) + Event.reserved_seats
    waiting = sum_of_seats((State.WAITLISTED,), in_room)
    rows = current_session().execute(
        select(Event.id, Event.room_taken, taken, Event.room_waiting, waiting)
        .outerjoin(Registration, Registration.event_id == Event.id)
        .outerjoin(Admission, Admission.id == Registration.admission_id)
        .where(Event.room_capacity.is_not(None))
        .group_by(Event.id)
        .having(or_(Event.room_taken != taken, Event.room_waiting != waiting))
        .order_by(Event.id)
    )
    for row_id, counted, are_taken, queued, are_waiting in rows:
        text = (
            f"the room counts {counted} taken and {queued} waiting, registrations have "
            f"{are_taken} (with those reserved) and {are_waiting}"
        )
        yield Problem("I1", "events", row_id, text)


def wrong_reserved(_now: datetime) -> Iterator[Problem]:
    """An event's reserved seats are its room's, or else those of one admission."""
    kept = func.coalesce(func.sum(Admission.reserved), 0)
    expected = case((Event.room_capacity.is_(None), Event.reserved_seats), else_=0)
    rows = current_session().execute(
        select(Event.id, expected, kept)
        .outerjoin(Admission, Admission.event_id == Event.id)
        .group_by(Event.id)
        .having(kept != expected)
        .order_by(Event.id)
    )
    for row_id, reserved, are_kept in rows:
        text = (
            f"keeps {reserved} seats of its admissions, they have {are_kept} reserved"
        )
        yield Problem("I1", "events", row_id, text)


def wrong_parties(_now: datetime) -> Iterator[Problem]:
    coming = func.count(Attendee.id).filter(Attendee.state == AttendeeState.COMING)
    rows = current_session().execute(
        select(Registration.id, Registration.seats, coming)
        .outerjoin(Attendee, Attendee.registration_id == Registration.id)
        .where(Registration.state.in_(LIVE_STATES))
        .group_by(Registration.id)
        .having(Registration.seats != coming)
        .order_by(Registration.id)
    )
    for row_id, seats, people in rows:
        text = f"has {seats} seats for {people} people"
        yield Problem("I1", "registrations", row_id, text)


def exceeded_caps(_now: datetime) -> Iterator[Problem]:
    for table, name, taken, capacity, ceiling in CAPPED_TABLES:
        seats, cap, top = (getattr(table, c) for c in (taken, capacity, ceiling))
        limit = case((and_(top.is_not(None), top > cap), top), else_=cap)
        rows = current_session().execute(
            select(table.id, seats, limit).where(seats > limit).order_by(table.id)
        )
        for row_id, counted, allowed in rows:
            yield Problem("I2", name, row_id, f"{counted} seats taken of {allowed}")


def stale_ceilings(_now: datetime) -> Iterator[Problem]:
    """A ceiling is what is taken beyond the cap, and falls with it."""
    for table, name, taken, capacity, ceiling in CAPPED_TABLES:
        seats, cap, top = (getattr(table, c) for c in (taken, capacity, ceiling))
        rows = current_session().execute(
            select(table.id, top, seats)
            .where(top.is_not(None), or_(top != seats, cap.is_(None), top <= cap))
            .order_by(table.id)
        )
        for row_id, kept, counted in rows:
            text = f"has a ceiling of {kept} with {counted} seats taken"
            yield Problem("I2", name, row_id, text)


def unmailed_changes(_now: datetime) -> Iterator[Problem]:
    # One pass over the log, whatever the number of verbs: it is long.
    mail_of_verb = or_(
        *(
            and_(AuditEntry.verb.in_(verbs), Message.kind.in_(kinds))
            for kinds, verbs in verbs_by_kinds().items()
        )
    )
    has_mail = (
        select(Message.id)
        .where(
            Message.registration_id == AuditEntry.registration_id,
            Message.created_at == AuditEntry.at,
            mail_of_verb,
        )
        .exists()
    )
    reason = aliased(AuditEntry)
    has_reason = (
        select(reason.id)
        .where(
            reason.registration_id == AuditEntry.registration_id,
            reason.at == AuditEntry.at,
            reason.verb == Verb.NOT_MAILED,
        )
        .exists()
    )
    rows = current_session().execute(
        select(AuditEntry.registration_id, AuditEntry.verb)
        .where(AuditEntry.verb.in_(KINDS_BY_VERB), ~has_mail, ~has_reason)
        .order_by(AuditEntry.id)
    )
    for row_id, verb in rows:
        text = f"nobody was told of `{verb}`"
        yield Problem("I3", "registrations", row_id or 0, text)


def verbs_by_kinds() -> dict[tuple[MessageKind, ...], list[str]]:
    verbs: dict[tuple[MessageKind, ...], list[str]] = defaultdict(list)
    for verb, kinds in KINDS_BY_VERB.items():
        verbs[kinds].append(verb)
    return verbs


def waiting_despite_free_seats(now: datetime) -> Iterator[Problem]:
    session = current_session()
    needed = case((Registration.fewer_ok, 1), else_=Registration.seats)
    rows = session.execute(
        select(Registration.id, needed, Admission, Event)
        .join(Admission, Admission.id == Registration.admission_id)
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.state == State.WAITLISTED,
            # Who put an offer off is asked again when the next seats come free.
            Registration.was_put_off.is_(False),
            or_(
                Admission.capacity.is_(None),
                Admission.seats_taken + needed <= Admission.capacity,
            ),
            or_(
                Event.room_capacity.is_(None),
                Admission.mode != Mode.IN_PERSON,
                Event.room_taken + needed <= Event.room_capacity,
            ),
        )
        .order_by(Registration.id)
    )
    for row_id, seats, admission, event in rows:
        if event.is_waitlist_running(now):
            text = f"waits for {seats} seats that are free in `{admission.key}`"
            yield Problem("I4", "registrations", row_id, text)


def wrong_check_ins(_now: datetime) -> Iterator[Problem]:
    """The database allows one open check-in each; the rest must fit the scans."""
    stored: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = current_session().execute(
        select(
            CheckIn.attendee_id,
            CheckIn.in_at,
            CheckIn.in_scan_id,
            CheckIn.out_at,
            CheckIn.out_scan_id,
        ).order_by(CheckIn.attendee_id, CheckIn.in_at)
    )
    for attendee_id, *stay in rows:
        stored[attendee_id].append(tuple(stay))
    scanned = attendance.all_passages()
    for attendee_id in sorted(stored.keys() | scanned.keys()):
        computed = [
            (
                stay.entry.at,
                stay.entry.scan_id,
                stay.out.at if stay.out else None,
                stay.out.scan_id if stay.out else None,
            )
            for stay in attendance.fold_passages(scanned.get(attendee_id, []))
        ]
        if stored[attendee_id] != computed:
            text = (
                f"has {len(stored[attendee_id])} check-ins, the scans come to "
                f"{len(computed)} (or at other times)"
            )
            yield Problem("I5", "attendees", attendee_id, text)


def unaudited_states(_now: datetime) -> Iterator[Problem]:
    later = aliased(AuditEntry)
    newest = (
        select(func.max(later.id))
        .where(
            later.registration_id == Registration.id,
            later.to_state.is_not(None),
        )
        .scalar_subquery()
    )
    rows = current_session().execute(
        select(Registration.id, Registration.state, AuditEntry.to_state)
        .outerjoin(AuditEntry, AuditEntry.id == newest)
        .where(
            or_(
                AuditEntry.to_state.is_(None),
                AuditEntry.to_state != Registration.state,
            )
        )
        .order_by(Registration.id)
    )
    for row_id, state, recorded in rows:
        text = f"is {state}, the audit log says {recorded or 'nothing'}"
        yield Problem("I6", "registrations", row_id, text)


def broken_histories(_now: datetime) -> Iterator[Problem]:
    """Each entry goes on from the state that the one before it led to."""
    before = func.lag(AuditEntry.to_state).over(
        partition_by=AuditEntry.registration_id, order_by=AuditEntry.id
    )
    steps = (
        select(AuditEntry.id, AuditEntry.from_state, before.label("before"))
        .where(
            AuditEntry.registration_id.is_not(None), AuditEntry.to_state.is_not(None)
        )
        .subquery()
    )
    rows = current_session().execute(
        select(steps)
        .where(steps.c.from_state.is_distinct_from(steps.c.before))
        .order_by(steps.c.id)
    )
    for row_id, begins, ended in rows:
        text = f"goes on from {begins or 'nothing'}, the last one led to {ended}"
        yield Problem("I6", "audit_entries", row_id, text)


def sum_of_seats(states: tuple[State, ...], *where: ColumnElement[bool]) -> Any:
    """Return the sum of the seats of joined registrations in these states."""
    counted = and_(Registration.state.in_(states), *where)
    return func.coalesce(func.sum(case((counted, HELD_SEATS), else_=0)), 0)


RULES = (
    wrong_admission_counts,
    wrong_room_counts,
    wrong_reserved,
    wrong_parties,
    exceeded_caps,
    stale_ceilings,
    unmailed_changes,
    waiting_despite_free_seats,
    wrong_check_ins,
    unaudited_states,
    broken_histories,
)
