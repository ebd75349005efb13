"""Giving up: a party or one guest, and who comes after them."""

from __future__ import annotations

import pytest

from rsvp import errors
from rsvp.db import writing
from rsvp.domain import waitlist
from rsvp.domain.registrations import cancellation
from rsvp.models.event import Status
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import messages_of

pytestmark = pytest.mark.one_engine


@pytest.mark.both_engines
def test_cancelling_frees_the_seats_and_seats_the_head_of_the_line(app):
    event = make_event({"capacity": 2})
    leaving = register(event, "Ada", "Grace")
    waiting = [register(event) for _ in range(3)]

    cancel(leaving)

    assert load_registration(leaving).state == "cancelled"
    states = [load_registration(outcome).state for outcome in waiting]
    assert states == ["confirmed", "confirmed", "waitlisted"]
    assert waitlist.position_of(load_registration(waiting[2])) == 1
    kinds = [m.kind for m in messages_of(waiting[0])]
    assert kinds == ["waitlisted", "promoted"]
    assert [m.kind for m in messages_of(leaving)] == ["confirmation", "cancelled"]
    admission = load_registration(leaving).admission
    assert (admission.seats_taken, admission.waiting) == (2, 1)


def test_a_party_too_large_is_passed_over_and_keeps_its_place(app):
    event = make_event({"capacity": 2})
    seated = [register(event), register(event)]
    pair, single = register(event, "Ada", "Grace"), register(event)

    cancel(seated[0])
    assert [load_registration(pair).state, load_registration(single).state] == [
        "waitlisted",
        "confirmed",
    ]
    assert waitlist.position_of(load_registration(pair)) == 1

    cancel(seated[1])
    cancel(single)
    assert load_registration(pair).state == "confirmed"


@pytest.mark.both_engines
def test_leaving_the_line_moves_those_behind_up(app):
    event = make_event({"capacity": 1})
    register(event)
    first, second = register(event), register(event)

    cancel(first)

    assert waitlist.position_of(load_registration(second)) == 1
    assert load_registration(second).admission.waiting == 1


@pytest.mark.both_engines
def test_a_place_is_given_up_once(app):
    event = make_event()
    outcome = register(event)
    cancel(outcome)

    with pytest.raises(errors.AlreadyOver):
        cancel(outcome)

    assert load_registration(outcome).admission.seats_taken == 0


def give_up_guest(outcome, position, now=NOON):
    with writing():
        cancellation.cancel_guest(
            outcome.registration_id, position, actor="attendee", now=now
        )


@pytest.mark.both_engines
def test_one_guests_place_goes_to_the_next_in_line(app):
    event = make_event({"capacity": 2})
    party = register(event, "Ada", "Grace")
    waiting = register(event)

    give_up_guest(party, 1)

    assert load_registration(party).seats == 1
    assert [a.name for a in load_registration(party).coming_attendees] == ["Ada"]
    assert load_registration(waiting).state == "confirmed"
    mail = messages_of(party)[-1]
    assert (mail.kind, mail.facts["who"], mail.facts["seats"]) == (
        "changed",
        "Grace",
        1,
    )


def test_a_party_in_line_that_shrinks_may_fit(app):
    event = make_event({"capacity": 2})
    register(event)
    pair = register(event, "Ada", "Grace")

    give_up_guest(pair, 1)

    assert load_registration(pair).state == "confirmed"
    assert load_registration(pair).admission.waiting == 0


@for_each("position", [0, 2, -1])
def test_only_a_guest_who_is_coming_can_be_given_up(app, position):
    party = register(make_event(), "Ada", "Grace")
    with pytest.raises(errors.AlreadyOver):
        give_up_guest(party, position)

    give_up_guest(party, 1)
    with pytest.raises(errors.AlreadyOver):
        give_up_guest(party, 1)
    assert load_registration(party).admission.seats_taken == 1


def test_once_the_event_has_begun_places_stay(app):
    event = make_event()
    party = register(event, "Ada", "Grace")

    with pytest.raises(errors.TooLateToCancel):
        cancel(party, now=event.starts_at)
    with pytest.raises(errors.TooLateToCancel):
        give_up_guest(party, 1, now=event.starts_at)


def test_of_a_cancelled_event_nothing_is_given_up(app):
    event = make_event()
    party = register(event)
    with writing() as session:
        session.merge(event).status = Status.CANCELLED

    with pytest.raises(errors.EventCancelled):
        cancel(party)
