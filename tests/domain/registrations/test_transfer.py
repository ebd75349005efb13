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
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.models import Event, GivenConsent, Message, RetiredCode
from rsvp.models.event import Allocation, QuestionScope, Status, Visibility
from rsvp.models.registration import LIVE_STATES, State
from rsvp.queries import by_link
from rsvp.queries import registrations as registration_queries
from tests.support.door import DURING_ENTRY, make_phone, record_scan
from tests.support.factories import (
    CODE_KEY,
    NOON,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import (
    ORGANIZER,
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


def correct(outcome, email="ada@example.com", actor="attendee", now=NOON):
    return commit(
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
    commit(
        lambda: transfer.transfer_registration(
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
each_act = for_each("act", ACTS.values(), ids=ACTS, fresh=True)


def secrets_of(outcome):
    """The manage link and the tickets' codes and links, as they are derived now."""
    one = load_registration(outcome)
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
    assert by_link.find_linked_registration(old_link) is None
    assert by_link.find_linked_registration(link).id == outcome.registration_id
    retired = set(db.session.scalars(select(RetiredCode.code_id)))
    for (old_code, old_ticket), (_code, ticket) in zip(
        old_tickets, tickets, strict=True
    ):
        assert by_link.find_linked_ticket(old_ticket) is None
        assert by_link.find_linked_ticket(ticket) is not None
        assert tokens.code_id(old_code) in retired


def too_many_mails_to(event, email_key):
    for _number in range(mail_limits.MAX_PER_HOUR_AND_EVENT):
        register(event, email=email_key, admission="lounge")


# --- a mistyped address -------------------------------------------------------------


@for_each(
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
    _event, party = register_in_state(state)
    before = secrets_of(party)
    later = NOON + timedelta(minutes=10)

    token = correct(party, "Ada@Example.com", now=later)

    right = load_registration(party)
    assert (right.state, right.email) == (state, "Ada@Example.com")
    assert right.email_key == "ada@example.com"
    assert "ada@example.com" in right.search
    assert "example.org" not in right.search
    assert_renewed(party, before)
    assert by_link.find_linked_registration(token).id == right.id
    *old, mail = messages_of(party)
    assert {one.state for one in old} == {"superseded"}
    assert (mail.kind, mail.recipient) == (kind, "Ada@Example.com")
    assert (mail.state, mail.from_form) == ("queued", True)
    assert mail.facts["what"] == "address"
    assert mail.facts["place"] == (1 if state == "waitlisted" else None)
    assert mail.facts.get("offered") == (2 if state == "offered" else None)
    until = right.decide_by
    assert mail.facts.get("until") == (until and until.isoformat())
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.actor) == ("correct_address", "attendee")
    assert (entry.from_state, entry.to_state) == (state, state)
    assert "example" not in str(entry.details)
    assert invariants.find_problems(later) == []


def test_a_held_place_is_held_anew_for_the_right_address(app):
    _event, party = register_in_state("held")
    later = NOON + timedelta(minutes=90)

    correct(party, now=later)

    assert load_registration(party).decide_by == later + timedelta(hours=2)


def test_an_offer_is_not_prolonged_by_another_address(app):
    _event, party = register_in_state("offered")
    until = load_registration(party).decide_by

    correct(party, now=NOON + timedelta(hours=2))

    assert load_registration(party).decide_by == until


def test_the_same_address_changes_nothing(app):
    event, party = register_in_state("confirmed")
    before = rows_of_event(event)

    assert correct(party, "ada@example.org") is None

    assert rows_of_event(event) == before


def test_what_is_being_sent_to_the_old_address_is_not_tried_again(app):
    _event, party = register_in_state("confirmed")
    lease = {"lease_until": NOON + timedelta(minutes=9), "attempts": 1}
    set_columns(lease, Message)

    correct(party)

    assert messages_of(party)[0].state == "superseded"


@for_each("act", ACTS.values(), ids=ACTS)
def test_a_mail_that_failed_at_the_old_address_is_not_tried_again(app, act):
    """Written now it would hold links that are another's."""
    _event, party = register_in_state("confirmed")
    [failed] = messages_of(party)
    failed_id = failed.id
    set_columns({"state": "failed"}, Message)
    act(party)

    with pytest.raises(errors.Outdated):
        commit(lambda: outbox.retry_failed(failed_id, actor=ORGANIZER, now=NOON))


def test_that_it_was_passed_on_can_be_mailed_again(app):
    _event, party = register_in_state("confirmed")
    pass_on(party)
    told = messages_of(party)[-1]
    told_id = told.id
    set_columns({"state": "failed"}, Message, Message.id == told_id)

    commit(lambda: outbox.retry_failed(told_id, actor=ORGANIZER, now=NOON))

    assert messages_of(party)[-1].state == "queued"


def test_an_organizer_corrects_an_address_without_using_up_its_mails(app):
    event, party = register_in_state("confirmed")
    too_many_mails_to(event, "ada@example.com")

    correct(party, actor=ORGANIZER)

    assert messages_of(party)[-1].from_form is False


# --- passed on ----------------------------------------------------------------------

QUESTIONS = (
    {"key": "phone", "per": QuestionScope.REGISTRATION},
    {"key": "diet", "per": QuestionScope.ATTENDEE},
)


def test_a_place_is_passed_on_with_its_guests(app):
    event, party = register_in_state("confirmed", questions=QUESTIONS, consents=({},))
    answers = {
        0: RequestedAttendee("Ada", {"diet": "a"}),
        1: RequestedAttendee("Bo", {"diet": "b"}),
    }
    commit(
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

    passed = load_registration(party)
    assert (passed.state, passed.seats, passed.name) == ("confirmed", 2, "Zoë")
    assert (passed.email, passed.email_key) == ("Zoe@example.org", "zoe@example.org")
    assert passed.answers == {}
    assert [(one.name, one.answers) for one in passed.attendees] == [
        ("Zoë", {}),
        ("Bo", {"diet": "b"}),
    ]
    assert registration_queries.list_given_consents(passed.id) == []
    assert "zoe" in passed.search
    assert "ada" not in passed.search
    assert_renewed(party, before)
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.from_state, entry.to_state) == (
        "pass_on",
        "confirmed",
        "confirmed",
    )
    assert invariants.find_problems(NOON) == []


def test_both_are_told_and_the_one_before_learns_nothing_more(app):
    _event, party = register_in_state("confirmed")

    pass_on(party)

    first, new, old = messages_of(party)
    assert first.state == "superseded"
    assert (new.kind, new.facts["what"]) == ("confirmation", "passed_on")
    assert (new.recipient, new.from_form) == ("Zoe@example.org", True)
    assert (old.kind, old.recipient) == ("passed_on", "ada@example.org")
    assert (old.facts["attendees"], old.from_form) == ([], False)


def test_each_who_had_it_is_told_however_fast_it_is_passed_on(app):
    """Whoever takes a place with a link that was forwarded does not go unnoticed."""
    _event, party = register_in_state("confirmed")

    pass_on(party)
    pass_on(party, "Cy", "cy@example.org")
    correct(party, "cyril@example.org")

    told = [mail for mail in messages_of(party) if mail.kind == "passed_on"]
    assert [(mail.recipient, mail.state) for mail in told] == [
        ("ada@example.org", "queued"),
        ("Zoe@example.org", "queued"),
    ]
    assert invariants.find_problems(NOON) == []


@for_each("state", ["held", "requested", "waitlisted", "offered"])
def test_only_a_place_is_passed_on(app, state):
    event, party = register_in_state(state)
    before = rows_of_event(event)

    with pytest.raises((errors.NotConfirmed, errors.NotTransferable)):
        pass_on(party)

    assert rows_of_event(event) == before


@for_each("actor", ["attendee", ORGANIZER])
@for_each(
    "values",
    [{"allocation": Allocation.APPROVAL}, {"visibility": Visibility.INVITATION}],
    ids=["approval", "invitation"],
)
def test_what_was_given_to_one_person_is_not_passed_on(app, values, actor):
    event, party = register_in_state("confirmed")
    set_columns(values, Event)
    before = rows_of_event(event)

    with pytest.raises(errors.NotTransferable):
        pass_on(party, actor=actor)

    assert rows_of_event(event) == before


def test_nobody_passes_on_to_themselves(app):
    event, party = register_in_state("confirmed", several=True)
    before = rows_of_event(event)

    with pytest.raises(errors.AddressInUse):
        pass_on(party, email="ADA@example.org")

    assert rows_of_event(event) == before


def test_the_place_of_one_who_is_in_is_not_passed_on(app):
    event, party = register_in_state("confirmed")
    record_scan(make_phone(event), load_registration(party).attendees[1])

    with pytest.raises(errors.AlreadyCheckedIn):
        pass_on(party, actor=ORGANIZER, now=DURING_ENTRY)


def test_of_two_who_get_the_same_place_one_has_it(app):
    event, party = register_in_state("confirmed")

    answers = run_at_once(
        app,
        lambda: pass_on(party, email="one@example.org") or "passed on",
        lambda: pass_on(party, email="two@example.org") or "passed on",
    )

    # Whoever comes second passes on what the first one has by now; all else is sound.
    assert answers == ["passed on", "passed on"]
    link, _tickets = secrets_of(party)
    assert (
        by_link.find_linked_registration(link).email_key
        == load_registration(party).email_key
    )
    assert event.id
    assert invariants.find_problems(NOON) == []


@for_each("act", ACTS.values(), ids=ACTS)
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
    event, party = register_in_state("confirmed")
    register(event, email="both@example.org", admission="hall")
    before = rows_of_event(event)

    with pytest.raises(errors.AddressInUse):
        act(party, email="Both@example.org")

    assert rows_of_event(event) == before


@each_act
def test_an_address_that_is_registered_for_something_else_is_free(app, act):
    event, party = register_in_state("confirmed")
    register(event, email="both@example.org", admission="lounge")

    act(party, email="both@example.org")

    assert load_registration(party).email == "both@example.org"
    assert invariants.find_problems(NOON) == []


@each_act
def test_an_address_and_a_newcomer_at_once_are_registered_once(app, act):
    event, party = register_in_state("confirmed")
    page = type("Page", (), {"slug": event.slug})

    def hand_over():
        act(party, email="both@example.org")
        return "handed"

    def come():
        return register(page, email="both@example.org", admission="hall").kind

    answers = run_at_once(app, hand_over, come)

    assert answers in (["address_in_use", "made"], ["handed", "mailed"])
    assert invariants.find_problems(NOON) == []


@each_act
def test_a_link_is_no_way_to_fill_a_strangers_mailbox(app, act):
    event, party = register_in_state("confirmed")
    too_many_mails_to(event, "stranger@example.org")
    before = rows_of_event(event)

    with pytest.raises(errors.TooManyMails):
        act(party, email="stranger@example.org")
    assert rows_of_event(event) == before
    later = NOON + timedelta(hours=1)
    act(party, email="stranger@example.org", now=later)

    assert load_registration(party).email == "stranger@example.org"


@each_act
@for_each("state", OVER, fresh=True)
def test_what_is_over_is_not_handed_over(app, state, act):
    event, party = register_in_state(state)
    before = rows_of_event(event)

    for actor in ("attendee", ORGANIZER):
        with pytest.raises(errors.AlreadyOver):
            act(party, actor=actor)

    assert rows_of_event(event) == before


@each_act
def test_after_the_deadline_only_an_organizer_hands_over(app, act):
    event, party = register_in_state("confirmed")
    before = rows_of_event(event)

    with pytest.raises(errors.TooLateToCancel):
        act(party, now=event.changes_end_at)
    assert rows_of_event(event) == before
    act(party, actor=ORGANIZER, now=event.changes_end_at)

    assert audit_entries(party)[-1].actor == ORGANIZER


@each_act
def test_nothing_of_an_event_that_is_off_or_erased_is_handed_over(app, act):
    event, party = register_in_state("confirmed")
    set_columns({"status": Status.CANCELLED}, Event)
    with pytest.raises(errors.EventCancelled):
        act(party)
    set_columns({"status": Status.PUBLISHED}, Event)
    later = event.ends_at + timedelta(days=40)
    with writing():
        privacy.erase_due(event.id, actor="worker", now=later)

    with pytest.raises(errors.EventOver):
        act(party, actor=ORGANIZER, now=later)
