"""Offers: seats that come free are kept for the head of the line until a deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rsvp import errors
from rsvp.db import write
from rsvp.domain.events import capacity_changes, lifecycle
from rsvp.domain.registrations import cancellation, offers
from rsvp.models.event import Promotion
from tests.support.factories import NOON, cancel, load_registration, register
from tests.support.for_each import for_each
from tests.support.registrations import (
    DAY,
    HOUR,
    MINUTE,
    ORGANIZER,
    act,
    act_as_organizer,
    assert_refused,
    audit_verbs,
    fill_and_waitlist,
    is_consistent,
    last_message,
    mail_kinds,
    make_event_with_offers,
    names_coming,
    run_expiry,
    state_of,
    states_of,
    taken_and_waiting,
)

pytestmark = pytest.mark.one_engine

DOORS = datetime(2027, 1, 29, 16, 30, tzinfo=UTC)
"""Of the usual event: half an hour before it starts, at 18:00 in Amsterdam."""


@pytest.mark.both_engines
def test_a_seat_that_comes_free_is_offered_to_the_head_of_the_line(app):
    event = make_event_with_offers()
    ada, ben, cem = fill_and_waitlist(event, ("Ben",), ("Cem",))

    cancel(ada)

    assert states_of(ada, ben, cem) == ["cancelled", "offered", "waitlisted"]
    assert taken_and_waiting(event) == (1, 1)
    assert load_registration(ben).decide_by == NOON + DAY
    assert mail_kinds(ben) == ["waitlisted", "offer"]
    assert last_message(ben).facts["until"] == (NOON + DAY).isoformat()
    assert is_consistent()


def test_an_event_may_choose_to_confirm_at_once(app):
    event = make_event_with_offers(promotion=Promotion.CONFIRM)
    ada, ben = fill_and_waitlist(event, ("Ben",))

    cancel(ada)

    assert states_of(ada, ben) == ["cancelled", "confirmed"]
    assert mail_kinds(ben) == ["waitlisted", "promoted"]


@pytest.mark.both_engines
def test_accepting_in_time_confirms(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)

    act(offers.accept_offer, ben, now=NOON + DAY - MINUTE)

    assert state_of(ben) == "confirmed"
    assert taken_and_waiting(event) == (1, 0)
    assert mail_kinds(ben)[-1] == "confirmation"
    assert audit_verbs(ben) == ["register", "offer", "accept"]
    assert is_consistent(NOON + DAY)


def test_an_offer_is_accepted_once(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)
    act(offers.accept_offer, ben)

    assert_refused(errors.NotOffered, offers.accept_offer, ben)


def test_nothing_is_accepted_that_was_not_offered(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))

    for outcome in (ada, ben):
        assert_refused(errors.NotOffered, offers.accept_offer, outcome)
        assert_refused(errors.NotOffered, offers.decline_offer, outcome)
        assert_refused(errors.NotOffered, offers.put_off_offer, outcome)


def test_a_declined_offer_goes_to_the_next(app):
    event = make_event_with_offers()
    ada, ben, cem = fill_and_waitlist(event, ("Ben",), ("Cem",))
    cancel(ada)

    act(offers.decline_offer, ben)

    assert states_of(ben, cem) == ["cancelled", "offered"]
    assert load_registration(ben).ended_from == "offered"
    assert mail_kinds(ben)[-1] == "cancelled"
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent()


@pytest.mark.both_engines
def test_a_lapsed_offer_goes_to_the_next(app):
    event = make_event_with_offers()
    ada, ben, cem = fill_and_waitlist(event, ("Ben",), ("Cem",))
    cancel(ada)
    ends_at = NOON + DAY

    assert run_expiry(event, ends_at - MINUTE) == 0
    assert run_expiry(event, ends_at) == 1

    assert states_of(ben, cem) == ["lapsed", "offered"]
    assert mail_kinds(ben)[-1] == "lapsed"
    assert (load_registration(ben).ended_by, load_registration(ben).ended_from) == (
        "worker",
        "offered",
    )
    assert is_consistent(ends_at)
    assert run_expiry(event, ends_at) == 0


def test_lapsing_runs_from_the_head_again(app):
    """A party that was passed over gets its turn when more comes free."""
    event = make_event_with_offers({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    pair, cem = register(event, "Dee", "Eli"), register(event, "Cem")
    cancel(ada)
    assert states_of(pair, cem) == ["waitlisted", "offered"]
    act(cancellation.cancel, ben)
    assert states_of(pair, cem) == ["waitlisted", "offered"]

    run_expiry(event, NOON + DAY)

    assert states_of(pair, cem) == ["offered", "lapsed"]
    assert is_consistent(NOON + DAY)


@pytest.mark.both_engines
def test_a_late_worker_gives_no_seat_twice(app):
    """Whoever touches the event after a deadline finds the offer given on."""
    event = make_event_with_offers()
    ada, ben, cem = fill_and_waitlist(event, ("Ben",), ("Cem",))
    cancel(ada)

    refused = assert_refused(
        errors.OfferEnded, offers.accept_offer, ben, now=NOON + DAY + MINUTE
    )

    assert refused.facts["ended_at"] == NOON + DAY + MINUTE
    register(event, "Dee", now=NOON + DAY + MINUTE)
    assert states_of(ben, cem) == ["lapsed", "offered"]
    assert run_expiry(event, NOON + DAY + MINUTE) == 0


def test_accepting_late_is_a_yes_while_the_seat_is_free(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)

    act(offers.accept_offer, ben, now=NOON + 2 * DAY)

    assert state_of(ben) == "confirmed"
    assert audit_verbs(ben) == ["register", "offer", "lapse", "accept"]
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent(NOON + 2 * DAY)


@pytest.mark.both_engines
def test_accepting_late_is_a_no_once_somebody_else_has_the_seat(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)
    run_expiry(event, NOON + DAY)
    register(event, "Cem", now=NOON + DAY)

    assert_refused(errors.OfferEnded, offers.accept_offer, ben, now=NOON + 2 * DAY)


def test_accepting_late_ends_at_doors(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)
    run_expiry(event, NOON + DAY)

    assert_refused(errors.OfferEnded, offers.accept_offer, ben, now=DOORS)


def test_accepting_late_is_refused_where_the_address_registered_anew(app):
    event = make_event_with_offers({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem", email="cem@example.org")
    cancel(ada)
    run_expiry(event, NOON + DAY)
    register(event, "Cem", email="cem@example.org", now=NOON + DAY)
    act(cancellation.cancel, _ben, now=NOON + DAY)

    assert_refused(errors.AddressInUse, offers.accept_offer, cem, now=NOON + 2 * DAY)


# --- not now ------------------------------------------------------------------------


def test_not_now_passes_the_seat_on_and_keeps_the_place(app):
    event = make_event_with_offers()
    ada, ben, cem, dee = fill_and_waitlist(event, ("Ben",), ("Cem",), ("Dee",))
    number = load_registration(ben).line_number
    cancel(ada)

    act(offers.put_off_offer, ben)

    assert states_of(ben, cem, dee) == ["waitlisted", "offered", "waitlisted"]
    assert load_registration(ben).line_number == number
    assert mail_kinds(ben)[-1] == "waitlisted"
    assert last_message(ben).facts["place"] == 1
    assert taken_and_waiting(event) == (1, 2)
    assert is_consistent()

    act(offers.decline_offer, cem)
    assert states_of(ben, dee) == ["offered", "waitlisted"]


def test_not_now_works_once(app):
    event = make_event_with_offers()
    ada, ben, cem = fill_and_waitlist(event, ("Ben",), ("Cem",))
    cancel(ada)
    act(offers.put_off_offer, ben)
    act(offers.decline_offer, cem)

    assert_refused(errors.AlreadyPutOff, offers.put_off_offer, ben)


def test_a_seat_put_off_with_nobody_behind_goes_to_whoever_comes(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)
    act(offers.put_off_offer, ben)
    assert taken_and_waiting(event) == (0, 1)
    assert is_consistent()

    cem = register(event, "Cem")

    assert states_of(ben, cem) == ["waitlisted", "confirmed"]
    assert is_consistent()


# --- fewer are fine -----------------------------------------------------------------


def fewer(app):
    event = make_event_with_offers({"capacity": 3})
    seated = [register(event, name) for name in ("Ada", "Ben", "Cem")]
    family = register(event, "Dee", "Eli", "Flo", fewer_ok=True)
    return event, seated, family


@pytest.mark.both_engines
def test_a_party_that_is_fine_with_fewer_is_offered_what_there_is(app):
    event, (ada, *_), family = fewer(app)

    cancel(ada)

    assert state_of(family) == "offered"
    assert load_registration(family).offered_seats == 1
    assert last_message(family).facts["offered"] == 1
    assert taken_and_waiting(event) == (3, 0)
    assert is_consistent()


def test_its_holder_names_who_comes_and_the_rest_are_cancelled(app):
    event, (ada, ben, _), family = fewer(app)
    cancel(ada)
    act(offers.put_off_offer, family)
    cancel(ben)
    assert load_registration(family).offered_seats == 2

    act(offers.accept_offer, family, coming=[0, 2])

    assert names_coming(family) == ["Dee", "Flo"]
    assert (state_of(family), load_registration(family).seats) == ("confirmed", 2)
    assert taken_and_waiting(event) == (3, 0)
    assert is_consistent()


@for_each("named", [None, [], [0, 1], [7], [0, 7]])
def test_as_many_as_are_offered_are_named_and_only_of_the_party(app, named):
    _event, (ada, *_), family = fewer(app)
    cancel(ada)

    refused = assert_refused(
        errors.WrongParty, offers.accept_offer, family, coming=named
    )

    assert refused.facts["seats"] == 1


@pytest.mark.both_engines
def test_what_is_left_of_an_offer_goes_to_the_next(app):
    event, _seated, family = fewer(app)
    gus = register(event, "Gus")
    [way] = event.admissions
    write(
        capacity_changes.set_admission_capacity,
        event.id,
        way.id,
        5,
        actor=ORGANIZER,
        now=NOON,
    )
    assert (state_of(family), load_registration(family).offered_seats) == ("offered", 2)

    act(offers.accept_offer, family, coming=[1])

    assert names_coming(family) == ["Eli"]
    assert states_of(family, gus) == ["confirmed", "offered"]
    assert is_consistent()


def test_fewer_are_offered_even_where_seats_are_confirmed_at_once(app):
    event = make_event_with_offers({"capacity": 2}, promotion=Promotion.CONFIRM)
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair = register(event, "Cem", "Dee", fewer_ok=True)

    cancel(ada)

    assert (state_of(pair), load_registration(pair).offered_seats) == ("offered", 1)


def test_a_party_not_fine_with_fewer_is_passed_over(app):
    event = make_event_with_offers({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair, eli = register(event, "Cem", "Dee"), register(event, "Eli")

    cancel(ada)

    assert states_of(pair, eli) == ["waitlisted", "offered"]
    assert load_registration(pair).line_number == 1


# --- by hand, pausing, doors --------------------------------------------------------


def test_an_organizer_offers_a_free_seat_out_of_turn(app):
    event = make_event_with_offers({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair, eli = register(event, "Cem", "Dee"), register(event, "Eli")
    fay = register(event, "Fay")
    cancel(ada)
    act(offers.decline_offer, eli)
    act(offers.put_off_offer, fay)

    act_as_organizer(offers.offer_free_seats, fay)

    assert states_of(pair, fay) == ["waitlisted", "offered"]
    assert last_message(fay).facts["what"] == "by_hand"
    assert is_consistent()


def test_nothing_is_offered_by_hand_that_is_not_free(app):
    _ada, ben = fill_and_waitlist(make_event_with_offers(), ("Ben",))

    assert_refused(errors.NoSeatFree, offers.offer_free_seats, ben, actor="user:1")
    assert_refused(
        errors.EventOver, offers.offer_free_seats, ben, actor="user:1", now=DOORS
    )


@pytest.mark.both_engines
@for_each("promotion", list(Promotion))
def test_from_doors_on_no_offers_go_out(app, promotion):
    event = make_event_with_offers(promotion=promotion)
    ada, ben = fill_and_waitlist(event, ("Ben",))

    act(cancellation.cancel, ada, now=DOORS)

    assert state_of(ben) == "waitlisted"
    assert taken_and_waiting(event) == (0, 1)


def test_an_offer_is_never_open_later_than_doors(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))

    act(cancellation.cancel, ada, now=DOORS - 10 * MINUTE)

    assert load_registration(ben).decide_by == DOORS
    run_expiry(event, DOORS)
    assert state_of(ben) == "lapsed"


def test_who_still_waits_when_it_is_over_is_told_so(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))

    assert run_expiry(event, event.ends_at - MINUTE) == 0
    assert run_expiry(event, event.ends_at) == 1

    assert states_of(ada, ben) == ["confirmed", "lapsed"]
    assert load_registration(ben).ended_from == "waitlisted"
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent(event.ends_at)


def test_nobody_is_told_that_an_offer_of_a_cancelled_event_has_ended(app):
    event = make_event_with_offers()
    ada, ben = fill_and_waitlist(event, ("Ben",))
    cancel(ada)
    write(lifecycle.cancel_event, event.id, actor="user:1", now=NOON + HOUR)

    assert run_expiry(event, NOON + 2 * DAY) == 0

    assert mail_kinds(ben)[-1] == "event_cancelled"
