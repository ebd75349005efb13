"""Moving: another way to attend, with all seats or not at all."""

from __future__ import annotations

import pytest

from rsvp import errors
from rsvp.domain import invariants
from rsvp.domain.registrations import cancellation
from rsvp.domain.registrations.create import Person
from rsvp.extensions import db
from rsvp.models import Admission, Event, Registration
from tests.support.bookings import (
    ORGANIZER,
    QUESTIONS,
    at_once,
    booked,
    change,
    details,
    do,
    entries,
    everything,
    mails,
    move,
    seats,
    way,
)
from tests.support.door import EVENING, make_phone, scan
from tests.support.factories import NOON, cancel, make_event, register, stored

pytestmark = pytest.mark.one_engine


def test_who_moves_takes_all_seats_along_and_leaves_theirs_to_the_line(app):
    event, party = booked("confirmed", hall=2)
    waits = register(event, "Cy", "Di", admission="hall")

    assert move(party, way(event, "lounge")) == "confirmed"

    moved = stored(party)
    assert (moved.admission.key, moved.state) == ("lounge", "confirmed")
    assert stored(waits).state == "confirmed"
    assert seats(event) == [(2, 0), (2, 0)]
    mail = mails(party)[-1]
    assert (mail.kind, mail.facts["what"]) == ("changed", "moved")
    assert mail.facts["admission"] == "Lounge"
    entry = entries(party)[-1]
    hall, lounge = way(event, "hall"), way(event, "lounge")
    assert (entry.verb, entry.details) == ("move", {"from": hall, "to": lounge})
    assert invariants.problems(NOON) == []


def test_a_move_needs_the_seats_of_the_admission_as_well_as_the_rooms(app):
    event, party = booked("confirmed", hall=3, lounge=3, room_capacity=9)
    register(event, "Cy", "Di", admission="lounge")
    before = everything(event)

    with pytest.raises(errors.NoSeatFree):
        move(party, way(event, "lounge"))

    assert everything(event) == before


def test_a_move_within_a_full_room_needs_no_other_seat(app):
    event, party = booked("confirmed", hall=3, lounge=3, room_capacity=3)
    register(event, admission="hall")
    db.session.refresh(event)
    assert event.room_taken == 3

    assert move(party, way(event, "lounge")) == "confirmed"

    db.session.refresh(event)
    assert event.room_taken == 3
    assert seats(event) == [(1, 0), (2, 0)]
    assert invariants.problems(NOON) == []


def test_nobody_moves_past_those_who_wait_there(app):
    """The line does not run while it is paused, so the free chair is theirs later."""
    event, party = booked("confirmed", "Ada", lounge=1)
    leaving = register(event, admission="lounge")
    register(event, admission="lounge")
    change({"paused": True}, Event)
    cancel(leaving)
    before = everything(event)

    with pytest.raises(errors.NoSeatFree):
        move(party, way(event, "lounge"))

    assert everything(event) == before


def test_who_waits_is_seated_elsewhere_if_something_is_free_there(app):
    event, party = booked("waitlisted")

    assert move(party, way(event, "lounge")) == "confirmed"

    moved = stored(party)
    assert (moved.admission.key, moved.line_number) == ("lounge", None)
    assert seats(event) == [(3, 0), (2, 0)]
    entry = entries(party)[-1]
    assert (entry.from_state, entry.to_state) == ("waitlisted", "confirmed")
    assert invariants.problems(NOON) == []


def test_who_waits_and_finds_nothing_elsewhere_joins_the_end_there(app):
    event, party = booked("waitlisted", lounge=2)
    register(event, "Cy", "Di", admission="lounge")
    ahead = register(event, admission="lounge")

    assert move(party, way(event, "lounge")) == "waitlisted"

    assert stored(party).line_number > stored(ahead).line_number
    assert mails(party)[-1].facts["place"] == 2
    assert seats(event) == [(3, 0), (2, 3)]
    assert invariants.problems(NOON) == []


def test_who_waits_and_is_fine_with_fewer_is_offered_what_is_free_elsewhere(app):
    event = make_event({"key": "hall", "capacity": 2}, {"key": "lounge", "capacity": 2})
    register(event, "Cy", "Di", admission="hall")
    register(event, admission="lounge")
    party = register(event, "Ada", "Bo", admission="hall", fewer_ok=True)
    assert stored(party).state == "waitlisted"

    assert move(party, way(event, "lounge")) == "offered"

    assert stored(party).offered_seats == 1
    assert seats(event) == [(2, 0), (2, 0)]
    assert invariants.problems(NOON) == []


def test_who_waits_is_no_rival_of_their_own(app):
    """From doors on no line runs, so a free seat may stand beside who waits for it."""
    event, party = booked("waitlisted", "Ada", hall=2, room_capacity=9, lounge=3)
    doors = event.doors_open_at
    leaving = next(
        one for one in db.session.query(Registration) if one.state == "confirmed"
    )
    do(lambda: cancellation.cancel(leaving.id, actor="attendee", now=doors))
    assert stored(party).state == "waitlisted"

    assert move(party, way(event, "lounge"), now=doors) == "confirmed"
    assert invariants.problems(doors) == []


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"waitlist": False}, errors.AdmissionFull),
        ({"waitlist_max": 1}, errors.LineFull),
        ({"capacity": 1}, errors.PartyTooLarge),
    ],
    ids=["no line", "line full", "too small"],
)
def test_who_waits_keeps_their_place_where_a_move_is_refused(app, values, refusal):
    event, party = booked("waitlisted", lounge=2)
    register(event, "Cy", "Di", admission="lounge")
    change(values, Admission, Admission.key == "lounge")
    before = everything(event)

    with pytest.raises(refusal):
        move(party, way(event, "lounge"))

    assert everything(event) == before


def test_a_request_moves_and_goes_on_waiting_for_approval(app):
    event, party = booked("requested")

    assert move(party, way(event, "lounge")) == "requested"

    assert stored(party).admission.key == "lounge"
    assert seats(event) == [(0, 0), (0, 0)]
    assert invariants.problems(NOON) == []


def test_a_move_asks_what_is_asked_there_and_forgets_the_rest(app):
    event, party = booked("confirmed", questions=QUESTIONS)
    both = {"diet": "no nuts", "chair": "low"}
    details(party, {0: Person("Ada", both)}, {"song": "A", "coat": "red"})

    move(
        party,
        way(event, "lounge"),
        {"link": "wired", "coat": "blue"},
        people={1: Person("Bob", {"diet": "all", "chair": "high"})},
    )

    moved = stored(party)
    assert moved.answers == {"song": "A", "link": "wired"}
    assert [(one.name, one.answers) for one in moved.attendees] == [
        ("Ada", {"diet": "no nuts"}),
        ("Bob", {"diet": "all"}),
    ]


def test_an_address_has_one_registration_there_too(app):
    event, party = booked("confirmed")
    register(event, email="ada@example.org", admission="lounge")
    before = everything(event)

    with pytest.raises(errors.AddressInUse):
        move(party, way(event, "lounge"))

    assert everything(event) == before


def test_where_an_address_may_have_several_it_moves_beside_another(app):
    event, party = booked("confirmed", several=True)
    register(event, email="ada@example.org", admission="lounge")

    assert move(party, way(event, "lounge")) == "confirmed"


def test_only_another_admission_of_the_event_can_be_moved_to(app):
    event, party = booked("confirmed")
    other = make_event()
    before = everything(event)

    for admission_id in (way(event, "hall"), way(other, "in-person"), 0, -1, 10**12):
        with pytest.raises(errors.WrongAdmission):
            move(party, admission_id)

    assert everything(event) == before


def test_nobody_moves_who_is_in(app):
    event, party = booked("confirmed")
    scan(make_phone(event), stored(party).attendees[1])

    with pytest.raises(errors.AlreadyIn):
        move(party, way(event, "lounge"), actor=ORGANIZER, now=EVENING)


def test_of_two_who_move_to_the_last_seats_one_does(app):
    event, party = booked("confirmed", lounge=2, hall=9)
    other = register(event, "Cy", "Di", admission="hall")
    target = way(event, "lounge")

    answers = at_once(app, lambda: move(party, target), lambda: move(other, target))

    assert answers == ["confirmed", "no_seat_free"]
    assert seats(event) == [(2, 0), (2, 0)]
    assert invariants.problems(NOON) == []
