"""Transfer: a registration's mails, links and codes go to another address."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select

from rsvp import errors
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import audit, deadlines, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.messages.mail_limits import Cause, cause_of
from rsvp.domain.registrations.locking import (
    lock_registration,
    refuse_after_deadline,
    refuse_if_checked_in,
)
from rsvp.domain.registrations.updates import (
    load_party,
    renew_codes,
    update_registration,
)
from rsvp.domain.transitions import reconfirm_by_change, record_change
from rsvp.models import Attendee, Event, GivenConsent, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import LIVE_STATES, State

# The form that made it, sent again, gives the manage link to who has the address; and
# what is known of the old address says nothing about the new one.
CLEARED_COLUMNS = {
    "submission": None,
    "address_failed_at": None,
    "address_failed_why": None,
    "muted_at": None,
    "proved_at": None,
}


def correct_address(
    registration_id: int,
    *,
    email: str,
    email_key: str,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> str | None:
    """Send everything to another address from now on. Return the token of the page's
    new link; None where it is the same address, which changes nothing.

    The old codes and links die, and what has not gone out to the old address does not:
    it may be a stranger's. The new one gets the ticket, or how it stands, which counts
    as caused by a stranger where the holder does this; a held place is held anew until
    that address is confirmed. Raises AddressInUse, TooManyMails, TooLateToCancel,
    AlreadyOver, EventCancelled and EventOver (erased).
    """
    mail_limits.lock_mark(mail_limits.mailbox_mark(email_key))
    locked, registration = lock_registration(registration_id, now)
    refuse_after_deadline(locked, actor, now)
    if email == registration.email:
        return None
    refuse_too_many_mails(locked, registration, email_key, actor, now)
    values: dict[str, Any] = {"email": email, "email_key": email_key} | CLEARED_COLUMNS
    if registration.state == State.HELD:
        values["decide_by"] = deadlines.address_deadline(now)
    update_registration(registration, **values)
    token = renew_codes(registration, code_key, now)
    record_change(
        Verb.CORRECT_ADDRESS,
        registration,
        {"seats": registration.seats},
        actor=actor,
        now=now,
    )
    outbox.drop_unsent(registration.id)
    facts: dict[str, Any] = {"what": "address"}
    if registration.decide_by is not None:
        facts["until"] = registration.decide_by.isoformat()
    if registration.offered_seats is not None:
        facts["offered"] = registration.offered_seats
    outbox.enqueue(
        registration,
        outbox.STATUS_KIND_BY_STATE[State(registration.state)],
        cause=cause_of(actor, registration),
        now=now,
        place=waitlist.position_of(registration),
        **facts,
    )
    return token


def transfer_registration(
    registration_id: int,
    *,
    name: str,
    email: str,
    email_key: str,
    code_key: bytes,
    actor: str,
    now: datetime,
) -> None:
    """Transfer a confirmed place to somebody else, with its guests.

    They get a new manage link and new codes by mail; the old ones die, and the old
    address is told that it was passed on. What the one before answered and ticked goes.
    Raises NotConfirmed, NotTransferable (events by approval or invitation),
    AddressInUse (also for the same address), TooManyMails, AlreadyCheckedIn,
    TooLateToCancel, AlreadyOver, EventCancelled and EventOver (erased).
    """
    mail_limits.lock_mark(mail_limits.mailbox_mark(email_key))
    locked, registration = lock_registration(registration_id, now)
    refuse_after_deadline(locked, actor, now)
    refuse_unless_transferable(locked, registration)
    if email_key == registration.email_key:
        raise errors.AddressInUse
    refuse_if_checked_in(Attendee.registration_id == registration.id)
    refuse_too_many_mails(locked, registration, email_key, actor, now)
    old_address = registration.email, registration.email_key
    registrant = load_party(registration)[0]
    registrant.name, registrant.answers = name, {}
    values = {"name": name, "email": email, "email_key": email_key, "answers": {}}
    update_registration(registration, **values, **CLEARED_COLUMNS)
    delete_consents = delete(GivenConsent).where(
        GivenConsent.registration_id == registration.id
    )
    current_session().execute(delete_consents)
    renew_codes(registration, code_key, now)
    reconfirm_by_change(registration, actor=actor, now=now)
    record_change(
        Verb.PASS_ON, registration, {"seats": registration.seats}, actor=actor, now=now
    )
    outbox.drop_unsent(registration.id)
    outbox.enqueue(
        registration,
        MessageKind.CONFIRMATION,
        cause=cause_of(actor, registration),
        now=now,
        what="passed_on",
    )
    recipient, recipient_key = old_address
    outbox.enqueue_to_address(
        MessageKind.PASSED_ON,
        event_id=registration.event_id,
        registration_id=registration.id,
        recipient=recipient,
        recipient_key=recipient_key,
        # Who comes instead is none of the old address's business.
        facts=outbox.build_facts(registration.admission, []),
        now=now,
        # One to whoever had it before them takes nothing from this one.
        is_first=True,
    )


def refuse_unless_transferable(locked: LockedEvent, registration: Registration) -> None:
    if locked.event.is_by_approval or locked.event.needs_invitation:
        raise errors.NotTransferable
    if registration.state != State.CONFIRMED:
        raise errors.NotConfirmed


def refuse_too_many_mails(
    locked: LockedEvent,
    registration: Registration,
    email_key: str,
    actor: str,
    now: datetime,
) -> None:
    """Refuse one mail too many: a link must not fill a stranger's mailbox, and what is
    handed over without a mail may be lost. Where answers come by mail alone none may
    tell what an address has had: there it is handed over all the same."""
    if actor != audit.ATTENDEE or locked.event.answers_by_mail_only:
        return
    kind = outbox.STATUS_KIND_BY_STATE[State(registration.state)]
    event_id = registration.event_id
    if mail_limits.counting_columns(kind, Cause.LINK, email_key, event_id, now) is None:
        raise errors.TooManyMails(limit=mail_limits.MAX_PER_DAY)


# --- lost mail ----------------------------------------------------------------------


def resend_links(email_key: str, *, now: datetime) -> int:
    """Mail the ticket, or how it stands, of each live registration of an address once
    more, as far as the limits of mails from forms allow. Return of how many.

    Whoever asked must not learn the number: it tells whose address it is.
    """
    mailbox = mail_limits.mailbox_mark(email_key)
    mail_limits.lock_mark(mailbox)
    query = (
        select(Registration)
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.email_key == email_key,
            Registration.state.in_(LIVE_STATES),
            or_(Registration.decide_by.is_(None), Registration.decide_by > now),
            Event.status == Status.PUBLISHED,
            Event.ends_at > now,
            Event.erased_at.is_(None),
        )
        .order_by(Registration.id)
    )
    # Two who ask at once are served in turn, or both would find the limit unused.
    locked_query = fresh(lock_rows(query, Registration))
    mailed = 0
    for registration in current_session().scalars(locked_query).all():
        if mail_limits.is_mailbox_at_limit(mailbox, registration.event_id, now):
            continue
        place = None
        if registration.state == State.WAITLISTED:
            event, admission = registration.event, registration.admission
            place = waitlist.position(event, admission, registration.line_number)
        mailed += outbox.enqueue_again(
            registration, cause=Cause.LOST_MAIL, now=now, place=place, what="lost"
        )
    return mailed
