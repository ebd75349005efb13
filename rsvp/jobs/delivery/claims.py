"""Claims: a worker leases due messages, and records the outcome.

To one domain only one sends at a time: a slow or strict server of theirs then takes up
one connection of ours, and the others go on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import (
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from rsvp.clocks import latest_end
from rsvp.db import UtcDateTime, current_connection, current_session, table_of, writing
from rsvp.db import write as retried
from rsvp.jobs.delivery import domain_backoff
from rsvp.models import MailDomain, Message
from rsvp.models.jobs import MAX_DOMAIN_PAUSE
from rsvp.models.message import (
    MAX_RETRY_DELAY,
    MESSAGE_LEASE,
    OPTIONAL_KINDS,
    RANK_BY_KIND,
    MessageKind,
    MessageState,
    is_not_being_sent,
)

LEASE = MESSAGE_LEASE
CLAIM_SIZE = 20
"""How many messages are claimed at once: at most what can be sent within half the lease
at usual speed; what is left when half has passed goes back."""
WINDOW_SIZE = 10 * CLAIM_SIZE
"""Among how many of those that are due a batch is chosen."""

MESSAGES = table_of(Message)
EXTRA_RANK = RANK_BY_KIND[OPTIONAL_KINDS[0]]
ADVISORY_LOCK = 0x52535650  # "RSVP": the number that PostgreSQL knows our turn by
IDLE_TIMEOUT = "10s"


@dataclass(frozen=True)
class Claim:
    """A message this worker may send until its lease ends: the `attempt`-th try.

    `domain_failures` counts the failures of its domain in a row until now; `written_at`
    is when the message was written.
    """

    id: int
    attempt: int
    domain: str = ""
    domain_failures: int = 0
    written_at: datetime | None = None


def claim_due(now: datetime, limit: int, connections: int = 1) -> list[Claim]:
    """Lease messages that are due, in their order, one for each registration.

    They go to domains that nobody else is sending to; to several where each has few,
    and so that there is something left for the other `connections`.
    """
    # Most of the time there is nothing: that takes one read and no write lock.
    if not is_anything_due(now):
        return []
    with writing():
        lock_claiming()
        chosen = choose_messages(due_messages(now, WINDOW_SIZE), limit, connections)
        # Somebody may be superseding one at this moment: it is left alone.
        still_queued = select(Message.id).where(
            Message.id.in_([row.id for row in chosen]),
            Message.state == MessageState.QUEUED,
            is_not_being_sent(now),
        )
        # Workers that were killed while sending it each time count as tries too.
        claimed = current_connection().execute(
            update(MESSAGES)
            .where(MESSAGES.c.id.in_(still_queued.with_for_update(skip_locked=True)))
            .values(lease_until=now + LEASE, attempts=MESSAGES.c.attempts + 1)
            .returning(MESSAGES.c.id, MESSAGES.c.attempts)
        )
        attempts = {row.id: row.attempts for row in claimed}
        claims = [
            Claim(
                row.id, attempts[row.id], row.domain, row.troubles or 0, row.created_at
            )
            for row in chosen
            if row.id in attempts
        ]
        if limit_per_minute():
            domain_backoff.count_claimed(Counter(one.domain for one in claims), now)
        return claims


def lock_claiming() -> None:
    """Let one worker claim at a time, or two would find the same domain free at once.

    On SQLite `writing` is a turn already. Whoever stalls in ours loses it.
    """
    connection = current_connection()
    if connection.dialect.name == "postgresql":
        setting = "idle_in_transaction_session_timeout"
        connection.execute(select(func.set_config(setting, IDLE_TIMEOUT, True)))
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def limit_per_minute() -> int:
    most: int = current_app.config["MAIL_PER_DOMAIN_PER_MINUTE"]
    return most


# --- what is due --------------------------------------------------------------------


def is_anything_due(now: datetime) -> bool:
    found = due_messages(now, 1)
    current_session().rollback()
    return bool(found)


def due_messages(now: datetime, most: int) -> Sequence[Row[Any]]:
    """Return the first messages that may be sent, in their order, with the state of
    their domains."""
    parameters = {"now": now, "most": most, "per_minute": limit_per_minute()}
    parameters["a_minute_ago"] = now - domain_backoff.WINDOW
    parameters["in_a_minute"] = now + domain_backoff.WINDOW
    parameters["latest_due"] = now + MAX_RETRY_DELAY
    parameters["latest_lease"] = latest_end(now, LEASE)
    parameters["latest_pause"] = latest_end(now, MAX_DOMAIN_PAUSE)
    return current_connection().execute(SELECT_DUE, parameters).all()


NOW = bindparam("now", type_=UtcDateTime)
LIMIT = bindparam("most", type_=Integer)
PER_MINUTE = bindparam("per_minute", type_=Integer)
A_MINUTE_AGO = bindparam("a_minute_ago", type_=UtcDateTime)
# What is said to last longer was written by a clock that ran ahead, and is over.
IN_A_MINUTE = bindparam("in_a_minute", type_=UtcDateTime)
LATEST_DUE = bindparam("latest_due", type_=UtcDateTime)
LATEST_LEASE = bindparam("latest_lease", type_=UtcDateTime)
LATEST_PAUSE = bindparam("latest_pause", type_=UtcDateTime)


def is_past(instant: Any, at_the_latest: Any) -> Any:
    return or_(instant.is_(None), instant <= NOW, instant > at_the_latest)


def select_due_of_rank(rank: int, is_time: Any) -> Select[Any]:
    sent_now = aliased(Message)
    busy = select(sent_now.domain).where(
        sent_now.lease_until > NOW,
        sent_now.lease_until <= LATEST_LEASE,
        sent_now.state == MessageState.QUEUED,
    )
    # A registration's messages go out in order, so one waits while an earlier one is
    # queued (or being sent); but nothing of weight waits for an extra, and nothing for
    # a reminder or the like whose time is later: it may sleep until the morning.
    earlier = aliased(Message)
    waits = exists().where(
        earlier.registration_id == Message.registration_id,
        # Who had it before may be out of reach: nobody else's mails wait for that.
        earlier.recipient_key == Message.recipient_key,
        earlier.id < Message.id,
        # One that was held back while a worker had it in hand goes out all the same.
        or_(
            earlier.state == MessageState.QUEUED,
            ~is_past(earlier.lease_until, LATEST_LEASE),
        ),
        or_(
            earlier.rank < EXTRA_RANK,
            and_(
                earlier.rank <= rank,
                or_(
                    is_past(earlier.due_at, LATEST_DUE),
                    earlier.kind == MessageKind.NOTE,
                ),
            ),
        ),
    )
    counts = and_(
        MailDomain.window_at > A_MINUTE_AGO, MailDomain.window_at <= IN_A_MINUTE
    )
    this_minute = case((counts, MailDomain.window_count), else_=0)
    return (
        select(
            Message.id,
            Message.rank,
            Message.due_at,
            Message.domain,
            Message.created_at,
            MailDomain.troubles,
            this_minute.label("this_minute"),
        )
        .outerjoin(MailDomain, MailDomain.domain == Message.domain)
        .where(
            Message.rank == rank,
            is_time,
            Message.state == MessageState.QUEUED,
            is_past(Message.lease_until, LATEST_LEASE),
            Message.domain.not_in(busy),
            is_past(MailDomain.pause_until, LATEST_PAUSE),
            or_(PER_MINUTE == 0, this_minute < PER_MINUTE),
            ~waits,
        )
        .order_by(Message.due_at, Message.id)
        .limit(LIMIT)
    )


def select_due() -> Select[Any]:
    """Build the query for due messages: two look-ups in the index for each rank, so
    that what waits for a later try, however much that is, is never read."""
    times = (Message.due_at <= NOW, Message.due_at > LATEST_DUE)
    queries = [
        select_due_of_rank(rank, is_time)
        for rank in sorted({0, *RANK_BY_KIND.values()})
        for is_time in times
    ]
    candidates = union_all(*(select(query.subquery()) for query in queries)).subquery()
    return (
        select(candidates)
        .order_by(candidates.c.rank, candidates.c.due_at, candidates.c.id)
        .limit(LIMIT)
    )


SELECT_DUE = select_due()


def choose_messages(
    window: Sequence[Row[Any]], limit: int, connections: int
) -> list[Row[Any]]:
    """Choose which messages of a window one claim takes: the first domain's, and then
    of others whatever fits in whole, but no more domains than its share.

    A domain that had trouble is tried alone, with one message.
    """
    by_domain: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in window:
        by_domain[row.domain].append(row)
    share = math.ceil(len(by_domain) / connections)
    chosen: list[Row[Any]] = []
    for rows in by_domain.values():
        if share == 0:
            break
        if rows[0].troubles and chosen:
            continue
        batch = rows[: 1 if rows[0].troubles else None]
        if per_minute := limit_per_minute():
            batch = batch[: per_minute - rows[0].this_minute]
        if chosen and len(chosen) + len(batch) > limit:
            continue
        chosen += batch[:limit]
        share -= 1
        if rows[0].troubles or len(chosen) >= limit:
            break
    order = {row.id: place for place, row in enumerate(window)}
    return sorted(chosen, key=lambda row: order[row.id])


# --- noting how it went -------------------------------------------------------------

MARK_SENT = (
    update(MESSAGES)
    .where(
        MESSAGES.c.id == bindparam("claimed"),
        # One that was superseded while it went out has gone out all the same.
        # (Not `in_`, which many rows at once can't have.)
        or_(
            MESSAGES.c.state == MessageState.QUEUED,
            MESSAGES.c.state == MessageState.SUPERSEDED,
        ),
    )
    .values(
        state=MessageState.SENT,
        sent_at=bindparam("now"),
        lease_until=None,
        last_error=None,
    )
)
STILL_CLAIMED = (
    MESSAGES.c.id == bindparam("claimed"),
    MESSAGES.c.state == MessageState.QUEUED,
    MESSAGES.c.attempts == bindparam("attempt"),
)
RELEASE = (
    update(MESSAGES)
    .where(*STILL_CLAIMED)
    .values(lease_until=None, attempts=MESSAGES.c.attempts - 1)
)
# What was held back or stopped in our hand: what comes after it waits for us no longer.
RELEASE_SUPERSEDED = (
    update(MESSAGES)
    .where(
        MESSAGES.c.id == bindparam("claimed"),
        MESSAGES.c.state == MessageState.SUPERSEDED,
        MESSAGES.c.attempts == bindparam("attempt"),
    )
    .values(lease_until=None)
)


def mark_sent(claim: Claim, now: datetime) -> None:
    with writing():
        current_connection().execute(MARK_SENT, {"claimed": claim.id, "now": now})


def mark_all_sent(sent: Sequence[tuple[Claim, datetime]]) -> None:
    """Mark several messages as sent, each with its time, in one transaction."""
    rows = [{"claimed": claim.id, "now": now} for claim, now in sent]

    def change() -> None:
        current_connection().execute(MARK_SENT, rows)

    # Who moves or cancels an event changes many of its messages, in another order.
    retried(change)


def update_message(claim: Claim, **values: object) -> None:
    """Change the message, unless another worker took it over after our lease."""
    with writing():
        update_if_claimed(claim, **values)


def update_if_claimed(claim: Claim, **values: object) -> bool:
    """Do what `update_message` does, inside `writing()`; say whether the message was
    still ours."""
    change = update(MESSAGES).where(*STILL_CLAIMED).values(**values)
    key = {"claimed": claim.id, "attempt": claim.attempt}
    connection = current_connection()
    is_claimed = connection.execute(change, key).rowcount == 1
    if not is_claimed:
        connection.execute(RELEASE_SUPERSEDED, key)
    return is_claimed


def release(claims: Sequence[Claim]) -> None:
    """Release messages that were not tried, for whoever claims next."""
    rows = [{"claimed": claim.id, "attempt": claim.attempt} for claim in claims]

    def change() -> None:
        current_connection().execute(RELEASE, rows)
        current_connection().execute(RELEASE_SUPERSEDED, rows)

    if rows:
        retried(change)
