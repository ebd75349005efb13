"""Registering: what is written, what is refused, and the same again."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from rsvp import errors, tokens
from rsvp.db import writing
from rsvp.domain import invariants, waitlist
from rsvp.domain.registrations import create
from rsvp.extensions import db
from rsvp.models import Attendee, AuditEntry, GivenConsent, Message, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.message import MessageState
from rsvp.queries import by_link
from rsvp.queries import events as event_queries
from tests.support.factories import (
    CODE_KEY,
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import messages_of

pytestmark = pytest.mark.one_engine


def count(model, **where):
    return db.session.scalar(select(func.count()).select_from(model).filter_by(**where))


@pytest.mark.both_engines
def test_a_registration_is_confirmed_with_codes_a_mail_and_an_entry(app):
    event = make_event(consents=({},))
    consent = event_queries.load_detached_event(event.slug).consents[0]

    outcome = register(
        event, "Ada", "Grace", email="Ada@example.org", consents={consent.id: True}
    )

    assert (outcome.kind, outcome.state) == ("made", "confirmed")
    registration = by_link.find_linked_registration(outcome.token)
    assert registration.id == outcome.registration_id
    assert [a.name for a in registration.coming_attendees] == ["Ada", "Grace"]
    assert registration.seats == registration.admission.seats_taken == 2
    first = registration.attendees[0]
    code = tokens.attendee_code(CODE_KEY, first.uuid, 0)
    assert first.code_id == tokens.code_id(code)
    ticket = tokens.ticket_token(CODE_KEY, first.uuid, 0)
    assert by_link.find_linked_ticket(ticket).name == "Ada"
    [mail] = messages_of(outcome)
    assert (mail.kind, mail.recipient) == ("confirmation", "Ada@example.org")
    assert mail.facts["attendees"] == [a.uuid.hex for a in registration.attendees]
    [entry] = db.session.scalars(select(AuditEntry).filter_by(verb="register"))
    assert (entry.from_state, entry.to_state) == (None, "confirmed")
    [given] = db.session.scalars(select(GivenConsent))
    assert (given.consent.text, given.given, given.at) == (consent.text, True, NOON)


@pytest.mark.both_engines
@for_each(
    ("free", "party", "state"),
    [
        (1, 1, "confirmed"),
        (2, 2, "confirmed"),
        (1, 2, "waitlisted"),
        (0, 1, "waitlisted"),
    ],
)
def test_a_party_is_seated_whole_or_waits(app, free, party, state):
    event = make_event({"capacity": 4})
    for _ in range(4 - free):
        register(event)

    outcome = register(event, *["Somebody"] * party)

    assert outcome.state == state
    assert load_registration(outcome).admission.seats_taken == 4 - free + (
        party if state == "confirmed" else 0
    )


def test_whoever_waits_is_told_the_place(app):
    event = make_event({"capacity": 2})
    register(event, "Ada", "Grace")
    first, second = register(event), register(event, "Ada", "Grace")

    assert [m.facts["place"] for m in messages_of(first) + messages_of(second)] == [
        1,
        2,
    ]
    assert waitlist.position_of(load_registration(second)) == 2
    assert load_registration(second).admission.waiting == 3
    assert load_registration(second).line_number == 2


@pytest.mark.both_engines
def test_without_a_line_the_last_ones_are_refused_and_nothing_is_kept(app):
    event = make_event({"capacity": 1, "waitlist": False})
    register(event)

    with pytest.raises(errors.AdmissionFull):
        register(event)

    assert count(Registration) == count(Message) == 1


@pytest.mark.both_engines
def test_a_newcomer_gets_a_seat_only_if_nobody_waiting_could_use_it(app):
    event = make_event({"capacity": 2})
    register(event)
    pair = register(event, "Ada", "Grace")
    assert pair.state == "waitlisted"

    assert register(event).state == "confirmed"
    assert register(event).state == "waitlisted"


@pytest.mark.both_engines
def test_from_doors_on_free_seats_are_for_those_who_wait(app):
    event = make_event({"capacity": 2})
    register(event)
    gone = register(event)
    waiting = register(event)
    at_doors = event.starts_at - timedelta(minutes=20)

    cancel(gone, now=at_doors)

    assert load_registration(waiting).state == "waitlisted"
    assert register(event, now=at_doors).state == "waitlisted"


@pytest.mark.both_engines
def test_the_room_caps_all_that_happens_in_it(app):
    event = make_event(
        {"key": "walk", "capacity": 3},
        {"key": "tea", "capacity": 3},
        {"key": "call", "mode": Mode.ONLINE, "capacity": 2},
        room_capacity=4,
    )
    walk = [register(event, admission="walk") for _ in range(3)]
    tea = [register(event, admission="tea") for _ in range(2)]
    calls = [register(event, admission="call") for _ in range(3)]

    assert [o.state for o in walk] == ["confirmed"] * 3
    assert [o.state for o in tea] == ["confirmed", "waitlisted"]
    assert [o.state for o in calls] == ["confirmed", "confirmed", "waitlisted"]
    state = event_queries.find_event_state(event.slug)
    assert (state.room_taken, state.room_waiting) == (4, 1)
    assert waitlist.position_of(load_registration(calls[2])) == 1

    cancel(walk[0])

    assert load_registration(tea[1]).state == "confirmed"
    state = event_queries.find_event_state(event.slug)
    assert (state.room_taken, state.room_waiting) == (4, 0)


@pytest.mark.both_engines
def test_a_double_click_lands_on_the_same_ticket(app):
    event = make_event({"capacity": 1})
    submission = uuid4()

    first = register(event, "Ada", email="ada@example.org", submission=submission)
    again = register(event, "Ada", email="ada@example.org", submission=submission)

    assert (again.kind, again.token) == ("again", first.token)
    assert count(Registration) == count(Message) == 1


@pytest.mark.both_engines
def test_a_repeated_address_makes_nothing_and_is_mailed_its_ticket(app):
    event = make_event()
    first = register(event, "Ada", email="ada@example.org", submission=uuid4())

    again = register(event, "Eve", email="ADA@example.org", submission=uuid4())

    assert (again.kind, again.token) == ("mailed", None)
    assert again.registration_id == first.registration_id
    assert [m.kind for m in messages_of(first)] == ["confirmation", "ticket_again"]
    assert load_registration(first).admission.seats_taken == 1


def test_a_repeated_address_in_line_is_told_its_place(app):
    event = make_event({"capacity": 1})
    register(event)
    waiting = register(event, email="ada@example.org")

    assert register(event, email="ada@example.org").kind == "mailed"

    assert [m.facts["place"] for m in messages_of(waiting)] == [1, 1]


@pytest.mark.both_engines
@for_each("under_lock", [False, True])
def test_somebody_elses_submission_id_opens_nothing(app, under_lock):
    event = make_event()
    submission = uuid4()
    register(event, email="ada@example.org", submission=submission)

    outcome = register(
        event, email="eve@example.org", submission=submission, under_lock=under_lock
    )

    assert outcome.kind == "made"
    assert load_registration(outcome).email == "eve@example.org"
    assert load_registration(outcome).submission is None


def test_several_registrations_per_address_where_the_event_allows_them(app):
    event = make_event(several=True)

    kinds = [register(event, email="ada@example.org").kind for _ in range(3)]

    assert kinds == ["made"] * 3


def test_after_cancelling_the_address_may_register_again(app):
    event = make_event()
    cancel(register(event, email="ada@example.org"))

    assert register(event, email="ada@example.org").kind == "made"


@pytest.mark.both_engines
@for_each("values", [{}, {"discreet": True}, {"capacity": 1}], fresh=True)
def test_an_address_gets_three_mails_an_hour_per_event_by_the_form(app, values):
    """Registrations go on: the page says that they are not mailed."""
    event = make_event({"capacity": values.pop("capacity", 30)}, several=True, **values)
    mailed = [register(event, email="ada@example.org").is_mailed for _ in range(4)]

    assert mailed == [True, True, True, False]
    assert count(Registration) == 4
    assert count(Message) == 3
    assert invariants.find_problems(NOON) == []
    later = NOON + timedelta(minutes=61)
    assert register(event, email="ada@example.org", now=later).is_mailed


def test_the_same_form_again_is_answered_as_before_also_without_a_mail(app):
    event = make_event(several=True)
    forms = [uuid4() for _ in range(4)]
    for form in forms:
        register(event, email="ada@example.org", submission=form)
    later = NOON + timedelta(seconds=1)
    again = [
        register(event, email="ada@example.org", submission=form, now=later)
        for form in forms
    ]

    assert [outcome.kind for outcome in again] == ["again"] * 4
    assert [outcome.is_mailed for outcome in again] == [True, True, True, False]


def test_a_place_is_not_held_for_a_mail_that_is_not_written(app):
    event = make_event(several=True, confirm_address=True)
    for _ in range(3):
        register(event, email="ada@example.org")

    with pytest.raises(errors.TooManyMails):
        register(event, email="ada@example.org")
    assert count(Registration) == 3


def test_an_address_gets_six_mails_a_day_from_all_events(app):
    for _ in range(6):
        register(make_event(), email="ada@example.org")

    assert not register(make_event(), email="ada@example.org").is_mailed
    assert register(make_event(), email="grace@example.org").is_mailed


def test_a_repeat_beyond_the_limit_is_refused(app):
    event = make_event()
    first = register(event, email="ada@example.org")

    kinds = [register(event, email="ada@example.org").kind for _ in range(2)]
    with pytest.raises(errors.TooManyMails):
        register(event, email="ada@example.org")

    assert kinds == ["mailed"] * 2
    mails = messages_of(first)
    assert len([m for m in mails if m.state != MessageState.SUPERSEDED]) == 2
    assert len(mails) == 3


@for_each(
    ("values", "now", "refusal"),
    [
        ({"status": Status.CANCELLED}, NOON, errors.EventCancelled),
        ({"status": Status.DRAFT}, NOON, errors.RegistrationNotOpen),
        ({"paused": True}, NOON, errors.RegistrationPaused),
        ({"opens_local": datetime(2027, 1, 20)}, NOON, errors.RegistrationNotOpen),
        ({"closes_local": datetime(2027, 1, 10)}, NOON, errors.RegistrationClosed),
        ({}, NOON + timedelta(days=14, hours=5), errors.RegistrationClosed),
        ({}, NOON + timedelta(days=15), errors.EventOver),
    ],
)
def test_a_closed_form_is_refused(app, values, now, refusal):
    event = make_event(**values)

    with pytest.raises(refusal):
        register(event, now=now)

    assert count(Registration) == 0


@for_each(
    ("event", "people"),
    [
        ({"party_max": 2}, 3),
        ({"party_max": 9, "room_capacity": 2}, 3),
        ({"party_max": 9}, 5),
    ],
)
def test_a_party_larger_than_could_ever_be_seated_is_refused(app, event, people):
    event = make_event({"capacity": 4}, **event)

    with pytest.raises(errors.PartyTooLarge):
        register(event, *["Somebody"] * people)


def test_an_admission_of_another_event_is_no_way_in(app):
    event, other = make_event(), make_event()
    page = event_queries.load_detached_event(event.slug)
    wanted = create.RegistrationRequest(
        admission_id=other.admissions[0].id,
        email="ada@example.org",
        email_key="ada@example.org",
        party=(create.RequestedAttendee("Ada"),),
    )

    with pytest.raises(ValueError, match="no such admission"):
        create.prepare(page, wanted, code_key=CODE_KEY, now=NOON)


@pytest.mark.both_engines
@for_each("under_lock", [False, True])
def test_a_form_of_an_older_version_of_the_event_claims_nothing(
    app, under_lock, monkeypatch
):
    event = make_event()
    old_page = event_queries.load_detached_event(event.slug)
    with writing() as session:
        event = session.merge(event)
        event.version = 2
        event.admissions[0].event_version = 2
    monkeypatch.setattr(event_queries, "load_detached_event", lambda slug: old_page)

    with pytest.raises(errors.StaleEvent):
        register(event, under_lock=under_lock)

    assert count(Registration) == count(Attendee) == count(Message) == 0
