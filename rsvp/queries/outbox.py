"""Queries for organizers: their events at a glance, and their outbox, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from rsvp.db import UtcDateTime, current_session
from rsvp.domain import teams
from rsvp.domain.messages import delivery_failures
from rsvp.models import Event, MailDomain, Message, Registration, User
from rsvp.models.message import MessageKind, MessageState
from rsvp.text import mail_addresses

Row = TypeVar("Row")

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list; `is_last` says whether more follow."""

    rows: list[Row]
    is_last: bool


def page_of(wanted: Select[Any], size: int = PAGE_SIZE) -> Page[Any]:
    rows = current_session().scalars(wanted.limit(size + 1)).all()
    return Page(list(rows[:size]), is_last=len(rows) <= size)


def overview(
    user: User, now: datetime, *, past: bool = False, after: str | None = None
) -> Page[Event]:
    """The events this person may see the numbers of: those to come, soonest first, or
    the past ones, latest first. `after` is the slug that ended the page before."""
    seen = teams.events_of(user)
    key = tuple_(Event.starts_at, Event.id)
    wanted = seen.where(Event.ends_at <= now if past else Event.ends_at > now)
    if after and (last := current_session().scalar(seen.where(Event.slug == after))):
        there = tuple_(literal(last.starts_at, UtcDateTime), literal(last.id))
        wanted = wanted.where(key < there if past else key > there)
    first, second = (Event.starts_at, Event.id)
    order = (first.desc(), second.desc()) if past else (first, second)
    return page_of(
        wanted.options(selectinload(Event.admissions), joinedload(Event.team)).order_by(
            *order
        )
    )


class Tray(StrEnum):
    """Where a message lies: its state, but that waiting after a try is another thing
    than waiting for the first."""

    QUEUED = auto()
    RETRYING = auto()
    SENT = auto()
    FAILED = auto()
    SUPERSEDED = auto()


# Not by its attempts: one that is being sent for the first time has one, too.
WAS_PUT_OFF = Message.last_error.is_not(None)


def tray_of(message: Message) -> Tray:
    if message.state == MessageState.QUEUED and message.last_error is not None:
        return Tray.RETRYING
    return Tray(message.state)


@dataclass(frozen=True)
class Wanted:
    """Which messages somebody looks for: a tray, an event, a kind, and what is found by
    a part of the recipient's address, or by the registration's reference."""

    tray: Tray | None = None
    event_id: int | None = None
    kind: MessageKind | None = None
    search: str = ""


def outbox(user: User, wanted: Wanted, before: int | None = None) -> Page[Message]:
    """The messages this person may read, newest first; `before` is the id that ended
    the page before."""
    found, tray = letters_of(user, wanted), wanted.tray
    if tray is not None:
        state = MessageState.QUEUED if tray == Tray.RETRYING else MessageState(tray)
        found = found.where(Message.state == state)
    if tray in (Tray.QUEUED, Tray.RETRYING):
        found = found.where(WAS_PUT_OFF if tray == Tray.RETRYING else ~WAS_PUT_OFF)
    if before is not None:
        found = found.where(Message.id < before)
    return page_of(
        found.options(contains_eager(Message.event)).order_by(Message.id.desc())
    )


def outbox_counts(user: User, wanted: Wanted) -> dict[Tray, int]:
    """How many messages this person may read, by tray, in whichever they are."""
    counts = (
        letters_of(user, wanted)
        .with_only_columns(Message.state, WAS_PUT_OFF, func.count())
        .group_by(Message.state, WAS_PUT_OFF)
    )
    found = dict.fromkeys(Tray, 0)
    for state, was_put_off, number in current_session().execute(counts):
        waits_again = state == MessageState.QUEUED and was_put_off
        found[Tray.RETRYING if waits_again else Tray(state)] += number
    return found


def letters_of(user: User, wanted: Wanted) -> Select[Message]:
    found = teams.messages_of(user)
    if wanted.event_id is not None:
        found = found.where(Message.event_id == wanted.event_id)
    if wanted.kind is not None:
        found = found.where(Message.kind == wanted.kind)
    if wanted.search:
        reference = "".join(wanted.search.upper().split())
        its = select(Registration.id).where(Registration.reference == reference)
        address = Message.recipient_key.contains(
            mail_addresses.lower(wanted.search), autoescape=True
        )
        found = found.where(or_(address, Message.registration_id.in_(its)))
    return found


def pauses(messages: Iterable[Message], now: datetime) -> dict[str, datetime]:
    """The domains that are left alone at `now`, of those that wait, and until when."""
    waiting = {m.domain for m in messages if m.state == MessageState.QUEUED}
    if not waiting:
        return {}
    rows = current_session().execute(
        select(MailDomain.domain, MailDomain.pause_until).where(
            MailDomain.domain.in_(waiting), MailDomain.rests(now)
        )
    )
    return {row.domain: row.pause_until for row in rows}


def unreached(event_id: int) -> int:
    """To how many registrations mail does not arrive."""
    return delivery_failures.count(event_id)
