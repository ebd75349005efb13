"""Queries for organizers: their events at a glance, and their outbox, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, literal, tuple_
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


def outbox(
    user: User, *, state: MessageState | None = None, before: int | None = None
) -> Page[Message]:
    """The messages this person may read, newest first; `before` is the id that ended
    the page before."""
    wanted = teams.messages_of(user)
    if state is not None:
        wanted = wanted.where(Message.state == state)
    if before is not None:
        wanted = wanted.where(Message.id < before)
    return page_of(
        wanted.options(contains_eager(Message.event)).order_by(Message.id.desc())
    )


def outbox_counts(user: User) -> dict[str, int]:
    """How many messages this person may read, by state."""
    counts = (
        teams.messages_of(user)
        .with_only_columns(Message.state, func.count())
        .group_by(Message.state)
    )
    rows = current_session().execute(counts).all()
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in MessageState}
