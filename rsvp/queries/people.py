"""Queries about who comes: the list behind pages and files alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from rsvp.db import current_session
from rsvp.folding import folded
from rsvp.models import Admission, Attendee, Registration
from rsvp.models.registration import REFERENCE_LENGTH, AttendeeState, State


@dataclass(frozen=True)
class Filter:
    """Which registrations of an event are wanted; the default is all of them.

    `search` is looked for word by word in references, names and addresses, as typed on
    any keyboard; in addresses only where whoever searches `sees_addresses`, since a
    search tells what it finds.
    """

    search: str = ""
    state: State | None = None
    admission_id: int | None = None
    sees_addresses: bool = True

    def __bool__(self) -> bool:
        return bool(self.search or self.state or self.admission_id)


def matching(event_id: int, wanted: Filter) -> Select[Registration]:
    """The registrations of an event that a filter lets through, in no order: what the
    page, the CSV and the workbook all show."""
    found = select(Registration).where(Registration.event_id == event_id)
    if wanted.state is not None:
        found = found.where(Registration.state == wanted.state)
    if wanted.admission_id is not None:
        found = found.where(Registration.admission_id == wanted.admission_id)
    for word in folded(wanted.search).split():
        found = found.where(
            Registration.search.contains(word, autoescape=True)
            if wanted.sees_addresses
            else in_reference_or_names(word)
        )
    return found


def in_reference_or_names(word: str) -> ColumnElement[bool]:
    """`search` is a line each for reference and address, then one for each name: a word
    behind the second line end is in a name."""
    literally = word.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return or_(
        func.substr(Registration.search, 1, REFERENCE_LENGTH).contains(
            word, autoescape=True
        ),
        Registration.search.like(f"%\n%\n%{literally}%", escape="/"),
    )


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
