"""Export: an event's registrations as CSV and XLSX, filtered like their page.

Each is noted in the audit log. It is the one thing that a GET writes: it says that
names left the house, and changes nothing that anybody sees. Where the database takes
nothing, the files go out all the same, and the program's log says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request, stream_with_context
from flask.typing import ResponseReturnValue

from rsvp.database import outages
from rsvp.db import utcnow, writing
from rsvp.domain import audit
from rsvp.domain.teams import Action
from rsvp.formats.exports import attendees as attendee_exports
from rsvp.models import Event
from rsvp.models.audit import EventVerb
from rsvp.queries import attendees as attendee_queries
from rsvp.web import guards
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp, filters

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Export:
    """What a file shows, and what it is called, without its ending."""

    event: Event
    filter_: attendee_queries.RegistrationFilter
    questions: list[str]
    consents: list[str]
    name: str

    @property
    def rows(self) -> Iterable[attendee_queries.AttendeeRow]:
        return attendee_queries.iter_attendees(self.event.id, self.filter_)


@bp.get("/events/<slug>/registrations.csv")
@guards.signed_in
def registrations_csv(slug: str) -> ResponseReturnValue:
    """A row as it is read; whoever goes away in between ends the reading."""
    export = requested_export(slug)
    if request.method == "HEAD":
        return attachment(export, "csv", CSV)
    log_export(export, "csv")
    pieces = attendee_exports.write_csv(export.rows, export.questions, export.consents)
    return attachment(export, "csv", CSV, stream_with_context(pieces))


@bp.get("/events/<slug>/registrations.xlsx")
@guards.signed_in
def registrations_xlsx(slug: str) -> ResponseReturnValue:
    """The workbook is whole before its first byte goes out: a ZIP file ends with what
    its beginning can't know."""
    from rsvp.formats.exports import attendees_xlsx

    export = requested_export(slug)
    if request.method == "HEAD":
        return attachment(export, "xlsx", XLSX)
    log_export(export, "xlsx")
    file = attendees_xlsx.write_xlsx(
        export.rows, export.questions, export.consents, zone=export.event.zone
    )
    # Without the request's context: a slow reader keeps no connection to the database.
    response = attachment(
        export, "xlsx", XLSX, iter(lambda: file.read(CHUNK_BYTES), b"")
    )
    response.call_on_close(file.close)
    return response


def requested_export(slug: str) -> Export:
    event = layout.get_event_or_404(slug, Action.EXPORT)
    return Export(
        event,
        filters.filter_from_args(event),
        [question.key for question in event.questions],
        attendee_queries.consent_keys(event.id),
        f"{event.slug}-{utcnow().astimezone(event.zone):%Y-%m-%d}",
    )


def log_export(export: Export, kind: str) -> None:
    """Write who took which file. What was searched for may name somebody, so only that
    something was is kept."""
    details: dict[str, Any] = {"format": kind}
    details |= filters.filter_query(export.event, export.filter_)
    if export.filter_.search:
        details["search"] = True
    actor, event_id = layout.current_actor(), export.event.id
    with outages.best_effort(f"an export of event {event_id} by {actor}"), writing():
        audit.record(
            EventVerb.EXPORT,
            actor=actor,
            now=utcnow(),
            event_id=event_id,
            details=details,
        )


def attachment(
    export: Export, ending: str, kind: str, pieces: Iterable[bytes] = ()
) -> Response:
    response: Response = current_app.response_class(pieces, content_type=kind)
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{export.name}.{ending}"'
    )
    return response
