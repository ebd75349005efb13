"""Moving: another way to attend, with all seats or not at all."""

from __future__ import annotations

import pytest

from rsvp import errors
from rsvp.domain import invariants
from rsvp.domain.registrations import cancellation
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.models import Admission, Event, Registration
from tests.support.door import DURING_ENTRY, make_phone, record_scan
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import (
    ORGANIZER,
    QUESTIONS,
    admission_id_of,
    audit_entries,
    change_admission,
    change_details,
    commit,
    messages_of,
    register_in_state,
    rows_of_event,
    run_at_once,
    seats_by_admission,
    set_columns,
)

pytestmark = pytest.mark.one_engine


def test_who_moves_takes_all_seats_along_and_leaves_theirs_to_the_line(app):
    event, party = register_in_state("confirmed", hall=2)
    waits = register(event, "Cy", "Di", admission="hall")

    assert change_admission(party, admission_id_of(event, "lounge")) == "confirmed"

    moved = load_registration(party)
    assert (moved.admission.key, moved.state) == ("lounge", "confirmed")
    assert load_registration(waits).state == "confirmed"
    assert seats_by_admission(event) == [(2, 0), (2, 0)]
    mail = messages_of(party)[-1]
    assert (mail.kind, mail.facts["what"]) == ("changed", "moved")
    assert mail.facts["admission"] == "Lounge"
    entry = audit_entries(party)[-1]
    hall, lounge = admission_id_of(event, "hall"), admission_id_of(event, "lounge")
    assert (entry.verb, entry.details) == ("move", {"from": hall, "to": lounge})
    assert invariants.find_problems(NOON) == []


def test_a_move_needs_the_seats_of_the_admission_as_well_as_the_rooms(app):
    event, party = register_in_state("confirmed", hall=3, lounge=3, room_capacity=9)
    register(event, "Cy", "Di", admission="lounge")
    before = rows_of_event(event)

    with pytest.raises(errors.NoSeatFree):
        change_admission(party, admission_id_of(event, "lounge"))

    assert rows_of_event(event) == before


def test_a_move_within_a_full_room_needs_no_other_seat(app):
    event, party = register_in_state("confirmed", hall=3, lounge=3, room_capacity=3)
    register(event, admission="hall")
    db.session.refresh(event)
    assert event.room_taken == 3

    assert change_admission(party, admission_id_of(event, "lounge")) == "confirmed"

    db.session.refresh(event)
    assert event.room_taken == 3
    assert seats_by_admission(event) == [(1, 0), (2, 0)]
    assert invariants.find_problems(NOON) == []


def test_nobody_moves_past_those_who_wait_there(app):
    """The line does not run while it is paused, so the free chair is theirs later."""
    event, party = register_in_state("confirmed", "Ada", lounge=1)
    leaving = register(event, admission="lounge")
    register(event, admission="lounge")
    set_columns({"paused": True}, Event)
    cancel(leaving)
    before = rows_of_event(event)

    with pytest.raises(errors.NoSeatFree):
        change_admission(party, admission_id_of(event, "lounge"))

    assert rows_of_event(event) == before


def test_who_waits_is_seated_elsewhere_if_something_is_free_there(app):
    event, party = register_in_state("waitlisted")

    assert change_admission(party, admission_id_of(event, "lounge")) == "confirmed"

    moved = load_registration(party)
    assert (moved.admission.key, moved.line_number) == ("lounge", None)
    assert seats_by_admission(event) == [(3, 0), (2, 0)]
    entry = audit_entries(party)[-1]
    assert (entry.from_state, entry.to_state) == ("waitlisted", "confirmed")
    assert invariants.find_problems(NOON) == []


def test_who_waits_and_finds_nothing_elsewhere_joins_the_end_there(app):
    event, party = register_in_state("waitlisted", lounge=2)
    register(event, "Cy", "Di", admission="lounge")
    ahead = register(event, admission="lounge")

    assert change_admission(party, admission_id_of(event, "lounge")) == "waitlisted"

    assert load_registration(party).line_number > load_registration(ahead).line_number
    assert messages_of(party)[-1].facts["place"] == 2
    assert seats_by_admission(event) == [(3, 0), (2, 3)]
    assert invariants.find_problems(NOON) == []


def test_who_waits_and_is_fine_with_fewer_is_offered_what_is_free_elsewhere(app):
    event = make_event({"key": "hall", "capacity": 2}, {"key": "lounge", "capacity": 2})
    register(event, "Cy", "Di", admission="hall")
    register(event, admission="lounge")
    party = register(event, "Ada", "Bo", admission="hall", fewer_ok=True)
    assert load_registration(party).state == "waitlisted"

    assert change_admission(party, admission_id_of(event, "lounge")) == "offered"

    assert load_registration(party).offered_seats == 1
    assert seats_by_admission(event) == [(2, 0), (2, 0)]
    assert invariants.find_problems(NOON) == []


def test_who_waits_is_no_rival_of_their_own(app):
    """From doors on no line runs, so a free seat may stand beside who waits for it."""
    event, party = register_in_state(
        "waitlisted", "Ada", hall=2, room_capacity=9, lounge=3
    )
    doors = event.doors_open_at
    leaving = next(
        one for one in db.session.query(Registration) if one.state == "confirmed"
    )
    commit(lambda: cancellation.cancel(leaving.id, actor="attendee", now=doors))
    assert load_registration(party).state == "waitlisted"

    assert (
        change_admission(party, admission_id_of(event, "lounge"), now=doors)
        == "confirmed"
    )
    assert invariants.find_problems(doors) == []


@for_each(
    ("values", "refusal"),
    [
        ({"waitlist": False}, errors.AdmissionFull),
        ({"waitlist_max": 1}, errors.WaitlistFull),
        ({"capacity": 1}, errors.PartyTooLarge),
    ],
    ids=["no line", "line full", "too small"],
)
def test_who_waits_keeps_their_place_where_a_move_is_refused(app, values, refusal):
    event, party = register_in_state("waitlisted", lounge=2)
    register(event, "Cy", "Di", admission="lounge")
    set_columns(values, Admission, Admission.key == "lounge")
    before = rows_of_event(event)

    with pytest.raises(refusal):
        change_admission(party, admission_id_of(event, "lounge"))

    assert rows_of_event(event) == before


def test_a_request_moves_and_goes_on_waiting_for_approval(app):
    event, party = register_in_state("requested")

    assert change_admission(party, admission_id_of(event, "lounge")) == "requested"

    assert load_registration(party).admission.key == "lounge"
    assert seats_by_admission(event) == [(0, 0), (0, 0)]
    assert invariants.find_problems(NOON) == []


def test_a_move_asks_what_is_asked_there_and_forgets_the_rest(app):
    event, party = register_in_state("confirmed", questions=QUESTIONS)
    both = {"diet": "no nuts", "chair": "low"}
    change_details(
        party, {0: RequestedAttendee("Ada", both)}, {"song": "A", "coat": "red"}
    )

    change_admission(
        party,
        admission_id_of(event, "lounge"),
        {"link": "wired", "coat": "blue"},
        people={1: RequestedAttendee("Bob", {"diet": "all", "chair": "high"})},
    )

    moved = load_registration(party)
    assert moved.answers == {"song": "A", "link": "wired"}
    assert [(one.name, one.answers) for one in moved.attendees] == [
        ("Ada", {"diet": "no nuts"}),
        ("Bob", {"diet": "all"}),
    ]


def test_an_address_has_one_registration_there_too(app):
    event, party = register_in_state("confirmed")
    register(event, email="ada@example.org", admission="lounge")
    before = rows_of_event(event)

    with pytest.raises(errors.AddressInUse):
        change_admission(party, admission_id_of(event, "lounge"))

    assert rows_of_event(event) == before


def test_where_an_address_may_have_several_it_moves_beside_another(app):
    event, party = register_in_state("confirmed", several=True)
    register(event, email="ada@example.org", admission="lounge")

    assert change_admission(party, admission_id_of(event, "lounge")) == "confirmed"


def test_only_another_admission_of_the_event_can_be_moved_to(app):
    event, party = register_in_state("confirmed")
    other = make_event()
    before = rows_of_event(event)

    for admission_id in (
        admission_id_of(event, "hall"),
        admission_id_of(other, "in-person"),
        0,
        -1,
        10**12,
    ):
        with pytest.raises(errors.WrongAdmission):
            change_admission(party, admission_id)

    assert rows_of_event(event) == before


def test_nobody_moves_who_is_in(app):
    event, party = register_in_state("confirmed")
    record_scan(make_phone(event), load_registration(party).attendees[1])

    with pytest.raises(errors.AlreadyCheckedIn):
        change_admission(
            party, admission_id_of(event, "lounge"), actor=ORGANIZER, now=DURING_ENTRY
        )


def test_of_two_who_move_to_the_last_seats_one_does(app):
    event, party = register_in_state("confirmed", lounge=2, hall=9)
    other = register(event, "Cy", "Di", admission="hall")
    target = admission_id_of(event, "lounge")

    answers = run_at_once(
        app,
        lambda: change_admission(party, target),
        lambda: change_admission(other, target),
    )

    assert answers == ["confirmed", "no_seat_free"]
    assert seats_by_admission(event) == [(2, 0), (2, 0)]
    assert invariants.find_problems(NOON) == []
