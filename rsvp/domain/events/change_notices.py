"""Change notices: registrations are mailed what has changed about their event.

They are told once what was and what is now. Whoever has a place is asked whether it is
fine with them where the event goes elsewhere or online; without an answer they keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from rsvp.db import current_session, fresh
from rsvp.domain import reconfirmation, waitlist
from rsvp.domain.messages import bulk, outbox
from rsvp.domain.transitions import NOT_ASKED
from rsvp.models import Event, Message, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.message import MessageKind, MessageState, is_not_being_sent
from rsvp.models.registration import LIVE_STATES, AskedAbout, State

BATCH_SIZE = 500
"""How many registrations are looked up by one statement."""

TIME, PLACE, MODE, LINK = "time", "place", "mode", "link"
RECONFIRM_CHANGES = {PLACE, MODE}
"""What people are asked about: a way that they may not want to go, or a call that they
may not want to join."""


@dataclass(frozen=True)
class EventSnapshot:
    """What people know of an event: what a mail about its change compares. `modes` are
    by the admission's id."""

    status: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    place: tuple[str, ...]
    join_url: str | None
    online_note: str | None
    modes: dict[int, str]


def take_snapshot(event: Event) -> EventSnapshot:
    return EventSnapshot(
        status=event.status,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        timezone=event.timezone,
        place=venue_lines(event),
        join_url=event.join_url,
        online_note=event.online_note,
        modes={admission.id: admission.mode for admission in event.admissions},
    )


def venue_lines(event: Event) -> tuple[str, ...]:
    """Return the venue's name and address as lines; how they are spaced is no news."""
    lines = [event.venue_name or "", *(event.venue_address or "").splitlines()]
    return tuple(" ".join(line.split()) for line in lines if line.strip())


def modes_changed(event: Event, before: EventSnapshot) -> bool:
    """Whether an admission that there was before now has another mode."""
    now = take_snapshot(event).modes
    return any(now.get(key, mode) != mode for key, mode in before.modes.items())


# --- telling ------------------------------------------------------------------------


def notify_registrations(event: Event, before: EventSnapshot, *, now: datetime) -> int:
    """Mail each live registration what has changed for it. Return how many are mailed.

    Nobody is told of a draft, of an event that is over, or of what they have no part
    in: the place where they join online, the link where they come in person. What a
    mail that is still in the outbox would have told is told together with this. Needs
    the event's lock.
    """
    is_public = before.status == event.status == Status.PUBLISHED
    if not is_public or min(before.ends_at, event.ends_at) <= now:
        return 0
    shorten_offers(event)
    notified = 0
    for registrations in registration_batches(event):
        notified += notify_batch(event, before, registrations, now)
    return notified


def registration_batches(event: Event) -> Iterator[Sequence[Registration]]:
    reached = 0
    while True:
        query = (
            select(Registration)
            .where(
                Registration.event_id == event.id,
                Registration.state.in_(LIVE_STATES),
                Registration.email_key != "",
                Registration.id > reached,
            )
            .order_by(Registration.id)
            .limit(BATCH_SIZE)
        )
        registrations = current_session().scalars(fresh(query)).all()
        if not registrations:
            return
        yield registrations
        reached = registrations[-1].id


def notify_batch(
    event: Event,
    before: EventSnapshot,
    registrations: Sequence[Registration],
    now: datetime,
) -> int:
    after, unsent = (
        take_snapshot(event),
        unsent_notices([registration.id for registration in registrations], now),
    )
    changes = {}
    for registration in registrations:
        change = change_facts(registration, before, after, unsent.get(registration.id))
        if change is not None:
            changes[registration.id] = change
    replaced = {key: mail for key, mail in unsent.items() if key in changes}
    supersede_notices([mail.id for mail in replaced.values()])
    changed = [
        registration for registration in registrations if changes.get(registration.id)
    ]
    asked = {
        registration.id for registration in changed if changes[registration.id]["asks"]
    }
    # Who was asked about what has been taken back meanwhile has nothing to answer.
    withdraw_questions([key for key, mail in replaced.items() if mail.facts["asks"]])
    reconfirmation.ask_about_change(event, asked, now=now)
    admissions = {admission.id: admission for admission in event.admissions}
    attendees = bulk.coming_by_registration(
        [registration.id for registration in changed]
    )
    places = waitlist.positions_of(event, changed)
    bulk_messages = [
        bulk.BulkMessage(
            registration,
            outbox.build_facts(
                admissions[registration.admission_id],
                attendees[registration.id],
                places.get(registration.id),
                **bulk.deadline_facts(registration),
                **changes[registration.id],
            ),
        )
        for registration in changed
    ]
    return bulk.enqueue_many(
        MessageKind.EVENT_CHANGED,
        bulk_messages,
        event_id=event.id,
        occasion=None,
        now=now,
    )


ChangeFacts = dict[str, Any]


def change_facts(
    registration: Registration,
    before: EventSnapshot,
    after: EventSnapshot,
    unsent: Message | None,
) -> ChangeFacts | None:
    """Return the facts of what has changed for a registration:
    `{"what": […], "before": {…}, "asks": bool}`; empty where all is again as they know
    it; None: nothing has.

    `unsent` is a mail that would have told of an earlier change: what it says to have
    been is what they know.
    """
    known = facts_before(registration, before)
    aspects = changed_aspects(registration, known, after)
    if has_new_link(registration, before, after):
        aspects.append(LINK)
    if not aspects:
        return None
    if unsent is not None:
        known = unsent.facts["before"]
        had_link = LINK in (*aspects, *unsent.facts["what"])
        aspects = changed_aspects(registration, known, after) + [LINK] * had_link
        if not aspects:
            return {}
    has_place = registration.state == State.CONFIRMED
    asks = has_place and not RECONFIRM_CHANGES.isdisjoint(aspects)
    return {"what": aspects, "before": known, "asks": asks}


def facts_before(registration: Registration, before: EventSnapshot) -> dict[str, Any]:
    return {
        "starts": before.starts_at.isoformat(),
        "ends": before.ends_at.isoformat(),
        "timezone": before.timezone,
        "place": list(before.place),
        "mode": before.modes[registration.admission_id],
    }


def changed_aspects(
    registration: Registration, known: dict[str, Any], after: EventSnapshot
) -> list[str]:
    mode = after.modes[registration.admission_id]
    starts, ends = known["starts"], known["ends"]
    times = datetime.fromisoformat(starts), datetime.fromisoformat(ends)
    aspects = []
    if times != (after.starts_at, after.ends_at):
        aspects.append(TIME)
    if mode != known["mode"]:
        aspects.append(MODE)
    elif mode == Mode.IN_PERSON and known["place"] != list(after.place):
        aspects.append(PLACE)
    return aspects


def has_new_link(
    registration: Registration, before: EventSnapshot, after: EventSnapshot
) -> bool:
    """Whether the link to join is another: said to those who had it, to nobody else."""
    admission_id = registration.admission_id
    joins = before.modes[admission_id] == after.modes[admission_id] == Mode.ONLINE
    is_another = (before.join_url, before.online_note) != (
        after.join_url,
        after.online_note,
    )
    return joins and is_another and registration.state == State.CONFIRMED


# --- mails that wait ----------------------------------------------------------------


def unsent_notices(
    registration_ids: Sequence[int], now: datetime
) -> dict[int, Message]:
    """Return the mail about an earlier change that has not gone out, by registration.
    One that a worker is sending at this moment goes out."""
    waiting = current_session().scalars(
        select(Message)
        .where(
            Message.registration_id.in_(registration_ids),
            Message.kind == MessageKind.EVENT_CHANGED,
            Message.state == MessageState.QUEUED,
            is_not_being_sent(now),
        )
        .order_by(Message.id)
    )
    return {mail.registration_id or 0: mail for mail in waiting}


def supersede_notices(message_ids: Iterable[int]) -> None:
    current_session().execute(
        update(Message)
        .where(Message.id.in_(message_ids), Message.state == MessageState.QUEUED)
        .values(state=MessageState.SUPERSEDED)
    )


# --- answers -------------------------------------------------------------------------


def withdraw_questions(registration_ids: Iterable[int]) -> None:
    current_session().execute(
        update(Registration)
        .where(
            Registration.id.in_(registration_ids),
            Registration.asked_about == AskedAbout.CHANGE,
        )
        .values(NOT_ASKED)
    )


def shorten_offers(event: Event) -> None:
    """Let no offer stand past doors, also where those open earlier now."""
    current_session().execute(
        update(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.state == State.OFFERED,
            Registration.decide_by > event.doors_open_at,
        )
        .values(decide_by=event.doors_open_at)
    )
