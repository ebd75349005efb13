"""Queries: what pages and files show, reads that span tables."""

from rsvp.queries.events import (
    AdmissionSeats,
    EventState,
    SeriesPage,
    StateRows,
    event_page,
    event_state,
    find_event,
    listing,
    listing_key,
    on_show,
    series_page,
    state_rows,
    state_statement,
)
from rsvp.queries.links import (
    FindEvent,
    place_in_line,
    registration_by_link,
    ticket_by_link,
)
from rsvp.queries.organizers import (
    Page,
    outbox,
    outbox_counts,
    overview,
    page_of,
)
from rsvp.queries.people import Filter, RosterRow, matching, roster

__all__ = [
    "AdmissionSeats",
    "EventState",
    "Filter",
    "FindEvent",
    "Page",
    "RosterRow",
    "SeriesPage",
    "StateRows",
    "event_page",
    "event_state",
    "find_event",
    "listing",
    "listing_key",
    "matching",
    "on_show",
    "outbox",
    "outbox_counts",
    "overview",
    "page_of",
    "place_in_line",
    "registration_by_link",
    "roster",
    "series_page",
    "state_rows",
    "state_statement",
    "ticket_by_link",
]
