"""Deadlines: until when an offer stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rsvp.domain import deadlines
from rsvp.models import Event
from tests.support.for_each import for_each

BRUSSELS = ZoneInfo("Europe/Brussels")


def at(text: str) -> datetime:
    """An instant, by the clocks of Brussels in January 2027."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2027, 1, int(day), int(hour), int(minute), tzinfo=BRUSSELS)


EVENING = Event(
    timezone="Europe/Brussels", starts_at=at("29 18:00"), doors_at=at("29 17:30")
)


@for_each(
    ("made", "ends"),
    [
        # A day, while the event is more than two days off …
        ("15 12:00", "16 12:00"),
        ("27 17:59", "28 17:59"),
        # … four hours in the last two days …
        ("27 18:00", "28 10:00"),  # it would be 22:00 sharp, which is night
        ("28 09:00", "28 13:00"),
        ("29 11:59", "29 15:59"),
        # … 45 minutes in the last six hours …
        ("29 12:00", "29 12:45"),
        ("29 16:45", "29 17:30"),
        # … and never later than doors.
        ("29 16:46", "29 17:30"),
        ("29 17:29", "29 17:30"),
        # One that falls into the night moves to ten in the morning.
        ("15 21:59", "16 21:59"),
        ("15 22:00", "17 10:00"),
        ("15 23:30", "17 10:00"),
        ("16 00:00", "17 10:00"),
        ("16 07:59", "17 10:00"),
        ("16 08:00", "17 08:00"),
        ("27 20:00", "28 10:00"),
        ("28 03:59", "28 10:00"),
        ("28 04:00", "28 08:00"),
    ],
)
def test_an_offer_stands_until(made, ends):
    assert deadlines.offer_deadline(EVENING, at(made)) == at(ends)


def test_an_early_morning_ends_at_its_doors_not_at_ten():
    breakfast = Event(
        timezone="Europe/Brussels", starts_at=at("29 08:30"), doors_at=at("29 08:15")
    )

    assert deadlines.offer_deadline(breakfast, at("28 22:00")) == at("29 08:15")


def test_without_doors_they_are_half_an_hour_before_the_start():
    evening = Event(timezone="Europe/Brussels", starts_at=at("29 18:00"))

    assert deadlines.offer_deadline(evening, at("29 17:00")) == at("29 17:30")


def test_night_is_where_the_event_is():
    tokyo = Event(timezone="Asia/Tokyo", starts_at=at("29 18:00"))

    # 22:30 in Tokyo; in Brussels it is early afternoon.
    ends_at = deadlines.offer_deadline(tokyo, at("15 14:30"))

    assert ends_at.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%d %H:%M") == "17 10:00"


def test_the_clock_change_does_not_move_the_morning():
    """The night the clocks go back, ten is ten all the same."""
    walk = Event(
        timezone="Europe/Brussels",
        starts_at=datetime(2027, 11, 20, 18, tzinfo=BRUSSELS),
    )
    made = datetime(2027, 10, 30, 1, 0, tzinfo=BRUSSELS)

    ends_at = deadlines.offer_deadline(walk, made).astimezone(BRUSSELS)

    assert ends_at == datetime(2027, 10, 31, 10, 0, tzinfo=BRUSSELS)


def test_an_address_can_be_confirmed_for_two_hours_at_night_too():
    made = at("16 01:00")

    assert deadlines.address_deadline(made) - made == timedelta(hours=2)
