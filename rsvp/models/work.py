"""Work: what the worker keeps of its jobs and of the domains that mails go to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rsvp.db import Base, UtcDateTime


class Job(Base):
    """A job that comes round again and again. Whoever runs it holds a lease, so that of
    many workers one does; `done` is how many things its last run did, `failures` how
    often it failed since it last went well.
    """

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    runs: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


class MailDomain(Base):
    """A domain that mails go to: it may want a pause, or no more than so many a minute.

    `troubles` counts the failures in a row; `window_count` the mails since `window_at`.
    """

    __tablename__ = "mail_domains"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    pause_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    troubles: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    window_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    window_count: Mapped[int] = mapped_column(default=0)
