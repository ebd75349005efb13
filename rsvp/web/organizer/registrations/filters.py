"""Filters: the registration filter of a URL, read and written."""

from __future__ import annotations

from typing import Any

from flask import abort, request

from rsvp.models import Event
from rsvp.models.registration import State
from rsvp.queries.attendees import RegistrationFilter
from rsvp.queries.filters import ReconfirmationStatus
from rsvp.text.cleaning import trimmed_line

MAX_SEARCH_LENGTH = 254
"""The longest mail address (RFC 5321); nobody types more to find somebody."""


def filter_from_args(
    event: Event, *, sees_addresses: bool = True
) -> RegistrationFilter:
    """What `?search=…&state=…&admission=<key>&coming=…&checked_in=yes` asks for; one
    left empty lets all through, one that the event does not know is a 404."""
    return RegistrationFilter(
        search=search_from_args(),
        state=parse_state(request.args.get("state", "")),
        admission_id=parse_admission(event, request.args.get("admission", "")),
        sees_addresses=sees_addresses,
        coming=parse_reconfirmation(request.args.get("coming", "")),
        checked_in=parse_checked_in(request.args.get("checked_in", "")),
    )


def search_from_args() -> str:
    """What `?search=…` looks for: one line of text; what can't be in it is left out."""
    # Databases refuse NUL, and nobody's name has it.
    return trimmed_line(request.args.get("search", "")[:MAX_SEARCH_LENGTH])


def parse_state(name: str) -> State | None:
    try:
        return State(name) if name else None
    except ValueError:
        abort(404)


def parse_reconfirmation(name: str) -> ReconfirmationStatus | None:
    try:
        return ReconfirmationStatus(name) if name else None
    except ValueError:
        abort(404)


CHECKED_IN_VALUES = {"yes": True, "no": False}
"""Whether somebody was let in, as addresses and forms say it."""


def parse_checked_in(name: str) -> bool | None:
    return (
        CHECKED_IN_VALUES[name]
        if name in CHECKED_IN_VALUES
        else abort(404)
        if name
        else None
    )


def checked_in_param(checked_in: bool | None) -> str:
    return "" if checked_in is None else "yes" if checked_in else "no"


def parse_admission(event: Event, key: str) -> int | None:
    if not key:
        return None
    admission_id = next((a.id for a in event.admissions if a.key == key), None)
    return abort(404) if admission_id is None else admission_id


def filter_query(event: Event, filter_: RegistrationFilter) -> dict[str, Any]:
    """The filter as an address writes it, for links that keep it; empty for all."""
    keys = {admission.id: admission.key for admission in event.admissions}
    query = {
        "search": filter_.search,
        "state": filter_.state or "",
        "admission": keys.get(filter_.admission_id or 0, ""),
        "coming": filter_.coming or "",
        "checked_in": checked_in_param(filter_.checked_in),
    }
    return {name: value for name, value in query.items() if value}
