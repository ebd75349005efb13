"""Handing over: a mistyped address, a place passed on."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from rsvp import errors, tokens
from rsvp.db import writing
from rsvp.domain import invariants, privacy
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.registrations import changes, transfer
from rsvp.domain.registrations.create import Person
from rsvp.extensions import db
from rsvp.models import Event, GivenConsent, Message, RetiredCode
from rsvp.models.event import Allocation, Per, Status, Visibility
from rsvp.models.registration import LIVE, State
from rsvp.queries import by_link
from rsvp.queries import registrations as registration_queries
from tests.support.bookings import (
    ORGANIZER,
    at_once,
    booked,
    change,
    do,
    entries,
    everything,
    mails,
)
from tests.support.door import EVENING, make_phone, scan
from tests.support.factories import CODE_KEY, NOON, make_event, register, stored

pytestmark = pytest.mark.one_engine

OVER = [state for state in State if state not in LIVE]


def correct(outcome, email="ada@example.com", actor="attendee", now=NOON):
    return do(
        lambda: transfer.correct_address(
            outcome.registration_id,
            email=email,
            email_key=email.casefold(),
            code_key=CODE_KEY,
            actor=actor,
            now=now,
        )
    )


def pass_on(outcome, name="Zoë", email="Zoe@example.org", actor="attendee", now=NOON):
    do(
        lambda: transfer.pass_on(
            outcome.registration_id,
            name=name,
            email=email,
            email_key=email.casefold(),
            code_key=CODE_KEY,
            actor=actor,
            now=now,
        )
    )


ACTS = {"correct": correct, "pass on": pass_on}
each_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


def secrets_of(outcome):
    """The manage link and the tickets' codes and links, as they are derived now."""
    one = stored(outcome)
    link = tokens.manage_token(CODE_KEY, one.uuid, one.link_version)
    return link, [
        (
            tokens.attendee_code(CODE_KEY, a.uuid, a.code_version),
            tokens.ticket_token(CODE_KEY, a.uuid, a.code_version),
        )
        for a in one.attendees
    ]


def assert_renewed(outcome, before):
    """Old codes and links open nothing any more; the new ones do."""
    old_link, old_tickets = before
    link, tickets = secrets_of(outcome)
    assert by_link.registration_by_link(old_link) is None
    assert by_link.registration_by_link(link).id == outcome.registration_id
    retired = set(db.session.scalars(select(RetiredCode.code_id)))
    for (old_code, old_ticket), (_code, ticket) in zip(
        old_tickets, tickets, strict=True
    ):
        assert by_link.ticket_by_link(old_ticket) is None
        assert by_link.ticket_by_link(ticket) is not None
        assert tokens.code_id(old_code) in retired


def too_many_mails_to(event, email_key):
    for _number in range(mail_limits.PER_HOUR_AND_EVENT):
        register(event, email=email_key, admission="lounge")


# --- a mistyped address -------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("held", "confirm_address"),
        ("requested", "requested"),
        ("waitlisted", "waitlisted"),
        ("offered", "offer"),
        ("confirmed", "confirmation"),
    ],
)
def test_the_right_address_is_told_how_it_stands(app, state, kind):
    _event, party = booked(state)
    before = secrets_of(party)
    later = NOON + timedelta(minutes=10)

    token = correct(party, "Ada@Example.com", now=later)

    right = stored(party)
    assert (right.state, right.email) == (state, "Ada@Example.com")
    assert right.email_key == "ada@example.com"
    assert "ada@example.com" in right.search
    assert "example.org" not in right.search
    assert_renewed(party, before)
    assert by_link.registration_by_link(token).id == right.id
    *old, mail = mails(party)
    assert {one.state for one in old} == {"superseded"}
    assert (mail.kind, mail.recipient) == (kind, "Ada@Example.com")
    assert (mail.state, mail.from_form) == ("queued", True)
    assert mail.facts["what"] == "address"
    assert mail.facts["place"] == (1 if state == "waitlisted" else None)
    assert mail.facts.get("offered") == (2 if state == "offered" else None)
    until = right.decide_by
    assert mail.facts.get("until") == (until and until.isoformat())
    entry = entries(party)[-1]
    assert (entry.verb, entry.actor) == ("correct_address", "attendee")
    assert (entry.from_state, entry.to_state) == (state, state)
    assert "example" not in str(entry.details)
    assert invariants.problems(later) == []


def test_a_held_place_is_held_anew_for_the_right_address(app):
    _event, party = booked("held")
    later = NOON + timedelta(minutes=90)

    correct(party, now=later)

    assert stored(party).decide_by == later + timedelta(hours=2)


def test_an_offer_is_not_prolonged_by_another_address(app):
    _event, party = booked("offered")
    until = stored(party).decide_by

    correct(party, now=NOON + timedelta(hours=2))

    assert stored(party).decide_by == until


def test_the_same_address_changes_nothing(app):
    event, party = booked("confirmed")
    before = everything(event)

    assert correct(party, "ada@example.org") is None

    assert everything(event) == before


def test_what_is_being_sent_to_the_old_address_is_not_tried_again(app):
    _event, party = booked("confirmed")
    lease = {"lease_until": NOON + timedelta(minutes=9), "attempts": 1}
    change(lease, Message)

    correct(party)

    assert mails(party)[0].state == "superseded"


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_mail_that_failed_at_the_old_address_is_not_tried_again(app, act):
    """Written now it would hold links that are another's."""
    _event, party = booked("confirmed")
    [failed] = mails(party)
    failed_id = failed.id
    change({"state": "failed"}, Message)
    act(party)

    with pytest.raises(errors.Outdated):
        do(lambda: outbox.try_again(failed_id, actor=ORGANIZER, now=NOON))


def test_that_it_was_passed_on_can_be_mailed_again(app):
    _event, party = booked("confirmed")
    pass_on(party)
    told = mails(party)[-1]
    told_id = told.id
    change({"state": "failed"}, Message, Message.id == told_id)

    do(lambda: outbox.try_again(told_id, actor=ORGANIZER, now=NOON))

    assert mails(party)[-1].state == "queued"


def test_an_organizer_corrects_an_address_without_using_up_its_mails(app):
    event, party = booked("confirmed")
    too_many_mails_to(event, "ada@example.com")

    correct(party, actor=ORGANIZER)

    assert mails(party)[-1].from_form is False


# --- passed on ----------------------------------------------------------------------

QUESTIONS = (
    {"key": "phone", "per": Per.REGISTRATION},
    {"key": "diet", "per": Per.ATTENDEE},
)


def test_a_place_is_passed_on_with_its_guests(app):
    event, party = booked("confirmed", questions=QUESTIONS, consents=({},))
    answers = {0: Person("Ada", {"diet": "a"}), 1: Person("Bo", {"diet": "b"})}
    do(
        lambda: changes.change_details(
            party.registration_id,
            answers,
            {"phone": "555-0100"},
            actor="attendee",
            now=NOON,
        )
    )
    [consent] = event.consents
    with writing() as session:
        session.add(
            GivenConsent(
                registration_id=party.registration_id,
                consent_id=consent.id,
                given=True,
                at=NOON,
            )
        )
    before = secrets_of(party)

    pass_on(party)

    passed = stored(party)
    assert (passed.state, passed.seats, passed.name) == ("confirmed", 2, "Zoë")
    assert (passed.email, passed.email_key) == ("Zoe@example.org", "zoe@example.org")
    assert passed.answers == {}
    assert [(one.name, one.answers) for one in passed.attendees] == [
        ("Zoë", {}),
        ("Bo", {"diet": "b"}),
    ]
    assert registration_queries.given_consents(passed.id) == []
    assert "zoe" in passed.search
    assert "ada" not in passed.search
    assert_renewed(party, before)
    entry = entries(party)[-1]
    assert (entry.verb, entry.from_state, entry.to_state) == (
        "pass_on",
        "confirmed",
        "confirmed",
    )
    assert invariants.problems(NOON) == []


def test_both_are_told_and_the_one_before_learns_nothing_more(app):
    _event, party = booked("confirmed")

    pass_on(party)

    first, new, old = mails(party)
    assert first.state == "superseded"
    assert (new.kind, new.facts["what"]) == ("confirmation", "passed_on")
    assert (new.recipient, new.from_form) == ("Zoe@example.org", True)
    assert (old.kind, old.recipient) == ("passed_on", "ada@example.org")
    assert (old.facts["attendees"], old.from_form) == ([], False)


def test_each_who_had_it_is_told_however_fast_it_is_passed_on(app):
    """Whoever takes a place with a link that was forwarded does not go unnoticed."""
    _event, party = booked("confirmed")

    pass_on(party)
    pass_on(party, "Cy", "cy@example.org")
    correct(party, "cyril@example.org")

    told = [mail for mail in mails(party) if mail.kind == "passed_on"]
    assert [(mail.recipient, mail.state) for mail in told] == [
        ("ada@example.org", "queued"),
        ("Zoe@example.org", "queued"),
    ]
    assert invariants.problems(NOON) == []


@pytest.mark.parametrize("state", ["held", "requested", "waitlisted", "offered"])
def test_only_a_place_is_passed_on(app, state):
    event, party = booked(state)
    before = everything(event)

    with pytest.raises((errors.NotConfirmed, errors.NotPassedOn)):
        pass_on(party)

    assert everything(event) == before


@pytest.mark.parametrize("actor", ["attendee", ORGANIZER])
@pytest.mark.parametrize(
    "values",
    [{"allocation": Allocation.APPROVAL}, {"visibility": Visibility.INVITATION}],
    ids=["approval", "invitation"],
)
def test_what_was_given_to_one_person_is_not_passed_on(app, values, actor):
    event, party = booked("confirmed")
    change(values, Event)
    before = everything(event)

    with pytest.raises(errors.NotPassedOn):
        pass_on(party, actor=actor)

    assert everything(event) == before


def test_nobody_passes_on_to_themselves(app):
    event, party = booked("confirmed", several=True)
    before = everything(event)

    with pytest.raises(errors.AddressInUse):
        pass_on(party, email="ADA@example.org")

    assert everything(event) == before


def test_the_place_of_one_who_is_in_is_not_passed_on(app):
    event, party = booked("confirmed")
    scan(make_phone(event), stored(party).attendees[1])

    with pytest.raises(errors.AlreadyIn):
        pass_on(party, actor=ORGANIZER, now=EVENING)


def test_of_two_who_get_the_same_place_one_has_it(app):
    event, party = booked("confirmed")

    answers = at_once(
        app,
        lambda: pass_on(party, email="one@example.org") or "passed on",
        lambda: pass_on(party, email="two@example.org") or "passed on",
    )

    # Whoever comes second passes on what the first one has by now; all else is sound.
    assert answers == ["passed on", "passed on"]
    link, _tickets = secrets_of(party)
    assert by_link.registration_by_link(link).email_key == stored(party).email_key
    assert event.id
    assert invariants.problems(NOON) == []


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_form_that_made_it_does_not_open_it_any_more(app, act):
    """Sent again with the new address, by whoever had it before."""
    event = make_event()
    submission = uuid4()
    party = register(event, "Ada", email="ada@example.org", submission=submission)
    act(party, email="zoe@example.org")

    again = register(event, "Ada", email="zoe@example.org", submission=submission)

    assert (again.kind, again.token) == ("mailed", None)


# --- what both refuse ---------------------------------------------------------------


@each_act
def test_an_address_has_one_registration_for_an_admission(app, act):
    event, party = booked("confirmed")
    register(event, email="both@example.org", admission="hall")
    before = everything(event)

    with pytest.raises(errors.AddressInUse):
        act(party, email="Both@example.org")

    assert everything(event) == before


@each_act
def test_an_address_that_is_registered_for_something_else_is_free(app, act):
    event, party = booked("confirmed")
    register(event, email="both@example.org", admission="lounge")

    act(party, email="both@example.org")

    assert stored(party).email == "both@example.org"
    assert invariants.problems(NOON) == []


@each_act
def test_an_address_and_a_newcomer_at_once_are_registered_once(app, act):
    event, party = booked("confirmed")
    page = type("Page", (), {"slug": event.slug})

    def hand_over():
        act(party, email="both@example.org")
        return "handed"

    def come():
        return register(page, email="both@example.org", admission="hall").kind

    answers = at_once(app, hand_over, come)

    assert answers in (["address_in_use", "made"], ["handed", "mailed"])
    assert invariants.problems(NOON) == []


@each_act
def test_a_link_is_no_way_to_fill_a_strangers_mailbox(app, act):
    event, party = booked("confirmed")
    too_many_mails_to(event, "stranger@example.org")
    before = everything(event)

    with pytest.raises(errors.TooManyMails):
        act(party, email="stranger@example.org")
    assert everything(event) == before
    later = NOON + timedelta(hours=1)
    act(party, email="stranger@example.org", now=later)

    assert stored(party).email == "stranger@example.org"


@each_act
@pytest.mark.parametrize("state", OVER)
def test_what_is_over_is_not_handed_over(app, state, act):
    event, party = booked(state)
    before = everything(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AlreadyOver):
            act(party, actor=actor)

    assert everything(event) == before


@each_act
def test_after_the_deadline_only_an_organizer_hands_over(app, act):
    event, party = booked("confirmed")
    before = everything(event)

    with pytest.raises(errors.TooLateToCancel):
        act(party, now=event.changes_end_at)
    assert everything(event) == before
    act(party, actor=ORGANIZER, now=event.changes_end_at)

    assert entries(party)[-1].actor == ORGANIZER


@each_act
def test_nothing_of_an_event_that_is_off_or_erased_is_handed_over(app, act):
    event, party = booked("confirmed")
    change({"status": Status.CANCELLED}, Event)
    with pytest.raises(errors.EventCancelled):
        act(party)
    change({"status": Status.PUBLISHED}, Event)
    later = event.ends_at + timedelta(days=40)
    with writing():
        privacy.erase(event.id, actor="worker", now=later)

    with pytest.raises(errors.EventOver):
        act(party, actor=ORGANIZER, now=later)
