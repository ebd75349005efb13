"""Filters: which registrations an address asks for, on the page and in its files."""

from __future__ import annotations

from typing import Any

from flask import abort, request

from rsvp.models import Event
from rsvp.models.registration import State
from rsvp.queries.attendees import Filter
from rsvp.queries.filters import Coming
from rsvp.text.cleaning import bare_line

SEARCH_MAX = 254
"""The longest mail address (RFC 5321); nobody types more to find somebody."""


def wanted_filter(event: Event, *, sees_addresses: bool = True) -> Filter:
    """What `?search=…&state=…&admission=<key>&coming=…&checked_in=yes` asks for; one
    left empty lets all through, one that the event does not know is a 404."""
    return Filter(
        search=wanted_search(),
        state=wanted_state(request.args.get("state", "")),
        admission_id=wanted_admission(event, request.args.get("admission", "")),
        sees_addresses=sees_addresses,
        coming=wanted_answer(request.args.get("coming", "")),
        checked_in=wanted_entry(request.args.get("checked_in", "")),
    )


def wanted_search() -> str:
    """What `?search=…` looks for: one line of text; what can't be in it is left out."""
    # Databases refuse NUL, and nobody's name has it.
    return bare_line(request.args.get("search", "")[:SEARCH_MAX])


def wanted_state(name: str) -> State | None:
    try:
        return State(name) if name else None
    except ValueError:
        abort(404)


def wanted_answer(name: str) -> Coming | None:
    try:
        return Coming(name) if name else None
    except ValueError:
        abort(404)


ENTRY = {"yes": True, "no": False}
"""Whether somebody was let in, as addresses and forms say it."""


def wanted_entry(name: str) -> bool | None:
    return ENTRY[name] if name in ENTRY else abort(404) if name else None


def entry_of(checked_in: bool | None) -> str:
    return "" if checked_in is None else "yes" if checked_in else "no"


def wanted_admission(event: Event, key: str) -> int | None:
    if not key:
        return None
    found = next((a.id for a in event.admissions if a.key == key), None)
    return abort(404) if found is None else found


def query_of(event: Event, wanted: Filter) -> dict[str, Any]:
    """The filter as an address writes it, for links that keep it; empty for all."""
    keys = {admission.id: admission.key for admission in event.admissions}
    query = {
        "search": wanted.search,
        "state": wanted.state or "",
        "admission": keys.get(wanted.admission_id or 0, ""),
        "coming": wanted.coming or "",
        "checked_in": entry_of(wanted.checked_in),
    }
    return {name: value for name, value in query.items() if value}
