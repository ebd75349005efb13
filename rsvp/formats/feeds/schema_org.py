"""schema.org data of an event's page, as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from markupsafe import Markup

from rsvp.formats.location import venue_lines
from rsvp.models import Admission, Event
from rsvp.models.event import Mode, Status

SCHEMA_URL = "https://schema.org/"


class SeatsLeft(Protocol):
    """What `queries.events.EventState` knows about seats."""

    def seats_left(self, admission_id: int) -> int | None: ...


def json_ld(event: Event, state: SeatsLeft | None, url: str) -> dict[str, Any]:
    """Return the event in schema.org's words, as a mapping; `json_ld_script` writes it
    into a page.

    A discreet event has no numbers in it, nor anything that follows from them.
    """
    data: dict[str, Any] = {
        "@context": SCHEMA_URL.rstrip("/"),
        "@type": "Event",
        "@id": event.uuid.urn,
        "name": event.title,
        "url": url,
        "startDate": event.starts_at.astimezone(event.zone).isoformat(),
        "endDate": event.ends_at.astimezone(event.zone).isoformat(),
        "eventStatus": SCHEMA_URL
        + ("EventCancelled" if event.status == Status.CANCELLED else "EventScheduled"),
        "eventAttendanceMode": SCHEMA_URL + attendance_mode(event),
        "location": schema_locations(event, url),
        "inLanguage": event.language,
        "isAccessibleForFree": True,
        "organizer": [schema_organization(host) for host in event.hosts],
        "performer": [{"@type": "Person", "name": p["name"]} for p in event.people],
        "sponsor": [schema_organization(sponsor) for sponsor in event.sponsors],
        "description": event.summary or event.description,
    }
    if event.doors_at:
        data["doorTime"] = event.doors_at.astimezone(event.zone).isoformat()
    if event.series:
        data["superEvent"] = {"@type": "EventSeries", "name": event.series.title}
    if not event.discreet:
        data |= schema_capacities(event)
    if event.status == Status.PUBLISHED and not event.paused:
        seats = None if event.discreet else state
        data["offers"] = [schema_offer(event, a, seats, url) for a in event.admissions]
    return {key: value for key, value in data.items() if value not in (None, [], {})}


def json_ld_script(data: dict[str, Any]) -> Markup:
    """Return JSON that can stand between `<script type="application/ld+json">` tags."""
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


def schema_locations(event: Event, url: str) -> list[dict[str, Any]]:
    locations: list[dict[str, Any]] = []
    if lines := venue_lines(event):
        place: dict[str, Any] = {"@type": "Place", "name": lines[0]}
        if address := ", ".join(lines[1:]) or ("" if event.venue_name else lines[0]):
            place["address"] = address
        locations.append(place)
    if event.is_online:
        # The page to register on: the link to join is for those who did.
        locations.append({"@type": "VirtualLocation", "url": url})
    return locations


def schema_organization(host: dict[str, Any]) -> dict[str, Any]:
    data = {"@type": "Organization", "name": host["name"], "url": host.get("url")}
    return {key: value for key, value in data.items() if value}


def schema_capacities(event: Event) -> dict[str, Any]:
    on_site = [a for a in event.admissions if a.mode == Mode.IN_PERSON]
    online = [a for a in event.admissions if a.mode == Mode.ONLINE]
    in_person = total_capacity(on_site)
    if on_site and event.room_capacity is not None:
        in_person = min(in_person or event.room_capacity, event.room_capacity)
    both = [in_person] * bool(on_site) + [total_capacity(online)] * bool(online)
    return {
        "maximumPhysicalAttendeeCapacity": in_person if on_site else None,
        "maximumVirtualAttendeeCapacity": total_capacity(online) if online else None,
        "maximumAttendeeCapacity": None
        if None in both
        else sum(number for number in both if number is not None) or None,
    }


def total_capacity(admissions: Sequence[Admission]) -> int | None:
    """Return their capacities together; None: unlimited."""
    numbers = [a.capacity for a in admissions if a.capacity is not None]
    return sum(numbers) if len(numbers) == len(admissions) else None


def schema_offer(
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
        seats_left = state.seats_left(admission.id)
        data["availability"] = SCHEMA_URL + (
            "SoldOut" if seats_left == 0 else "InStock"
        )
    return data
