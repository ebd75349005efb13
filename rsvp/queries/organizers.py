"""Queries for organizers: their events at a glance, and their outbox, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from rsvp.db import UtcDateTime, current_session
from rsvp.domain import teams
from rsvp.models import Event, Message, User
from rsvp.models.ledger import MessageState

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


def tray_of(message: Message) -> Tray:
    if message.state == MessageState.QUEUED and message.attempts:
        return Tray.RETRYING
    return Tray(message.state)


def outbox(
    user: User,
    *,
    tray: Tray | None = None,
    event_id: int | None = None,
    before: int | None = None,
) -> Page[Message]:
    """The messages this person may read, newest first; `before` is the id that ended
    the page before."""
    wanted = letters_of(user, event_id)
    if tray is not None:
        state = MessageState.QUEUED if tray == Tray.RETRYING else MessageState(tray)
        wanted = wanted.where(Message.state == state)
    if tray in (Tray.QUEUED, Tray.RETRYING):
        was_tried = Message.attempts > 0
        wanted = wanted.where(was_tried if tray == Tray.RETRYING else ~was_tried)
    if before is not None:
        wanted = wanted.where(Message.id < before)
    return page_of(
        wanted.options(contains_eager(Message.event)).order_by(Message.id.desc())
    )


def outbox_counts(user: User, event_id: int | None = None) -> dict[Tray, int]:
    """How many messages this person may read, by tray."""
    was_tried = Message.attempts > 0
    counts = (
        letters_of(user, event_id)
        .with_only_columns(Message.state, was_tried, func.count())
        .group_by(Message.state, was_tried)
    )
    found = dict.fromkeys(Tray, 0)
    for state, tried, number in current_session().execute(counts):
        waits_again = state == MessageState.QUEUED and tried
        found[Tray.RETRYING if waits_again else Tray(state)] += number
    return found


def letters_of(user: User, event_id: int | None) -> Select[Message]:
    found = teams.messages_of(user)
    return found if event_id is None else found.where(Message.event_id == event_id)


def undelivered(event_id: int) -> int:
    """How many mails of an event could not be delivered."""
    failed = Message.event_id == event_id, Message.state == MessageState.FAILED
    return current_session().scalar(select(func.count(Message.id)).where(*failed)) or 0
