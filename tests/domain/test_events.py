"""Publishing what an event file says, and what an update may not take away."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select

from rsvp import queries
from rsvp.db import write, writing
from rsvp.domain import eventrows, events, invariants, registrations
from rsvp.errors import OtherTeam, StaleEvent
from rsvp.eventdata import (
    RegistrationRules,
    SeriesData,
    Venue,
)
from rsvp.extensions import db
from rsvp.formats import eventfile
from rsvp.models import (
    AuditEntry,
    Consent,
    Event,
    Message,
    Registration,
    Series,
    Team,
)
from rsvp.models.event import Allocation, Promotion, Status, Visibility
from rsvp.models.ledger import MessageKind
from rsvp.models.registration import State
from tests.domain.publishing import (
    BRING,
    DIET,
    EVENING,
    HALL,
    ONLINE,
    PHOTOS,
    TABLE,
    event,
    how_many,
    publish,
    with_hall,
)
from tests.factories import CASES, CODE_KEY, NOON, cancel, import_case, register, stored
from tests.formats.any_event import event_files

WHOLE = sorted(path.stem for path in CASES.glob("*.yaml"))

RULES = EVENING.registration
APPROVAL = replace(RULES, allocation=Allocation.APPROVAL)

# --- creating -----------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
def test_a_published_file_is_what_is_exported(app, name):
    file = eventfile.parse((CASES / f"{name}.yaml").read_text(), name)

    made = import_case(name)

    assert eventrows.to_file(made) == file
    assert eventfile.parse(eventfile.dump(eventrows.to_file(made)), name) == file


@pytest.mark.parametrize("name", WHOLE)
def test_publishing_the_same_file_again_changes_nothing(app, name):
    made = import_case(name)
    entries = how_many(AuditEntry)

    with writing():
        again = events.publish(eventrows.to_file(made), actor="command", now=NOON)

    assert again == events.Published(made.id, created=False, changed=[])
    assert (made.version, how_many(AuditEntry)) == (1, entries)


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

    assert event("first").ends_at.isoformat() == "2027-10-31T00:30:00+00:00"
    assert event("second").ends_at.isoformat() == "2027-10-31T01:30:00+00:00"


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [({}, 15), ({"standby_minutes": 0}, 0), ({"standby": False}, None)],
)
def test_standby_is_so_many_minutes_or_none_at_all(app, changes, minutes):
    publish(**changes)

    assert event().standby_minutes == minutes


def test_changes_end_at_the_wall_time_that_the_file_says(app):
    publish(registration=replace(RULES, change_until=datetime(2027, 1, 28, 9, 0)))

    assert event().changes_end_at.isoformat() == "2027-01-28T08:00:00+00:00"


def test_a_team_is_made_if_it_does_not_exist(app):
    publish(team="canal-walks")
    publish(slug="another", team="canal-walks")

    assert event().team.name == "Canal walks"
    assert how_many(Team) == 2


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


@pytest.mark.parametrize(
    ("changes", "changed", "sequence"),
    [
        ({"title": "Night"}, ["title"], 1),
        ({"starts": datetime(2027, 1, 29, 17, 0)}, ["starts"], 1),
        ({"timezone": "Europe/London"}, ["timezone", "starts", "ends"], 1),
        ({"venue": Venue(name="The Pump House")}, ["venue"], 1),
        ({"status": Status.CANCELLED}, ["status"], 1),
        ({"summary": "Soup."}, ["summary"], 0),
        ({"admissions": with_hall(capacity=4)}, ["admissions"], 0),
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
        ({"admissions": with_hall(waitlist_max=4)}, ["admissions"], 0),
        (
            {"discreet": True, "visibility": Visibility.UNLISTED},
            ["visibility", "discreet"],
            0,
        ),
    ],
)
def test_an_update_counts_the_event_on_once(app, changes, changed, sequence):
    publish()

    done = publish(**changes)

    assert (done.created, done.changed) == (False, changed)
    assert eventrows.to_file(event()) == replace(EVENING, **changes)
    assert event().version == 2
    assert {a.event_version for a in event().admissions} == {2}
    assert event().sequence == sequence
    last = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (last.verb, last.details) == ("update", {"changed": changed})


def test_an_update_leaves_registrations_as_they_are(app):
    publish()
    outcome = register(event(), "Ada", "Ben", answers={"diet": "Nuts"})
    before = row_of(outcome)

    publish(
        title="Night",
        admissions=(*with_hall(name="The hall", capacity=1),),
        questions=(replace(DIET, ask="Diet?"), TABLE, BRING),
        registration=replace(RULES, party_max=1),
    )

    assert row_of(outcome) == before
    assert [person.name for person in stored(outcome).attendees] == ["Ada", "Ben"]
    assert invariants.problems(NOON) == []


def row_of(outcome):
    registration = stored(outcome)
    return {
        column.name: getattr(registration, column.name)
        for column in Registration.__table__.columns
    }


def test_nobody_registers_by_the_rules_of_before(app):
    publish()
    page = queries.event_page("evening")
    wanted = registrations.Wanted(
        admission_id=page.admissions[0].id,
        email="ada@example.org",
        email_key="ada@example.org",
        party=(registrations.Person("Ada"),),
    )
    plan = registrations.prepare(page, wanted, code_key=CODE_KEY, now=NOON)

    publish(title="Night")

    with pytest.raises(StaleEvent):
        write(lambda again: registrations.register(plan, look_again=again))
    assert how_many(Registration) == 0


def test_raising_the_capacity_seats_the_head_of_the_line(app):
    publish()
    register(event(), "Ada", "Ben", "Cem")
    waiting = [register(event()) for _ in range(3)]

    publish(admissions=with_hall(capacity=5))

    states = [stored(outcome).state for outcome in waiting]
    assert states == [State.CONFIRMED, State.CONFIRMED, State.WAITLISTED]
    assert how_many(Message, Message.kind == MessageKind.PROMOTED) == 2
    assert invariants.problems(NOON) == []


def test_lowering_the_capacity_drops_nobody(app):
    publish()
    seated = register(event(), "Ada", "Ben", "Cem")

    publish(admissions=with_hall(capacity=1))

    hall = event().admissions[0]
    assert (hall.capacity, hall.seats_taken, hall.ceiling) == (1, 3, 3)
    assert stored(seated).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def test_a_room_cap_counts_who_is_there_already(app):
    publish()
    register(event(), "Ada", "Ben")
    register(event(), admission="online")

    publish(room=1)
    capped = event()
    assert (capped.room_capacity, capped.room_taken, capped.room_ceiling) == (1, 2, 2)
    waits = register(event())
    assert stored(waits).state == State.WAITLISTED

    publish(room=None)
    assert (event().room_capacity, event().room_taken) == (None, 0)
    assert stored(waits).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def taken() -> list[tuple[int, int]]:
    return [(a.seats_taken, a.reserved) for a in event().admissions]


def test_reserved_seats_are_taken_from_the_admission_that_has_a_cap(app):
    publish(reserved_seats=2)
    assert taken() == [(2, 2), (0, 0)]
    seated, waits = register(event()), register(event())
    assert [stored(outcome).state for outcome in (seated, waits)] == [
        State.CONFIRMED,
        State.WAITLISTED,
    ]

    publish(reserved_seats=1)

    assert stored(waits).state == State.CONFIRMED
    assert taken() == [(3, 1), (0, 0)]
    assert invariants.problems(NOON) == []


def test_reserved_seats_are_taken_from_the_room_where_it_has_a_cap(app):
    publish(reserved_seats=2)

    publish(reserved_seats=2, room=3)

    assert (event().room_taken, taken()) == (2, [(0, 0), (0, 0)])
    assert stored(register(event())).state == State.CONFIRMED
    assert stored(register(event())).state == State.WAITLISTED
    assert (event().room_taken, taken()) == (3, [(1, 0), (0, 0)])
    assert invariants.problems(NOON) == []


def test_reserving_more_than_is_free_drops_nobody(app):
    publish()
    seated = register(event(), "Ada", "Ben")

    publish(reserved_seats=3)

    hall = event().admissions[0]
    assert (hall.seats_taken, hall.reserved, hall.ceiling) == (5, 3, 5)
    assert stored(seated).state == State.CONFIRMED
    assert invariants.problems(NOON) == []


def test_reserved_seats_follow_the_order_of_the_file(app):
    foyer = replace(HALL, key="foyer", capacity=5)
    publish(admissions=(HALL, foyer), reserved_seats=2)

    publish(admissions=(foyer, HALL), reserved_seats=2)

    reserved = {a.key: (a.seats_taken, a.reserved) for a in event().admissions}
    assert reserved == {"foyer": (2, 2), "hall": (0, 0)}


def test_what_comes_free_is_offered_unless_the_file_says_otherwise(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    register(event(), "Ada", "Ben", "Cem")
    waits = register(event())

    publish(registration=offering, admissions=with_hall(capacity=4))

    assert stored(waits).state == State.OFFERED


def test_what_has_ended_lapses_before_the_file_changes_anything(app):
    offering = replace(RULES, promote=Promotion.OFFER)
    publish(registration=offering)
    seated = register(event(), "Ada", "Ben", "Cem")
    first, second = register(event()), register(event(), "Dan", "Eve", "Fay")
    cancel(seated)
    assert stored(first).state == State.OFFERED

    with writing():
        file = replace(EVENING, registration=offering, title="Night")
        tomorrow = NOON + timedelta(days=2)
        events.publish(file, actor="command", now=tomorrow)

    assert [stored(outcome).state for outcome in (first, second)] == [
        State.LAPSED,
        State.OFFERED,
    ]
    assert invariants.problems(tomorrow) == []


def test_going_on_after_a_pause_seats_who_could_have_been(app):
    paused = replace(RULES, paused=True)
    publish()
    seated = register(event(), "Ada", "Ben", "Cem")
    waits = register(event())
    publish(registration=paused)
    cancel(seated)
    assert stored(waits).state == State.WAITLISTED

    publish()

    assert stored(waits).state == State.CONFIRMED


# --- consents -----------------------------------------------------------------------


def wordings() -> list[tuple[int, str, bool]]:
    db.session.rollback()
    found = db.session.scalars(select(Consent).order_by(Consent.version))
    return [(c.version, c.text, c.is_current) for c in found]


def test_a_new_wording_is_a_new_version_and_the_old_one_stays(app):
    publish()
    register(event(), consents={event().consents[0].id: True})

    publish(consents=(replace(PHOTOS, text="Photographs, and film."),))

    assert wordings() == [
        (1, "Photographs are fine.", False),
        (2, "Photographs, and film.", True),
    ]
    assert [consent.version for consent in event().consents] == [2]


def test_whether_a_box_is_required_is_no_wording(app):
    publish()

    publish(consents=(replace(PHOTOS, required=True),))

    assert wordings() == [(1, "Photographs are fine.", True)]
    assert event().consents[0].required


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
    assert how_many(Team) == 1


def test_a_series_stays_with_its_team(app):
    publish(series=WARM)

    with pytest.raises(OtherTeam) as refused:
        publish(slug="walk", team="canal-walks", series=WARM)

    assert refused.value.facts["kind"] == "series"
    db.session.rollback()
    assert how_many(Event) == 1


def test_a_new_title_of_a_series_renews_the_pages_of_all_its_events(app):
    publish(series=WARM)
    publish(slug="second", series=WARM)
    publish(slug="apart")

    publish(slug="second", series=replace(WARM, title="Warm Houses"))

    assert how_many(Series) == 1
    assert event("evening").series.title == "Warm Houses"
    versions = [event(slug).version for slug in ("evening", "second", "apart")]
    assert versions == [2, 2, 1]
    assert {a.event_version for a in event("evening").admissions} == {2}


def test_an_event_may_leave_its_series(app):
    publish(series=WARM)

    assert publish().changed == ["series"]
    assert event().series is None


# --- all of it ----------------------------------------------------------------------

slugs = count()


@given(first=event_files(), second=event_files())
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_a_file_says_the_event_becomes(app, first, second):
    same = {"slug": f"event-{next(slugs)}", "team": "default", "series": None}
    first, second = replace(first, **same), replace(second, **same)

    assert publish(first).created
    assert eventrows.to_file(event(first.slug)) == first
    assert publish(first).changed == []
    assert bool(publish(second).changed) == (first != second)
    assert eventrows.to_file(event(first.slug)) == second


def test_two_who_publish_the_same_file_at_once_make_one_event(app):
    results: list[events.Published] = []

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
    assert (how_many(Event), how_many(Team), how_many(Series)) == (1, 2, 1)


# --- when zone rules change ---------------------------------------------------------


def as_if_rules_had_changed(by: timedelta = timedelta(hours=1)) -> None:
    with writing():
        moved = db.session.scalars(select(Event)).one()
        moved.starts_at -= by
        moved.ends_at -= by


def test_instants_that_zone_rules_moved_are_found_and_put_right(app):
    publish()
    right = event().starts_at
    assert events.find_moved(NOON) == []
    as_if_rules_had_changed()

    [found] = events.find_moved(NOON)
    with writing():
        moved = events.rederive(found.id, actor="command", now=NOON)

    assert (moved.slug, moved.after) == ("evening", right)
    assert moved.before == right - timedelta(hours=1)
    assert (event().starts_at, event().version, event().sequence) == (right, 2, 1)
    assert events.find_moved(NOON) == []
    with writing():
        assert events.rederive(found.id, actor="command", now=NOON) is None


def test_events_that_are_over_keep_their_instants(app):
    publish()
    as_if_rules_had_changed()

    assert events.find_moved(event().ends_at) == []


def test_the_next_import_puts_moved_instants_right_as_well(app):
    publish()
    right = event().starts_at
    as_if_rules_had_changed()

    assert publish().changed == ["starts", "ends"]
    assert event().starts_at == right
