"""Queries by secret link: one registration, or one attendee's ticket."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from rsvp import tokens
from rsvp.db import code_key, current_session
from rsvp.models import Attendee, Event, Registration
from rsvp.queries.events import load_detached_event

EventLoader = Callable[[str, int], Event | None]


def load_from_database(slug: str, _version: int) -> Event | None:
    return load_detached_event(slug)


def find_linked_registration(
    token: str, load_event: EventLoader = load_from_database
) -> Registration | None:
    """Return the registration a manage link opens, with its event, admission and party:
    the page's link or one from a mail (`tokens.is_mailed`).

    Whether the page's link has ended is for the caller to see (`proved_at`).
    `load_event(slug, version)` may give the event from memory; it is the larger part.
    """
    uuid = tokens.registration_of_token(token)
    if uuid is not None:
        row = current_session().execute(BY_UUID, {"uuid": uuid}).one_or_none()
    elif (link_id := tokens.link_id(token)) is not None:
        row = current_session().execute(BY_LINK, {"link_id": link_id}).one_or_none()
    else:
        return None
    if row is None:
        return None
    registration, slug, version = row
    if uuid is not None:
        mailed_token = tokens.mailed_token(code_key(), uuid, registration.link_version)
        if not tokens.is_same_token(mailed_token, token):
            return None
    return attach_event(registration, load_event(slug, version))


def find_linked_ticket(
    token: str, load_event: EventLoader = load_from_database
) -> Attendee | None:
    """Return the attendee of a view-only ticket link, with registration and event."""
    ticket_id = tokens.link_id(token)
    if ticket_id is None:
        return None
    row = current_session().execute(BY_TICKET, {"ticket_id": ticket_id}).one_or_none()
    if row is None:
        return None
    attendee, slug, version = row
    attach_event(attendee.registration, load_event(slug, version))
    return attendee


SELECT_REGISTRATION = (
    select(Registration, Event.slug, Event.version)
    .join(Event, Event.id == Registration.event_id)
    .options(selectinload(Registration.attendees))
)
BY_LINK = SELECT_REGISTRATION.where(Registration.link_id == bindparam("link_id"))
BY_UUID = SELECT_REGISTRATION.where(Registration.uuid == bindparam("uuid"))
BY_TICKET = (
    select(Attendee, Event.slug, Event.version)
    .join(Event, Event.id == Attendee.event_id)
    .where(Attendee.ticket_id == bindparam("ticket_id"))
    .options(joinedload(Attendee.registration))
)


def attach_event(registration: Registration, event: Event | None) -> Registration:
    """Attach the event, and the admission as it knows it, to a registration."""
    assert event is not None
    admission = next(a for a in event.admissions if a.id == registration.admission_id)
    set_committed_value(registration, "event", event)
    set_committed_value(registration, "admission", admission)
    return registration
