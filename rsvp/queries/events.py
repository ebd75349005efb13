"""Queries about events: the page of one, its counts, what's on, a series."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Dialect,
    Engine,
    Select,
    bindparam,
    case,
    literal_column,
    select,
)
from sqlalchemy.orm import Session, joinedload, selectinload

from rsvp.db import current_session
from rsvp.domain import waitlist
from rsvp.models import Admission, Event, Series
from rsvp.models.event import Mode, Status, Visibility

# --- one event ----------------------------------------------------------------------

StateRows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class AdmissionSeats:
    """One admission's counts, all in seats. `capacity` None is without limit, and then
    `taken` is not counted; `waitlist_max` None lets as many wait as come."""

    capacity: int | None
    taken: int
    waiting: int
    has_waitlist: bool
    waitlist_max: int | None
    counts_in_room: bool

    def can_wait(self, party: int) -> bool:
        """Whether a party of so many could join the waitlist."""
        fits = self.waitlist_max is None or self.waiting + party <= self.waitlist_max
        return self.has_waitlist and fits


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

    def seats_left(self, admission_id: int) -> int | None:
        """Return the seats free under every cap, never below zero; None: without
        limit."""
        seats = self.seats[admission_id]
        caps = []
        if seats.capacity is not None:
            caps.append(seats.capacity - seats.taken)
        if self.counts_in_room(seats) and self.room_capacity is not None:
            caps.append(self.room_capacity - self.room_taken)
        return max(0, min(caps)) if caps else None

    def seats_over_cap(self, admission_id: int) -> int:
        """Return how many more are seated than the cap now allows; newcomers wait for
        it."""
        seats = self.seats[admission_id]
        over = [0]
        if seats.capacity is not None:
            over.append(seats.taken - seats.capacity)
        if self.counts_in_room(seats) and self.room_capacity is not None:
            over.append(self.room_taken - self.room_capacity)
        return max(over)

    def waiting(self, admission_id: int) -> int:
        """Return how many people wait for the same seats."""
        seats = self.seats[admission_id]
        return self.room_waiting if self.counts_in_room(seats) else seats.waiting

    def would_wait(self, admission_id: int, party: int = 1) -> bool:
        """Whether a party that came now would not be seated at once, as far as counts
        tell; the lock has the last word."""
        seats_left = self.seats_left(admission_id)
        if self.waiting(admission_id):
            return True
        return seats_left is not None and party > seats_left

    def is_full(self, admission_id: int, party: int = 1) -> bool:
        """Whether such a party could not even wait."""
        would_wait = self.would_wait(admission_id, party)
        return would_wait and not self.seats[admission_id].can_wait(party)

    def next_waitlist_position(self, admission_id: int) -> int:
        """Return the place in line that whoever joins next would have, from 1."""
        session = current_session()
        event = session.get_one(Event, self.event_id)
        return waitlist.position(event, session.get_one(Admission, admission_id))

    def counts_in_room(self, seats: AdmissionSeats) -> bool:
        return self.room_capacity is not None and seats.counts_in_room


SELECT_STATE = (
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
        Admission.waitlist_max,
    )
    .join(Admission, Admission.event_id == Event.id)
    .where(Event.slug == bindparam("slug"))
    .order_by(Admission.id)
)


def find_event_state(slug: str) -> EventState | None:
    """Return the event's version and counts, drafts too; None where there is none."""
    rows = fetch_state_rows(current_session().get_bind().engine, slug)
    if not rows:
        return None
    seats = {
        row[7]: AdmissionSeats(
            capacity=row[8],
            taken=row[9],
            waiting=row[10],
            has_waitlist=bool(row[11]),
            waitlist_max=row[13],
            counts_in_room=row[12] == Mode.IN_PERSON,
        )
        for row in rows
    }
    event_id, version, status, visibility, *room = rows[0][:7]
    capacity, taken, waiting = room
    return EventState(
        event_id, version, status, visibility, capacity, taken, waiting, seats, rows
    )


def fetch_state_rows(engine: Engine, slug: str) -> StateRows:
    """Return the rows of an event's state, as the driver gives them; none: no event.

    Past session and statement, straight to the driver: it runs for each page view, and
    what is in between would cost five times what the read does.
    """
    statement, takes_names = compile_state_statement(engine.dialect)
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    try:
        if takes_names:
            # One statement is its own transaction: one round trip instead of three.
            driver.autocommit = True
        cursor = driver.cursor()
        cursor.execute(statement, {"slug": slug} if takes_names else (slug,))
        rows = tuple(map(tuple, cursor.fetchall()))
        if takes_names:
            driver.autocommit = False
    except BaseException:
        # Past SQLAlchemy nobody else notices that it is broken.
        connection.invalidate()
        raise
    finally:
        connection.close()
    return rows


@lru_cache
def compile_state_statement(dialect: Dialect) -> tuple[str, bool]:
    compiled = SELECT_STATE.compile(dialect=dialect)
    return str(compiled), not compiled.positional


LOAD_WHOLE_EVENT = (
    joinedload(Event.team),
    joinedload(Event.series),
    selectinload(Event.admissions),
    selectinload(Event.questions),
    selectinload(Event.consents),
)


def load_detached_event(slug: str) -> Event | None:
    """Return the event with all its page shows, detached from the database to be kept.

    Good for as long as its `version` is; its counts are of the moment it was read, so
    whoever shows seats asks `find_event_state`.
    """
    # A session of its own: nothing that the present one holds is cut loose with it.
    with Session(current_session().get_bind()) as session:
        return session.scalar(
            select(Event).where(Event.slug == slug).options(*LOAD_WHOLE_EVENT)
        )


# --- lists --------------------------------------------------------------------------


@dataclass(frozen=True)
class SeriesPage:
    series: Series
    coming: list[Event]
    past: list[Event]


def public_events(now: datetime) -> Select[Any]:
    """Select the events everybody may find; a cancelled one until it would be over."""
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


def list_public_events(now: datetime, limit: int = 200) -> list[Event]:
    """List the public events, soonest first."""
    return list(current_session().scalars(public_events(now).limit(limit)))


def public_events_key(now: datetime) -> str:
    """Return a key that changes with the list: events, their seats, one being over."""
    shown = public_events(now).with_only_columns(Event.id, Event.version).subquery()
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


def find_series_page(slug: str, now: datetime) -> SeriesPage | None:
    """Return a series with its public events: those to come soonest first, then the
    past ones latest first."""
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


def find_event(slug: str) -> Event | None:
    """Return an event by its slug, whatever its status; for commands and organizers."""
    return current_session().scalar(select(Event).where(Event.slug == slug))
