"""Feeds: read back by parsers that know nothing of how they were written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from lxml import etree

from rsvp.formats.feeds import atom, icalendar, schema_org, vtimezone
from rsvp.models import Event, Series
from rsvp.models.event import Status
from rsvp.models.registration import State
from tests.support.for_each import for_each
from tests.support.mail.messages import (
    HALL,
    NOW,
    SECRET_JOIN_URL,
    WEBINAR,
    build_event,
    build_registration,
)

URL = "https://rsvp.example.org/events/letters-and-soup"
HOST = "rsvp.example.org"


def only_entry(data: bytes):
    calendar = Calendar.from_ical(data)
    (entry,) = calendar.events
    return calendar, entry


def folded(data: bytes) -> str:
    """The calendar's content lines, unfolded by hand (RFC 5545, 3.1)."""
    return data.decode().replace("\r\n ", "")


@pytest.fixture(autouse=True)
def _texts(sqlite_app):
    with sqlite_app.app_context():
        yield


# --- iCalendar ----------------------------------------------------------------------


def test_an_event_is_read_back_with_its_zone():
    calendar, entry = only_entry(icalendar.event_calendar(build_event(), URL))

    assert calendar["method"] == "PUBLISH"
    assert entry["uid"] == f"{UUID(int=7)}@{HOST}"
    assert entry["sequence"] == 3
    assert entry.start == datetime(2027, 1, 29, 18, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert entry["dtstart"].params["TZID"] == "Europe/Amsterdam"
    assert entry.end - entry.start == timedelta(hours=3, minutes=30)
    assert entry["location"] == "The Boat Shed, Voorbeeldkade 14, 3511 AA Utrecht"
    assert entry["url"] == URL
    assert [zone.tz_name for zone in calendar.timezones] == ["Europe/Amsterdam"]


@for_each(
    ("timezone", "starts"),
    [
        (
            "America/Los_Angeles",
            datetime(2027, 3, 14, 16, 0),
        ),  # the day clocks go forward
        ("America/New_York", datetime(2027, 11, 7, 9, 0)),  # and the day they go back
        ("Europe/Dublin", datetime(2027, 7, 1, 20, 0)),  # "winter time" in summer
        ("Asia/Kolkata", datetime(2027, 7, 1, 20, 0)),  # no change at all
        ("Africa/Casablanca", datetime(2027, 2, 20, 20, 0)),  # changes for Ramadan
        ("UTC", datetime(2027, 7, 1, 20, 0)),
    ],
)
def test_the_zone_in_the_file_gives_the_right_instant(timezone, starts):
    event = build_event(timezone=timezone, starts=starts)
    data = icalendar.event_calendar(event, URL)
    calendar, entry = only_entry(data)

    assert entry.start.astimezone(UTC) == event.starts_at
    for definition in calendar.timezones:
        # What the file itself says about the zone, not what this machine knows.
        zone = definition.to_tz(lookup_tzid=False)
        assert starts.replace(tzinfo=zone).astimezone(UTC) == event.starts_at
    assert bool(calendar.timezones) == (timezone != "UTC")


@for_each("name", ["Africa/Casablanca", "Europe/Dublin", "Asia/Gaza"])
def test_a_zones_definition_agrees_with_the_zone_in_every_hour(name):
    calendar = Calendar()
    calendar.add_component(vtimezone.zone_definition(name, 2026, 2028))
    calendar = Calendar.from_ical(calendar.to_ical())
    told = calendar.timezones[0].to_tz(lookup_tzid=False)

    hour = datetime(2027, 1, 1, 0, 30)
    while hour < datetime(2028, 12, 1):
        real = hour.replace(tzinfo=ZoneInfo(name))
        if real.replace(fold=1).utcoffset() == real.utcoffset():  # exists, and once
            assert hour.replace(tzinfo=told).utcoffset() == real.utcoffset(), hour
        hour += timedelta(hours=1)


def test_the_second_of_two_equal_wall_times_is_written_in_utc():
    event = build_event(starts=datetime(2027, 10, 31, 2, 30, fold=1))
    _, entry = only_entry(icalendar.event_calendar(event, URL))

    assert b"DTSTART:20271031T013000Z" in icalendar.event_calendar(event, URL)
    assert entry.start.astimezone(UTC) == event.starts_at


def test_the_same_event_gives_the_same_bytes():
    assert icalendar.event_calendar(build_event(), URL) == icalendar.event_calendar(
        build_event(), URL
    )


def test_lines_are_folded_and_end_as_the_standard_says():
    data = icalendar.event_calendar(
        build_event(summary="Ein Abend für Briefe — " * 20), URL
    )

    assert data.endswith(b"END:VCALENDAR\r\n")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_text_cannot_become_a_property():
    title = "Soup\r\nATTENDEE:mailto:x@example.org\nEND:VEVENT; a,b \\n \x00\x1b"
    data = icalendar.event_calendar(build_event(title=title, summary=title), URL)
    calendar, entry = only_entry(data)

    assert "attendee" not in entry
    assert len(calendar.events) == 1
    assert not re.search(r"^(ATTENDEE|END:VEVENT;)", folded(data), re.MULTILINE)
    assert entry["summary"].startswith("Soup ATTENDEE:mailto:x@example.org END:VEVENT;")


def test_many_events_share_a_calendar_and_its_zones():
    events = [
        build_event(),
        build_event(id=2, uuid=UUID(int=8)),
        build_event(WEBINAR, id=3, uuid=UUID(int=10), timezone="America/New_York"),
    ]
    data = icalendar.events_calendar(
        events, lambda e: f"{URL}-{e.id}", title="What's on"
    )
    calendar = Calendar.from_ical(data)

    assert [entry["url"][-1] for entry in calendar.events] == ["1", "2", "3"]
    assert {z.tz_name for z in calendar.timezones} == {
        "Europe/Amsterdam",
        "America/New_York",
    }
    assert calendar["x-wr-calname"] == "What's on"


def test_no_events_are_a_calendar_all_the_same():
    calendar = Calendar.from_ical(icalendar.events_calendar([], lambda _: URL))
    assert calendar.events == []


def test_a_cancelled_event_stays_in_the_calendar_and_says_so():
    _, entry = only_entry(
        icalendar.event_calendar(build_event(status=Status.CANCELLED), URL)
    )

    assert entry["status"] == "CANCELLED"
    assert entry["summary"] == "Cancelled: Letters and Soup"


@for_each(
    ("state", "method", "status", "title"),
    [
        (State.HELD, "PUBLISH", "TENTATIVE", "To be confirmed: Letters and Soup"),
        (State.REQUESTED, "PUBLISH", "TENTATIVE", "Requested: Letters and Soup"),
        (State.WAITLISTED, "PUBLISH", "TENTATIVE", "Waitlist: Letters and Soup"),
        (State.OFFERED, "PUBLISH", "TENTATIVE", "Offered: Letters and Soup"),
        (State.CONFIRMED, "PUBLISH", "CONFIRMED", "Letters and Soup"),
        (State.RELEASED, "CANCEL", "CANCELLED", "Letters and Soup"),
        (State.CANCELLED, "CANCEL", "CANCELLED", "Letters and Soup"),
        (State.DECLINED, "CANCEL", "CANCELLED", "Letters and Soup"),
        (State.LAPSED, "CANCEL", "CANCELLED", "Letters and Soup"),
    ],
)
def test_a_registrations_entry_follows_its_state(state, method, status, title):
    registration = build_registration(build_event(), state=state)
    data = icalendar.registration_calendar(
        registration, host=HOST, url="https://x/t/abc"
    )
    calendar, entry = only_entry(data)

    assert calendar["method"] == method
    assert (entry["status"], entry["summary"]) == (status, title)
    assert entry["uid"] == f"{UUID(int=9)}@{HOST}"
    assert entry["url"] == "https://x/t/abc"


def test_giving_a_place_up_outnumbers_the_entry_it_takes_back():
    def sequence(state):
        registration = build_registration(build_event(), state=state)
        data = icalendar.registration_calendar(registration, host=HOST)
        return only_entry(data)[1]["sequence"]

    assert sequence(State.CANCELLED) > sequence(State.CONFIRMED)


def test_a_place_that_was_brought_back_outnumbers_its_cancellation():
    def sequence(state, since):
        registration = build_registration(build_event(), state=state, state_since=since)
        data = icalendar.registration_calendar(registration, host=HOST)
        return only_entry(data)[1]["sequence"]

    hours = [NOW + timedelta(hours=hour) for hour in (1, 2, 3)]
    states = (State.CONFIRMED, State.CANCELLED, State.CONFIRMED)
    numbers = list(map(sequence, states, hours))
    assert numbers == sorted(set(numbers))


def test_who_passed_a_place_on_takes_the_entry_out_and_keeps_no_link():
    registration = build_registration(build_event(HALL, WEBINAR), admission=1)
    data = icalendar.registration_calendar(registration, host=HOST, is_off=True)
    calendar, entry = only_entry(data)

    assert (calendar["method"], entry["status"]) == ("CANCEL", "CANCELLED")
    assert SECRET_JOIN_URL not in folded(data)


@for_each("admission", [0, 1])
@for_each("state", list(State))
@for_each("status", [Status.PUBLISHED, Status.CANCELLED])
def test_the_join_link_is_for_confirmed_online_attendees_only(status, state, admission):
    registration = build_registration(
        build_event(HALL, WEBINAR, status=status), state=state, admission=admission
    )
    text = folded(icalendar.registration_calendar(registration, host=HOST))

    may_join = (status, state, admission) == (Status.PUBLISHED, State.CONFIRMED, 1)
    assert (SECRET_JOIN_URL in text) == may_join


def test_public_feeds_never_have_the_join_link():
    event = build_event(HALL, WEBINAR)

    assert SECRET_JOIN_URL not in folded(icalendar.event_calendar(event, URL))
    assert SECRET_JOIN_URL not in json.dumps(schema_org.json_ld(event, SEATS, URL))
    assert SECRET_JOIN_URL.encode() not in atom_of(event)


def test_a_discreet_events_calendar_does_not_name_it():
    event = build_event(discreet=True)
    registration = build_registration(event, state=State.CONFIRMED)
    personal = icalendar.registration_calendar(
        registration, host=HOST, url="https://x/t/a"
    )

    for data in (icalendar.event_calendar(event, URL), personal):
        assert only_entry(data)[1]["summary"] == "Appointment"
        assert "Letters and Soup" not in folded(data)
        assert "reading aloud" not in folded(data)


# --- Atom ---------------------------------------------------------------------------

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def atom_of(*events: Event) -> bytes:
    return atom.atom_feed(
        events,
        lambda event: f"https://{HOST}/events/{event.slug}",
        title="RSVP",
        home_url=f"https://{HOST}/",
        feed_url=f"https://{HOST}/events.atom",
    )


def test_the_atom_feed_has_an_entry_for_each_event_newest_change_first():
    later = build_event(
        id=2, uuid=UUID(int=8), slug="later", updated_at=NOW + timedelta(days=1)
    )
    feed = etree.fromstring(atom_of(build_event(), later))

    assert feed.xpath("string(a:updated)", namespaces=ATOM).startswith("2027-01-16T12")
    assert feed.xpath("a:entry/a:link/@href", namespaces=ATOM) == [
        f"https://{HOST}/events/later",
        f"https://{HOST}/events/letters-and-soup",
    ]
    ids = feed.xpath("a:entry/a:id/text()", namespaces=ATOM)
    assert ids == [UUID(int=8).urn, UUID(int=7).urn]
    summary = feed.xpath("string(a:entry[2]/a:summary)", namespaces=ATOM)
    assert summary.startswith(
        "Friday, 29 January 2027, 18:00 (Amsterdam time). The Boat"
    )
    assert summary.endswith("An evening of reading aloud.")


def test_markup_and_control_characters_in_a_title_stay_text():
    feed = etree.fromstring(
        atom_of(build_event(title="<b>Soup</b> & \x00\x0b\ud800 bread"))
    )

    read = feed.xpath("string(a:entry/a:title)", namespaces=ATOM)
    assert read == "<b>Soup</b> & bread"


def test_an_empty_feed_is_valid_and_does_not_change():
    assert etree.fromstring(atom_of()).xpath("count(a:entry)", namespaces=ATOM) == 0
    assert atom_of() == atom_of()


# --- schema.org ---------------------------------------------------------------------


@dataclass
class Seats:
    free: dict[int, int | None]

    def seats_left(self, admission_id: int) -> int | None:
        return self.free[admission_id]


SEATS = Seats({1: 7, 2: None})


def test_the_page_data_of_a_hybrid_event():
    event = build_event(HALL, WEBINAR | {"capacity": None})
    data = schema_org.json_ld(event, SEATS, URL)

    assert data["@type"] == "Event"
    assert data["startDate"] == "2027-01-29T18:00:00+01:00"
    assert data["eventAttendanceMode"] == "https://schema.org/MixedEventAttendanceMode"
    place, virtual = data["location"]
    assert place == {
        "@type": "Place",
        "name": "The Boat Shed",
        "address": "Voorbeeldkade 14, 3511 AA Utrecht",
    }
    assert virtual == {"@type": "VirtualLocation", "url": URL}
    assert data["organizer"][0]["name"] == "Reading Room"
    assert data["performer"] == [{"@type": "Person", "name": "Marit de Vries"}]
    assert data["maximumPhysicalAttendeeCapacity"] == 30
    assert "maximumAttendeeCapacity" not in data  # the webinar has no limit
    assert {o["price"] for o in data["offers"]} == {"0"}
    assert {o["availability"] for o in data["offers"]} == {"https://schema.org/InStock"}
    json.dumps(data)


def test_a_full_admission_is_sold_out():
    data = schema_org.json_ld(build_event(), Seats({1: 0}), URL)
    assert data["offers"][0]["availability"] == "https://schema.org/SoldOut"


def test_the_room_caps_the_capacity_that_is_told():
    event = build_event(HALL, HALL | {"id": 3, "key": "balcony"}, room_capacity=40)
    data = schema_org.json_ld(event, Seats({1: 1, 3: 1}), URL)
    assert data["maximumAttendeeCapacity"] == 40


def test_a_discreet_event_shows_no_numbers():
    data = schema_org.json_ld(build_event(discreet=True), Seats({1: 0}), URL)

    assert not [key for key in data if "Capacity" in key]
    assert "availability" not in data["offers"][0]


def test_a_cancelled_event_has_no_offers():
    data = schema_org.json_ld(build_event(status=Status.CANCELLED), SEATS, URL)

    assert data["eventStatus"] == "https://schema.org/EventCancelled"
    assert "offers" not in data


def test_a_series_is_named():
    event = build_event()
    event.series = Series(title="Warm Homes", slug="warm-homes")
    assert schema_org.json_ld(event, SEATS, URL)["superEvent"]["name"] == "Warm Homes"


def test_the_data_cannot_leave_its_script_tag():
    title = "</script><script>alert(1)</script><!-- & \u2028 &amp;"
    data = schema_org.json_ld(build_event(title=title), SEATS, URL)
    written = schema_org.json_ld_script(data)

    assert not set("<>&\u2028") & set(str(written))
    assert json.loads(written)["name"] == title
