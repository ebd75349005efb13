"""Queries: what pages and files show, reads that span tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Dialect,
    Engine,
    Select,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from rsvp import tokens
from rsvp.db import UtcDateTime, current_session
from rsvp.domain import teams, waitlist
from rsvp.models import (
    Admission,
    Attendee,
    Event,
    Message,
    Registration,
    Series,
    User,
)
from rsvp.models.event import Mode, Status, Visibility
from rsvp.models.ledger import MessageState
from rsvp.models.registration import AttendeeState, State

Row = TypeVar("Row")

# --- one event ----------------------------------------------------------------------

StateRows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class AdmissionSeats:
    """One admission's counts, all in seats. `capacity` None is without limit, and then
    `taken` is not counted."""

    capacity: int | None
    taken: int
    waiting: int
    keeps_line: bool
    counts_in_room: bool


@dataclass(frozen=True)
class EventState:
    """What changes about an event while its page stays the same: one small read."""

    event_id: int
    version: int
    status: str
    visibility: str
    room_capacity: int | None
    room_taken: int
    room_waiting: int
    seats: dict[int, AdmissionSeats]
    key: StateRows
    """Changes whenever anything here does; for caches and ETags."""

    def left(self, admission_id: int) -> int | None:
        """Seats free under every cap, never below zero; None: without limit."""
        seats = self.seats[admission_id]
        caps = []
        if seats.capacity is not None:
            caps.append(seats.capacity - seats.taken)
        if self.in_room(seats) and self.room_capacity is not None:
            caps.append(self.room_capacity - self.room_taken)
        return max(0, min(caps)) if caps else None

    def over_by(self, admission_id: int) -> int:
        """How many more are seated than the cap now allows; newcomers wait for it."""
        seats = self.seats[admission_id]
        over = [0]
        if seats.capacity is not None:
            over.append(seats.taken - seats.capacity)
        if self.in_room(seats) and self.room_capacity is not None:
            over.append(self.room_taken - self.room_capacity)
        return max(over)

    def waiting(self, admission_id: int) -> int:
        """People who wait for the same seats."""
        seats = self.seats[admission_id]
        return self.room_waiting if self.in_room(seats) else seats.waiting

    def would_wait(self, admission_id: int, party: int = 1) -> bool:
        """Whether a party that came now would not be seated at once, as far as counts
        tell; the lock has the last word."""
        left = self.left(admission_id)
        if self.waiting(admission_id):
            return True
        return left is not None and party > left

    def is_full(self, admission_id: int, party: int = 1) -> bool:
        """Whether such a party could not even wait."""
        would_wait = self.would_wait(admission_id, party)
        return would_wait and not self.seats[admission_id].keeps_line

    def next_place(self, admission_id: int) -> int:
        """The place in line that whoever joins next would have, from 1."""
        session = current_session()
        event = session.get_one(Event, self.event_id)
        return waitlist.place(event, session.get_one(Admission, admission_id))

    def in_room(self, seats: AdmissionSeats) -> bool:
        return self.room_capacity is not None and seats.counts_in_room


STATE = (
    select(
        Event.id,
        Event.version,
        Event.status,
        Event.visibility,
        Event.room_capacity,
        Event.room_taken,
        Event.room_waiting,
        Admission.id,
        Admission.capacity,
        # Without a limit nobody is told how many come, so the page stays the same.
        case(
            (Admission.capacity.is_(None), literal_column("0")),
            else_=Admission.seats_taken,
        ),
        Admission.waiting,
        Admission.waitlist,
        Admission.mode,
    )
    .join(Admission, Admission.event_id == Event.id)
    .where(Event.slug == bindparam("slug"))
    .order_by(Admission.id)
)


def event_state(slug: str) -> EventState | None:
    """The event's version and counts, drafts too; None where there is no such event."""
    rows = state_rows(current_session().get_bind().engine, slug)
    if not rows:
        return None
    seats = {
        row[7]: AdmissionSeats(
            capacity=row[8],
            taken=row[9],
            waiting=row[10],
            keeps_line=bool(row[11]),
            counts_in_room=row[12] == Mode.IN_PERSON,
        )
        for row in rows
    }
    event_id, version, status, visibility, *room = rows[0][:7]
    capacity, taken, waiting = room
    return EventState(
        event_id, version, status, visibility, capacity, taken, waiting, seats, rows
    )


def state_rows(engine: Engine, slug: str) -> StateRows:
    """The rows an event's state is made of, as the driver gives them; none: no event.

    Past session and statement, straight to the driver: it runs for each page view, and
    what is in between would cost five times what the read does.
    """
    statement, takes_names = state_statement(engine.dialect)
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    try:
        if takes_names:
            # One statement is its own transaction: one round trip instead of three.
            driver.autocommit = True
        cursor = driver.cursor()
        cursor.execute(statement, {"slug": slug} if takes_names else (slug,))
        return tuple(map(tuple, cursor.fetchall()))
    finally:
        if takes_names and not driver.closed:
            driver.autocommit = False
        connection.close()


@lru_cache
def state_statement(dialect: Dialect) -> tuple[str, bool]:
    compiled = STATE.compile(dialect=dialect)
    return str(compiled), not compiled.positional


WHOLE = (
    joinedload(Event.team),
    joinedload(Event.series),
    selectinload(Event.admissions),
    selectinload(Event.questions),
    selectinload(Event.consents),
)


def event_page(slug: str) -> Event | None:
    """The event with all its page shows, cut loose from the database to be kept.

    Good for as long as its `version` is; its counts are of the moment it was read, so
    whoever shows seats asks `event_state`.
    """
    # A session of its own: nothing that the present one holds is cut loose with it.
    with Session(current_session().get_bind()) as session:
        return session.scalar(select(Event).where(Event.slug == slug).options(*WHOLE))


# --- lists --------------------------------------------------------------------------


@dataclass(frozen=True)
class SeriesPage:
    series: Series
    coming: list[Event]
    past: list[Event]


def on_show(now: datetime) -> Select[Any]:
    """The events everybody may find; a cancelled one stays until it would be over."""
    return (
        select(Event)
        .where(
            Event.status.in_((Status.PUBLISHED, Status.CANCELLED)),
            Event.visibility == Visibility.PUBLIC,
            Event.ends_at > now,
        )
        .options(selectinload(Event.admissions), joinedload(Event.series))
        .order_by(Event.starts_at, Event.id)
    )


def listing(now: datetime, limit: int = 200) -> list[Event]:
    """What's on, soonest first."""
    return list(current_session().scalars(on_show(now).limit(limit)))


def listing_key(now: datetime) -> str:
    """Changes when anything on the list does: events, their seats, one being over."""
    shown = on_show(now).with_only_columns(Event.id, Event.version).subquery()
    counts = (
        select(
            shown.c.id,
            shown.c.version,
            Admission.id,
            Admission.seats_taken,
            Admission.waiting,
        )
        .join(Admission, Admission.event_id == shown.c.id)
        .order_by(Admission.id)
    )
    rows = [tuple(row) for row in current_session().execute(counts)]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def series_page(slug: str, now: datetime) -> SeriesPage | None:
    """A series with its public events: those to come soonest first, then the past ones
    latest first."""
    session = current_session()
    series = session.scalar(select(Series).where(Series.slug == slug))
    if series is None:
        return None
    events = list(
        session.scalars(
            select(Event)
            .where(
                Event.series_id == series.id,
                Event.status.in_((Status.PUBLISHED, Status.CANCELLED)),
                Event.visibility == Visibility.PUBLIC,
            )
            .options(selectinload(Event.admissions))
            .order_by(Event.starts_at, Event.id)
        )
    )
    if not events:
        return None
    coming = [event for event in events if event.ends_at > now]
    past = [event for event in reversed(events) if event.ends_at <= now]
    return SeriesPage(series, coming, past)


# --- one registration ---------------------------------------------------------------


FindEvent = Callable[[str, int], Event | None]


def fresh_event(slug: str, _version: int) -> Event | None:
    return event_page(slug)


def registration_by_link(
    token: str, find_event: FindEvent = fresh_event
) -> Registration | None:
    """The registration a manage link opens, with its event, admission and party.

    `find_event(slug, version)` may give the event from memory; it is the larger part.
    """
    link_id = tokens.link_id(token)
    if link_id is None:
        return None
    row = current_session().execute(BY_LINK, {"link_id": link_id}).one_or_none()
    if row is None:
        return None
    registration, slug, version = row
    return with_event(registration, find_event(slug, version))


def ticket_by_link(token: str, find_event: FindEvent = fresh_event) -> Attendee | None:
    """The attendee a view-only ticket link shows, with registration and event."""
    ticket_id = tokens.link_id(token)
    if ticket_id is None:
        return None
    row = current_session().execute(BY_TICKET, {"ticket_id": ticket_id}).one_or_none()
    if row is None:
        return None
    attendee, slug, version = row
    with_event(attendee.registration, find_event(slug, version))
    return attendee


BY_LINK = (
    select(Registration, Event.slug, Event.version)
    .join(Event, Event.id == Registration.event_id)
    .where(Registration.link_id == bindparam("link_id"))
    .options(selectinload(Registration.attendees))
)
BY_TICKET = (
    select(Attendee, Event.slug, Event.version)
    .join(Event, Event.id == Attendee.event_id)
    .where(Attendee.ticket_id == bindparam("ticket_id"))
    .options(joinedload(Attendee.registration))
)


def with_event(registration: Registration, event: Event | None) -> Registration:
    """Put the event, and the admission as it knows it, beside a registration."""
    assert event is not None
    admission = next(a for a in event.admissions if a.id == registration.admission_id)
    set_committed_value(registration, "event", event)
    set_committed_value(registration, "admission", admission)
    return registration


def place_in_line(registration: Registration) -> int | None:
    """Which place in line it has, from 1; None where it does not wait."""
    if registration.state != State.WAITLISTED:
        return None
    return waitlist.place(
        registration.event, registration.admission, registration.line_number
    )


# --- who comes ----------------------------------------------------------------------


@dataclass(frozen=True)
class RosterRow:
    """One attendee as lists and exports show them; `party` counts those coming.

    `answers` is `{question key: answer}`: the attendee's own, and the registration's on
    the row of whoever registered.
    """

    reference: str
    status: str
    admission: str
    name: str | None
    email: str
    party: int
    registered_at: datetime
    checked_in_at: datetime | None
    answers: dict[str, Any]


def roster(event_id: int, batch: int = 1000) -> Iterator[RosterRow]:
    """Everybody of an event in the order they registered, `batch` rows in memory."""
    people = (
        select(
            Registration.reference,
            Registration.state,
            Admission.name,
            Attendee.name,
            Registration.email,
            Registration.seats,
            Registration.registered_at,
            Registration.answers,
            Attendee.answers,
            Attendee.state,
            Attendee.position,
        )
        .join(Registration, Registration.id == Attendee.registration_id)
        .join(Admission, Admission.id == Registration.admission_id)
        .where(Attendee.event_id == event_id)
        .order_by(Attendee.registration_id, Attendee.position)
        .execution_options(yield_per=batch)
    )
    for row in current_session().execute(people):
        reference, state, admission, name, email, party, at, shared, own, there, n = row
        yield RosterRow(
            reference=reference,
            status=state if there == AttendeeState.COMING else State.CANCELLED,
            admission=admission,
            name=name,
            email=email,
            party=party,
            registered_at=at,
            checked_in_at=None,
            answers=(shared | own) if n == 0 else own,
        )


def find_event(slug: str) -> Event | None:
    """An event by its slug, whatever its status; for commands and organizers."""
    return current_session().scalar(select(Event).where(Event.slug == slug))


# --- organizers ---------------------------------------------------------------------

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list; `is_last` says whether more follow."""

    rows: list[Row]
    is_last: bool


def page_of(wanted: Select[Any], size: int = PAGE_SIZE) -> Page[Any]:
    rows = current_session().scalars(wanted.limit(size + 1)).all()
    return Page(list(rows[:size]), is_last=len(rows) <= size)


def overview(
    user: User, now: datetime, *, past: bool = False, after: str | None = None
) -> Page[Event]:
    """The events this person may see the numbers of: those to come, soonest first, or
    the past ones, latest first. `after` is the slug that ended the page before."""
    seen = teams.events_of(user)
    key = tuple_(Event.starts_at, Event.id)
    wanted = seen.where(Event.ends_at <= now if past else Event.ends_at > now)
    if after and (last := current_session().scalar(seen.where(Event.slug == after))):
        there = tuple_(literal(last.starts_at, UtcDateTime), literal(last.id))
        wanted = wanted.where(key < there if past else key > there)
    first, second = (Event.starts_at, Event.id)
    order = (first.desc(), second.desc()) if past else (first, second)
    return page_of(
        wanted.options(selectinload(Event.admissions), joinedload(Event.team)).order_by(
            *order
        )
    )


def outbox(
    user: User, *, state: MessageState | None = None, before: int | None = None
) -> Page[Message]:
    """The messages this person may read, newest first; `before` is the id that ended
    the page before."""
    wanted = teams.messages_of(user)
    if state is not None:
        wanted = wanted.where(Message.state == state)
    if before is not None:
        wanted = wanted.where(Message.id < before)
    return page_of(
        wanted.options(contains_eager(Message.event)).order_by(Message.id.desc())
    )


def outbox_counts(user: User) -> dict[str, int]:
    """How many messages this person may read, by state."""
    counts = (
        teams.messages_of(user)
        .with_only_columns(Message.state, func.count())
        .group_by(Message.state)
    )
    rows = current_session().execute(counts).all()
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in MessageState}
