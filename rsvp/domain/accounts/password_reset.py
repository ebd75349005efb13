"""Password reset: a mail with a link, and the new password that the link sets."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select, update

from rsvp.db import changed_one, current_session, lock_rows
from rsvp.domain.accounts import users
from rsvp.domain.messages import outbox
from rsvp.models import Message, User
from rsvp.models.message import MessageKind

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
MAX_PER_HOUR, MAX_PER_DAY = 3, 6
"""How many mails with such a link an account gets. They count by themselves: who fills
a mailbox by the forms of events must not keep its owner out of their account."""


def send_reset_link(email: str, *, now: datetime) -> None:
    """Queue a mail to whoever has this account, unless it has had enough of them.

    Says nothing of whether it did: nobody may learn from it who has an account.
    """
    session = current_session()
    query = select(User).where(User.email == users.account_key(email), User.active)
    # Two who ask at once go in turn: each counts the mails of the other.
    user = session.scalar(lock_rows(query))
    if user is None:
        return
    today, this_hour = count_recent_mails(user, now)
    if today >= MAX_PER_DAY or this_hour >= MAX_PER_HOUR:
        return
    outbox.enqueue_to_user(user, MessageKind.PASSWORD_RESET, now=now)


def count_recent_mails(user: User, now: datetime) -> tuple[int, int]:
    """Return how many of these mails the account has had in a day, and in an hour.

    Those of a clock that ran ahead count no longer: they would for as long again.
    """
    in_an_hour = func.count().filter(
        Message.created_at > now - AN_HOUR, Message.created_at <= now + AN_HOUR
    )
    counts = current_session().execute(
        select(func.count(), in_an_hour).where(
            Message.user_id == user.id,
            Message.kind == MessageKind.PASSWORD_RESET,
            Message.created_at > now - A_DAY,
            Message.created_at <= now + A_DAY,
        )
    )
    today, this_hour = counts.one()
    return today, this_hour


def set_password_by_link(user_id: int, mark: str, password_hash: str) -> bool:
    """Give the account another password and sign it out everywhere.

    False, and nothing is changed, if the account's `mark` (its `fs_uniquifier`) is not
    the one the link was made for. One UPDATE decides, so a link works once.
    """
    return changed_one(
        update(User)
        .where(User.id == user_id, User.fs_uniquifier == mark, User.active)
        .values(password=password_hash, fs_uniquifier=uuid4().hex)
    )
