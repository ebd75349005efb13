"""Location: where an event takes place, and the link to join it by."""

from __future__ import annotations

from rsvp.i18n import gettext as _
from rsvp.models import Event, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.registration import State
from rsvp.text.cleaning import strip_controls


def venue_lines(event: Event) -> list[str]:
    """Return the venue as lines: its name, then those of its address."""
    lines = [event.venue_name or "", *(event.venue_address or "").splitlines()]
    return [cleaned for line in lines if (cleaned := strip_controls(line))]


def location_line(event: Event, modes: set[str]) -> str | None:
    """Return the location on one line: the venue, `Online`, or both for a hybrid
    event."""
    places = []
    if Mode.IN_PERSON in modes and (event.venue_name or event.venue_address):
        places.append(", ".join(venue_lines(event)))
    if Mode.ONLINE in modes:
        places.append(_("Online"))
    return " / ".join(places) or None


def join_link(registration: Registration) -> str | None:
    """Return the link to join by: for confirmed online attendees of an event that takes
    place, and for nobody else."""
    event = registration.event
    may_join = (
        registration.state == State.CONFIRMED
        and registration.admission.mode == Mode.ONLINE
        and event.status == Status.PUBLISHED
    )
    return event.join_url if may_join else None
