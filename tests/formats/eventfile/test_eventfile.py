"""Event files: what is read, what is written, and how each mistake is told."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rsvp import walltime
from rsvp.event_definition import (
    DEFAULT_REMINDERS,
    AdmissionData,
    AgendaItem,
    ConsentData,
    CustomTextData,
    EventDefinition,
    ReconfirmationRules,
    RegistrationRules,
    ReminderData,
    Venue,
)
from rsvp.formats.eventfile.dump import dump_event
from rsvp.formats.eventfile.parse import (
    KNOWN_KEYS,
    EventFileError,
    key_line,
    parse_event,
)
from rsvp.models.event import Allocation, Mode, NoAnswer, Promotion, Status, Visibility
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from tests.paths import DOCS, EVENT_FILES
from tests.support.event_file_mistakes import EVENT_TEXT, MISTAKES, with_key
from tests.support.for_each import for_each
from tests.support.strategies import event_definitions

GUIDE = DOCS / "event-file.md"


def mistake_in(text: str) -> EventFileError:
    with pytest.raises(EventFileError) as refused:
        parse_event(text, "evening.yaml")
    return refused.value


# --- what is read -------------------------------------------------------------------


def test_what_a_file_leaves_out_is_at_its_default():
    assert parse_event(EVENT_TEXT, "") == EventDefinition(
        slug="evening",
        title="Evening",
        timezone="Europe/Amsterdam",
        starts=datetime(2027, 1, 29, 18, 0),
        ends=datetime(2027, 1, 29, 21, 30),
        admissions=(
            AdmissionData(
                key="hall", name="In person", mode=Mode.IN_PERSON, capacity=30
            ),
        ),
    )


def test_an_acceptance_file_is_read_in_full():
    event = parse_event((EVENT_FILES / "open-assembly.yaml").read_text(), "")

    assert event.venue == Venue(
        name="Transport Workers' Hall",
        address="200 Example Avenue, at Third Street\nAlbany, NY 12200",
        access="Lift to all floors; hearing loop in the main hall.",
    )
    assert event.agenda[-1] == AgendaItem(at="16:15", title="Reports and closing")
    assert event.admissions[1] == AdmissionData(
        key="webinar", name="Webinar", mode=Mode.ONLINE, capacity=None
    )
    assert event.questions[0].options == (
        "Routes",
        "Safety at stops",
        "Drivers' shifts",
        "Fares",
    )
    assert event.questions[0].only_for == ("hall",)
    assert event.questions[1].keep_days == 2


@for_each("name", sorted(path.stem for path in EVENT_FILES.glob("*.yaml")))
def test_every_acceptance_file_is_read_and_written_back(name):
    event = parse_event((EVENT_FILES / f"{name}.yaml").read_text(), name)

    assert parse_event(dump_event(event), name) == event


def test_a_night_walk_is_read_in_full():
    event = parse_event((EVENT_FILES / "night-walk.yaml").read_text(), "")

    assert (event.room, event.fold, event.discreet) == (20, 1, True)
    assert event.reserved_seats == 2
    assert event.registration == RegistrationRules(
        party_max=3,
        opens=datetime(2027, 10, 1, 9, 0),
        closes=datetime(2027, 10, 30, 20, 0),
        promote=Promotion.CONFIRM,
        confirm_address=True,
    )
    assert event.consents == (
        ConsentData(key="photos", text="I am fine with being in photographs."),
    )


def test_a_workshop_gives_its_places_by_approval():
    event = parse_event((EVENT_FILES / "workshop-two-partners.yaml").read_text(), "")

    assert event.registration == RegistrationRules(allocation=Allocation.APPROVAL)


def test_a_discreet_event_is_unlisted_by_itself():
    assert (
        parse_event(with_key("discreet", "true"), "").visibility == Visibility.UNLISTED
    )


IN_TWO_DAYS = ReminderData(key="a", before="2 days")
A_WEEK_LATER = ReminderData(
    key="b",
    after="7 days",
    admissions=("hall",),
    states=(State.WAITLISTED,),
    text="Hello {name}",
)
OWN_WORDS = (
    CustomTextData(message=MessageKind.OFFER, headline="By {until}"),
    CustomTextData(message=MessageKind.WAITLISTED, text="Soon"),
)
NINE_THIRTY = AgendaItem(at="09:30", title="Tea")
BY_DEFAULT = RegistrationRules()
AT_ONCE = RegistrationRules(promote=Promotion.CONFIRM)
TO_THE_END = RegistrationRules(change_until=datetime(2027, 1, 29, 21, 30))


@for_each(
    ("line", "key", "value"),
    [
        ("starts: 2027-01-29T18:00", "starts", datetime(2027, 1, 29, 18, 0)),
        ("starts: 2027-01-29 18:00:00", "starts", datetime(2027, 1, 29, 18, 0)),
        ('starts: "2027-01-29 9:05"', "starts", datetime(2027, 1, 29, 9, 5)),
        ("title: '  Evening  '", "title", "Evening"),
        ("summary: null", "summary", None),
        ("summary:", "summary", None),
        ("status: draft", "status", Status.DRAFT),
        ("discreet: yes", "discreet", True),
        ("retention_days: 0", "retention_days", 0),
        ("room: 0", "room", 0),
        ("contact: Hello@Exämple.org", "contact", "Hello@exämple.org"),
        ("language: zh-Hant-TW", "language", "zh-Hant-TW"),
        ("title: Вечер 夜 مساء", "title", "Вечер 夜 مساء"),
        ("agenda: [{at: 9:30, title: Tea}]", "agenda", (NINE_THIRTY,)),
        ('agenda: [{at: "09:30", title: Tea}]', "agenda", (NINE_THIRTY,)),
        ("registration: {allocation: first_come}", "registration", BY_DEFAULT),
        ("registration: {promote: offer}", "registration", BY_DEFAULT),
        ("registration: {promote: confirm}", "registration", AT_ONCE),
        ("registration: {change_until: 2027-01-29 21:30}", "registration", TO_THE_END),
        ("reserved_seats: 30", "reserved_seats", 30),
        ("reserved_seats: null", "reserved_seats", 0),
        ("visibility: invitation", "visibility", Visibility.INVITATION),
        ("standby: false", "standby", False),
        ("standby: true\nstandby_minutes: 5", "standby_minutes", 5),
        ("standby: false\nstandby_minutes: null", "standby", False),
        ("standby_minutes: 0", "standby_minutes", 0),
        ("standby_minutes: 240", "standby_minutes", 240),
        ("reminders: null", "reminders", DEFAULT_REMINDERS),
        ("reminders: []", "reminders", ()),
        ("reminders: [{key: a, before: 48 HOURS}]", "reminders", (IN_TWO_DAYS,)),
        ("reminders: [{key: a, before: 2 days}]", "reminders", (IN_TWO_DAYS,)),
        ("reminders: [{key: b, after: 1 week, admissions: [hall], states: "
         "[waitlisted], text: 'Hello {name}'}]", "reminders", (A_WEEK_LATER,)),
        ("still_coming: {}", "still_coming", ReconfirmationRules()),
        ("still_coming: {ask_hours: 96, no_answer: flag}", "still_coming",
         ReconfirmationRules(ask_hours=96, no_answer=NoAnswer.FLAG)),
        ("wording: [{message: waitlisted, text: Soon}, "
         "{message: offer, headline: 'By {until}'}]", "wording", OWN_WORDS),
    ],
)  # fmt: skip
def test_ways_to_write_a_value(line, key, value):
    name, _, written = line.partition(":")

    assert getattr(parse_event(with_key(name, written.strip()), ""), key) == value


@for_each("written", ["30", "null", "0", "1000000"])
def test_a_capacity_is_a_number_or_null(written):
    text = EVENT_TEXT.replace("capacity: 30", f"capacity: {written}")

    [admission] = parse_event(text, "").admissions

    assert admission.capacity == yaml.safe_load(written)


@for_each("written", ["12", "null", "0", "1000000"])
def test_a_line_is_as_long_as_it_says(written):
    text = EVENT_TEXT + f"    waitlist: true\n    waitlist_max: {written}\n"

    [admission] = parse_event(text, "").admissions

    assert admission.waitlist_max == yaml.safe_load(written)


@for_each(
    "capacities",
    [
        "room: 5",
        "admissions: [{key: a, name: A, mode: in_person, capacity: 5}]",
        "admissions: [{key: a, name: A, mode: online, capacity: 5}]",
        """
admissions:
  - {key: a, name: A, mode: online, capacity: 1}
  - {key: b, name: B, mode: in_person, capacity: null}
  - {key: c, name: C, mode: in_person, capacity: 5}
  - {key: d, name: D, mode: in_person, capacity: 1}
""",
    ],
    ids=["the room", "one admission", "online only", "the first in person with a cap"],
)
def test_seats_can_be_reserved_up_to_the_cap_they_come_from(capacities):
    text = EVENT_TEXT
    if capacities.lstrip().startswith("admissions"):
        text = EVENT_TEXT.split("admissions")[0]
    text = f"{text}{capacities}\nreserved_seats: "

    assert parse_event(f"{text}5", "").reserved_seats == 5
    refused = mistake_in(f"{text}6")
    assert (refused.key, refused.reason[-3:]) == ("reserved_seats", "(5)")


# --- clocks -------------------------------------------------------------------------


def test_a_talk_on_the_day_the_clocks_change_begins_at_the_right_instant():
    """Los Angeles is on summer time by then (UTC-7), London is not yet (UTC+0)."""
    event = parse_event((EVENT_FILES / "lunch-call.yaml").read_text(), "")

    at = walltime.instant(event.starts, ZoneInfo(event.timezone))

    assert at.isoformat() == "2027-03-14T23:00:00+00:00"
    local = [at.astimezone(ZoneInfo(zone)).isoformat() for zone in event.also_show]
    assert local == ["2027-03-14T19:00:00-04:00", "2027-03-14T23:00:00+00:00"]


@for_each(
    ("fold", "starts"),
    [(0, "2027-10-31T00:30:00+00:00"), (1, "2027-10-31T01:30:00+00:00")],
)
def test_fold_says_which_of_two_equal_times_is_meant(fold, starts):
    wall, zone = datetime(2027, 10, 31, 2, 30), ZoneInfo("Europe/Brussels")

    assert walltime.instant(wall, zone, fold).isoformat() == starts


@for_each(
    ("zone", "wall", "gap"),
    [
        ("America/New_York", "2027-03-14 02:00", "from 02:00 to 03:00"),
        ("America/New_York", "2027-03-14 02:59", "from 02:00 to 03:00"),
        ("Australia/Lord_Howe", "2027-10-03 02:10", "from 02:00 to 02:30"),
        ("Africa/Cairo", "2027-04-30 00:30", "from 00:00 to 01:00"),
        ("Pacific/Apia", "2011-12-30 12:00", "11-12-30 00:00 to 2011-12-31 00:00"),
    ],
)  # fmt: skip
def test_a_gap_is_named_by_its_edges(zone, wall, gap):
    with pytest.raises(walltime.NoSuchTimeError, match=re.escape(gap)) as refused:
        walltime.instant(datetime.fromisoformat(wall), ZoneInfo(zone))

    assert zone in str(refused.value)


@for_each("wall", ["2027-03-14 01:59", "2027-03-14 03:00", "2027-11-07 02:00"])
def test_the_edges_of_a_change_are_ordinary_times(wall):
    assert walltime.instant(datetime.fromisoformat(wall), ZoneInfo("America/New_York"))


@given(
    wall=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),
    zone=st.sampled_from(
        ("Europe/Dublin", "America/St_Johns", "Africa/Casablanca", "Asia/Gaza", "UTC")
    ),
    fold=st.sampled_from((None, 0, 1)),
)
def test_an_instant_shows_the_wall_time_it_came_from(wall, zone, fold):
    wall = wall.replace(second=0, microsecond=0)
    try:
        at = walltime.instant(wall, ZoneInfo(zone), fold)
    except ValueError:
        return
    assert at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == wall


# --- what is refused ----------------------------------------------------------------


@for_each(
    ("text", "line", "key", "reason"),
    [
        pytest.param(*row, id=f"{number}-{row[2] or 'file'}")
        for number, row in enumerate(MISTAKES)
    ],
)
def test_a_mistake_is_told_with_its_line_key_and_reason(text, line, key, reason):
    refused = mistake_in(text)

    assert (refused.file, refused.line, refused.key) == ("evening.yaml", line, key)
    assert refused.reason == reason
    place = f"evening.yaml:{line}: {key}: " if key else f"evening.yaml:{line}: "
    assert str(refused) == place + reason


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    text = with_key("title", "").replace("capacity: 30", "capacity: ten")
    text += "colour: red\n"

    assert str(mistake_in(text)).splitlines() == [
        "evening.yaml:2: title: is missing",
        "evening.yaml:10: admissions[0].capacity: must be a whole number",
        "evening.yaml:11: colour: unknown key",
    ]


def test_a_key_is_found_on_its_line():
    assert key_line(EVENT_TEXT, "admissions") == 6
    assert key_line(EVENT_TEXT, "admissions[0].mode") == 9
    assert key_line(EVENT_TEXT, "questions[3].type") == 1


@given(
    st.text(max_size=300) | st.binary(max_size=300).map(lambda b: b.decode("latin-1"))
)
@example('title: "\\U00110000"')
@example('title: "\\ud800"')
@example("? !")
def test_whatever_the_text_it_is_read_or_refused(text):
    try:
        parse_event(EVENT_TEXT + text, "")
    except EventFileError as refused:
        assert refused.line >= 1
        assert refused.reason


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_happens_to_a_good_file_it_is_read_or_refused(data):
    text = (EVENT_FILES / "open-assembly.yaml").read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    noise = data.draw(st.text(alphabet=":-[]{}'\"|>&*!%@# \nabc019", max_size=12))
    try:
        parse_event(text[:start] + noise + text[end:], "")
    except EventFileError as refused:
        assert refused.reason


# --- what is written ----------------------------------------------------------------


def test_text_of_several_lines_is_written_as_people_write_it():
    event = replace(parse_event(EVENT_TEXT, ""), description="One line,\nanother.")

    assert "description: |\n  One line,\n  another.\n" in dump_event(event)


def test_what_is_at_its_default_is_not_written():
    assert yaml.safe_load(dump_event(parse_event(EVENT_TEXT, ""))) == {
        "slug": "evening",
        "title": "Evening",
        "timezone": "Europe/Amsterdam",
        "starts": "2027-01-29 18:00",
        "ends": "2027-01-29 21:30",
        "admissions": [
            {"key": "hall", "name": "In person", "mode": "in_person", "capacity": 30}
        ],
    }


@given(event_definitions())
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_read_back_the_same(event):
    assert parse_event(dump_event(event), "") == event


@pytest.mark.soak
@given(event_definitions())
@settings(max_examples=5000, deadline=None)
def test_what_is_written_is_read_back_the_same_many_times(event):
    assert parse_event(dump_event(event), "") == event


# --- what is described --------------------------------------------------------------


def test_every_key_is_described_in_the_docs():
    """Each mapping has a section, and each of its keys a row there with a default."""
    sections = re.split(r"^## ", GUIDE.read_text(), flags=re.MULTILINE)
    for path, keys in KNOWN_KEYS.items():
        heading = f"`{path}`" if path else "The event"
        section = next(s for s in sections if s.startswith(heading))
        described = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        assert sorted(described) == sorted(keys.known), path


def test_every_key_of_later_versions_is_named_in_the_docs():
    text = GUIDE.read_text()
    for keys in KNOWN_KEYS.values():
        for key in keys.later:
            assert f"`{key}`" in text, key


@for_each(
    "text",
    re.findall(r"```yaml\n(slug:.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    if GUIDE.exists()
    else [],
)
def test_the_examples_in_the_docs_are_good_files(text):
    assert parse_event(text, "docs")


def test_every_key_of_an_event_has_its_place_in_the_file():
    assert {field.name for field in fields(EventDefinition)} == set(
        KNOWN_KEYS[""].known
    )
