"""Queries about an organizer's events: the list of those they may see."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import literal, tuple_
from sqlalchemy.orm import joinedload, selectinload

from rsvp.db import UtcDateTime, current_session
from rsvp.domain import teams
from rsvp.models import Event, User
from rsvp.queries.pagination import Page, page_of


def list_events(
    user: User, now: datetime, *, past: bool = False, after: str | None = None
) -> Page[Event]:
    """List the events this person may see the numbers of: those to come, soonest first,
    or the past ones, latest first. `after` is the slug that ended the page before."""
    visible = teams.events_where_may(user)
    key = tuple_(Event.starts_at, Event.id)
    query = visible.where(Event.ends_at <= now if past else Event.ends_at > now)
    if after and (last := current_session().scalar(visible.where(Event.slug == after))):
        last_key = tuple_(literal(last.starts_at, UtcDateTime), literal(last.id))
        query = query.where(key < last_key if past else key > last_key)
    first, second = (Event.starts_at, Event.id)
    order = (first.desc(), second.desc()) if past else (first, second)
    return page_of(
        query.options(selectinload(Event.admissions), joinedload(Event.team)).order_by(
            *order
        )
    )
