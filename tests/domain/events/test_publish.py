"""Publishing what an event file says, and what an update may not take away."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select

from rsvp.db import writing
from rsvp.domain.events import mapping, zone_rules
from rsvp.domain.events import publish as event_publish
from rsvp.errors import OtherTeam
from rsvp.event_definition import RegistrationRules, SeriesData, Venue
from rsvp.extensions import db
from rsvp.formats.eventfile import dump, parse
from rsvp.models import AuditEntry, Consent, Event, Series, Team
from rsvp.models.event import Allocation, Status, Visibility
from tests.paths import EVENT_FILES
from tests.support.event_files import (
    BRING,
    DIET,
    EVENT_FILE,
    HALL,
    ONLINE,
    PHOTOS,
    RULES,
    TABLE,
    count_rows,
    get_event,
    hall_and_online,
    publish,
)
from tests.support.factories import NOON, import_case, register
from tests.support.for_each import for_each
from tests.support.strategies import event_definitions

pytestmark = pytest.mark.one_engine

WHOLE = sorted(path.stem for path in EVENT_FILES.glob("*.yaml"))

APPROVAL = replace(RULES, allocation=Allocation.APPROVAL)

# --- creating -----------------------------------------------------------------------


@pytest.mark.both_engines
@for_each("name", WHOLE)
def test_a_published_file_is_what_is_exported(app, name):
    file = parse.parse_event((EVENT_FILES / f"{name}.yaml").read_text(), name)

    made = import_case(name)

    assert mapping.to_definition(made) == file
    assert parse.parse_event(dump.dump_event(mapping.to_definition(made)), name) == file


@for_each("name", WHOLE)
def test_publishing_the_same_file_again_changes_nothing(app, name):
    made = import_case(name)
    entries = count_rows(AuditEntry)

    with writing():
        again = event_publish.publish_definition(
            mapping.to_definition(made), actor="command", now=NOON
        )

    assert again == event_publish.PublishResult(made.id, created=False, changed=[])
    assert (made.version, count_rows(AuditEntry)) == (1, entries)


def test_instants_follow_from_wall_times_and_zone(app):
    """16:00 in Los Angeles on the day its clocks went ahead is 23:00 UTC."""
    call = import_case("lunch-call")

    assert call.starts_local == datetime(2027, 3, 14, 16, 0)
    assert call.starts_at.isoformat() == "2027-03-14T23:00:00+00:00"
    assert call.ends_at.isoformat() == "2027-03-15T00:00:00+00:00"
    assert call.doors_at is None


def test_fold_chooses_the_second_of_two_equal_times(app):
    times = {
        "starts": datetime(2027, 10, 31, 1, 30),
        "ends": datetime(2027, 10, 31, 2, 30),
    }
    publish(slug="first", fold=0, **times)
    publish(slug="second", fold=1, **times)

    assert get_event("first").ends_at.isoformat() == "2027-10-31T00:30:00+00:00"
    assert get_event("second").ends_at.isoformat() == "2027-10-31T01:30:00+00:00"


@for_each(
    ("changes", "minutes"),
    [({}, 15), ({"standby_minutes": 0}, 0), ({"standby": False}, None)],
)
def test_standby_is_so_many_minutes_or_none_at_all(app, changes, minutes):
    publish(**changes)

    assert get_event().standby_minutes == minutes


def test_changes_end_at_the_wall_time_that_the_file_says(app):
    publish(registration=replace(RULES, change_until=datetime(2027, 1, 28, 9, 0)))

    assert get_event().changes_end_at.isoformat() == "2027-01-28T08:00:00+00:00"


def test_a_team_is_made_if_it_does_not_exist(app):
    publish(team="canal-walks")
    publish(slug="another", team="canal-walks")

    assert get_event().team.name == "Canal walks"
    assert count_rows(Team) == 2


def test_making_an_event_is_on_record(app):
    made = publish()

    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.verb, entry.actor, entry.event_id) == (
        "import",
        "user:7",
        made.event_id,
    )
    assert (entry.from_state, entry.to_state) == (None, "published")


# --- updating -----------------------------------------------------------------------


@for_each(
    ("changes", "changed", "sequence"),
    [
        ({"title": "Night"}, ["title"], 1),
        ({"starts": datetime(2027, 1, 29, 17, 0)}, ["starts"], 1),
        ({"timezone": "Europe/London"}, ["timezone", "starts", "ends"], 1),
        ({"venue": Venue(name="The Boat Shed")}, ["venue"], 1),
        ({"status": Status.CANCELLED}, ["status"], 1),
        ({"summary": "Soup."}, ["summary"], 0),
        ({"admissions": hall_and_online(capacity=4)}, ["admissions"], 0),
        ({"admissions": (ONLINE, HALL)}, ["admissions"], 0),
        ({"consents": ()}, ["consents"], 0),
        ({"questions": (TABLE, DIET, BRING)}, ["questions"], 0),
        (
            {"registration": RegistrationRules(closes=datetime(2027, 1, 20, 9, 0))},
            ["registration"],
            0,
        ),
        (
            {"registration": replace(RULES, change_until=datetime(2027, 1, 28, 9, 0))},
            ["registration"],
            0,
        ),
        ({"registration": replace(RULES, confirm_address=True)}, ["registration"], 0),
        ({"registration": APPROVAL}, ["registration"], 0),
        ({"visibility": Visibility.INVITATION}, ["visibility"], 0),
        ({"reserved_seats": 2}, ["reserved_seats"], 0),
        ({"standby": False}, ["standby"], 0),
        ({"standby_minutes": 0}, ["standby_minutes"], 0),
        ({"admissions": hall_and_online(waitlist_max=4)}, ["admissions"], 0),
        (
            {"discreet": True, "visibility": Visibility.UNLISTED},
            ["visibility", "discreet"],
            0,
        ),
    ],
    fresh=True,
)
def test_an_update_counts_the_event_on_once(app, changes, changed, sequence):
    publish()

    done = publish(**changes)

    assert (done.created, done.changed) == (False, changed)
    assert mapping.to_definition(get_event()) == replace(EVENT_FILE, **changes)
    assert get_event().version == 2
    assert {a.event_version for a in get_event().admissions} == {2}
    assert get_event().sequence == sequence
    last = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (last.verb, last.details) == ("update", {"changed": changed})


# --- consents -----------------------------------------------------------------------


def wordings() -> list[tuple[int, str, bool]]:
    db.session.rollback()
    found = db.session.scalars(select(Consent).order_by(Consent.version))
    return [(c.version, c.text, c.is_current) for c in found]


def test_a_new_wording_is_a_new_version_and_the_old_one_stays(app):
    publish()
    register(get_event(), consents={get_event().consents[0].id: True})

    publish(consents=(replace(PHOTOS, text="Photographs, and film."),))

    assert wordings() == [
        (1, "Photographs are fine.", False),
        (2, "Photographs, and film.", True),
    ]
    assert [consent.version for consent in get_event().consents] == [2]


def test_whether_a_box_is_required_is_no_wording(app):
    publish()

    publish(consents=(replace(PHOTOS, required=True),))

    assert wordings() == [(1, "Photographs are fine.", True)]
    assert get_event().consents[0].required


def test_a_consent_that_comes_back_unchanged_is_the_same_version(app):
    publish()
    publish(consents=())
    assert wordings() == [(1, "Photographs are fine.", False)]

    publish()

    assert wordings() == [(1, "Photographs are fine.", True)]


# --- teams and series ---------------------------------------------------------------

WARM = SeriesData(slug="warm-homes", title="Warm Homes")


def test_an_event_stays_with_its_team(app):
    publish()

    with pytest.raises(OtherTeam) as refused:
        publish(team="canal-walks")

    assert refused.value.facts == {
        "kind": "event",
        "slug": "evening",
        "team": "default",
    }
    db.session.rollback()
    assert count_rows(Team) == 1


def test_a_series_stays_with_its_team(app):
    publish(series=WARM)

    with pytest.raises(OtherTeam) as refused:
        publish(slug="walk", team="canal-walks", series=WARM)

    assert refused.value.facts["kind"] == "series"
    db.session.rollback()
    assert count_rows(Event) == 1


def test_a_new_title_of_a_series_renews_the_pages_of_all_its_events(app):
    publish(series=WARM)
    publish(slug="second", series=WARM)
    publish(slug="apart")

    publish(slug="second", series=replace(WARM, title="Warm Houses"))

    assert count_rows(Series) == 1
    assert get_event("evening").series.title == "Warm Houses"
    versions = [get_event(slug).version for slug in ("evening", "second", "apart")]
    assert versions == [2, 2, 1]
    assert {a.event_version for a in get_event("evening").admissions} == {2}


def test_an_event_may_leave_its_series(app):
    publish(series=WARM)

    assert publish().changed == ["series"]
    assert get_event().series is None


# --- all of it ----------------------------------------------------------------------

slugs = count()


@pytest.mark.both_engines
@given(first=event_definitions(), second=event_definitions())
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_a_file_says_the_event_becomes(app, first, second):
    same = {"slug": f"event-{next(slugs)}", "team": "default", "series": None}
    first, second = replace(first, **same), replace(second, **same)

    assert publish(first).created
    assert mapping.to_definition(get_event(first.slug)) == first
    assert publish(first).changed == []
    assert bool(publish(second).changed) == (first != second)
    assert mapping.to_definition(get_event(first.slug)) == second


@pytest.mark.both_engines
def test_two_who_publish_the_same_file_at_once_make_one_event(app):
    results: list[event_publish.PublishResult] = []

    def run() -> None:
        with app.app_context():
            results.append(publish(team="canal-walks", series=WARM))
            db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done.created for done in results) == [False, False, False, True]
    assert (count_rows(Event), count_rows(Team), count_rows(Series)) == (1, 2, 1)


# --- when zone rules change ---------------------------------------------------------


def as_if_rules_had_changed(by: timedelta = timedelta(hours=1)) -> None:
    with writing():
        moved = db.session.scalars(select(Event)).one()
        moved.starts_at -= by
        moved.ends_at -= by


@pytest.mark.both_engines
def test_instants_that_zone_rules_moved_are_found_and_put_right(app):
    publish()
    right = get_event().starts_at
    assert zone_rules.find_moved_events(NOON) == []
    as_if_rules_had_changed()

    [found] = zone_rules.find_moved_events(NOON)
    with writing():
        moved = zone_rules.rederive_instants(found.id, actor="command", now=NOON)

    assert (moved.slug, moved.after) == ("evening", right)
    assert moved.before == right - timedelta(hours=1)
    assert (get_event().starts_at, get_event().version, get_event().sequence) == (
        right,
        2,
        1,
    )
    assert zone_rules.find_moved_events(NOON) == []
    with writing():
        assert zone_rules.rederive_instants(found.id, actor="command", now=NOON) is None


def test_events_that_are_over_keep_their_instants(app):
    publish()
    as_if_rules_had_changed()

    assert zone_rules.find_moved_events(get_event().ends_at) == []


def test_the_next_import_puts_moved_instants_right_as_well(app):
    publish()
    right = get_event().starts_at
    as_if_rules_had_changed()

    assert publish().changed == ["starts", "ends"]
    assert get_event().starts_at == right
