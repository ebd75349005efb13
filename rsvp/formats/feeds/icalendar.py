"""Feeds: events as iCalendar, Atom, and the schema.org data of their pages.

Whatever stands in a public feed is on the public page too; the join link never is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from feedgen.feed import FeedGenerator
from icalendar import Calendar, Conference
from icalendar import Event as Entry
from markupsafe import Markup

from rsvp import i18n
from rsvp.formats.feeds import vtimezone
from rsvp.i18n import gettext as _
from rsvp.models import Admission, Event, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.registration import State

PRODUCT = "-//RSVP//Events//EN"
SCHEMA = "https://schema.org/"

UrlFor = Callable[[Event], str]


class SeatsLeft(Protocol):
    """What `queries.EventState` knows about seats."""

    def left(self, admission_id: int) -> int | None: ...


# --- iCalendar (RFC 5545) -----------------------------------------------------------


def event_calendar(event: Event, url: str) -> bytes:
    """The `.ics` of one event for anybody; `url` is its page, absolute."""
    return many_calendar([event], lambda _event: url)


def many_calendar(
    events: Iterable[Event], url_for: UrlFor, *, title: str | None = None
) -> bytes:
    """The `.ics` of many events, to subscribe to; `title` names the calendar."""
    calendar = new_calendar("PUBLISH", title)
    for event in events:
        url = url_for(event)
        calendar.add_component(public_entry(event, url))
    return written(calendar)


def registration_calendar(
    registration: Registration,
    *,
    host: str,
    url: str | None = None,
    at: datetime | None = None,
    is_off: bool = False,
) -> bytes:
    """The `.ics` of one registration, for whoever holds it, as it stands at `at`.

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
        location=join_url or location(event, {admission.mode}),
        description=paragraphs(
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
    return written(calendar)


def join_link(registration: Registration) -> str | None:
    """The link to join by: for confirmed online attendees of an event that takes place,
    and for nobody else."""
    event = registration.event
    may_join = (
        registration.state == State.CONFIRMED
        and registration.admission.mode == Mode.ONLINE
        and event.status == Status.PUBLISHED
    )
    return event.join_url if may_join else None


def new_calendar(method: str, title: str | None = None) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if title:
        calendar.add("name", clean(title))
        calendar.add("x-wr-calname", clean(title))
    return calendar


def public_entry(event: Event, url: str) -> Entry:
    entry = new_entry(
        event,
        uid=f"{event.uuid}@{host_of(url)}",
        stamp=event.updated_at,
        sequence=event.sequence,
        title=title_of(event),
        location=location(event, {a.mode for a in event.admissions}),
        description=paragraphs(
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
    """The instant in the event's zone; in UTC where the zone's clock shows it twice.

    RFC 5545, 3.3.5: a wall time that exists twice means the first one, so the second
    can only be written in UTC.
    """
    local = instant.astimezone(event.zone)
    return instant.astimezone(UTC) if local.fold else local


def written(calendar: Calendar) -> bytes:
    """The calendar's bytes, with a definition of each zone that its entries use."""
    years = [entry.start.year for entry in calendar.events]
    for name in sorted(calendar.get_missing_tzids()):
        part = vtimezone.definition(name, min(years) - 1, max(years) + 1)
        calendar.subcomponents.insert(0, part)
    return bytes(calendar.to_ical())


def title_of(event: Event) -> str:
    """What a calendar shows, also to those who look over a shoulder."""
    if event.discreet:
        return _("Appointment")
    title = clean(event.title)
    if event.status == Status.CANCELLED:
        return _("Cancelled: %(title)s", title=title)
    return title


def personal_title(registration: Registration) -> str:
    """The title, with how it stands in front while that is no place for sure."""
    event, title = registration.event, clean(registration.event.title)
    if event.discreet or event.status == Status.CANCELLED:
        return title_of(event)
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


def location(event: Event, modes: set[str]) -> str | None:
    """Where it is, on one line: the venue, `Online`, or both for a hybrid event."""
    places = []
    if Mode.IN_PERSON in modes and (event.venue_name or event.venue_address):
        places.append(", ".join(venue_lines(event)))
    if Mode.ONLINE in modes:
        places.append(_("Online"))
    return " / ".join(places) or None


def venue_lines(event: Event) -> list[str]:
    """The venue as lines: its name, then those of its address."""
    lines = [event.venue_name or "", *(event.venue_address or "").splitlines()]
    return [cleaned for line in lines if (cleaned := clean(line))]


def access_note(event: Event) -> str | None:
    note = clean(event.venue_access or "")
    return _("Getting in: %(note)s", note=note) if note else None


def paragraphs(*texts: str | None) -> str:
    return "\n\n".join(clean(text, keep_lines=True) for text in texts if text)


def host_of(url: str) -> str:
    return urlsplit(url).hostname or "localhost"


# --- Atom (RFC 4287) ----------------------------------------------------------------


def atom(
    events: Sequence[Event],
    url_for: UrlFor,
    *,
    title: str,
    home_url: str,
    feed_url: str,
    language: str = "en",
) -> bytes:
    """What is on, newest change first, for feed readers."""
    feed = FeedGenerator()
    feed.id(feed_url)
    feed.title(clean(title))
    feed.language(language)
    feed.link(href=home_url, rel="alternate", type="text/html")
    feed.link(href=feed_url, rel="self", type="application/atom+xml")
    feed.author(name=clean(title))
    feed.generator("RSVP")
    # Of an empty feed the epoch: what has no entries has never changed.
    never = datetime(1970, 1, 1, tzinfo=UTC)
    feed.updated(max((event.updated_at for event in events), default=never))
    for event in sorted(events, key=lambda e: (e.updated_at, e.id), reverse=True):
        url = url_for(event)
        entry = feed.add_entry(order="append")
        entry.id(UUID(str(event.uuid)).urn)
        entry.title(title_of(event))
        entry.link(href=url, rel="alternate", type="text/html")
        entry.published(event.created_at)
        entry.updated(event.updated_at)
        entry.summary(summary_line(event, language))
        for host in event.hosts:
            entry.author(name=clean(host["name"]))
    return bytes(feed.atom_str(pretty=True))


def summary_line(event: Event, language: str) -> str:
    """`Friday, 29 January 2027, 18:00 (Amsterdam time). The Boat Shed. A summary.`"""
    language = i18n.language_for(language)
    when = _(
        "%(day)s, %(time)s (%(zone)s time)",
        day=i18n.day(event.starts_at, event.zone, language),
        time=i18n.clock(event.starts_at, event.zone),
        zone=i18n.zone_name(event.zone, language),
    )
    where = location(event, {admission.mode for admission in event.admissions})
    what = None if event.discreet else clean(event.summary or "")
    return " ".join(
        text if text.endswith((".", "?", "!")) else f"{text}."
        for text in (when, where, what)
        if text
    )


# --- schema.org ---------------------------------------------------------------------


def json_ld(event: Event, state: SeatsLeft | None, url: str) -> dict[str, Any]:
    """The event in schema.org's words, as a mapping; `ld_script` writes it into a page.

    A discreet event has no numbers in it, nor anything that follows from them.
    """
    data: dict[str, Any] = {
        "@context": SCHEMA.rstrip("/"),
        "@type": "Event",
        "@id": event.uuid.urn,
        "name": event.title,
        "url": url,
        "startDate": event.starts_at.astimezone(event.zone).isoformat(),
        "endDate": event.ends_at.astimezone(event.zone).isoformat(),
        "eventStatus": SCHEMA
        + ("EventCancelled" if event.status == Status.CANCELLED else "EventScheduled"),
        "eventAttendanceMode": SCHEMA + attendance_mode(event),
        "location": locations(event, url),
        "inLanguage": event.language,
        "isAccessibleForFree": True,
        "organizer": [organization(host) for host in event.hosts],
        "performer": [{"@type": "Person", "name": p["name"]} for p in event.people],
        "sponsor": [organization(sponsor) for sponsor in event.sponsors],
        "description": event.summary or event.description,
    }
    if event.doors_at:
        data["doorTime"] = event.doors_at.astimezone(event.zone).isoformat()
    if event.series:
        data["superEvent"] = {"@type": "EventSeries", "name": event.series.title}
    if not event.discreet:
        data |= capacities(event)
    if event.status == Status.PUBLISHED and not event.paused:
        seats = None if event.discreet else state
        data["offers"] = [offer(event, a, seats, url) for a in event.admissions]
    return {key: value for key, value in data.items() if value not in (None, [], {})}


def ld_script(data: dict[str, Any]) -> Markup:
    """JSON that can stand between `<script type="application/ld+json">` tags."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character is left that could end the tag


def attendance_mode(event: Event) -> str:
    if event.is_online and event.is_in_person:
        return "MixedEventAttendanceMode"
    if event.is_online:
        return "OnlineEventAttendanceMode"
    return "OfflineEventAttendanceMode"


def locations(event: Event, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if lines := venue_lines(event):
        place: dict[str, Any] = {"@type": "Place", "name": lines[0]}
        if address := ", ".join(lines[1:]) or ("" if event.venue_name else lines[0]):
            place["address"] = address
        found.append(place)
    if event.is_online:
        # The page to register on: the link to join is for those who did.
        found.append({"@type": "VirtualLocation", "url": url})
    return found


def organization(given: dict[str, Any]) -> dict[str, Any]:
    data = {"@type": "Organization", "name": given["name"], "url": given.get("url")}
    return {key: value for key, value in data.items() if value}


def capacities(event: Event) -> dict[str, Any]:
    hall = [a for a in event.admissions if a.mode == Mode.IN_PERSON]
    online = [a for a in event.admissions if a.mode == Mode.ONLINE]
    in_person = total(hall)
    if hall and event.room_capacity is not None:
        in_person = min(in_person or event.room_capacity, event.room_capacity)
    both = [in_person] * bool(hall) + [total(online)] * bool(online)
    return {
        "maximumPhysicalAttendeeCapacity": in_person if hall else None,
        "maximumVirtualAttendeeCapacity": total(online) if online else None,
        "maximumAttendeeCapacity": None
        if None in both
        else sum(number for number in both if number is not None) or None,
    }


def total(admissions: Sequence[Admission]) -> int | None:
    """Their capacities together; None: unlimited."""
    numbers = [a.capacity for a in admissions if a.capacity is not None]
    return sum(numbers) if len(numbers) == len(admissions) else None


def offer(
    event: Event, admission: Admission, state: SeatsLeft | None, url: str
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "@type": "Offer",
        "name": admission.name,
        "url": url,
        "price": "0",
        # Readers want a currency; nothing costs nothing in all of them.
        "priceCurrency": "EUR",
        "validThrough": event.registration_closes_at.astimezone(event.zone).isoformat(),
    }
    if event.opens_at:
        data["validFrom"] = event.opens_at.astimezone(event.zone).isoformat()
    if state:
        left = state.left(admission.id)
        data["availability"] = SCHEMA + ("SoldOut" if left == 0 else "InStock")
    return data


# --- text ---------------------------------------------------------------------------

CONTROLS = re.compile(
    # C0 and C1 controls, half surrogate pairs, and what XML 1.0 has no way to write.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Text without control characters, on one line unless `keep_lines`."""
    text = CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return text if keep_lines else " ".join(text.split())
