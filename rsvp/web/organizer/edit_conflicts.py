"""Edit conflicts: what somebody else changed meanwhile, beside what was typed.

A page fills its form from some values and gives it their version
(`edit_versions.version_of`); the view hands `sent_version` to the domain, and answers
`errors.EditConflict` by the same page with a notice, filled by `edit_versions.merge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rsvp.domain import edit_versions
from rsvp.models import AuditEntry, Event
from rsvp.queries import registrations as registration_queries
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import audit_log
from rsvp.web.presentation import short_times
from rsvp.web.presentation.short_times import ShortTime

KEPT_MESSAGE = _l(
    "You had changed nothing, so it stays as somebody else has set it meanwhile."
)


@dataclass(frozen=True)
class ChangedField:
    """A field that somebody else changed: what it says now, and what was typed into it
    (None: it was left as it was)."""

    id: str
    label: Any
    now: str
    typed: str | None


@dataclass(frozen=True)
class EditConflict:
    """What the notice on top of a form says: the fields, and who changed them when,
    where that is known."""

    fields: list[ChangedField]
    actor: str | None = None
    at: ShortTime | None = None


def sent_version() -> str | None:
    """Return the version in the form that was sent; None: it has none."""
    return request.form.get("version")


def version_for_form(current: Mapping[str, Any]) -> str:
    """Return the version that a form goes on with after a mistake: the one it was sent
    with, for the values it was filled from; else that of what is there now."""
    return sent_version() or edit_versions.version_of(current)


def find_conflict(
    version: str | None,
    *,
    current: Mapping[str, Any],
    typed: Mapping[str, Any],
    labels: Mapping[str, Any],
    text_of: Callable[[str, Any], str],
    ids: Mapping[str, str] | None = None,
) -> EditConflict:
    """Compare once more, with what is there now, for people to read. `text_of` puts the
    value of a field into words; `ids` are those of fields whose id is not their name.
    """
    version = version or ""
    edited = edit_versions.find_changed(version, typed)
    names = edit_versions.find_conflicts(version, current=current, typed=typed)
    return EditConflict(
        [
            ChangedField(
                id=(ids or {}).get(name, name),
                label=labels[name],
                now=text_of(name, current[name]),
                typed=text_of(name, typed[name]) if name in edited else None,
            )
            for name in names
        ]
    )


def said_by(
    conflict: EditConflict, event: Event, entry: AuditEntry | None
) -> EditConflict:
    """Add who made the change that the audit log has as the last one of its kind. Who
    may edit an event may see who else does."""
    if entry is None:
        return conflict
    names = registration_queries.actor_names([entry.actor])
    is_own = entry.actor == layout.current_actor()
    return EditConflict(
        conflict.fields,
        actor=_("by yourself, in another window")
        if is_own
        else audit_log.actor_text(entry.actor, names),
        at=short_times.short_time(entry.at, event.zone),
    )


def only_others_edited(
    version: str | None, *, current: Mapping[str, Any], typed: Mapping[str, Any]
) -> bool:
    """Whether a form came back as it was filled, and somebody else has changed it."""
    if version is None or edit_versions.find_changed(version, typed):
        return False
    return bool(edit_versions.find_conflicts(version, current=current, typed=typed))
