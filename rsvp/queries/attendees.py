"""Queries about attendees: the list behind pages and exports alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from rsvp.db import current_session
from rsvp.domain.checkin import attendance
from rsvp.models import (
    Admission,
    Attendee,
    CheckIn,
    Consent,
    GivenConsent,
    Registration,
)
from rsvp.models.registration import REFERENCE_LENGTH, AttendeeState, State
from rsvp.queries.filters import (
    AnswerFilter,
    ReconfirmationStatus,
    has_answer,
    has_reconfirmation_status,
)
from rsvp.text.search import folded


@dataclass(frozen=True)
class RegistrationFilter:
    """Which registrations of an event to show; the default is all of them.

    `search` is looked for word by word in references, names and addresses, as typed on
    any keyboard; in addresses only where whoever searches `sees_addresses`, since a
    search tells what it finds.
    """

    search: str = ""
    state: State | None = None
    admission_id: int | None = None
    sees_addresses: bool = True
    # One of several states; none: any.
    states: tuple[State, ...] = ()
    answered: AnswerFilter | None = None
    checked_in: bool | None = None
    coming: ReconfirmationStatus | None = None

    def __bool__(self) -> bool:
        return replace(self, sees_addresses=True) != NO_FILTER


NO_FILTER = RegistrationFilter()


def matching_registrations(
    event_id: int, filter_: RegistrationFilter
) -> Select[Registration]:
    """Select the registrations of an event that match a filter, in no order: what the
    page, the CSV and the workbook all show."""
    query = select(Registration).where(Registration.event_id == event_id)
    if filter_.state is not None:
        query = query.where(Registration.state == filter_.state)
    if filter_.admission_id is not None:
        query = query.where(Registration.admission_id == filter_.admission_id)
    if filter_.states:
        query = query.where(Registration.state.in_(filter_.states))
    if filter_.answered is not None:
        query = query.where(has_answer(filter_.answered))
    if filter_.checked_in is not None:
        query = query.where(
            attendance.was_checked_in()
            if filter_.checked_in
            else ~attendance.was_checked_in()
        )
    if filter_.coming is not None:
        query = query.where(has_reconfirmation_status(filter_.coming))
    for word in folded(filter_.search).split():
        query = query.where(
            Registration.search.contains(word, autoescape=True)
            if filter_.sees_addresses
            else in_reference_or_names(word)
        )
    return query


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


class AttendeeRow(NamedTuple):
    """One attendee as lists and exports show them; `party` counts those coming.

    `checked_in_at` is when they first came in. `answers` is `{question key: answer}`:
    the attendee's own, and the registration's on the row of whoever registered.
    `consents` is `{consent key: whether it was ticked}`, as the registration was asked.
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
    consents: dict[str, bool]


def iter_attendees(
    event_id: int, filter_: RegistrationFilter = NO_FILTER, batch: int = 1000
) -> Iterator[AttendeeRow]:
    """Yield the attendees of the registrations that match a filter, in the order they
    registered; read through a cursor of the server's, `batch` registrations in memory.

    What belongs to them is looked up by batch and from one table at a time: joined, all
    of it takes PostgreSQL minutes where its statistics are older than a rush.
    """
    query = (
        matching_registrations(event_id, filter_)
        .with_only_columns(
            Registration.id,
            Registration.reference,
            Registration.state,
            Registration.admission_id,
            Registration.email,
            Registration.seats,
            Registration.registered_at,
            Registration.answers,
        )
        .order_by(Registration.id)
        .execution_options(yield_per=batch)
    )
    admissions = admission_names(event_id)
    consents = consent_keys_by_id(event_id)
    for rows in current_session().execute(query).partitions():
        ids = [row[0] for row in rows]
        parties, ticked = load_parties(ids), load_given_consents(ids, consents)
        for (
            registration_id,
            reference,
            state,
            admission,
            email,
            seats,
            registered_at,
            shared_answers,
        ) in rows:
            for name, own_answers, attendee_state, checked_in_at in parties[
                registration_id
            ]:
                yield AttendeeRow(
                    reference,
                    state
                    if attendee_state == AttendeeState.COMING
                    else State.CANCELLED,
                    admissions[admission],
                    name,
                    email,
                    seats,
                    registered_at,
                    checked_in_at,
                    shared_answers | own_answers,
                    ticked.get(registration_id, {}),
                )
                # The registration's answers are on its first row only.
                shared_answers = {}


def admission_names(event_id: int) -> dict[int, str]:
    query = select(Admission.id, Admission.name).where(Admission.event_id == event_id)
    return {row[0]: row[1] for row in current_session().execute(query)}


def load_parties(registration_ids: list[int]) -> dict[int, list[Any]]:
    """`{registration id: [(name, answers, state, when first let in), …]}`."""
    first_in = (
        select(func.min(CheckIn.in_at))
        .where(CheckIn.attendee_id == Attendee.id)
        .scalar_subquery()
    )
    query = (
        select(
            Attendee.registration_id,
            Attendee.name,
            Attendee.answers,
            Attendee.state,
            first_in,
        )
        .where(is_among(Attendee.registration_id, registration_ids))
        .order_by(Attendee.registration_id, Attendee.position)
    )
    parties: dict[int, list[Any]] = {
        registration_id: [] for registration_id in registration_ids
    }
    for registration_id, *person in current_session().execute(query):
        if registration_id in parties:
            parties[registration_id].append(person)
    return parties


def is_among(column: InstrumentedAttribute[int], ids: list[int]) -> ColumnElement[bool]:
    """Whether it is one of these ids, which ascend; where they lie close together, as a
    range that lets through what lies between, too.

    A range costs little even where PostgreSQL reads the whole table for it. Comparing
    each row with a thousand ids took it a quarter of a second a batch.
    """
    if ids[-1] - ids[0] < 4 * len(ids):
        return column.between(ids[0], ids[-1])
    return column.in_(ids)


# --- consents -----------------------------------------------------------------------


def consent_keys(event_id: int) -> list[str]:
    """Return the keys of every consent the event asks for or ever did, in its order."""
    return list(dict.fromkeys(consent_keys_by_id(event_id).values()))


def consent_keys_by_id(event_id: int) -> dict[int, str]:
    """`{consent id: key}`, one for each wording, in the event's order."""
    query = (
        select(Consent.id, Consent.key)
        .where(Consent.event_id == event_id)
        .order_by(Consent.position, Consent.id)
    )
    return {row[0]: row[1] for row in current_session().execute(query)}


def load_given_consents(
    registration_ids: list[int], keys: dict[int, str]
) -> dict[int, dict[str, bool]]:
    """Which boxes were ticked and which not, in the wording last shown: `{registration
    id: {consent key: ticked}}`. `keys` has all that the event may have asked for."""
    if not keys:
        return {}
    table = GivenConsent
    query = (
        select(table.registration_id, table.consent_id, table.given)
        .where(is_among(table.registration_id, registration_ids))
        .order_by(table.registration_id, table.consent_id)
    )
    consents: dict[int, dict[str, bool]] = {}
    for registration_id, consent_id, ticked in current_session().execute(query):
        # Another event's registration may lie between.
        if consent_id in keys:
            consents.setdefault(registration_id, {})[keys[consent_id]] = ticked
    return consents
