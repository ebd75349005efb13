"""Lost mail: how it stands is mailed again, to whoever has the address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp.domain import invariants
from rsvp.domain.registrations import transfer
from rsvp.models import Event
from rsvp.models.event import Status
from rsvp.models.registration import LIVE_STATES, State
from tests.support.factories import NOON, load_registration, make_event, register
from tests.support.for_each import for_each
from tests.support.registrations import (
    audit_entries,
    commit,
    messages_of,
    register_in_state,
    rows_of_event,
    run_at_once,
    set_columns,
)

pytestmark = pytest.mark.one_engine

OVER = [state for state in State if state not in LIVE_STATES]


def mail_links(email_key="ada@example.org", now=NOON):
    return commit(lambda: transfer.resend_links(email_key, now=now))


@for_each(
    ("state", "kind"),
    [
        ("held", "confirm_address"),
        ("requested", "ticket_again"),
        ("waitlisted", "ticket_again"),
        ("offered", "offer"),
        ("confirmed", "ticket_again"),
    ],
    fresh=True,
)
def test_who_lost_their_mail_is_told_once_more_how_it_stands(app, state, kind):
    _event, party = register_in_state(state)
    before, logged = len(messages_of(party)), len(audit_entries(party))

    assert mail_links() == 1

    [mail] = messages_of(party)[before:]
    assert (mail.kind, mail.facts["what"]) == (kind, "lost")
    assert (mail.recipient, mail.from_form) == ("ada@example.org", True)
    assert mail.facts["place"] == (1 if state == "waitlisted" else None)
    until = load_registration(party).decide_by
    assert mail.facts.get("until") == (until and until.isoformat())
    assert len(audit_entries(party)) == logged
    assert invariants.find_problems(NOON) == []


@for_each("state", OVER)
def test_of_what_is_over_no_link_is_mailed(app, state):
    event, _party = register_in_state(state)
    before = rows_of_event(event)

    assert mail_links() == 0

    assert rows_of_event(event) == before


def test_all_that_an_address_has_is_mailed_but_nothing_of_another(app):
    first, second = make_event(), make_event()
    mine = [register(one, email="ada@example.org") for one in (first, second)]
    other = register(first, email="bo@example.org")

    assert mail_links() == 2

    assert [messages_of(one)[-1].kind for one in mine] == ["ticket_again"] * 2
    assert [mail.kind for mail in messages_of(other)] == ["confirmation"]
    assert mail_links("nobody@example.org") == 0


@for_each(
    "values",
    [{"status": Status.DRAFT}, {"status": Status.CANCELLED}, {"erased_at": NOON}],
    ids=str,
)
def test_of_an_event_that_is_not_on_no_link_is_mailed(app, values):
    register_in_state("confirmed")
    set_columns(values, Event)

    assert mail_links() == 0


def test_once_the_event_is_over_no_link_is_mailed(app):
    event, _party = register_in_state("confirmed")

    assert mail_links(now=event.ends_at) == 0
    assert mail_links(now=event.ends_at - timedelta(seconds=1)) == 1


def test_an_offer_that_has_ended_is_not_mailed_again(app):
    _event, party = register_in_state("offered")
    until = load_registration(party).decide_by

    assert mail_links(now=until - timedelta(seconds=1)) == 1
    assert mail_links(now=until) == 0


def test_the_limits_hold_for_an_address_that_is_asked_for_again_and_again(app):
    events = [make_event() for _ in range(3)]
    for one in events:
        register(one, email="ada@example.org")

    # Three were mailed by registering; six a day are all there are, three an hour each.
    assert [mail_links() for _ in range(3)] == [3, 0, 0]
    assert mail_links(now=NOON + timedelta(hours=23)) == 0
    assert mail_links(now=NOON + timedelta(days=1)) == 3


def test_an_hour_has_three_mails_of_one_event(app):
    register_in_state("confirmed")

    assert [mail_links() for _ in range(4)] == [1, 1, 0, 0]


def test_who_presses_many_times_at_once_gets_no_more_mails_than_may_be(app):
    _event, party = register_in_state("confirmed")

    answers = run_at_once(app, *[mail_links] * 6)

    assert answers == [0, 0, 0, 0, 1, 1]
    assert len(messages_of(party)) == 3
