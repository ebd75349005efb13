"""By an organizer: above the cap, within the line, tickets again, new codes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import null, select, update

from rsvp import errors, tokens
from rsvp.db import write, writing
from rsvp.domain import capacity, invariants, privacy, waitlist
from rsvp.domain.registrations import cancellation, organizer_actions, transfer
from rsvp.extensions import db
from rsvp.models import (
    Admission,
    Attendee,
    AuditEntry,
    Event,
    Message,
    Registration,
    RetiredCode,
)
from rsvp.models.event import Status
from rsvp.queries import by_link
from tests.support.door import DURING_ENTRY, make_phone, record_scan
from tests.support.factories import (
    CODE_KEY,
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import audit_entries, messages_of

pytestmark = pytest.mark.one_engine

ACTOR = "user:1"


def seat(outcome, why="A speaker's guest", now=NOON) -> bool:
    return write(
        organizer_actions.seat_waiting,
        outcome.registration_id,
        why=why,
        actor=ACTOR,
        now=now,
    )


def move(outcome, place, now=NOON) -> None:
    write(
        organizer_actions.move_in_waitlist,
        outcome.registration_id,
        place,
        actor=ACTOR,
        now=now,
    )


def send_again(outcome, now=NOON) -> None:
    write(organizer_actions.resend_mail, outcome.registration_id, actor=ACTOR, now=now)


def replace_codes(outcome, now=NOON) -> None:
    write(
        organizer_actions.replace_codes,
        outcome.registration_id,
        code_key=CODE_KEY,
        actor=ACTOR,
        now=now,
    )


def organizer_cancels(outcome, now=NOON, **why) -> None:
    write(cancellation.cancel, outcome.registration_id, actor=ACTOR, now=now, **why)


ACTS = [seat, lambda outcome, now: move(outcome, 1, now), send_again, replace_codes]
ACTS += [organizer_cancels]
IDS = ["seat", "move", "send again", "new codes", "cancel"]


def line(event) -> list[str]:
    db.session.rollback()
    in_line = Registration.event_id == event.id, Registration.state == "waitlisted"
    names = select(Registration.name).where(*in_line)
    return list(db.session.scalars(names.order_by(Registration.line_number)))


def seats_and_ceilings(event) -> list[tuple[int, int | None, int]]:
    db.session.rollback()
    mine = Admission.event_id == event.id
    wanted = select(Admission).where(mine).order_by(Admission.id)
    return [(a.seats_taken, a.ceiling, a.waiting) for a in db.session.scalars(wanted)]


# --- above the cap ------------------------------------------------------------------


def test_a_party_is_seated_above_the_cap_with_its_reason(app):
    event = make_event({"capacity": 2})
    register(event)
    register(event)
    ahead, party = register(event), register(event, "Ada", "Bo")

    assert seat(party) is True

    seated = load_registration(party)
    assert (seated.state, seated.line_number) == ("confirmed", None)
    assert seated.exception_why == "A speaker's guest"
    assert seats_and_ceilings(event) == [(4, 4, 1)]
    assert load_registration(ahead).state == "waitlisted"
    assert [mail.kind for mail in messages_of(party)] == ["waitlisted", "promoted"]
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.actor) == ("confirm_above", ACTOR)
    assert (entry.from_state, entry.to_state) == ("waitlisted", "confirmed")
    assert "speaker" not in str(entry.details)
    assert invariants.find_problems(NOON) == []


def test_above_the_room_the_ceiling_is_the_rooms_as_well(app):
    event = make_event(
        {"key": "walk", "capacity": 5}, {"key": "tea", "capacity": 5}, room_capacity=2
    )
    register(event, admission="walk")
    register(event, admission="tea")
    waits = register(event, admission="tea")

    assert seat(waits) is True

    db.session.refresh(event)
    assert (event.room_taken, event.room_ceiling, event.room_waiting) == (3, 3, 0)
    assert seats_and_ceilings(event) == [(1, None, 0), (2, None, 0)]
    assert invariants.find_problems(NOON) == []


def test_the_ceiling_falls_as_seats_come_free_and_the_line_waits_for_the_cap(app):
    event = make_event({"capacity": 2})
    seated = [register(event), register(event)]
    first, second = register(event), register(event)
    seat(second)
    assert seats_and_ceilings(event) == [(3, 3, 1)]

    cancel(seated[0])
    assert seats_and_ceilings(event) == [(2, None, 1)]
    assert load_registration(first).state == "waitlisted"

    cancel(seated[1])
    assert seats_and_ceilings(event) == [(2, None, 0)]
    assert load_registration(first).state == "confirmed"
    assert invariants.find_problems(NOON) == []


def test_where_seats_are_free_it_is_no_exception(app):
    event = make_event({"capacity": 1})
    leaving, waits = register(event), register(event)
    with writing() as session:
        session.execute(update(Event).values(paused=True))
    cancel(leaving)

    assert seat(waits) is False

    assert load_registration(waits).exception_why is None
    assert audit_entries(waits)[-1].verb == "confirm"
    assert seats_and_ceilings(event) == [(1, None, 0)]
    assert invariants.find_problems(NOON) == []


def test_whoever_has_a_place_is_not_seated_again(app):
    event = make_event({"capacity": 1})
    seated = register(event)

    with pytest.raises(errors.NotWaiting):
        seat(seated)
    with pytest.raises(errors.NotWaiting):
        move(seated, 1)
    assert seats_and_ceilings(event) == [(1, None, 0)]


def test_an_exception_in_a_rush_takes_one_seat_and_nobody_elses(app):
    event = make_event({"capacity": 3})
    for _ in range(3):
        register(event)
    waiting = [register(event) for _ in range(3)]
    db.session.refresh(event)
    db.session.remove()
    start = threading.Barrier(12, timeout=30)

    def press(number):
        with app.app_context():
            start.wait()
            try:
                if number < 6:
                    return str(seat(waiting[number // 2]))
                return register(event, email=f"rush-{number}@example.org").state
            except errors.NotWaiting:
                return "not waiting"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(press, range(12)))

    assert sorted(answers[:6]) == ["True"] * 3 + ["not waiting"] * 3
    assert set(answers[6:]) == {"waitlisted"}
    assert seats_and_ceilings(event) == [(6, 6, 6)]
    assert invariants.find_problems(NOON) == []


# --- within the line ----------------------------------------------------------------


@for_each(
    ("who", "place", "order"),
    [
        ("A", 1, "ABCD"),
        ("A", 2, "BACD"),
        ("A", 4, "BCDA"),
        ("D", 1, "DABC"),
        ("C", 2, "ACBD"),
        ("B", 3, "ACBD"),
    ],
    fresh=True,
)
def test_a_party_is_moved_and_those_between_give_way(app, who, place, order):
    event = make_event({"capacity": 1})
    register(event)
    made = {name: register(event, name) for name in "ABCD"}
    numbers = [load_registration(one).line_number for one in made.values()]

    move(made[who], place)

    assert line(event) == list(order)
    assert (
        sorted(load_registration(one).line_number for one in made.values()) == numbers
    )
    assert len(messages_of(made[who])) == 1
    before = "ABCD".index(who) + 1
    entries = list(
        db.session.scalars(select(AuditEntry).filter_by(verb="move_in_line"))
    )
    told = [(entry.actor, entry.details) for entry in entries]
    moved = [(ACTOR, {"from": before, "to": place})]
    assert told == (moved if before != place else [])
    assert invariants.find_problems(NOON) == []


@for_each("place", [0, -1, 4, 2**40])
def test_a_place_that_the_line_does_not_have_is_refused(app, place):
    event = make_event({"capacity": 1})
    register(event)
    made = [register(event, name) for name in "ABC"]

    with pytest.raises(errors.NoSuchPosition) as refused:
        move(made[0], place)

    assert refused.value.facts == {"last": 3}
    assert line(event) == ["A", "B", "C"]


def test_places_are_counted_among_those_who_wait_for_the_same_seats(app):
    event = make_event({"key": "walk", "capacity": 1}, {"key": "tea", "capacity": 1})
    register(event, admission="walk")
    register(event, admission="tea")
    made = {
        name: register(event, name, admission=way)
        for name, way in zip("ABCD", ("walk", "tea", "walk", "tea"), strict=True)
    }

    move(made["D"], 1)

    assert line(event) == ["A", "D", "C", "B"]
    way = {a.key: a for a in event.admissions}
    number = load_registration(made["D"]).line_number
    assert waitlist.position(event, way["tea"], number) == 1
    with pytest.raises(errors.NoSuchPosition):
        move(made["D"], 3)


def test_who_is_moved_to_the_head_is_seated_next(app):
    event = make_event({"capacity": 1})
    leaving = register(event)
    first, second = register(event), register(event)

    move(second, 1)
    cancel(leaving)

    assert load_registration(second).state == "confirmed"
    assert load_registration(first).state == "waitlisted"


# --- tickets again, new codes -------------------------------------------------------


def test_a_ticket_is_mailed_again_without_counting_against_its_owner(app):
    event = make_event({"capacity": 1})
    seated, waits = register(event), register(event)

    for _ in range(8):
        send_again(seated)
    send_again(waits)

    again = messages_of(seated)[1:]
    assert [mail.state for mail in again] == ["superseded"] * 7 + ["queued"]
    assert not any(mail.from_form for mail in again)
    assert again[0].facts["what"] == "sent_again"
    assert messages_of(waits)[-1].facts["place"] == 1
    assert audit_entries(seated)[-1].verb == "send_again"
    assert register(event, email=load_registration(seated).email).kind == "mailed"
    assert invariants.find_problems(NOON) == []


def test_new_codes_kill_the_old_ones_and_their_links(app):
    event = make_event()
    party = register(event, "Ada", "Bo", "Cy")
    with writing():
        cancellation.cancel_guest(party.registration_id, 1, actor="attendee", now=NOON)
    before = {
        a.id: (a.code_id, tokens.ticket_token(CODE_KEY, a.uuid, 0))
        for a in load_registration(party).attendees
    }

    replace_codes(party)

    registration = load_registration(party)
    assert by_link.find_linked_registration(party.token) is None
    link = tokens.manage_token(CODE_KEY, registration.uuid, 1)
    assert by_link.find_linked_registration(link).id == registration.id
    retired = set(db.session.scalars(select(RetiredCode.code_id)))
    ada, bo, cy = registration.attendees
    assert retired == {before[ada.id][0], before[cy.id][0]}
    for attendee in (ada, cy):
        version = attendee.code_version
        assert version == 1
        code = tokens.attendee_code(CODE_KEY, attendee.uuid, version)
        assert attendee.code_id == tokens.code_id(code)
        assert by_link.find_linked_ticket(before[attendee.id][1]) is None
        ticket = tokens.ticket_token(CODE_KEY, attendee.uuid, version)
        assert by_link.find_linked_ticket(ticket).id == attendee.id
    assert (bo.code_version, bo.code_id) == (0, before[bo.id][0])
    assert messages_of(party)[-1].facts["what"] == "new_codes"
    assert audit_entries(party)[-1].verb == "replace_codes"
    assert invariants.find_problems(NOON) == []


@for_each("state", ["confirmed", "offered"])
def test_who_asks_again_before_it_went_out_still_reads_of_the_new_codes(app, state):
    event = make_event({"capacity": 1}, promotion="offer")
    first = register(event)
    party = first if state == "confirmed" else register(event)
    if party is not first:
        cancel(first)
    assert load_registration(party).state == state
    address = load_registration(party).email_key
    replace_codes(party)
    write(transfer.resend_links, address, now=NOON)
    send_again(party)

    assert [mail.state for mail in messages_of(party)[-3:]][1:] == [
        "superseded",
        "queued",
    ]
    assert messages_of(party)[-1].facts["what"] == "new_codes"

    set_states("sent")
    send_again(party)
    assert messages_of(party)[-1].facts["what"] == "sent_again"


def set_states(state) -> None:
    with writing() as session:
        session.execute(update(Message).values(state=state))


def test_the_door_says_of_an_old_code_that_it_was_replaced(app):
    event = make_event()
    party = register(event, "Ada")
    [ada] = load_registration(party).attendees
    old = tokens.attendee_code(CODE_KEY, ada.uuid, 0)
    phone = make_phone(event)
    replace_codes(party, now=DURING_ENTRY)
    replace_codes(party, now=DURING_ENTRY)

    assert record_scan(phone, old).verdict == "replaced"
    assert (
        record_scan(phone, tokens.attendee_code(CODE_KEY, ada.uuid, 1)).verdict
        == "replaced"
    )
    assert (
        record_scan(phone, tokens.attendee_code(CODE_KEY, ada.uuid, 2)).verdict
        == "welcome"
    )


# --- cancelling ---------------------------------------------------------------------


def test_an_organizer_cancels_with_a_reason_and_after_the_start_as_well(app):
    event = make_event({"capacity": 1})
    first, second = register(event), register(event)
    late = event.starts_at + timedelta(minutes=20)

    with pytest.raises(errors.TooLateToCancel):
        cancel(first, now=late)
    organizer_cancels(first, now=late, why="Has not come")

    ended = load_registration(first)
    assert (ended.state, ended.ended_by) == ("cancelled", ACTOR)
    assert ended.ended_why == "Has not come"
    # From doors on presence decides: the line does not move by itself.
    assert load_registration(second).state == "waitlisted"
    assert invariants.find_problems(late) == []


@for_each("actor", ["attendee", ACTOR])
def test_nobody_who_is_in_is_cancelled(app, actor):
    event = make_event()
    party = register(event, "Ada", "Bo", "Cy")
    ada, bo, cy = load_registration(party).attendees
    phone = make_phone(event)
    record_scan(phone, bo)

    def give_up(position=None):
        with writing():
            if position:
                cancellation.cancel_guest(
                    party.registration_id, position, actor=actor, now=DURING_ENTRY
                )
            else:
                cancellation.cancel(
                    party.registration_id, actor=actor, now=DURING_ENTRY
                )

    for position in (None, 1):
        with pytest.raises(errors.AlreadyCheckedIn) as refused:
            give_up(position)
        assert refused.value.facts == {"name": "Bo"}
    give_up(2)
    assert load_registration(party).seats == 2
    later = DURING_ENTRY + timedelta(minutes=10)
    record_scan(phone, db.session.get_one(Attendee, bo.id), "out", now=later)
    give_up()

    assert load_registration(party).state == "cancelled"
    assert seats_and_ceilings(event) == [(0, None, 0)]
    assert (ada.position, cy.position) == (0, 2)


# --- what is refused ----------------------------------------------------------------


@for_each("act", ACTS, ids=IDS)
def test_nothing_is_done_to_what_is_over_or_erased(app, act):
    event = make_event({"capacity": 1})
    register(event)
    over, waits = register(event), register(event)
    cancel(over)
    with pytest.raises(errors.AlreadyOver):
        act(over, now=NOON)

    with writing() as session:
        session.execute(update(Event).values(status=Status.CANCELLED))
    with pytest.raises(errors.EventCancelled):
        act(waits, now=NOON)
    with writing() as session:
        session.execute(update(Event).values(status=Status.PUBLISHED))
    later = event.ends_at + timedelta(days=40)
    with writing():
        privacy.erase_due(event.id, actor="worker", now=later)
    with pytest.raises(errors.EventOver):
        act(waits, now=later)
    assert load_registration(waits).state == "waitlisted"


@for_each("act", [seat, lambda one, now: move(one, 1, now)])
def test_once_it_is_over_nobody_is_seated_or_moved(app, act):
    event = make_event({"capacity": 1})
    register(event)
    waits = register(event)

    with pytest.raises(errors.EventOver):
        act(waits, now=event.ends_at)


def test_without_its_ceiling_an_exception_is_found(app, monkeypatch):
    """Were the ceiling not kept, the check would see the cap broken."""
    event = make_event({"capacity": 1})
    register(event)
    waits = register(event)
    monkeypatch.setattr(capacity, "ceiling_for", lambda *_: null())
    seat(waits)

    assert [problem.rule for problem in invariants.find_problems(NOON)] == ["I2"]
