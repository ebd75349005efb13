"""Domain backoff: pauses for mail domains that refuse mail, delays for slow ones.

One that takes none at the moment gets a pause, in which its messages wait without
being tried; one that is slow gets time between two mails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, delete, false, func, update
from sqlalchemy.dialects import postgresql, sqlite

from rsvp.db import current_connection, table_of, writing
from rsvp.models import MailDomain, Message
from rsvp.models.message import MessageState, is_not_being_sent

PAUSE_MINUTES = (1, 2, 5, 15, 30)
DOMAIN_PAUSES = [timedelta(minutes=minutes) for minutes in PAUSE_MINUTES]
"""How long a domain is left alone after each trouble in a row; the last one stays."""

GIVE_UP_AFTER = timedelta(hours=48)
WINDOW = timedelta(minutes=1)

DOMAINS = table_of(MailDomain)
INSERT_BY_ENGINE: dict[str, Callable[[Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def pause_domain(domain: str, troubles: int, reason: str, now: datetime) -> timedelta:
    """Pause a domain after one more failure than `troubles` in a row; return for how
    long. `reason` names nobody: organizers of every team may read it."""
    length = DOMAIN_PAUSES[min(troubles, len(DOMAIN_PAUSES) - 1)]
    upsert_domain(
        domain, pause_until=now + length, troubles=troubles + 1, last_error=reason
    )
    return length


def slow_down(domain: str, took: timedelta, now: datetime) -> None:
    """Pause a slow domain for as long as its answer took, so that others go first."""
    upsert_domain(domain, pause_until=now + took, troubles=0, last_error=None)


def mark_recovered(domain: str) -> None:
    """Reset the failures of a domain that takes mails again."""
    healthy = {"pause_until": None, "troubles": 0, "last_error": None}
    statement = update(DOMAINS).where(DOMAINS.c.domain == domain).values(healthy)
    current_connection().execute(statement)


def is_given_up(troubles: int) -> bool:
    """Whether a domain with this many failures in a row has taken nothing for two
    days."""
    growing = sum(DOMAIN_PAUSES, timedelta())
    return (
        growing + DOMAIN_PAUSES[-1] * (troubles - len(DOMAIN_PAUSES)) >= GIVE_UP_AFTER
    )


def fail_old_messages(domain: str, reason: str, now: datetime) -> list[Row[Any]]:
    """Fail what has waited for two days for a domain that takes nothing; return the
    event and registration of each. What is younger waits on."""
    table, long_ago = table_of(Message), now - GIVE_UP_AFTER
    old = (
        update(table)
        .where(
            table.c.domain == domain,
            table.c.state == MessageState.QUEUED,
            table.c.created_at <= long_ago,
            # One that was planned for later has not waited since then.
            (table.c.attempts > 0) | (table.c.due_at <= long_ago),
            is_not_being_sent(now),
        )
        .values(
            state=MessageState.FAILED, last_error=reason, lease_until=None, due_at=now
        )
        .returning(table.c.id, table.c.event_id, table.c.registration_id)
    )
    return list(current_connection().execute(old).all())


# --- so many a minute ---------------------------------------------------------------


def count_claimed(claimed: Mapping[str, int], now: datetime) -> None:
    """Count claimed messages per domain, into the minute that runs or a new one."""
    connection = current_connection()
    for domain, number in claimed.items():
        goes_on = (
            update(DOMAINS)
            .where(DOMAINS.c.domain == domain, is_window_open(now))
            .values(window_count=DOMAINS.c.window_count + number)
        )
        if connection.execute(goes_on).rowcount == 0:
            upsert_domain(domain, window_at=now, window_count=number)


def is_window_open(now: datetime) -> ColumnElement[bool]:
    """Condition: the counted minute still runs at `now`; one begun by a clock that ran
    ahead is over."""
    begun = DOMAINS.c.window_at
    return and_(begun > now - WINDOW, begun <= now + WINDOW)


def upsert_domain(domain: str, **values: object) -> None:
    """Insert or update the row of a domain."""
    connection = current_connection()
    row = INSERT_BY_ENGINE[connection.dialect.name](DOMAINS)
    fresh = {"troubles": 0, "window_count": 0, "domain": domain} | values
    connection.execute(
        row.values(fresh).on_conflict_do_update(index_elements=["domain"], set_=values)
    )


def forget_domains(now: datetime) -> int:
    """Delete the domains that nothing is known of any more; return how many."""
    is_over = (
        DOMAINS.c.troubles == 0,
        ~func.coalesce(MailDomain.is_paused(now), false()),
    )
    with writing():
        old = delete(DOMAINS).where(
            *is_over, ~func.coalesce(is_window_open(now), false())
        )
        return current_connection().execute(old).rowcount
