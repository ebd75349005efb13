"""Demo data: always upcoming, in an empty database only, made by the rules."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from rsvp import walltime
from rsvp.demo import load
from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.formats.eventfile import parse
from rsvp.models import Event, Message, Question, Registration, Series
from rsvp.models.event import QuestionType, Visibility
from rsvp.queries import events as event_queries
from tests.support.factories import CODE_KEY, NOON, make_event
from tests.support.for_each import for_each

FILES = sorted(load.SAMPLE_FOLDER.glob("*.yaml"))


def count(table) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def test_the_demo_has_events_of_every_kind_with_people(app):
    assert load.load_sample_data(NOON, CODE_KEY)

    states = {
        event.slug: event_queries.find_event_state(event.slug) for event in all_events()
    }
    assert len(states) == len(FILES) == 8
    supper = next(iter(states["seed-swap-supper"].seats.values()))
    assert (supper.taken, supper.waiting) == (24, 7)
    notebook = next(iter(states["fold-a-pocket-notebook"].seats.values()))
    assert (notebook.taken, notebook.capacity) == (6, 10)
    asked = states_of("fold-a-pocket-notebook")
    assert (asked["confirmed"], asked["declined"], asked["requested"]) == (4, 1, 5)
    forum = next(iter(states["harbour-forum"].seats.values()))
    assert (forum.taken, forum.capacity) == (46 + 6, 120)
    decided = asked["confirmed"] + asked["declined"]
    assert count(Message) == count(Registration) + decided > 100
    assert {q.type for q in db.session.scalars(select(Question))} == set(QuestionType)
    assert count(Series) == 1
    [quiet] = [event for event in all_events() if event.discreet]
    assert quiet.visibility == Visibility.UNLISTED
    assert quiet.room_capacity == 14 == sum(a.seats_taken for a in quiet.admissions) + 1
    assert invariants.find_problems(NOON) == []


def states_of(slug: str) -> Counter[str]:
    mine = Registration.event_id == Event.id, Event.slug == slug
    return Counter(db.session.scalars(select(Registration.state).where(*mine)))


def all_events() -> list[Event]:
    return list(db.session.scalars(select(Event)))


def test_every_demo_event_is_listed_but_the_discreet_one(app):
    load.load_sample_data(NOON, CODE_KEY)

    listed = {event.slug for event in event_queries.list_public_events(NOON)}

    assert {event.slug for event in all_events()} - listed == {"quiet-table-4m7x"}


def test_a_second_load_changes_nothing(app):
    load.load_sample_data(NOON, CODE_KEY)
    before = count(Registration)

    assert not load.load_sample_data(NOON, CODE_KEY)
    assert count(Registration) == before


def test_a_database_with_an_event_of_its_own_is_left_alone(app):
    make_event()

    assert not load.load_sample_data(NOON, CODE_KEY)
    assert count(Event) == 1


@for_each("file", FILES, ids=lambda file: file.stem)
def test_sample_times_exist_and_lie_ahead_whatever_the_day(file):
    text = file.read_text()
    for days in range(800):
        now = datetime(2026, 1, 1, 23, 30, tzinfo=UTC) + timedelta(days=days)
        dated = load.fill_in_dates(text, now)
        zone = ZoneInfo(load.ZONE_PATTERN.findall(dated)[0])
        times = {
            key: walltime.instant(datetime.fromisoformat(wall), zone)
            for key, wall in re.findall(r'(\w+): "(\d{4}-[\d-]+ [\d:]+)"', dated)
        }
        assert now + timedelta(days=3) < times["starts"] < times["ends"]


@for_each(
    ("written", "read"),
    [
        ("{{+0}}", "2027-01-15"),
        ("{{-6}}", "2027-01-09"),
        ("{{+12}}", "2027-01-27"),
        ("{{+0 fri}}", "2027-01-15"),
        ("{{+1 fri}}", "2027-01-22"),
        ("{{+16 sun}}", "2027-01-31"),
    ],
)
def test_a_sample_date_is_counted_from_today(written, read):
    assert (
        load.fill_in_dates(f"timezone: UTC\n{written}", NOON)
        == f"timezone: UTC\n{read}"
    )


def test_today_is_the_day_it_is_in_the_event_zone():
    late = datetime(2027, 1, 15, 23, 30, tzinfo=UTC)

    assert load.fill_in_dates("timezone: Asia/Tokyo\n{{+0}}", late).endswith(
        "2027-01-16"
    )


def test_the_samples_are_our_own_and_complete():
    for file in FILES:
        event = parse.parse_event(load.fill_in_dates(file.read_text(), NOON), file.name)
        assert event.summary
        assert event.description
        assert event.contact
        assert event.hosts
        assert event.contact.endswith(".example.org")
