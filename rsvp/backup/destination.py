"""Where a backup is put back: what both engines can say and do of the place."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rsvp.backup.archive import Archive, Progress
from rsvp.backup.database_summary import (
    Execute,
    accounts_of,
    erasures_of,
    facts_of,
    made_at_of,
)
from rsvp.backup.errors import BackupError

IN_USE = (
    "the site runs, or another command uses its database: stop it first "
    "(`systemctl stop rsvp`); nothing was changed"
)


@dataclass(frozen=True)
class Before:
    """What is there already. `is_empty`: nothing, or what `rsvp init` alone leaves;
    `is_read`: its accounts are known, and what was erased in it since it was made."""

    is_empty: bool
    is_read: bool = False
    made_at: datetime | None = None
    accounts: dict[str, bool] = field(default_factory=dict)
    erasures: list[dict[str, Any]] = field(default_factory=list)


NOTHING = Before(is_empty=True)


def before_of(execute: Execute) -> Before:
    """Of a database that can be read, whatever its version; others are taken for one
    that has something, and is damaged."""
    try:
        found = facts_of(execute)
        return Before(
            is_empty=found.is_empty,
            is_read=True,
            made_at=made_at_of(execute),
            accounts=accounts_of(execute),
            erasures=erasures_of(execute),
        )
    except Exception:
        return Before(is_empty=False)


class Place(Protocol):
    """The steps of a restore, in this order."""

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else uses the database meanwhile. Raises BackupError. At its end what
        was made beside is gone, unless it was swapped in."""

    def look(self) -> Before:
        """What is there now."""

    def fill(self, found: Archive, progress: Progress) -> None:
        """Make the database of the backup beside. Raises BackupError."""

    def uri(self) -> str:
        """The address of what was made beside."""

    def swap(self, before: Before, now: datetime) -> str | None:
        """Put it in the place, all at once; the name under which what was there before
        is kept, if it was anything."""


def stamp(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}"


def occupied(before: Before) -> BackupError:
    what = "has data" if before.is_read else "is there, and can't be read"
    return BackupError(
        f"the site's database {what}: --replace puts the backup in its place, and "
        "keeps it under another name"
    )
