"""Mailings: what organizers write themselves, to a part of the list, now or later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, update

from rsvp import errors
from rsvp.db import current_session, fresh, lock_rows
from rsvp.domain import audit, capacity, edit_versions
from rsvp.domain.messages import bulk, outbox
from rsvp.models import Admission, Event, Mailing, Message, Registration
from rsvp.models.audit import EventVerb
from rsvp.models.event import Status
from rsvp.models.mailing import MailingState
from rsvp.models.message import MessageKind, MessageState
from rsvp.models.registration import State

MAX_SUBJECT_LENGTH = 200
MAX_TEXT_LENGTH = 5000
MAX_PER_DAY = 20
"""How many of them an event may send within 24 hours."""
BATCH_SIZE = 200
"""For how many registrations messages are written in one transaction."""

ACTIVE_STATES = (MailingState.SCHEDULED, MailingState.SENDING)

RECIPIENT_CONDITIONS = (
    *bulk.accepts_optional_mail(),
    # An address that nobody has confirmed may be a stranger's.
    Registration.state != State.HELD,
    or_(Registration.ended_from.is_(None), Registration.ended_from != State.HELD),
)
"""Who of those on the list is written to."""


# --- writing it ---------------------------------------------------------------------


def create_draft(
    event_id: int,
    *,
    subject: str,
    text: str,
    recipients: dict[str, Any],
    actor: str,
    now: datetime,
) -> Mailing:
    """Save what an organizer has written, to be sent when they say so.

    Raises NobodyToWriteTo.
    """
    refuse_without_recipients(current_session().get_one(Event, event_id))
    mailing = Mailing(
        event_id=event_id,
        subject=subject,
        text=text,
        wanted=recipients,
        created_at=now,
        created_by=actor,
    )
    current_session().add(mailing)
    current_session().flush()
    return mailing


def update_draft(
    mailing_id: int,
    *,
    subject: str,
    text: str,
    recipients: dict[str, Any],
    version: str | None = None,
) -> None:
    """Change a draft. `version` is that of `draft_values` as the form was filled.

    Raises MailingNotDraft where it is no draft any more, and EditConflict where
    somebody else changed it meanwhile.
    """
    mailing = lock_mailing(mailing_id)
    if mailing.state != MailingState.DRAFT:
        raise errors.MailingNotDraft
    current = draft_values(mailing.subject, mailing.text, mailing.wanted)
    typed = draft_values(subject, text, recipients)
    if not edit_versions.is_edited(version, current=current, typed=typed):
        return
    mailing.subject, mailing.text, mailing.wanted = subject, text, recipients


def draft_values(subject: str, text: str, recipients: dict[str, Any]) -> dict[str, Any]:
    """Return what is edited of a draft, by field, in the order of the page."""
    answer = [recipients.get("question"), recipients.get("answer")]
    return {
        "states": sorted(recipients.get("states", ())),
        "admission": recipients.get("admission"),
        "checked_in": recipients.get("checked_in"),
        "coming": recipients.get("coming"),
        "answer": answer,
        "subject": subject,
        "text": text,
    }


def draft_recipients(values: dict[str, Any]) -> dict[str, Any]:
    """Return to whom it goes, as a mailing keeps it, of values by field."""
    question, answer = values["answer"]
    recipients = {
        "states": values["states"],
        "admission": values["admission"],
        "question": question,
        "answer": answer,
        "checked_in": values["checked_in"],
        "coming": values["coming"],
    }
    return {name: value for name, value in recipients.items() if value is not None}


def delete_draft(mailing_id: int) -> None:
    """Delete a draft. Raises MailingNotDraft where it is none any more."""
    mailing = lock_mailing(mailing_id)
    if mailing.state != MailingState.DRAFT:
        raise errors.MailingNotDraft
    current_session().delete(mailing)


def lock_mailing(mailing_id: int) -> Mailing:
    query = select(Mailing).where(Mailing.id == mailing_id)
    return current_session().scalars(fresh(lock_rows(query))).one()


def refuse_without_recipients(event: Event) -> None:
    """Refuse a draft event, and one whose data is erased: nobody is left to write to.
    Organizers may have to explain what was cancelled."""
    if event.status == Status.DRAFT or event.erased_at is not None:
        raise errors.NobodyToWriteTo(title=event.title)


def send_test_mail(
    *,
    event_id: int,
    user_id: int,
    address: str,
    subject: str,
    text: str,
    like: UUID | None,
    now: datetime,
) -> None:
    """Send an organizer, and nobody else, the mail as the registration `like` would get
    it; without its secret links."""
    facts = {"like": like.hex if like else None, "subject": subject, "text": text}
    outbox.insert_for_user(
        user_id, address, MessageKind.NOTE, now=now, event_id=event_id, facts=facts
    )


# --- sending it ---------------------------------------------------------------------


def schedule(
    mailing_id: int, *, send_at: datetime | None = None, actor: str, now: datetime
) -> None:
    """Send a draft at that time, or now, to whoever is on its list then.

    Raises MailingNotDraft, NobodyToWriteTo and TooManyMailings.
    """
    session = current_session()
    event_id = session.get_one(Mailing, mailing_id).event_id
    # Under the event's lock no other one is counted past the limit.
    event = capacity.lock_event(event_id).event
    mailing = lock_mailing(mailing_id)
    if mailing.state != MailingState.DRAFT:
        raise errors.MailingNotDraft
    refuse_without_recipients(event)
    at = max(send_at or now, now)
    if count_sent_around(event_id, at) >= MAX_PER_DAY:
        raise errors.TooManyMailings(limit=MAX_PER_DAY)
    mailing.send_at = at
    # At once means at once, also if the clock turns out to be ahead at this moment.
    is_later = send_at is not None and send_at > now
    mailing.state = MailingState.SCHEDULED if is_later else MailingState.SENDING
    session.flush()
    audit.record(
        EventVerb.SEND_MAILING,
        actor=actor,
        now=now,
        event_id=event_id,
        details={"mailing": mailing.id},
    )


def count_sent_around(event_id: int, at: datetime) -> int:
    """Return how many of an event's mailings are sent within a day of that time."""
    a_day = timedelta(days=1)
    counted = select(func.count(Mailing.id)).where(
        Mailing.event_id == event_id,
        Mailing.send_at > at - a_day,
        Mailing.send_at < at + a_day,
        # One that was stopped before its time has bothered nobody.
        or_(
            Mailing.state.in_((*ACTIVE_STATES, MailingState.SENT)),
            Mailing.started_at.is_not(None),
        ),
    )
    return current_session().scalars(counted).one()


def stop(mailing_id: int, *, actor: str, now: datetime) -> int:
    """Stop a mailing. Return how many messages were stopped; what is being sent at this
    moment goes out, and is not tried again. Raises NothingToStop."""
    mailing = lock_mailing(mailing_id)
    waiting = (
        Message.mailing_id == mailing_id,
        Message.state == MessageState.QUEUED,
    )
    if not may_be_stopped(mailing, message_exists(*waiting)):
        raise errors.NothingToStop
    mailing.state, mailing.finished_at = MailingState.STOPPED, now
    stopped: Any = current_session().execute(
        update(Message)
        .where(*waiting)
        .values(state=MessageState.SUPERSEDED)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        EventVerb.STOP_MAILING,
        actor=actor,
        now=now,
        event_id=mailing.event_id,
        details={"mailing": mailing_id, "stopped": stopped.rowcount},
    )
    return int(stopped.rowcount)


def scheduled_mailings(event_id: int) -> list[int]:
    """Return the ids of an event's mailings whose time has not come."""
    query = select(Mailing.id).where(
        Mailing.event_id == event_id, Mailing.state == MailingState.SCHEDULED
    )
    return list(current_session().scalars(query.order_by(Mailing.id)))


def stop_scheduled(event_id: int, *, actor: str, now: datetime) -> None:
    """Stop what was to be sent later about an event that is cancelled. Needs its
    lock."""
    for mailing_id in scheduled_mailings(event_id):
        # Somebody may have stopped it at this moment.
        if lock_mailing(mailing_id).state == MailingState.SCHEDULED:
            stop(mailing_id, actor=actor, now=now)


def may_be_stopped(mailing: Mailing, waiting: int) -> bool:
    """Whether any of it may be kept back; `waiting` of its messages are in the outbox:
    even after the last one was written some may be."""
    is_sent_out = mailing.state == MailingState.SENT and not waiting
    return mailing.state in (*ACTIVE_STATES, MailingState.SENT) and not is_sent_out


def message_exists(*conditions: Any) -> bool:
    query = select(Message.id).where(*conditions).limit(1)
    return current_session().scalar(query) is not None


# --- the worker's part --------------------------------------------------------------


def due_mailings(now: datetime) -> list[int]:
    """Return the ids of the mailings whose messages are to be written at `now`, in the
    order of their times. One that was begun goes on, whatever the clock was then."""
    query = select(Mailing.id).where(
        or_(
            Mailing.state == MailingState.SENDING,
            and_(Mailing.state == MailingState.SCHEDULED, Mailing.send_at <= now),
        )
    )
    ordered = query.order_by(Mailing.send_at, Mailing.id)
    return list(current_session().scalars(ordered))


def begin_sending(mailing_id: int, now: datetime) -> Mailing | None:
    """Lock a mailing whose messages are to be written, its event first; None where that
    is over, or stopped."""
    session = current_session()
    # Under the event's lock nobody's address is erased or corrected meanwhile.
    event_id = session.get_one(Mailing, mailing_id).event_id
    event = capacity.lock_event(event_id).event
    mailing = lock_mailing(mailing_id)
    is_later = (mailing.send_at or now) > now
    if mailing.state not in ACTIVE_STATES:
        return None
    if mailing.state == MailingState.SCHEDULED and is_later:
        return None
    if event.erased_at is not None:
        mailing.state, mailing.finished_at = MailingState.STOPPED, now
        return None
    mailing.state = MailingState.SENDING
    mailing.started_at = mailing.started_at or now
    return mailing


def write_batch(
    mailing: Mailing, matching: Select[Registration], *, now: datetime
) -> int:
    """Write the messages of the next registrations among those `matching`. Return how
    many were looked at; with the last of them it is sent.

    Needs the locks of `begin_sending`. A registration gets one message of a mailing,
    whoever writes it.
    """
    session = current_session()
    registrations = session.execute(
        matching.join(Admission, Admission.id == Registration.admission_id)
        .where(Registration.id > mailing.reached_id, *RECIPIENT_CONDITIONS)
        .with_only_columns(
            Registration.id,
            Registration.state,
            Registration.seats,
            Registration.email,
            Registration.email_key,
            Admission.name,
            Admission.mode,
        )
        .order_by(Registration.id)
        .limit(BATCH_SIZE)
    ).all()
    if registrations:
        rows = [
            mailing_row(mailing, *registration, now) for registration in registrations
        ]
        bulk.insert_once(rows)
        mailing.reached_id = registrations[-1][0]
    if len(registrations) < BATCH_SIZE:
        mailing.state, mailing.finished_at = MailingState.SENT, now
    written = select(func.count(Message.id)).where(Message.mailing_id == mailing.id)
    mailing.total = session.scalars(written).one()
    session.flush()
    return len(registrations)


def mailing_row(
    mailing: Mailing,
    registration_id: int,
    state: str,
    seats: int,
    email: str,
    email_key: str,
    admission: str,
    mode: str,
    now: datetime,
) -> dict[str, Any]:
    return outbox.message_row(
        MessageKind.NOTE,
        email,
        email_key,
        now,
        event_id=mailing.event_id,
        registration_id=registration_id,
        mailing_id=mailing.id,
        occasion=f"mailing:{mailing.id}",
        # Its words stand with the mailing, which stays as it is from now on.
        facts={
            "seats": seats,
            "admission": admission,
            "mode": mode,
            "states": mailing.wanted.get("states") or [state],
        },
    )


def erase_texts(event_id: int, now: datetime) -> None:
    """Erase what was written, which may name somebody; what has not gone out is not
    sent."""
    of_event = update(Mailing).where(Mailing.event_id == event_id)
    session = current_session()
    is_active = Mailing.state.in_(ACTIVE_STATES)
    stopped = {"state": MailingState.STOPPED, "finished_at": now}
    session.execute(of_event.where(is_active).values(stopped))
    session.execute(of_event.values(subject="", text="", wanted={}))
