"""iCalendar files: one event, many events, or one registration (RFC 5545).

Whatever stands in a public feed is on the public page too; the join link never is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from icalendar import Calendar, Conference
from icalendar import Event as Entry

from rsvp.formats.feeds import vtimezone
from rsvp.formats.location import join_link, location_line
from rsvp.i18n import gettext as _
from rsvp.models import Event, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.registration import State
from rsvp.text.cleaning import strip_controls

PRODUCT = "-//RSVP//Events//EN"

UrlFor = Callable[[Event], str]


def event_calendar(event: Event, url: str) -> bytes:
    """Return the `.ics` of one event for anybody; `url` is its page, absolute."""
    return events_calendar([event], lambda _event: url)


def events_calendar(
    events: Iterable[Event], url_for: UrlFor, *, title: str | None = None
) -> bytes:
    """Return the `.ics` of many events, to subscribe to; `title` names the calendar."""
    calendar = new_calendar("PUBLISH", title)
    for event in events:
        url = url_for(event)
        calendar.add_component(public_entry(event, url))
    return to_ical(calendar)


def registration_calendar(
    registration: Registration,
    *,
    host: str,
    url: str | None = None,
    at: datetime | None = None,
    is_off: bool = False,
) -> bytes:
    """Return the `.ics` of one registration, for whoever holds it, as it stands at
    `at`.

    `host` makes the UID unique (the public address's host name); `url` is where the
    ticket can be looked at. Calendars are shared with family and colleagues, so it
    should be the view-only one. Method and status follow the registration's state, or
    `is_off`: for whom it is over whatever the state. The join link is in it only for
    those confirmed to attend online.
    """
    event, admission = registration.event, registration.admission
    is_mine = not is_off and registration.is_live
    is_off = not is_mine or event.status == Status.CANCELLED
    calendar = new_calendar("CANCEL" if is_off else "PUBLISH")
    join_url = join_link(registration) if is_mine else None
    as_of = max(registration.state_since, at or registration.state_since)
    since = as_of - registration.registered_at
    entry = new_entry(
        event,
        uid=f"{registration.uuid}@{host}",
        stamp=max(event.updated_at, as_of),
        # A client keeps an older entry unless the new one's number is larger: what was
        # said later has a larger one, also when a place is given back.
        sequence=event.sequence + max(0, int(since.total_seconds())) + (not is_mine),
        title=personal_title(registration),
        location=join_url or location_line(event, {admission.mode}),
        description=join_paragraphs(
            None if event.discreet else event.summary,
            join_url and _("Join online: %(url)s", url=join_url),
            join_url and event.online_note,
            access_note(event) if admission.mode == Mode.IN_PERSON else None,
            url and _("Your ticket: %(url)s", url=url),
        ),
        url=url,
    )
    if is_off:
        entry.status = "CANCELLED"
    elif registration.state != State.CONFIRMED:
        entry.status = "TENTATIVE"
    if join_url:
        entry.conferences = [Conference(join_url, feature="VIDEO")]
    calendar.add_component(entry)
    return to_ical(calendar)


def new_calendar(method: str, title: str | None = None) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if title:
        calendar.add("name", strip_controls(title))
        calendar.add("x-wr-calname", strip_controls(title))
    return calendar


def public_entry(event: Event, url: str) -> Entry:
    entry = new_entry(
        event,
        uid=f"{event.uuid}@{url_host(url)}",
        stamp=event.updated_at,
        sequence=event.sequence,
        title=public_title(event),
        location=location_line(event, {a.mode for a in event.admissions}),
        description=join_paragraphs(
            None if event.discreet else event.summary,
            access_note(event),
            _("Details and registration: %(url)s", url=url),
        ),
        url=url,
    )
    if event.status == Status.CANCELLED:
        entry.status = "CANCELLED"
    return entry


def new_entry(
    event: Event,
    *,
    uid: str,
    stamp: datetime,
    sequence: int,
    title: str,
    location: str | None,
    description: str,
    url: str | None,
) -> Entry:
    entry = Entry()
    entry.add("uid", uid)
    # With a METHOD this is when the entry was made: the same bytes until it changes.
    entry.add("dtstamp", stamp)
    entry.add("last-modified", stamp)
    entry.add("sequence", sequence)
    entry.add("dtstart", calendar_time(event, event.starts_at))
    entry.add("dtend", calendar_time(event, event.ends_at))
    entry.add("summary", title)
    entry.add("status", "CONFIRMED")
    if description:
        entry.add("description", description)
    if location:
        entry.add("location", location)
    if url:
        entry.add("url", url)
    return entry


def calendar_time(event: Event, instant: datetime) -> datetime:
    """Return the instant in the event's zone; in UTC where the zone's clock shows it
    twice.

    RFC 5545, 3.3.5: a wall time that exists twice means the first one, so the second
    can only be written in UTC.
    """
    local = instant.astimezone(event.zone)
    return instant.astimezone(UTC) if local.fold else local


def to_ical(calendar: Calendar) -> bytes:
    """Return the calendar's bytes, with a definition of each zone that its entries
    use."""
    years = [entry.start.year for entry in calendar.events]
    for name in sorted(calendar.get_missing_tzids()):
        part = vtimezone.zone_definition(name, min(years) - 1, max(years) + 1)
        calendar.subcomponents.insert(0, part)
    return bytes(calendar.to_ical())


def public_title(event: Event) -> str:
    """Return the title that a calendar shows, also to those who look over a
    shoulder."""
    if event.discreet:
        return _("Appointment")
    title = strip_controls(event.title)
    if event.status == Status.CANCELLED:
        return _("Cancelled: %(title)s", title=title)
    return title


def personal_title(registration: Registration) -> str:
    """Return the title, with the registration's state in front while it is no place for
    sure."""
    event, title = registration.event, strip_controls(registration.event.title)
    if event.discreet or event.status == Status.CANCELLED:
        return public_title(event)
    match registration.state:
        case State.HELD:
            return _("To be confirmed: %(title)s", title=title)
        case State.REQUESTED:
            return _("Requested: %(title)s", title=title)
        case State.WAITLISTED:
            return _("Waitlist: %(title)s", title=title)
        case State.OFFERED:
            return _("Offered: %(title)s", title=title)
    return title


def access_note(event: Event) -> str | None:
    note = strip_controls(event.venue_access or "")
    return _("Getting in: %(note)s", note=note) if note else None


def join_paragraphs(*texts: str | None) -> str:
    return "\n\n".join(strip_controls(text, keep_lines=True) for text in texts if text)


def url_host(url: str) -> str:
    return urlsplit(url).hostname or "localhost"
