"""Offers: seats that come free are kept for the head of the line until a deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rsvp import errors
from rsvp.db import write
from rsvp.domain.events import capacity_changes, lifecycle
from rsvp.domain.registrations import cancellation, offers
from rsvp.models.event import Promotion
from tests.support.factories import NOON, cancel, register, stored
from tests.support.registrations import (
    DAY,
    HOUR,
    MINUTE,
    ORGANIZER,
    act,
    coming,
    last_mail,
    mails,
    offering,
    organize,
    refuses,
    seats,
    settle,
    state,
    states,
    verbs,
    waiting_behind,
    well,
)

DOORS = datetime(2027, 1, 29, 16, 30, tzinfo=UTC)
"""Of the usual event: half an hour before it starts, at 18:00 in Amsterdam."""


def test_a_seat_that_comes_free_is_offered_to_the_head_of_the_line(app):
    event = offering()
    ada, ben, cem = waiting_behind(event, ("Ben",), ("Cem",))

    cancel(ada)

    assert states(ada, ben, cem) == ["cancelled", "offered", "waitlisted"]
    assert seats(event) == (1, 1)
    assert stored(ben).decide_by == NOON + DAY
    assert mails(ben) == ["waitlisted", "offer"]
    assert last_mail(ben).facts["until"] == (NOON + DAY).isoformat()
    assert well()


def test_an_event_may_choose_to_confirm_at_once(app):
    event = offering(promotion=Promotion.CONFIRM)
    ada, ben = waiting_behind(event, ("Ben",))

    cancel(ada)

    assert states(ada, ben) == ["cancelled", "confirmed"]
    assert mails(ben) == ["waitlisted", "promoted"]


def test_accepting_in_time_confirms(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)

    act(offers.accept, ben, now=NOON + DAY - MINUTE)

    assert state(ben) == "confirmed"
    assert seats(event) == (1, 0)
    assert mails(ben)[-1] == "confirmation"
    assert verbs(ben) == ["register", "offer", "accept"]
    assert well(NOON + DAY)


def test_an_offer_is_accepted_once(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)
    act(offers.accept, ben)

    refuses(errors.NotOffered, offers.accept, ben)


def test_nothing_is_accepted_that_was_not_offered(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))

    for outcome in (ada, ben):
        refuses(errors.NotOffered, offers.accept, outcome)
        refuses(errors.NotOffered, offers.decline_offer, outcome)
        refuses(errors.NotOffered, offers.keep_place, outcome)


def test_a_declined_offer_goes_to_the_next(app):
    event = offering()
    ada, ben, cem = waiting_behind(event, ("Ben",), ("Cem",))
    cancel(ada)

    act(offers.decline_offer, ben)

    assert states(ben, cem) == ["cancelled", "offered"]
    assert stored(ben).ended_from == "offered"
    assert mails(ben)[-1] == "cancelled"
    assert seats(event) == (1, 0)
    assert well()


def test_a_lapsed_offer_goes_to_the_next(app):
    event = offering()
    ada, ben, cem = waiting_behind(event, ("Ben",), ("Cem",))
    cancel(ada)
    ends_at = NOON + DAY

    assert settle(event, ends_at - MINUTE) == 0
    assert settle(event, ends_at) == 1

    assert states(ben, cem) == ["lapsed", "offered"]
    assert mails(ben)[-1] == "lapsed"
    assert (stored(ben).ended_by, stored(ben).ended_from) == ("worker", "offered")
    assert well(ends_at)
    assert settle(event, ends_at) == 0


def test_lapsing_runs_from_the_head_again(app):
    """A party that was passed over gets its turn when more comes free."""
    event = offering({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    pair, cem = register(event, "Dee", "Eli"), register(event, "Cem")
    cancel(ada)
    assert states(pair, cem) == ["waitlisted", "offered"]
    act(cancellation.cancel, ben)
    assert states(pair, cem) == ["waitlisted", "offered"]

    settle(event, NOON + DAY)

    assert states(pair, cem) == ["offered", "lapsed"]
    assert well(NOON + DAY)


def test_a_late_worker_gives_no_seat_twice(app):
    """Whoever touches the event after a deadline finds the offer given on."""
    event = offering()
    ada, ben, cem = waiting_behind(event, ("Ben",), ("Cem",))
    cancel(ada)

    refused = refuses(errors.OfferEnded, offers.accept, ben, now=NOON + DAY + MINUTE)

    assert refused.facts["ended_at"] == NOON + DAY + MINUTE
    register(event, "Dee", now=NOON + DAY + MINUTE)
    assert states(ben, cem) == ["lapsed", "offered"]
    assert settle(event, NOON + DAY + MINUTE) == 0


def test_accepting_late_is_a_yes_while_the_seat_is_free(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)

    act(offers.accept, ben, now=NOON + 2 * DAY)

    assert state(ben) == "confirmed"
    assert verbs(ben) == ["register", "offer", "lapse", "accept"]
    assert seats(event) == (1, 0)
    assert well(NOON + 2 * DAY)


def test_accepting_late_is_a_no_once_somebody_else_has_the_seat(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)
    settle(event, NOON + DAY)
    register(event, "Cem", now=NOON + DAY)

    refuses(errors.OfferEnded, offers.accept, ben, now=NOON + 2 * DAY)


def test_accepting_late_ends_at_doors(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)
    settle(event, NOON + DAY)

    refuses(errors.OfferEnded, offers.accept, ben, now=DOORS)


def test_accepting_late_is_refused_where_the_address_registered_anew(app):
    event = offering({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem", email="cem@example.org")
    cancel(ada)
    settle(event, NOON + DAY)
    register(event, "Cem", email="cem@example.org", now=NOON + DAY)
    act(cancellation.cancel, _ben, now=NOON + DAY)

    refuses(errors.AddressInUse, offers.accept, cem, now=NOON + 2 * DAY)


# --- not now ------------------------------------------------------------------------


def test_not_now_passes_the_seat_on_and_keeps_the_place(app):
    event = offering()
    ada, ben, cem, dee = waiting_behind(event, ("Ben",), ("Cem",), ("Dee",))
    number = stored(ben).line_number
    cancel(ada)

    act(offers.keep_place, ben)

    assert states(ben, cem, dee) == ["waitlisted", "offered", "waitlisted"]
    assert stored(ben).line_number == number
    assert mails(ben)[-1] == "waitlisted"
    assert last_mail(ben).facts["place"] == 1
    assert seats(event) == (1, 2)
    assert well()

    act(offers.decline_offer, cem)
    assert states(ben, dee) == ["offered", "waitlisted"]


def test_not_now_works_once(app):
    event = offering()
    ada, ben, cem = waiting_behind(event, ("Ben",), ("Cem",))
    cancel(ada)
    act(offers.keep_place, ben)
    act(offers.decline_offer, cem)

    refuses(errors.PutOffBefore, offers.keep_place, ben)


def test_a_seat_put_off_with_nobody_behind_goes_to_whoever_comes(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)
    act(offers.keep_place, ben)
    assert seats(event) == (0, 1)
    assert well()

    cem = register(event, "Cem")

    assert states(ben, cem) == ["waitlisted", "confirmed"]
    assert well()


# --- fewer are fine -----------------------------------------------------------------


def fewer(app):
    event = offering({"capacity": 3})
    seated = [register(event, name) for name in ("Ada", "Ben", "Cem")]
    family = register(event, "Dee", "Eli", "Flo", fewer_ok=True)
    return event, seated, family


def test_a_party_that_is_fine_with_fewer_is_offered_what_there_is(app):
    event, (ada, *_), family = fewer(app)

    cancel(ada)

    assert state(family) == "offered"
    assert stored(family).offered_seats == 1
    assert last_mail(family).facts["offered"] == 1
    assert seats(event) == (3, 0)
    assert well()


def test_its_holder_names_who_comes_and_the_rest_are_cancelled(app):
    event, (ada, ben, _), family = fewer(app)
    cancel(ada)
    act(offers.keep_place, family)
    cancel(ben)
    assert stored(family).offered_seats == 2

    act(offers.accept, family, coming=[0, 2])

    assert coming(family) == ["Dee", "Flo"]
    assert (state(family), stored(family).seats) == ("confirmed", 2)
    assert seats(event) == (3, 0)
    assert well()


@pytest.mark.parametrize("named", [None, [], [0, 1], [7], [0, 7]])
def test_as_many_as_are_offered_are_named_and_only_of_the_party(app, named):
    _event, (ada, *_), family = fewer(app)
    cancel(ada)

    refused = refuses(errors.WrongParty, offers.accept, family, coming=named)

    assert refused.facts["seats"] == 1


def test_what_is_left_of_an_offer_goes_to_the_next(app):
    event, _seated, family = fewer(app)
    gus = register(event, "Gus")
    [way] = event.admissions
    write(
        lambda _: capacity_changes.set_capacity(
            event.id, way.id, 5, actor=ORGANIZER, now=NOON
        )
    )
    assert (state(family), stored(family).offered_seats) == ("offered", 2)

    act(offers.accept, family, coming=[1])

    assert coming(family) == ["Eli"]
    assert states(family, gus) == ["confirmed", "offered"]
    assert well()


def test_fewer_are_offered_even_where_seats_are_confirmed_at_once(app):
    event = offering({"capacity": 2}, promotion=Promotion.CONFIRM)
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair = register(event, "Cem", "Dee", fewer_ok=True)

    cancel(ada)

    assert (state(pair), stored(pair).offered_seats) == ("offered", 1)


def test_a_party_not_fine_with_fewer_is_passed_over(app):
    event = offering({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair, eli = register(event, "Cem", "Dee"), register(event, "Eli")

    cancel(ada)

    assert states(pair, eli) == ["waitlisted", "offered"]
    assert stored(pair).line_number == 1


# --- by hand, pausing, doors --------------------------------------------------------


def test_an_organizer_offers_a_free_seat_out_of_turn(app):
    event = offering({"capacity": 2})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    pair, eli = register(event, "Cem", "Dee"), register(event, "Eli")
    fay = register(event, "Fay")
    cancel(ada)
    act(offers.decline_offer, eli)
    act(offers.keep_place, fay)

    organize(offers.offer, fay)

    assert states(pair, fay) == ["waitlisted", "offered"]
    assert last_mail(fay).facts["what"] == "by_hand"
    assert well()


def test_nothing_is_offered_by_hand_that_is_not_free(app):
    _ada, ben = waiting_behind(offering(), ("Ben",))

    refuses(errors.NoSeatFree, offers.offer, ben, actor="user:1")
    refuses(errors.EventOver, offers.offer, ben, actor="user:1", now=DOORS)


@pytest.mark.parametrize("promotion", list(Promotion))
def test_from_doors_on_no_offers_go_out(app, promotion):
    event = offering(promotion=promotion)
    ada, ben = waiting_behind(event, ("Ben",))

    act(cancellation.cancel, ada, now=DOORS)

    assert state(ben) == "waitlisted"
    assert seats(event) == (0, 1)


def test_an_offer_is_never_open_later_than_doors(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))

    act(cancellation.cancel, ada, now=DOORS - 10 * MINUTE)

    assert stored(ben).decide_by == DOORS
    settle(event, DOORS)
    assert state(ben) == "lapsed"


def test_who_still_waits_when_it_is_over_is_told_so(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))

    assert settle(event, event.ends_at - MINUTE) == 0
    assert settle(event, event.ends_at) == 1

    assert states(ada, ben) == ["confirmed", "lapsed"]
    assert stored(ben).ended_from == "waitlisted"
    assert seats(event) == (1, 0)
    assert well(event.ends_at)


def test_nobody_is_told_that_an_offer_of_a_cancelled_event_has_ended(app):
    event = offering()
    ada, ben = waiting_behind(event, ("Ben",))
    cancel(ada)
    write(lambda _: lifecycle.cancel(event.id, actor="user:1", now=NOON + HOUR))

    assert settle(event, NOON + 2 * DAY) == 0

    assert mails(ben)[-1] == "event_cancelled"
