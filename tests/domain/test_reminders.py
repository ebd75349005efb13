"""Reminders: when they go out, to whom, and that nobody gets one twice or in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rsvp.db import writing
from rsvp.domain import invariants, reminders
from rsvp.domain.events import lifecycle
from rsvp.jobs import tasks
from rsvp.models import Event, Registration, Reminder
from rsvp.models.event import Mode, Promotion, Status
from tests.support.door import DURING_ENTRY, attendees_of, make_phone, record_scan
from tests.support.factories import NOON, cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.registrations import commit, messages_of, run_at_once, set_columns
from tests.support.reminders import (
    DAY,
    HOUR,
    THANKS,
    TWO_DAYS,
    TWO_HOURS,
    add_reminders,
    local_time,
    reminder_mails,
    reminders_by_key,
    run_reminders,
)

pytestmark = pytest.mark.one_engine

# --- when ---------------------------------------------------------------------------


def event_at(starts: datetime, hours: float = 3) -> Event:
    """The event begins at this time of Amsterdam; nothing of it is stored."""
    ends = starts + timedelta(hours=hours)
    return Event(timezone="Europe/Amsterdam", starts_at=starts, ends_at=ends)


@for_each(
    ("starts", "anchor", "minutes", "due"),
    [
        ("29 18:00", "start", 2 * DAY, "27 18:00"),
        ("29 18:00", "start", 2 * HOUR, "29 16:00"),
        ("29 18:00", "end", 12 * HOUR, "30 09:00"),
        # Not at night …
        ("29 23:00", "start", 2 * DAY, "28 08:00"),
        ("29 07:30", "start", 2 * DAY, "27 08:00"),
        ("29 21:59", "start", 2 * DAY, "27 21:59"),
        ("29 22:00", "start", 2 * DAY, "28 08:00"),
        ("29 08:00", "start", 2 * DAY, "27 08:00"),
        ("29 18:00", "end", 2 * HOUR, "30 08:00"),
        ("29 18:00", "end", 8 * HOUR, "30 08:00"),
        # … unless the event is near: it begins within twelve hours …
        ("29 09:00", "start", 2 * HOUR, "29 07:00"),
        ("29 09:30", "start", 12 * HOUR, "28 21:30"),
        ("29 10:30", "start", 12 * HOUR, "28 22:30"),
        ("29 10:30", "start", 12 * HOUR + 1, "29 08:00"),
        # … or less than an hour after the morning.
        ("29 08:30", "start", 10 * HOUR, "28 22:30"),
    ],
)
def test_a_reminder_is_due(starts, anchor, minutes, due):
    rule = Reminder(anchor=anchor, minutes=minutes)

    assert reminders.send_time(rule, event_at(local_time(starts))) == local_time(due)


def test_an_event_soon_after_the_morning_is_told_of_in_time():
    """13 hours before 11:45 is night, and eight would be early enough; before 8:30 it
    would leave half an hour."""
    rule = Reminder(anchor="start", minutes=13 * HOUR)

    assert reminders.send_time(rule, event_at(local_time("29 11:45"))) == local_time(
        "29 08:00"
    )
    assert reminders.send_time(rule, event_at(local_time("29 08:59"))) == local_time(
        "28 19:59"
    )
    late = Reminder(anchor="start", minutes=9 * HOUR)
    assert reminders.send_time(late, event_at(local_time("29 08:59"))) == local_time(
        "28 23:59"
    )


def test_night_is_by_the_clocks_of_the_event():
    tokyo = ZoneInfo("Asia/Tokyo")
    starts = datetime(2027, 1, 29, 23, 0, tzinfo=tokyo)
    event = Event(timezone="Asia/Tokyo", starts_at=starts, ends_at=starts)
    rule = Reminder(anchor="start", minutes=2 * DAY)

    assert reminders.send_time(rule, event) == datetime(2027, 1, 28, 8, 0, tzinfo=tokyo)


def test_two_days_before_are_48_hours_also_where_the_clocks_change():
    """On 28 March 2027 the clocks of Amsterdam go ahead."""
    starts = datetime(2027, 3, 29, 18, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))
    rule = Reminder(anchor="start", minutes=2 * DAY)

    due = reminders.send_time(rule, event_at(starts.astimezone(UTC)))
    assert due == datetime(2027, 3, 27, 16, 0, tzinfo=UTC)


# --- to whom ------------------------------------------------------------------------


@pytest.mark.both_engines
def test_each_goes_out_once_when_its_time_has_come(app):
    event = make_event()
    register(event, "Ada", "Bo", email="ada@example.org")
    register(event, "Cy", email="cy@example.org")
    add_reminders(event, TWO_DAYS, TWO_HOURS, THANKS)

    assert run_reminders("27 17:59") == 0
    assert run_reminders("27 18:00") == 2
    assert run_reminders("27 18:01") == 0
    assert run_reminders("29 16:00") == 2
    assert run_reminders("30 08:59") == 0
    assert run_reminders("30 09:00") == 2
    assert run_reminders("31 09:00") == 0

    occasions = [
        "reminder:two-days:2027-01-29",
        "reminder:two-hours:2027-01-29",
        "reminder:thanks:2027-01-29",
    ]
    assert reminder_mails() == [(who, of) for of in occasions for who in ("ada", "cy")]
    assert {rule.done_for.isoformat() for rule in reminders_by_key().values()} == {
        "2027-01-29"
    }
    assert invariants.find_problems(local_time("31 09:00")) == []


def test_a_worker_that_comes_late_wakes_nobody(app):
    event = make_event(starts=datetime(2027, 1, 29, 23, 30), hours=1)
    register(event)
    add_reminders(event, TWO_DAYS | {"minutes": 50 * HOUR}, TWO_HOURS, THANKS)

    # Due on the 27th at 21:30: it waits for the morning.
    assert [run_reminders(f"28 {clock}") for clock in ("02:00", "07:59", "08:00")] == [
        0,
        0,
        1,
    ]
    # Due at 21:30, and the event is near.
    assert run_reminders("29 22:10") == 1
    # Due on the 30th at 12:30.
    assert [run_reminders(f"30 {clock}") for clock in ("22:00", "23:59")] == [0, 0]
    assert [run_reminders(f"31 {clock}") for clock in ("07:59", "08:00")] == [0, 1]


def test_its_facts_are_what_the_mail_tells(app):
    event = make_event()
    ada = register(event, "Ada", "Bo")
    add_reminders(event, TWO_DAYS | {"subject": "Bring a cup", "text": "We have few."})
    run_reminders("27 18:00")

    told = messages_of(ada)[-1]
    assert (told.kind, told.rank, told.state) == ("reminder", 2, "queued")
    assert told.domain == "example.org"
    assert (told.created_at, told.due_at) == (
        local_time("27 18:00"),
        local_time("27 18:00"),
    )
    names = [one.uuid.hex for one in attendees_of(event)]
    assert told.facts == {
        "seats": 2,
        "admission": "In person",
        "mode": "in_person",
        "attendees": names,
        "place": None,
        "reminder": "two-days",
        "what": "start",
        "states": ["confirmed"],
        "subject": "Bring a cup",
        "text": "We have few.",
    }


@pytest.mark.both_engines
@for_each(
    ("states", "who"),
    [
        (["confirmed"], ["confirmed", "second"]),
        (["waitlisted"], ["waitlisted"]),
        (["confirmed", "waitlisted"], ["confirmed", "waitlisted", "second"]),
        ([], ["confirmed", "second"]),
    ],
    fresh=True,
)
def test_it_is_for_the_states_that_it_names(app, states, who):
    """Of two chairs one comes free; a party of two stays in line, who is alone not."""
    event = make_event({"capacity": 2})
    register(event, email="confirmed@example.org")
    gone = register(event, email="cancelled@example.org")
    register(event, "Ada", "Bo", email="waitlisted@example.org")
    register(event, email="second@example.org")
    cancel(gone)
    add_reminders(event, TWO_DAYS | {"states": states})
    run_reminders("27 18:00")

    assert [address for address, _ in reminder_mails()] == who


def test_those_in_line_read_their_place(app):
    event = make_event({"capacity": 1}, {"key": "lounge"}, room_capacity=1)
    outcomes = [register(event) for _ in range(2)]
    outcomes += [register(event, admission="lounge"), register(event)]
    add_reminders(event, TWO_DAYS | {"states": ["waitlisted"]})
    run_reminders("27 18:00")

    assert [messages_of(one)[-1].facts["place"] for one in outcomes[1:]] == [1, 2, 3]


def test_those_with_an_offer_read_until_when(app):
    event = make_event({"capacity": 1}, promotion=Promotion.OFFER)
    ada, bo = register(event), register(event)
    cancel(ada, now=local_time("28 15:00"))
    add_reminders(event, TWO_DAYS | {"states": ["offered"], "minutes": 26 * HOUR})
    run_reminders("28 16:00")

    facts = messages_of(bo)[-1].facts
    assert (facts["until"], facts["offered"]) == ("2027-01-28T18:00:00+00:00", 1)


@pytest.mark.both_engines
def test_it_is_for_the_admissions_that_it_names(app):
    event = make_event({}, {"key": "online", "mode": Mode.ONLINE, "capacity": None})
    register(event, email="ada@example.org")
    register(event, email="bo@example.org", admission="online")
    add_reminders(event, TWO_DAYS | {"admissions": ["online"]})
    run_reminders("27 18:00")

    assert [address for address, _ in reminder_mails()] == ["bo"]


def test_who_wants_no_more_or_gets_no_mail_or_is_forgotten_is_left_out(app):
    event = make_event()
    values = [
        {"muted_at": NOON},
        {"address_failed_at": NOON},
        {"email": "", "email_key": "", "search": "", "is_single": False},
        {},
    ]
    for number, some in enumerate(values):
        outcome = register(event, email=f"{number}@example.org")
        set_columns(some, Registration, Registration.id == outcome.registration_id)
    add_reminders(event, TWO_DAYS)
    run_reminders("27 18:00")

    assert [address for address, _ in reminder_mails()] == ["3"]


def test_who_registers_after_it_went_out_gets_the_next_one_only(app):
    event = make_event()
    add_reminders(event, TWO_DAYS, TWO_HOURS)
    run_reminders("27 18:00")
    ada = register(event, email="ada@example.org", now=local_time("28 12:00"))
    run_reminders("29 16:00")

    assert reminder_mails() == [("ada", "reminder:two-hours:2027-01-29")]
    assert [mail.kind for mail in messages_of(ada)] == ["confirmation", "reminder"]


# --- thank you ----------------------------------------------------------------------


@pytest.mark.both_engines
def test_where_doors_scanned_those_who_came_are_thanked(app):
    event = make_event({}, {"key": "online", "mode": Mode.ONLINE, "capacity": None})
    came = register(event, "Ada", "Bo", email="ada@example.org")
    register(event, email="away@example.org")
    online = register(event, email="online@example.org", admission="online")
    record_scan(make_phone(event), attendees_of(event)[1])
    add_reminders(event, THANKS, now=DURING_ENTRY)
    run_reminders("30 09:00")

    assert [address for address, _ in reminder_mails()] == ["ada", "online"]
    assert messages_of(came)[-1].kind == "thank_you"
    assert messages_of(came)[-1].facts["came"] is True
    assert "came" not in messages_of(online)[-1].facts


def test_where_no_door_scanned_all_who_had_a_place_are_thanked(app):
    event = make_event()
    ada = register(event)
    add_reminders(event, THANKS)
    run_reminders("30 09:00")

    assert messages_of(ada)[-1].kind == "thank_you"
    assert "came" not in messages_of(ada)[-1].facts


def test_thanks_are_given_within_a_week_or_not_at_all(app):
    for slug in ("first", "second"):
        event = make_event(slug=slug)
        register(event, email=f"{slug}@example.org")
        add_reminders(event, THANKS | {"key": slug})

    set_columns(
        {"done_for": local_time("29 00:00").date()}, Reminder, Reminder.key == "second"
    )
    assert tasks.send_reminders(local_time("30 09:00") + timedelta(days=7)) == 1
    set_columns({"done_for": None}, Reminder, Reminder.key == "second")
    assert (
        tasks.send_reminders(local_time("30 09:00") + timedelta(days=7, seconds=1)) == 0
    )
    assert reminders_by_key()["second"].done_for == local_time("29 00:00").date()


# --- never in vain ------------------------------------------------------------------


@for_each(("when", "sent"), [("29 17:59", 1), ("29 18:00", 0), ("29 19:00", 0)])
def test_before_the_start_comes_before_it_or_not_at_all(app, when, sent):
    event = make_event()
    register(event)
    add_reminders(event, TWO_HOURS)

    assert run_reminders(when) == sent
    assert reminders_by_key()["two-hours"].done_for == local_time("29 00:00").date()


def test_what_was_due_before_it_was_made_goes_to_nobody(app):
    event = make_event()
    register(event)
    add_reminders(event, TWO_DAYS, TWO_HOURS, now=local_time("28 12:00"))

    assert run_reminders("28 12:00") == 0
    assert run_reminders("29 16:00") == 1


@for_each(
    "values",
    [
        {"status": Status.CANCELLED},
        {"status": Status.DRAFT},
        {"erased_at": NOON},
    ],
)
def test_nobody_is_reminded_of_what_is_off_not_public_or_forgotten(app, values):
    event = make_event()
    register(event)
    add_reminders(event, TWO_DAYS)
    set_columns(values, Event, Event.id == event.id)

    assert run_reminders("27 18:00") == 0


@pytest.mark.both_engines
def test_called_off_between_two_batches_it_goes_no_further(app, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH_SIZE", 2)
    event = make_event()
    for _ in range(3):
        register(event)
    add_reminders(event, TWO_DAYS)
    [due] = reminders.due_reminders(local_time("27 18:00"))
    with writing():
        first = reminders.send_batch(due, local_time("27 18:00"))
    commit(
        lambda: lifecycle.cancel_event(
            event.id, actor="user:1", now=local_time("27 18:00")
        )
    )
    with writing():
        second = reminders.send_batch(due, local_time("27 18:00"))

    assert (first.written, first.has_more) == (2, True)
    assert (second.written, second.has_more) == (0, False)


# --- never twice --------------------------------------------------------------------


def test_a_round_that_was_stopped_goes_on_where_it_was(app, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH_SIZE", 2)
    event = make_event()
    for number in range(5):
        register(event, email=f"{number}@example.org")
    add_reminders(event, TWO_DAYS)
    [due] = reminders.due_reminders(local_time("27 18:00"))
    with writing():
        reminders.send_batch(due, local_time("27 18:00"))

    assert [address for address, _ in reminder_mails()] == ["0", "1"]
    assert run_reminders("27 18:01") == 3
    assert [address for address, _ in reminder_mails()] == ["0", "1", "2", "3", "4"]


@pytest.mark.both_engines
def test_workers_at_once_write_to_each_once(app, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH_SIZE", 3)
    event = make_event()
    for _ in range(20):
        register(event)
    add_reminders(event, TWO_DAYS)

    counts = run_at_once(
        app, *[lambda: tasks.send_reminders(local_time("27 18:00"))] * 4
    )
    rest = run_reminders("27 18:01")

    assert sum(counts) + rest == 20
    assert len(reminder_mails()) == len(set(reminder_mails())) == 20


@pytest.mark.both_engines
def test_a_worker_that_lost_its_place_writes_to_nobody_twice(app):
    """As if the note of how far it had come were gone."""
    event = make_event()
    register(event)
    add_reminders(event, TWO_DAYS)
    run_reminders("27 18:00")
    set_columns(
        {"done_for": None, "reached_id": 0}, Reminder, Reminder.key == "two-days"
    )

    assert run_reminders("27 18:01") == 0
    assert len(reminder_mails()) == 1


def test_of_two_that_wait_in_the_outbox_the_newer_one_goes_out(app):
    event = make_event()
    ada = register(event)
    add_reminders(event, TWO_DAYS, TWO_HOURS)
    run_reminders("27 18:00")
    run_reminders("29 16:00")

    assert [(m.kind, m.state) for m in messages_of(ada)[1:]] == [
        ("reminder", "superseded"),
        ("reminder", "queued"),
    ]
