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

from rsvp.db import current_session
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
    """The venue's name and address, as lines; how they are spaced is no news."""
    lines = [event.venue_name or "", *(event.venue_address or "").splitlines()]
    return tuple(" ".join(line.split()) for line in lines if line.strip())


def modes_changed(event: Event, was: EventSnapshot) -> bool:
    """Whether one may come in another way now by an admission that there was before."""
    now = take_snapshot(event).modes
    return any(now.get(key, mode) != mode for key, mode in was.modes.items())


# --- telling ------------------------------------------------------------------------


def notify_registrations(event: Event, was: EventSnapshot, *, now: datetime) -> int:
    """Tell each live registration what has changed for it, and say how many are told.

    Nobody is told of a draft, of an event that is over, or of what they have no part
    in: the place where they join online, the link where they come in person. What a
    mail that is still in the outbox would have told is told together with this. Needs
    the event's lock.
    """
    is_public = was.status == event.status == Status.PUBLISHED
    if not is_public or min(was.ends_at, event.ends_at) <= now:
        return 0
    shorten_offers(event)
    told = 0
    for people in registration_batches(event):
        told += notify_batch(event, was, people, now)
    return told


def registration_batches(event: Event) -> Iterator[Sequence[Registration]]:
    reached = 0
    while True:
        wanted = (
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
        fresh = {"populate_existing": True}
        people = current_session().scalars(wanted, execution_options=fresh).all()
        if not people:
            return
        yield people
        reached = people[-1].id


def notify_batch(
    event: Event, was: EventSnapshot, people: Sequence[Registration], now: datetime
) -> int:
    is_now, waiting = (
        take_snapshot(event),
        unsent_notices([one.id for one in people], now),
    )
    changes = {}
    for one in people:
        change = change_facts(one, was, is_now, waiting.get(one.id))
        if change is not None:
            changes[one.id] = change
    told_again = {key: mail for key, mail in waiting.items() if key in changes}
    supersede_notices([mail.id for mail in told_again.values()])
    concerned = [one for one in people if changes.get(one.id)]
    asked = {one.id for one in concerned if changes[one.id]["asks"]}
    # Who was asked about what has been taken back meanwhile has nothing to answer.
    withdraw_questions([key for key, mail in told_again.items() if mail.facts["asks"]])
    reconfirmation.ask_about_change(event, asked, now=now)
    admissions = {admission.id: admission for admission in event.admissions}
    coming = bulk.coming_by_registration([one.id for one in concerned])
    places = waitlist.positions_of(event, concerned)
    letters = [
        bulk.BulkMessage(
            one,
            outbox.build_facts(
                admissions[one.admission_id],
                coming[one.id],
                places.get(one.id),
                **bulk.deadline_facts(one),
                **changes[one.id],
            ),
        )
        for one in concerned
    ]
    return bulk.enqueue_many(
        MessageKind.EVENT_CHANGED, letters, event_id=event.id, occasion=None, now=now
    )


ChangeFacts = dict[str, Any]


def change_facts(
    registration: Registration,
    was: EventSnapshot,
    is_now: EventSnapshot,
    waiting: Message | None,
) -> ChangeFacts | None:
    """The facts of what has changed for one of them: `{"what": […], "before": {…},
    "asks": bool}`; empty where all is again as they know it; None: nothing has.

    `waiting` is a mail that would have told of an earlier change: what it says to have
    been is what they know.
    """
    before = facts_before(registration, was)
    what = changed_aspects(registration, before, is_now)
    if has_new_link(registration, was, is_now):
        what.append(LINK)
    if not what:
        return None
    if waiting is not None:
        before = waiting.facts["before"]
        had_link = LINK in (*what, *waiting.facts["what"])
        what = changed_aspects(registration, before, is_now) + [LINK] * had_link
        if not what:
            return {}
    has_place = registration.state == State.CONFIRMED
    asks = has_place and not RECONFIRM_CHANGES.isdisjoint(what)
    return {"what": what, "before": before, "asks": asks}


def facts_before(registration: Registration, was: EventSnapshot) -> dict[str, Any]:
    return {
        "starts": was.starts_at.isoformat(),
        "ends": was.ends_at.isoformat(),
        "timezone": was.timezone,
        "place": list(was.place),
        "mode": was.modes[registration.admission_id],
    }


def changed_aspects(
    registration: Registration, before: dict[str, Any], is_now: EventSnapshot
) -> list[str]:
    mode = is_now.modes[registration.admission_id]
    starts, ends = before["starts"], before["ends"]
    times = datetime.fromisoformat(starts), datetime.fromisoformat(ends)
    what = []
    if times != (is_now.starts_at, is_now.ends_at):
        what.append(TIME)
    if mode != before["mode"]:
        what.append(MODE)
    elif mode == Mode.IN_PERSON and before["place"] != list(is_now.place):
        what.append(PLACE)
    return what


def has_new_link(
    registration: Registration, was: EventSnapshot, is_now: EventSnapshot
) -> bool:
    """Whether they join in another way: said to those who had the link, to nobody
    else."""
    number = registration.admission_id
    joins = was.modes[number] == is_now.modes[number] == Mode.ONLINE
    is_another = (was.join_url, was.online_note) != (
        is_now.join_url,
        is_now.online_note,
    )
    return joins and is_another and registration.state == State.CONFIRMED


# --- mails that wait ----------------------------------------------------------------


def unsent_notices(
    registration_ids: Sequence[int], now: datetime
) -> dict[int, Message]:
    """The mail about an earlier change that has not gone out, by registration. One that
    a worker is sending at this moment goes out."""
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
    """An offer stands until doors at the latest, also where those open earlier now."""
    current_session().execute(
        update(Registration)
        .where(
            Registration.event_id == event.id,
            Registration.state == State.OFFERED,
            Registration.decide_by > event.doors_open_at,
        )
        .values(decide_by=event.doors_open_at)
    )
