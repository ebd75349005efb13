"""News: who is told what when an event moves, and who is asked about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from rsvp.db import writing
from rsvp.domain import invariants
from rsvp.domain.events import publish as event_publish
from rsvp.errors import InUse
from rsvp.event_definition import Online, Venue
from rsvp.extensions import db
from rsvp.models import AuditEntry, Message, Registration
from rsvp.models.event import Allocation, Mode, Promotion, Status
from rsvp.models.message import MessageState
from rsvp.models.registration import State
from tests.support.door import make_phone, record_scan
from tests.support.event_files import (
    EVENT_FILE,
    HALL,
    ONLINE,
    get_event,
    hall_and_online,
    publish,
)
from tests.support.factories import NOON, cancel, load_registration, register
from tests.support.for_each import for_each
from tests.support.registrations import messages_of, set_columns

pytestmark = pytest.mark.one_engine

BOAT_SHED = Venue(name="The Boat Shed", address="Voorbeeldkade 14\nUtrecht")
LIBRARY = Venue(name="The Library", address="Markt 1\nDelft")
CALL = Online(join_url="https://meet.example.org/1", note="The password is soup.")
ON_AIR = replace(EVENT_FILE, venue=BOAT_SHED, online=CALL)

LATER = {"starts": datetime(2027, 1, 29, 19, 0), "ends": datetime(2027, 1, 29, 22, 0)}
BEFORE = {
    "starts": "2027-01-29T17:00:00+00:00",
    "ends": "2027-01-29T20:00:00+00:00",
    "timezone": "Europe/Amsterdam",
    "place": ["The Boat Shed", "Voorbeeldkade 14", "Utrecht"],
    "mode": "in_person",
}
HALL_ONLINE = (replace(HALL, mode=Mode.ONLINE), ONLINE)


@pytest.fixture
def evening(app):
    """Published, with a hall of three chairs, a venue and a call."""
    publish(ON_AIR)


def told(outcome) -> list[Message]:
    """The mails about changes that go out, oldest first."""
    return [
        mail
        for mail in messages_of(outcome)
        if (mail.kind, mail.state) == ("event_changed", MessageState.QUEUED)
    ]


def what(outcome) -> list[str]:
    """What the one mail about a change says to have changed; empty without one."""
    found = told(outcome)
    return found[0].facts["what"] if found else []


def deliver() -> None:
    """As if all mails had gone out."""
    set_columns({"state": MessageState.SENT, "sent_at": NOON}, Message)


# --- who is told what ---------------------------------------------------------------

ANOTHER_LINK = replace(CALL, join_url="https://meet.example.org/2")
ANOTHER_NOTE = replace(CALL, note="The password is bread.")
CHANGES = [
    # the change, and what it is for one in the hall and one online
    (LATER, ["time"], ["time"]),
    ({"ends": datetime(2027, 1, 29, 23, 0)}, ["time"], ["time"]),
    ({"timezone": "Europe/London"}, ["time"], ["time"]),
    ({"venue": LIBRARY}, ["place"], []),
    ({"venue": replace(BOAT_SHED, address="Voorbeeldkade 16\nUtrecht")}, ["place"], []),
    ({"venue": LIBRARY} | LATER, ["time", "place"], ["time"]),
    ({"online": ANOTHER_LINK}, [], ["link"]),
    ({"online": ANOTHER_NOTE}, [], ["link"]),
    ({"online": None}, [], ["link"]),
    ({"admissions": HALL_ONLINE}, ["mode"], []),
    ({"admissions": HALL_ONLINE, "venue": None}, ["mode"], []),
    ({"admissions": HALL_ONLINE} | LATER, ["time", "mode"], ["time"]),
    # Nothing of this is news.
    ({"doors": datetime(2027, 1, 29, 17, 0)}, [], []),
    ({"timezone": "Europe/Brussels"}, [], []),
    ({"venue": replace(BOAT_SHED, address=" Voorbeeldkade  14\n\nUtrecht\n")}, [], []),
    ({"venue": replace(BOAT_SHED, access="Ring twice.")}, [], []),
    ({"title": "Night", "summary": "Soup.", "contact": "a@example.org"}, [], []),
    ({"admissions": hall_and_online(name="Room", capacity=9)}, [], []),
]


@for_each(("changes", "in_hall", "online"), CHANGES, fresh=True)
def test_each_is_told_what_has_changed_for_them(evening, changes, in_hall, online):
    ada, bo = register(get_event()), register(get_event(), admission="online")

    done = publish(ON_AIR, **changes)

    assert (what(ada), what(bo)) == (in_hall, online)
    assert done.notified == len(told(ada)) + len(told(bo))
    assert invariants.find_problems(NOON) == []


def test_a_mail_says_what_was(evening):
    ada, bo = (
        register(get_event(), "Ada", "Di"),
        register(get_event(), admission="online"),
    )

    publish(ON_AIR, venue=LIBRARY, **LATER)

    [mail] = told(ada)
    assert (mail.rank, mail.occasion, mail.recipient) == (
        1,
        None,
        load_registration(ada).email,
    )
    assert mail.facts["before"] == BEFORE
    assert (mail.facts["seats"], mail.facts["mode"]) == (2, "in_person")
    assert told(bo)[0].facts["before"] == BEFORE | {"mode": "online"}


@pytest.mark.both_engines
def test_whoever_is_on_the_list_is_told_and_nobody_else(app):
    publish(
        ON_AIR, registration=replace(EVENT_FILE.registration, promote=Promotion.OFFER)
    )
    seated, offered, waits = (register(get_event(), "A", "B", "C") for _ in range(3))
    gone = register(get_event(), admission="online")
    cancel(gone)
    cancel(seated)

    done = publish(
        ON_AIR,
        registration=replace(EVENT_FILE.registration, promote=Promotion.OFFER),
        **LATER,
    )

    assert [what(one) for one in (seated, gone)] == [[], []]
    assert [what(one) for one in (offered, waits)] == [["time"], ["time"]]
    assert told(waits)[0].facts["place"] == 1
    assert (
        told(offered)[0].facts["until"]
        == load_registration(offered).decide_by.isoformat()
    )
    assert done.notified == 2


def test_who_asked_for_a_place_is_told_as_well(app):
    approval = replace(EVENT_FILE.registration, allocation=Allocation.APPROVAL)
    publish(ON_AIR, registration=approval)
    ada = register(get_event())

    publish(ON_AIR, registration=approval, venue=LIBRARY)

    assert (what(ada), told(ada)[0].facts["asks"]) == (["place"], False)


def test_the_link_is_news_to_those_who_have_it(evening):
    publish(ON_AIR, admissions=(HALL, replace(ONLINE, capacity=1, waitlist=True)))
    has, waits = (register(get_event(), admission="online") for _ in range(2))

    publish(
        ON_AIR,
        admissions=(HALL, replace(ONLINE, capacity=1, waitlist=True)),
        online=ANOTHER_LINK,
    )

    assert (what(has), what(waits)) == (["link"], [])
    assert "meet.example.org" not in str(told(has)[0].facts)


@for_each(
    ("first", "second"),
    [
        (Status.DRAFT, Status.DRAFT),
        (Status.DRAFT, Status.PUBLISHED),
        (Status.PUBLISHED, Status.CANCELLED),
    ],
)
def test_nobody_is_told_that_a_draft_moved_or_that_what_is_off_did(app, first, second):
    publish(ON_AIR)
    ada = register(get_event())
    set_columns(
        {"status": first}, type(get_event()), type(get_event()).slug == "evening"
    )

    publish(ON_AIR, status=second, **LATER)

    assert what(ada) == []


@for_each(("hours", "mails_sent"), [(-1, 1), (0, 0), (1, 0)])
def test_after_the_end_nobody_is_told(evening, hours, mails_sent):
    ada = register(get_event())
    now = get_event().ends_at + timedelta(hours=hours)

    with writing():
        event_publish.publish_definition(
            replace(ON_AIR, venue=LIBRARY), actor="command", now=now
        )

    assert len(told(ada)) == mails_sent


def test_many_are_told_a_few_at_a_time(evening, monkeypatch):
    monkeypatch.setattr("rsvp.domain.events.change_notices.BATCH_SIZE", 2)
    outcomes = [register(get_event(), admission="online") for _ in range(5)]

    done = publish(ON_AIR, **LATER)

    assert done.notified == 5
    assert [what(one) for one in outcomes] == [["time"]] * 5
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()))
    assert entry.first().details == {"changed": ["starts", "ends"], "told": 5}


# --- what has not gone out yet ------------------------------------------------------


@pytest.mark.both_engines
def test_two_changes_that_nobody_has_read_of_are_told_as_one(evening):
    ada = register(get_event())
    publish(ON_AIR, **LATER)

    publish(ON_AIR, venue=LIBRARY, **LATER | {"starts": datetime(2027, 1, 29, 19, 30)})

    [mail] = told(ada)
    assert (mail.facts["what"], mail.facts["before"]) == (["time", "place"], BEFORE)


def test_what_is_taken_back_before_anybody_read_of_it_is_not_told(evening):
    ada, bo = register(get_event()), register(get_event(), admission="online")
    publish(ON_AIR, venue=LIBRARY, online=ANOTHER_LINK)
    assert load_registration(ada).asked_about == "change"

    done = publish(ON_AIR, online=ANOTHER_LINK)

    assert (what(ada), what(bo), done.notified) == ([], ["link"], 0)
    assert (load_registration(ada).asked_at, load_registration(ada).asked_about) == (
        None,
        None,
    )


def test_a_change_that_is_not_theirs_leaves_their_mail_as_it_is(evening):
    bo = register(get_event(), admission="online")
    publish(ON_AIR, online=ANOTHER_LINK)
    [mail] = told(bo)

    publish(ON_AIR, online=ANOTHER_LINK, venue=LIBRARY)

    assert [one.id for one in told(bo)] == [mail.id]


def test_after_a_mail_went_out_the_next_one_goes_on_from_there(evening):
    ada = register(get_event())
    publish(ON_AIR, venue=LIBRARY)
    deliver()

    publish(ON_AIR)

    [mail] = told(ada)
    assert mail.facts["before"]["place"] == ["The Library", "Markt 1", "Delft"]
    assert mail.facts["asks"] is True


def test_one_that_is_being_sent_goes_out_and_the_next_one_follows(evening):
    ada = register(get_event())
    publish(ON_AIR, venue=LIBRARY)
    set_columns({"lease_until": NOON + timedelta(minutes=5)}, Message)

    publish(ON_AIR, venue=LIBRARY, **LATER)

    assert [mail.facts["what"] for mail in told(ada)] == [["place"], ["time"]]


# --- who is asked -------------------------------------------------------------------


@for_each(
    ("changes", "asks"),
    [
        ({"venue": LIBRARY}, True),
        ({"admissions": HALL_ONLINE}, True),
        ({"venue": LIBRARY} | LATER, True),
        (LATER, False),
    ],
    fresh=True,
)
def test_who_has_a_place_is_asked_about_another_place(evening, changes, asks):
    ada = register(get_event())
    answered = {"asked_at": NOON, "asked_about": "coming", "answered_at": NOON}
    set_columns(answered, Registration, Registration.id == ada.registration_id)

    publish(ON_AIR, **changes)

    assert told(ada)[0].facts["asks"] is asks
    now = load_registration(ada)
    expected = ("change", None, None) if asks else ("coming", None, NOON)
    assert (now.asked_about, now.answer_by, now.answered_at) == expected
    assert (now.state, now.asked_at) == (State.CONFIRMED, NOON)


def test_who_waits_is_told_and_not_asked(evening):
    register(get_event(), "A", "B", "C")
    waits = register(get_event())

    publish(ON_AIR, venue=LIBRARY)

    assert (what(waits), told(waits)[0].facts["asks"]) == (["place"], False)
    assert load_registration(waits).asked_about is None


# --- another way to attend ----------------------------------------------------------


def counts() -> tuple[list[tuple[int, int]], int, int]:
    """(taken, waiting) of each admission; taken and waiting of the room."""
    now = get_event()
    ways = [(way.seats_taken, way.waiting) for way in now.admissions]
    return ways, now.room_taken, now.room_waiting


@pytest.mark.both_engines
def test_a_hall_that_goes_online_leaves_the_room(evening):
    room = {"room": 4, "reserved_seats": 1}
    other = replace(HALL, key="gallery", capacity=9)
    publish(ON_AIR, admissions=(HALL, other), **room)
    seated = register(get_event(), "A", "B", admission="hall")
    register(get_event(), admission="gallery")
    waits = register(get_event(), "C", "D", admission="gallery")
    assert counts() == ([(2, 0), (1, 2)], 4, 2)
    sequence = get_event().sequence

    publish(ON_AIR, admissions=(replace(HALL, mode=Mode.ONLINE), other), **room)

    assert counts() == ([(2, 0), (3, 0)], 4, 0)
    assert [load_registration(one).state for one in (seated, waits)] == [
        State.CONFIRMED
    ] * 2
    assert get_event().sequence == sequence + 1
    assert invariants.find_problems(NOON) == []


def test_reserved_seats_go_to_who_is_still_in_person(evening):
    other = replace(HALL, key="gallery", capacity=9)
    publish(ON_AIR, admissions=(HALL, other), reserved_seats=2)
    register(get_event(), admission="hall")

    publish(
        ON_AIR, admissions=(replace(HALL, mode=Mode.ONLINE), other), reserved_seats=2
    )

    assert [(a.seats_taken, a.reserved) for a in get_event().admissions] == [
        (1, 0),
        (2, 2),
    ]
    assert invariants.find_problems(NOON) == []


@for_each(
    ("capacity", "room", "fits"),
    [
        (2, None, True),
        (1, None, False),
        (None, None, True),
        (2, 5, True),
        (2, 4, False),
        (None, 4, False),
    ],
    fresh=True,
)
def test_what_was_online_comes_to_the_hall_if_there_is_a_chair_for_each(
    evening, capacity, room, fits
):
    online = replace(ONLINE, waitlist=True)
    publish(ON_AIR, admissions=(HALL, online), room=room)
    register(get_event(), "A", "B", "C", admission="hall")
    bo = register(get_event(), "Bo", "Cy", admission="online")
    here = replace(online, mode=Mode.IN_PERSON, capacity=capacity)

    if not fits:
        with pytest.raises(InUse) as refused:
            publish(ON_AIR, admissions=(HALL, here), room=room)
        assert refused.value.facts == {
            "kind": "admission",
            "key": "online",
            "change": "seats",
            "people": 2,
            "at": "admissions[1].mode",
        }
        return
    publish(ON_AIR, admissions=(HALL, here), room=room)
    assert what(bo) == ["mode"]
    assert get_event().room_taken == (5 if room else 0)
    assert invariants.find_problems(NOON) == []


def test_whom_a_door_let_in_stays_in_person(evening):
    register(get_event(), "A", "B")
    ada = load_registration(register(get_event()))
    record_scan(make_phone(get_event()), ada.attendees[0])

    with pytest.raises(InUse) as refused:
        publish(ON_AIR, admissions=HALL_ONLINE)

    assert refused.value.facts == {
        "kind": "admission",
        "key": "hall",
        "change": "mode",
        "people": 1,
        "at": "admissions[0].mode",
    }


@pytest.mark.both_engines
def test_who_waited_for_a_chair_is_seated_where_there_are_enough_online(evening):
    register(get_event(), "A", "B", "C")
    waits = register(get_event())

    publish(ON_AIR, admissions=(replace(HALL, mode=Mode.ONLINE, capacity=None), ONLINE))

    assert load_registration(waits).state == State.CONFIRMED
    kinds = [mail.kind for mail in messages_of(waits)]
    assert kinds == ["waitlisted", "event_changed", "promoted"]
    assert invariants.find_problems(NOON) == []


# --- offers, and the calendar -------------------------------------------------------


@for_each(
    ("starts", "until"),
    [
        (datetime(2027, 1, 29, 17, 0), datetime(2027, 1, 16, 12, 0, tzinfo=UTC)),
        (datetime(2027, 1, 16, 10, 0), datetime(2027, 1, 16, 8, 30, tzinfo=UTC)),
    ],
    fresh=True,
)
def test_an_offer_ends_with_doors_at_the_latest(app, starts, until):
    offering = replace(EVENT_FILE.registration, promote=Promotion.OFFER)
    publish(ON_AIR, registration=offering)
    seated, ben = register(get_event(), "A", "B", "C"), register(get_event())
    cancel(seated)

    publish(ON_AIR, registration=offering, starts=starts)

    assert load_registration(ben).decide_by == until
    assert told(ben)[0].facts["until"] == until.isoformat()


def test_each_change_of_time_or_place_counts_the_calendar_on(evening):
    numbers = [get_event().sequence]
    for changes in (LATER, {"venue": LIBRARY}, {"admissions": HALL_ONLINE}):
        publish(ON_AIR, **changes)
        numbers.append(get_event().sequence)

    assert numbers == sorted(set(numbers))
