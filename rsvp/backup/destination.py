"""Restore destination: the steps that both database engines implement."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rsvp.backup.archive import OpenArchive, Progress
from rsvp.backup.database_summary import (
    Execute,
    read_accounts,
    read_erasures,
    read_made_at,
    summarize,
)
from rsvp.backup.errors import BackupError

IN_USE_TEXT = (
    "the site runs, or another command uses its database: stop it first "
    "(`systemctl stop rsvp`); nothing was changed"
)


@dataclass(frozen=True)
class ExistingSite:
    """The site that is there already. `is_empty`: nothing, or what `rsvp init` alone
    leaves; `is_read`: its accounts are known, and what was erased in it since it was
    made."""

    is_empty: bool
    is_read: bool = False
    made_at: datetime | None = None
    accounts: dict[str, bool] = field(default_factory=dict)
    erasures: list[dict[str, Any]] = field(default_factory=list)


NO_SITE = ExistingSite(is_empty=True)


def inspect_existing(execute: Execute) -> ExistingSite:
    """Inspect a database, whatever its version; one that can't be read is taken for one
    that has something, and is damaged."""
    try:
        summary = summarize(execute)
        return ExistingSite(
            is_empty=summary.is_empty,
            is_read=True,
            made_at=read_made_at(execute),
            accounts=read_accounts(execute),
            erasures=read_erasures(execute),
        )
    except Exception:
        return ExistingSite(is_empty=False)


class Destination(Protocol):
    """The steps of a restore, in this order."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Lock the database for as long as this lasts. Raises BackupError. At its end
        the temporary database is gone, unless it was swapped in."""

    def inspect(self) -> ExistingSite:
        """Return what is there now."""

    def load(self, archive: OpenArchive, progress: Progress) -> None:
        """Load the backup into a temporary database beside. Raises BackupError."""

    def uri(self) -> str:
        """Return the address of the temporary database."""

    def swap_in(self, before: ExistingSite, now: datetime) -> str | None:
        """Put the temporary database in place, all at once; return the name under which
        the old one is kept, if there was any."""


def name_timestamp(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}"


def occupied_error(before: ExistingSite) -> BackupError:
    what = "has data" if before.is_read else "is there, and can't be read"
    return BackupError(
        f"the site's database {what}: --replace puts the backup in its place, and "
        "keeps it under another name"
    )
