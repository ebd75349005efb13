"""Handing over: a registration's mails, links and codes go to another address."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select

from rsvp import errors, tokens
from rsvp.db import current_session
from rsvp.domain import audit, deadlines, messages, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.registrations.locking import (
    lock,
    place_of,
    refuse_if_in,
    refuse_late,
)
from rsvp.domain.registrations.rewriting import new_codes, party_of, rewrite
from rsvp.domain.steps import count_as_yes, record
from rsvp.models import Attendee, Event, GivenConsent, Registration
from rsvp.models.event import Status
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import LIVE, State

HOW_IT_STANDS = {
    State.HELD: MessageKind.CONFIRM_ADDRESS,
    State.REQUESTED: MessageKind.REQUESTED,
    State.WAITLISTED: MessageKind.WAITLISTED,
    State.OFFERED: MessageKind.OFFER,
    State.CONFIRMED: MessageKind.CONFIRMATION,
}

# The form that made it, sent again, gives the manage link to who has the address; and
# what is known of the old address says nothing about the new one.
FORGOTTEN = {
    "submission": None,
    "address_failed_at": None,
    "address_failed_why": None,
    "muted_at": None,
}


def correct_address(
    registration_id: int,
    *,
    email: str,
    email_key: str,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> str:
    """Send everything to another address from now on, and give the new manage link's
    token.

    The old codes and links die, and what has not gone out to the old address does not:
    it may be a stranger's. The new one gets the ticket, or how it stands, and counts
    it as caused by a form where the holder does this; a held place is held anew until
    that address is confirmed. The same address changes nothing. Raises AddressInUse,
    TooManyMails, TooLateToCancel, AlreadyOver, EventCancelled and EventOver (erased).
    """
    locked, registration = lock(registration_id, now)
    refuse_late(locked, actor, now)
    if email == registration.email:
        uuid, version = registration.uuid, registration.link_version
        return tokens.manage_token(code_key, uuid, version)
    refuse_too_many(registration, email_key, actor, now)
    values: dict[str, Any] = {"email": email, "email_key": email_key} | FORGOTTEN
    if registration.state == State.HELD:
        values["decide_by"] = deadlines.address_by(now)
    rewrite(registration, **values)
    token = new_codes(registration, code_key, now)
    record(
        "correct_address",
        registration,
        {"seats": registration.seats},
        actor=actor,
        now=now,
    )
    messages.hold_back(registration.id)
    facts: dict[str, Any] = {"what": "address"}
    if registration.decide_by is not None:
        facts["until"] = registration.decide_by.isoformat()
    if registration.offered_seats is not None:
        facts["offered"] = registration.offered_seats
    messages.tell(
        registration,
        HOW_IT_STANDS[State(registration.state)],
        now=now,
        place=place_of(locked, registration),
        from_form=actor == audit.ATTENDEE,
        **facts,
    )
    return token


def pass_on(
    registration_id: int,
    *,
    name: str,
    email: str,
    email_key: str,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> None:
    """Give a confirmed place to somebody else, with its guests.

    They get a new manage link and new codes by mail; the old ones die, and the old
    address is told that it was passed on. What the one before answered and ticked goes.
    Raises NotConfirmed, NotPassedOn (events by approval or invitation), AddressInUse
    (also for the same address), TooManyMails, AlreadyIn, TooLateToCancel, AlreadyOver,
    EventCancelled and EventOver (erased).
    """
    locked, registration = lock(registration_id, now)
    refuse_late(locked, actor, now)
    refuse_unless_passed_on(locked, registration)
    if email_key == registration.email_key:
        raise errors.AddressInUse
    refuse_if_in(Attendee.registration_id == registration.id)
    refuse_too_many(registration, email_key, actor, now)
    before = registration.email, registration.email_key
    first = party_of(registration)[0]
    first.name, first.answers = name, {}
    values = {"name": name, "email": email, "email_key": email_key, "answers": {}}
    rewrite(registration, **values, **FORGOTTEN)
    given = delete(GivenConsent).where(GivenConsent.registration_id == registration.id)
    current_session().execute(given)
    new_codes(registration, code_key, now)
    count_as_yes(registration, actor=actor, now=now)
    record("pass_on", registration, {"seats": registration.seats}, actor=actor, now=now)
    messages.hold_back(registration.id)
    messages.tell(
        registration,
        MessageKind.CONFIRMATION,
        now=now,
        from_form=actor == audit.ATTENDEE,
        what="passed_on",
    )
    recipient, recipient_key = before
    messages.queue(
        MessageKind.PASSED_ON,
        event_id=registration.event_id,
        registration_id=registration.id,
        recipient=recipient,
        recipient_key=recipient_key,
        # Who comes instead is none of the old address's business.
        facts=messages.facts(registration.admission, []),
        now=now,
        # One to whoever had it before them takes nothing from this one.
        is_first=True,
    )


def refuse_unless_passed_on(locked: LockedEvent, registration: Registration) -> None:
    if locked.event.is_by_approval or locked.event.needs_invitation:
        raise errors.NotPassedOn
    if registration.state != State.CONFIRMED:
        raise errors.NotConfirmed


def refuse_too_many(
    registration: Registration, email_key: str, actor: str, now: datetime
) -> None:
    """A link must not be a way to fill a stranger's mailbox."""
    if actor == audit.ATTENDEE and messages.too_many(
        email_key, registration.event_id, now
    ):
        raise errors.TooManyMails(limit=messages.PER_DAY)


# --- lost mail ----------------------------------------------------------------------


def mail_links(email_key: str, *, now: datetime) -> int:
    """Mail the ticket, or how it stands, of each live registration of an address once
    more, as far as the limits of mails from forms allow; of how many.

    Whoever asked must not learn the number: it tells whose address it is.
    """
    mine = (
        select(Registration)
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.email_key == email_key,
            Registration.state.in_(LIVE),
            or_(Registration.decide_by.is_(None), Registration.decide_by > now),
            Event.status == Status.PUBLISHED,
            Event.ends_at > now,
            Event.erased_at.is_(None),
        )
        .order_by(Registration.id)
        # Two who ask at once are served in turn, or both would find the limit unused.
        .with_for_update(key_share=True, of=Registration)
    )
    fresh = {"populate_existing": True}
    mailed = 0
    for registration in current_session().scalars(mine, execution_options=fresh).all():
        if messages.too_many(email_key, registration.event_id, now):
            continue
        place = None
        if registration.state == State.WAITLISTED:
            event, admission = registration.event, registration.admission
            place = waitlist.place(event, admission, registration.line_number)
        messages.remind(registration, now=now, place=place, from_form=True, what="lost")
        mailed += 1
    return mailed
