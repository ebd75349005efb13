"""Edit versions: whether what a form was filled from was changed meanwhile.

A form carries a version of the values it was filled from and hands it back. The domain
compares it under the lock of what is edited, so of two people who edit the same thing
at once one learns of the other, and nothing is overwritten unseen.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rsvp import errors

MARK_BYTES = 9
"""So much of a value's digest is in a version: it only has to tell edits apart."""


def version_of(values: Mapping[str, Any]) -> str:
    """Return the version of some values by the name of their field: a mark of each.

    Their order does not matter, and a form may gain and lose fields.
    """
    return " ".join(mark_of(name, values[name]) for name in sorted(values))


def mark_of(name: str, value: Any) -> str:
    text = json.dumps([name, value], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[:MARK_BYTES]).decode()


def find_changed(version: str, values: Mapping[str, Any]) -> list[str]:
    """Return the names of the values that are not those the version is of."""
    marks = set(version.split())
    return [name for name, value in values.items() if mark_of(name, value) not in marks]


def find_conflicts(
    version: str, *, current: Mapping[str, Any], typed: Mapping[str, Any]
) -> list[str]:
    """Return the names of the values that somebody else changed, to something else than
    was typed. `current` and `typed` have the same names."""
    return [
        name for name in find_changed(version, current) if current[name] != typed[name]
    ]


def is_edited(
    version: str | None, *, current: Mapping[str, Any], typed: Mapping[str, Any]
) -> bool:
    """Whether what was typed is to be saved: not where the form came back as it was
    filled. Needs the lock of what is edited.

    Raises EditConflict where somebody else changed a value meanwhile. A form without a
    version (None) is saved, whatever was there.
    """
    if version is None:
        return True
    if not find_changed(version, typed):
        return False
    if names := find_conflicts(version, current=current, typed=typed):
        raise errors.EditConflict(fields=names)
    return True


def merge(
    version: str, *, current: Mapping[str, Any], typed: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a form is filled with after a conflict: what was typed, and in fields
    that came back as they were filled what is there now."""
    edited = find_changed(version, typed)
    return {
        name: value if name in edited else current[name]
        for name, value in typed.items()
    }
