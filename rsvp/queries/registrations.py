"""Queries about registrations: an event's list page by page, counts, one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, selectinload

from rsvp.db import current_session
from rsvp.domain import waitlist
from rsvp.models import (
    Admission,
    Attendee,
    AuditEntry,
    CheckIn,
    Consent,
    Device,
    Event,
    GivenConsent,
    Invitation,
    Message,
    Registration,
    User,
)
from rsvp.models.registration import DEADLINE_STATES, State
from rsvp.queries.attendees import RegistrationFilter, matching_registrations
from rsvp.queries.pagination import Page, page_of


@dataclass(frozen=True)
class StateCount:
    """Registrations in one state for one admission, and the people they are for."""

    state: State
    admission_id: int
    registrations: int
    people: int


def is_waitlist_order(filter_: RegistrationFilter) -> bool:
    """Whether a list is in waitlist order, from the head; others begin with the
    newest."""
    return filter_.state == State.WAITLISTED


def is_oldest_first(filter_: RegistrationFilter) -> bool:
    """Whether a list begins with the oldest: requests are decided in that order."""
    return filter_.state == State.REQUESTED


def list_registrations(
    event_id: int, filter_: RegistrationFilter, after: int | None = None
) -> Page[Registration]:
    """Return a page of an event's registrations; `after` is the `cursor_of` the one
    that ended the page before."""
    query = matching_registrations(event_id, filter_)
    if is_waitlist_order(filter_):
        if after is not None:
            query = query.where(Registration.line_number > after)
        query = query.order_by(Registration.line_number)
    elif is_oldest_first(filter_):
        if after is not None:
            query = query.where(Registration.id > after)
        query = query.order_by(Registration.id)
    else:
        if after is not None:
            query = query.where(Registration.id < after)
        query = query.order_by(Registration.id.desc())
    if filter_.search:
        # What was searched for may be a guest's name.
        query = query.options(selectinload(Registration.attendees))
    return page_of(query)


def find_newest(
    event_id: int,
    state: State | None = None,
    admission_ids: Sequence[int] = (),
) -> Registration | None:
    """Return the newest registration of an event that is not erased, in that state or
    any, for one of these admissions or any."""
    query = matching_registrations(event_id, RegistrationFilter(state=state)).where(
        Registration.search != ""
    )
    if admission_ids:
        query = query.where(Registration.admission_id.in_(admission_ids))
    return current_session().scalar(query.order_by(Registration.id.desc()).limit(1))


def cursor_of(registration: Registration, filter_: RegistrationFilter) -> int | None:
    return registration.line_number if is_waitlist_order(filter_) else registration.id


def count_by_state(event_id: int, filter_: RegistrationFilter) -> list[StateCount]:
    """Count the registrations that match, and the people they are for, by state.

    Looks at each of them, in an index that holds all it takes unless it is a search: 40
    ms for 100,000, three times what the rest of the page takes.
    """
    columns = (Registration.state, Registration.admission_id)
    query = matching_registrations(event_id, filter_).with_only_columns(
        *columns, func.count(), func.sum(Registration.seats)
    )
    rows = current_session().execute(query.group_by(*columns))
    return [StateCount(State(state), *numbers) for state, *numbers in rows]


def kept_seats(event_id: int) -> dict[int, dict[State, int]]:
    """Return the seats that are kept but not confirmed: held until an address is
    confirmed, or offered; by admission id and state."""
    kept = func.coalesce(Registration.offered_seats, Registration.seats)
    columns = (Registration.admission_id, Registration.state)
    rows = current_session().execute(
        select(*columns, func.sum(kept))
        .where(
            Registration.event_id == event_id, Registration.state.in_(DEADLINE_STATES)
        )
        .group_by(*columns)
    )
    seats_by_admission: dict[int, dict[State, int]] = {}
    for admission_id, state, seats in rows:
        seats_by_admission.setdefault(admission_id, {})[State(state)] = int(seats)
    return seats_by_admission


def counts_key(event: Event) -> tuple[object, ...]:
    """Return a key that changes whenever the counts of an event do, and is cheap to
    read.

    Each change of a state has its audit entry. The seats are there because, of two
    changes at once, the one with the lower number may be seen later.
    """
    of_event = AuditEntry.event_id == event.id
    newest = current_session().scalar(select(func.max(AuditEntry.id)).where(of_event))
    return (
        event.uuid,
        newest,
        *((a.id, a.seats_taken, a.waiting) for a in event.admissions),
    )


def waitlist_positions(
    event: Event,
    registrations: Sequence[Registration],
    all_counts: Sequence[StateCount] | None = None,
) -> dict[int, int]:
    """Return the place in line of those that wait, by id, counted from 1.

    For each line two reads: who is ahead of the first of them, and their order. With
    the counts of the whole list (`all_counts`) it is counted from the line's end, where
    the newest stand: ahead of them may be thousands.
    """
    places: dict[int, int] = {}
    for admission in event.admissions:
        waiting = {
            registration.id: registration.line_number
            for registration in registrations
            if registration.admission_id == admission.id
            and registration.line_number is not None
        }
        if waiting:
            length = (
                waitlist_length(event, admission, all_counts) if all_counts else None
            )
            places |= positions_in(event, admission, waiting, length)
    return places


def waitlist_length(
    event: Event, admission: Admission, all_counts: Sequence[StateCount]
) -> int:
    admission_ids = {
        sharing.id for sharing in waitlist.admissions_sharing_line(event, admission)
    }
    return sum(
        count.registrations
        for count in all_counts
        if count.state == State.WAITLISTED and count.admission_id in admission_ids
    )


def positions_in(
    event: Event, admission: Admission, waiting: dict[int, int], length: int | None
) -> dict[int, int]:
    conditions = waitlist.waiting_for_same_seats(event, admission)
    number, session = Registration.line_number, current_session()
    first, last = min(waiting.values()), max(waiting.values())
    beyond = number < first if length is None else number > last
    outside = session.scalar(
        select(func.count(Registration.id)).where(*conditions, beyond)
    )
    order = number if length is None else number.desc()
    ranked = (
        select(Registration.id, func.row_number().over(order_by=order).label("rank"))
        .where(*conditions, number.between(first, last))
        .subquery()
    )
    query = select(ranked.c.id, ranked.c.rank).where(ranked.c.id.in_(waiting))
    ranks = {row[0]: row[1] + (outside or 0) for row in session.execute(query)}
    if length is None:
        return ranks
    return {
        registration_id: length + 1 - rank for registration_id, rank in ranks.items()
    }


# --- one registration ---------------------------------------------------------------


def find_by_reference(event_id: int, reference: str) -> Registration | None:
    """Return the registration of this event with this reference, with its party."""
    return current_session().scalar(
        select(Registration)
        .where(Registration.event_id == event_id, Registration.reference == reference)
        .options(selectinload(Registration.attendees))
    )


def list_by_references(event_id: int, references: Iterable[str]) -> list[Registration]:
    """List the registrations of this event that have one of these references."""
    of_event = Registration.event_id == event_id
    query = select(Registration).where(of_event, Registration.reference.in_(references))
    return list(current_session().scalars(query.order_by(Registration.id)))


def first_check_ins(registration_id: int) -> dict[int, datetime]:
    """Return when each of the party was let in first, by attendee id."""
    rows = current_session().execute(
        select(CheckIn.attendee_id, func.min(CheckIn.in_at))
        .join(Attendee, Attendee.id == CheckIn.attendee_id)
        .where(Attendee.registration_id == registration_id)
        .group_by(CheckIn.attendee_id)
    )
    return {row[0]: row[1] for row in rows}


def list_given_consents(registration_id: int) -> list[GivenConsent]:
    """List the consents that were ticked or left, each with its wording."""
    query = (
        select(GivenConsent)
        .join(GivenConsent.consent)
        .where(GivenConsent.registration_id == registration_id)
        .options(contains_eager(GivenConsent.consent))
        .order_by(Consent.position, GivenConsent.id)
    )
    return list(current_session().scalars(query))


def invitation_label(invitation_id: int) -> str | None:
    return current_session().scalar(
        select(Invitation.label).where(Invitation.id == invitation_id)
    )


def list_messages(registration_id: int) -> list[Message]:
    about = Message.registration_id == registration_id
    return list(
        current_session().scalars(select(Message).where(about).order_by(Message.id))
    )


def list_audit_entries(registration_id: int) -> list[AuditEntry]:
    """List the audit entries of a registration, newest last."""
    of_registration = AuditEntry.registration_id == registration_id
    query = select(AuditEntry).where(of_registration).order_by(AuditEntry.id)
    return list(current_session().scalars(query))


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """Return the address of each account and the name of each door, by actor."""
    ids: dict[str, list[int]] = {"user": [], "door": []}
    for kind, _colon, number in (actor.partition(":") for actor in set(actors)):
        if kind in ids and number.isdecimal():
            ids[kind].append(int(number))
    names: dict[str, str] = {}
    for kind, row_id, name in (
        ("user", User.id, User.email),
        ("door", Device.id, Device.name),
    ):
        if ids[kind]:
            query = select(row_id, name).where(row_id.in_(ids[kind]))
            for row in current_session().execute(query):
                names[f"{kind}:{row[0]}"] = row[1]
    return names
