"""Causes: who makes the site write a mail, and how many of those a mailbox gets.

Whoever fills in a form may give a stranger's address. So each mail that somebody can
cause without having proved the address is counted, by the mailbox it goes to; what is
over the limit is not written, and the reason is kept. `TABLE` says which those are.
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

PER_HOUR_AND_EVENT = 3
PER_DAY = 6
"""How many such mails a mailbox gets (about one event, over the site)."""
CHANGES_PER_HOUR = 20
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


class Rule(StrEnum):
    COUNTED = "counted"  # and not written where it would be one too many
    ALWAYS = "always"
    BY_ACCOUNT = "by_account"  # counted by the account it is about


STRANGERS = (Cause.FORM, Cause.LOST_MAIL, Cause.LINK)
"""Who may have given an address that is not theirs."""

OURS = {
    Cause.OWNER: Rule.ALWAYS,
    Cause.ORGANIZER: Rule.ALWAYS,
    Cause.RULE: Rule.ALWAYS,
}
BY_FORM = {Cause.FORM: Rule.COUNTED}
AGAIN = {Cause.FORM: Rule.COUNTED, Cause.LOST_MAIL: Rule.COUNTED}
BY_LINK = {Cause.LINK: Rule.COUNTED}
# Whoever has lost a place must know, and loses it once: how many there are to lose, the
# mails before have limited. So it is with the line, by whose rule a place comes free.
ENDED = {Cause.LINK: Rule.ALWAYS}

TABLE: dict[MessageKind, dict[Cause, Rule]] = {
    MessageKind.CONFIRM_ADDRESS: OURS | AGAIN | BY_LINK,
    MessageKind.REQUESTED: OURS | BY_FORM | BY_LINK,
    MessageKind.CONFIRMATION: OURS | BY_FORM | BY_LINK,
    MessageKind.WAITLISTED: OURS | BY_FORM | BY_LINK,
    MessageKind.TICKET_AGAIN: OURS | AGAIN,
    MessageKind.CHANGED: OURS | BY_LINK,
    MessageKind.OFFER: OURS | AGAIN | BY_LINK,
    MessageKind.PROMOTED: OURS,
    MessageKind.PASSED_ON: OURS | ENDED,
    MessageKind.CANCELLED: OURS | ENDED,
    MessageKind.LAPSED: OURS,
    MessageKind.RELEASED: OURS,
    MessageKind.DECLINED: OURS,
    MessageKind.EVENT_CHANGED: OURS,
    MessageKind.EVENT_CANCELLED: OURS,
    MessageKind.REMINDER: OURS,
    MessageKind.STILL_COMING: OURS,
    MessageKind.THANK_YOU: OURS,
    MessageKind.NOTE: OURS,
    # To people who have an account here; once an hour, whatever does not arrive.
    MessageKind.UNDELIVERED: OURS,
    MessageKind.PASSWORD_RESET: {Cause.ANYBODY_FOR_ACCOUNT: Rule.BY_ACCOUNT},
}
"""Each kind of mail, by whom it can be caused, and whether it is counted then."""


def is_counted(kind: MessageKind, cause: Cause) -> bool:
    """What stands in no table yet is counted where a stranger may be behind it."""
    rule = TABLE.get(kind, {}).get(cause)
    return cause in STRANGERS if rule is None else rule == Rule.COUNTED


def cause_of(actor: str, registration: Registration) -> Cause:
    """Who is behind a mail to whoever holds a registration, by the audit's actor."""
    if actor == audit.ATTENDEE:
        return Cause.LINK if registration.proved_at is None else Cause.OWNER
    return Cause.RULE if actor == "worker" else Cause.ORGANIZER


# --- counting -----------------------------------------------------------------------

# Those of a clock that ran ahead count no longer: they would for as long again.
OF_MAILBOX = select(
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
OF_NETWORK = select(func.count()).where(
    Message.network == bindparam("network"),
    Message.created_at > bindparam("an_hour_ago"),
    Message.created_at <= bindparam("in_an_hour"),
)


def mark_of(address_key: str) -> bytes:
    """What mails to an address (as it is compared) are counted by."""
    return tokens.mailbox_mark(code_key(), mailbox_of(address_key))


def has_enough(mailbox: bytes, event_id: int, now: datetime) -> bool:
    """Whether a mailbox, by its mark, has had as many counted mails as it may."""
    values = around(now) | {"mailbox": mailbox, "event": event_id}
    today, this_hour = current_connection().execute(OF_MAILBOX, values).one()
    return bool(today >= PER_DAY or this_hour >= PER_HOUR_AND_EVENT)


def around(now: datetime) -> dict[str, Any]:
    hour = {"an_hour_ago": now - AN_HOUR, "in_an_hour": now + AN_HOUR}
    return hour | {"a_day_ago": now - A_DAY, "in_a_day": now + A_DAY}


def in_turn(mark: bytes) -> None:
    """Let nobody else count this mailbox, or network, until the transaction ends, or
    two at once would both find room. Call it before anything is locked, and for a
    network before a mailbox.

    On SQLite whoever writes is alone anyway.
    """
    if is_shared():
        lock = select(func.pg_advisory_xact_lock(number_of(mark)))
        current_connection().execute(lock)


def is_anothers_turn(mailbox: bytes) -> bool:
    """The same where rows are locked already: whoever waited now might wait for one
    that waits for them. A mail of another is just being written, then."""
    if not is_shared():
        return False
    lock = select(func.pg_try_advisory_xact_lock(number_of(mailbox)))
    return not current_connection().execute(lock).scalar_one()


def is_shared() -> bool:
    return current_connection().dialect.name == "postgresql"


def number_of(mark: bytes) -> int:
    return int.from_bytes(mark[:8], "big", signed=True)


def by_network(mark: bytes, verb: Callable[[], T]) -> T:
    """Make a change, first thing in a transaction, whose mails are counted by this
    network, too; changes from one network go in turn."""
    in_turn(mark)
    with from_network(mark):
        return verb()


@contextmanager
def from_network(mark: bytes) -> Iterator[None]:
    """Count what the changes made inside cause by this network, too."""
    info = current_session().info
    info["network"] = mark
    try:
        yield
    finally:
        info.pop("network", None)


def marks(
    kind: MessageKind, cause: Cause, recipient_key: str, event_id: int, now: datetime
) -> dict[str, Any] | None:
    """The columns by which a mail is counted, none where it is not; None where it is
    one too many and must not be written."""
    if not is_counted(kind, cause):
        return {}
    mailbox, network = mark_of(recipient_key), None
    if cause == Cause.LINK:
        network = current_session().info.get("network")
    if is_anothers_turn(mailbox) or has_enough(mailbox, event_id, now):
        return None
    if network is not None and is_busy(network, now):
        return None
    return {"mailbox": mailbox, "network": network, "from_form": True}


def is_busy(network: bytes, now: datetime) -> bool:
    """Whether changes from this network have caused as many mails as they may."""
    found = current_connection().execute(OF_NETWORK, around(now) | {"network": network})
    return bool(found.scalar_one() >= CHANGES_PER_HOUR)


# --- what is kept of it -------------------------------------------------------------

NOT_MAILED = "not_mailed"
"""The verb of the audit entry that says why a change has no mail."""
OVER_THE_LIMIT = "over_the_limit"
FORGOTTEN_AT_ONCE = 500


def forget(now: datetime) -> int:
    """Drop some of the marks that count no more; of how many mails."""
    old = Message.created_at <= now - A_DAY
    ahead = Message.created_at > now + A_DAY
    some = (
        select(Message.id)
        .where(Message.mailbox.is_not(None), old | ahead)
        .limit(FORGOTTEN_AT_ONCE)
    )
    return forget_of(Message.id.in_(some))


def forget_of(which: Any) -> int:
    statement = (
        update(Message)
        .where(which)
        .values(mailbox=None, network=None)
        .execution_options(synchronize_session=False)
    )
    return int(current_connection().execute(statement).rowcount)
