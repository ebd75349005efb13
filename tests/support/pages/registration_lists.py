"""Registration lists in tests: people in several states, and their exports."""

from __future__ import annotations

from typing import Any

from rsvp.models import Event
from tests.support.factories import cancel, make_event, register

EXPORT_FORMATS = ("csv", "xlsx")


def export_path(event: Event, kind: str, query: str = "") -> str:
    return f"/organize/events/{event.slug}/registrations.{kind}{query}"


def make_mixed_event(**values: Any) -> Event:
    """One party of two, one alone, one who waits, one who gave up, one online."""
    event = make_event({"capacity": 3}, {"key": "online", "name": "Online"}, **values)
    register(event, "Ada Marsh", "Ben Marsh", email="ada.marsh@example.org")
    register(event, "Cleo Winter", email="cleo@example.org")
    register(event, "Dora Quill", email="dora@example.org")
    cancel(register(event, "Edgar Sloe", email="edgar@example.org"))
    register(event, "Fay Abe", email="fay@example.org", admission="online")
    return event
