"""Updates: columns and codes of one registration change under the event's lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from rsvp import errors, tokens
from rsvp.db import changed_one, current_connection, current_session, fresh, table_of
from rsvp.models import Attendee, Registration, RetiredCode
from rsvp.text.search import search_text


def update_registration(registration: Registration, **values: Any) -> None:
    """Change columns of a registration that was read under the event's lock, and what
    it is found by.

    Raises AddressInUse where its address would have two for one admission, AlreadyOver
    where another change was first.
    """
    current_session().flush()
    email = values.get("email", registration.email)
    names = [attendee.name for attendee in load_party(registration)]
    values["search"] = search_text(registration.reference, email, names)
    change = (
        update(Registration)
        .where(
            Registration.id == registration.id,
            Registration.state == registration.state,
        )
        .values(values)
    )
    try:
        with current_session().begin_nested():
            changed = changed_one(change)
    except IntegrityError:
        raise errors.AddressInUse from None
    if not changed:
        raise errors.AlreadyOver
    for name, value in values.items():
        # The row in memory follows, without asking the database for it.
        set_committed_value(registration, name, value)


def load_party(registration: Registration) -> list[Attendee]:
    """Return everybody of the party, those who no longer come too, as they are now."""
    party = (
        select(Attendee)
        .where(Attendee.registration_id == registration.id)
        .order_by(Attendee.position)
    )
    return list(current_session().scalars(fresh(party)))


def renew_codes(registration: Registration, code_key: bytes, now: datetime) -> str:
    """Make new codes and ticket links for those coming and a new manage link, which is
    returned; the old ones are worth nothing any more."""
    attendees = [
        attendee for attendee in load_party(registration) if attendee.is_coming
    ]
    retired = [
        {
            "code_id": attendee.code_id,
            "event_id": registration.event_id,
            "attendee_id": attendee.id,
            "retired_at": now,
        }
        for attendee in attendees
    ]
    current_connection().execute(insert(table_of(RetiredCode)), retired)
    for attendee in attendees:
        version = attendee.code_version + 1
        code = tokens.attendee_code(code_key, attendee.uuid, version)
        ticket = tokens.ticket_token(code_key, attendee.uuid, version)
        attendee.code_version = version
        attendee.code_key_id = tokens.key_id(code_key)
        attendee.code_id = tokens.code_id(code)
        attendee.ticket_id = link_id_of(ticket)
    version = registration.link_version + 1
    link = tokens.manage_token(code_key, registration.uuid, version)
    update_registration(registration, link_version=version, link_id=link_id_of(link))
    return link


def link_id_of(link: str) -> bytes:
    link_id = tokens.link_id(link)
    assert link_id is not None, "we made it just now"
    return link_id
