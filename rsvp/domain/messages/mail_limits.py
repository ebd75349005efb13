"""Mail limits: who can cause which mails, and how many of those a mailbox gets.

Whoever fills in a form may give a stranger's address. So each mail that somebody can
cause without having proved the address is counted, by the mailbox it goes to; what is
over the limit is not written, and the reason is kept. `RULES_BY_KIND` says which those
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select, update

from rsvp import tokens
from rsvp.db import code_key, current_connection, current_session
from rsvp.domain import audit
from rsvp.models import Message, Registration
from rsvp.models.message import MessageKind
from rsvp.text.mailboxes import mailbox_of

T = TypeVar("T")

MAX_PER_HOUR_AND_EVENT = 3
MAX_PER_DAY = 6
"""How many such mails a mailbox gets (about one event, over the site)."""
MAX_PER_HOUR_AND_NETWORK = 20
"""How many of them the changes cause that come from one network."""
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


class Cause(StrEnum):
    FORM = "form"  # anybody: registering, also with an address that is registered
    LOST_MAIL = "lost_mail"  # anybody: asking for lost mails once more
    LINK = "link"  # whoever has a link, of an address that nobody has proved
    OWNER = "owner"  # whoever has a link, and has shown that the address is theirs
    ORGANIZER = "organizer"  # by hand or by a command, also at the door
    RULE = "rule"  # a deadline, a reminder, the line moving up
    ANYBODY_FOR_ACCOUNT = "account"  # the page for a forgotten password


class LimitRule(StrEnum):
    COUNTED = "counted"  # and not written where it would be one too many
    ALWAYS = "always"
    BY_ACCOUNT = "by_account"  # counted by the account it is about


UNPROVED_CAUSES = (Cause.FORM, Cause.LOST_MAIL, Cause.LINK)
"""Who may have given an address that is not theirs."""

TRUSTED_CAUSES = {
    Cause.OWNER: LimitRule.ALWAYS,
    Cause.ORGANIZER: LimitRule.ALWAYS,
    Cause.RULE: LimitRule.ALWAYS,
}
COUNTED_BY_FORM = {Cause.FORM: LimitRule.COUNTED}
COUNTED_RESENDS = {Cause.FORM: LimitRule.COUNTED, Cause.LOST_MAIL: LimitRule.COUNTED}
COUNTED_BY_LINK = {Cause.LINK: LimitRule.COUNTED}
# Whoever has lost a place must know, and loses it once: how many there are to lose, the
# mails before have limited. So it is with the line, by whose rule a place comes free.
ALWAYS_BY_LINK = {Cause.LINK: LimitRule.ALWAYS}

RULES_BY_KIND: dict[MessageKind, dict[Cause, LimitRule]] = {
    MessageKind.CONFIRM_ADDRESS: TRUSTED_CAUSES | COUNTED_RESENDS | COUNTED_BY_LINK,
    MessageKind.REQUESTED: TRUSTED_CAUSES | COUNTED_BY_FORM | COUNTED_BY_LINK,
    MessageKind.CONFIRMATION: TRUSTED_CAUSES | COUNTED_BY_FORM | COUNTED_BY_LINK,
    MessageKind.WAITLISTED: TRUSTED_CAUSES | COUNTED_BY_FORM | COUNTED_BY_LINK,
    MessageKind.TICKET_AGAIN: TRUSTED_CAUSES | COUNTED_RESENDS,
    MessageKind.CHANGED: TRUSTED_CAUSES | COUNTED_BY_LINK,
    MessageKind.OFFER: TRUSTED_CAUSES | COUNTED_RESENDS | COUNTED_BY_LINK,
    MessageKind.PROMOTED: TRUSTED_CAUSES,
    MessageKind.PASSED_ON: TRUSTED_CAUSES | ALWAYS_BY_LINK,
    MessageKind.CANCELLED: TRUSTED_CAUSES | ALWAYS_BY_LINK,
    MessageKind.LAPSED: TRUSTED_CAUSES,
    MessageKind.RELEASED: TRUSTED_CAUSES,
    MessageKind.DECLINED: TRUSTED_CAUSES,
    MessageKind.EVENT_CHANGED: TRUSTED_CAUSES,
    MessageKind.EVENT_CANCELLED: TRUSTED_CAUSES,
    MessageKind.REMINDER: TRUSTED_CAUSES,
    MessageKind.STILL_COMING: TRUSTED_CAUSES,
    MessageKind.THANK_YOU: TRUSTED_CAUSES,
    MessageKind.NOTE: TRUSTED_CAUSES,
    # To people who have an account here; once an hour, whatever does not arrive.
    MessageKind.UNDELIVERED: TRUSTED_CAUSES,
    MessageKind.PASSWORD_RESET: {Cause.ANYBODY_FOR_ACCOUNT: LimitRule.BY_ACCOUNT},
}
"""Each kind of mail, by whom it can be caused, and whether it is counted then."""


def is_counted(kind: MessageKind, cause: Cause) -> bool:
    """Whether a mail is counted; what no table names is where a stranger may cause
    it."""
    rule = RULES_BY_KIND.get(kind, {}).get(cause)
    return cause in UNPROVED_CAUSES if rule is None else rule == LimitRule.COUNTED


def cause_of(actor: str, registration: Registration) -> Cause:
    """Return who causes a mail to whoever holds a registration, by the audit's
    actor."""
    if actor == audit.ATTENDEE:
        return Cause.LINK if registration.proved_at is None else Cause.OWNER
    return Cause.RULE if actor == "worker" else Cause.ORGANIZER


# --- counting -----------------------------------------------------------------------

# Those of a clock that ran ahead count no longer: they would for as long again.
COUNT_BY_MAILBOX = select(
    func.count(),
    func.count().filter(
        Message.event_id == bindparam("event"),
        Message.created_at > bindparam("an_hour_ago"),
        Message.created_at <= bindparam("in_an_hour"),
    ),
).where(
    Message.mailbox == bindparam("mailbox"),
    Message.created_at > bindparam("a_day_ago"),
    Message.created_at <= bindparam("in_a_day"),
)
COUNT_BY_NETWORK = select(func.count()).where(
    Message.network == bindparam("network"),
    Message.created_at > bindparam("an_hour_ago"),
    Message.created_at <= bindparam("in_an_hour"),
)


def mailbox_mark(address_key: str) -> bytes:
    """Return what mails to an address (as it is compared) are counted by."""
    return tokens.mailbox_hash(code_key(), mailbox_of(address_key))


def is_mailbox_at_limit(mailbox: bytes, event_id: int, now: datetime) -> bool:
    """Whether a mailbox, by its mark, has had as many counted mails as it may."""
    values = counting_windows(now) | {"mailbox": mailbox, "event": event_id}
    today, this_hour = current_connection().execute(COUNT_BY_MAILBOX, values).one()
    return bool(today >= MAX_PER_DAY or this_hour >= MAX_PER_HOUR_AND_EVENT)


def counting_windows(now: datetime) -> dict[str, Any]:
    hour = {"an_hour_ago": now - AN_HOUR, "in_an_hour": now + AN_HOUR}
    return hour | {"a_day_ago": now - A_DAY, "in_a_day": now + A_DAY}


def lock_mark(mark: bytes) -> None:
    """Lock a mailbox or network for counting until the transaction ends, or two at once
    would both find room. Call it before anything is locked, and for a network before a
    mailbox.

    On SQLite whoever writes is alone anyway.
    """
    if has_concurrent_writers():
        lock = select(func.pg_advisory_xact_lock(advisory_lock_number(mark)))
        current_connection().execute(lock)


def is_mark_locked(mailbox: bytes) -> bool:
    """Whether another counts this mailbox; where rows are locked already: whoever
    waited now might wait for one that waits for them. A mail of another is just being
    written, then."""
    if not has_concurrent_writers():
        return False
    lock = select(func.pg_try_advisory_xact_lock(advisory_lock_number(mailbox)))
    return not current_connection().execute(lock).scalar_one()


def has_concurrent_writers() -> bool:
    return current_connection().dialect.name == "postgresql"


def advisory_lock_number(mark: bytes) -> int:
    return int.from_bytes(mark[:8], "big", signed=True)


def run_for_network(network_mark: bytes, change: Callable[[], T]) -> T:
    """Make a change, first thing in a transaction, whose mails are counted by this
    network, too; changes from one network go in turn."""
    lock_mark(network_mark)
    with counting_network(network_mark):
        return change()


@contextmanager
def counting_network(network_mark: bytes) -> Iterator[None]:
    """Count what the changes made inside cause by this network, too."""
    info = current_session().info
    info["network"] = network_mark
    try:
        yield
    finally:
        info.pop("network", None)


def counting_columns(
    kind: MessageKind, cause: Cause, recipient_key: str, event_id: int, now: datetime
) -> dict[str, Any] | None:
    """Return the columns by which a mail is counted, none where it is not; None where
    it is one too many and must not be written."""
    if not is_counted(kind, cause):
        return {}
    mailbox, network = mailbox_mark(recipient_key), None
    if cause == Cause.LINK:
        network = current_session().info.get("network")
    if is_mark_locked(mailbox) or is_mailbox_at_limit(mailbox, event_id, now):
        return None
    if network is not None and is_network_at_limit(network, now):
        return None
    return {"mailbox": mailbox, "network": network, "from_form": True}


def is_network_at_limit(network: bytes, now: datetime) -> bool:
    """Whether changes from this network have caused as many mails as they may."""
    counted = current_connection().execute(
        COUNT_BY_NETWORK, counting_windows(now) | {"network": network}
    )
    return bool(counted.scalar_one() >= MAX_PER_HOUR_AND_NETWORK)


# --- what is kept of it -------------------------------------------------------------

OVER_THE_LIMIT = "over_the_limit"
"""Why a change has no mail, in its audit entry."""
FORGET_BATCH_SIZE = 500


def forget_old_marks(now: datetime) -> int:
    """Clear some of the marks that count no more. Return of how many mails."""
    is_old = Message.created_at <= now - A_DAY
    is_ahead_of_clock = Message.created_at > now + A_DAY
    message_ids = (
        select(Message.id)
        .where(Message.mailbox.is_not(None), is_old | is_ahead_of_clock)
        .limit(FORGET_BATCH_SIZE)
    )
    return clear_marks(Message.id.in_(message_ids))


def clear_marks(which: Any) -> int:
    statement = (
        update(Message)
        .where(which)
        .values(mailbox=None, network=None)
        .execution_options(synchronize_session=False)
    )
    return int(current_connection().execute(statement).rowcount)
