"""Database summary: version, keys and counts, read without the models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rsvp.backup.errors import FileError

Execute = Callable[[str], Any]
"""Runs one query of a driver's connection; what it returns is iterated."""

COUNTED_TABLES = {
    "events": "events",
    "registrations": "registrations",
    "attendees": "attendees",
    "accounts": "users",
}


@dataclass(frozen=True)
class DatabaseSummary:
    """Version of the tables, fingerprints of the code keys, and counts."""

    schema: str
    code_keys: tuple[str, ...]
    counts: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether nobody has used it yet: `rsvp init` alone has."""
        return not any(self.counts[name] for name in ("events", "accounts"))


def summarize(execute: Execute) -> DatabaseSummary:
    """Read the summary. Raises BackupError for a database that `rsvp init` has not
    made."""
    try:
        versions = [
            row[0] for row in execute("SELECT version_num FROM alembic_version")
        ]
        keys = [row[0] for row in execute("SELECT id FROM code_keys ORDER BY id")]
        counts = {
            name: int(next(iter(execute(f"SELECT count(*) FROM {table}")))[0])  # noqa: S608
            for name, table in COUNTED_TABLES.items()
        }
        waiting = "SELECT count(*) FROM messages WHERE state = 'queued'"
        counts["mails_waiting"] = int(next(iter(execute(waiting)))[0])
    except Exception as error:
        raise FileError("has none of RSVP's tables") from error
    if len(versions) != 1:
        raise FileError("has none of RSVP's tables")
    return DatabaseSummary(versions[0], tuple(keys), counts)


def read_made_at(execute: Execute) -> datetime | None:
    """Return when this database was made, or the one that it was restored from."""
    rows = execute("SELECT min(created_at) FROM code_keys")
    return next((parse_instant(row[0]) for row in rows if row[0] is not None), None)


def read_accounts(execute: Execute) -> dict[str, bool]:
    """Return the addresses of accounts, and whether they may sign in."""
    rows = execute("SELECT email, active FROM users ORDER BY email")
    return {email: bool(active) for email, active in rows}


def read_erasures(execute: Execute) -> list[dict[str, Any]]:
    """Return what the audit log says was erased, as the erasure log has it."""
    entries: list[dict[str, Any]] = []
    rows = execute(
        "SELECT audit_entries.at, events.uuid, registrations.uuid, "
        "audit_entries.details FROM audit_entries "
        "JOIN events ON events.id = audit_entries.event_id "
        "LEFT JOIN registrations ON registrations.id = audit_entries.registration_id "
        "WHERE verb IN ('erase', 'erase_one') ORDER BY audit_entries.id"
    )
    for at, event, registration, details in rows:
        entry: dict[str, Any] = {"at": parse_instant(at).isoformat()}
        if registration is not None:
            entry["registration"] = UUID(str(registration)).hex
        else:
            entry["event"] = UUID(str(event)).hex
            facts = json.loads(details) if isinstance(details, str) else details
            if not facts.get("all"):
                entry["questions"] = list(facts.get("questions", ()))
        entries.append(entry)
    return entries


def parse_instant(value: Any) -> datetime:
    instant: datetime = (
        datetime.fromisoformat(value) if isinstance(value, str) else value
    )
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
