"""Erasure: what goes when, and what stays."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from rsvp import errors
from rsvp.db import Base, writing
from rsvp.domain import invariants, invitations, privacy
from rsvp.domain.messages import outbox
from rsvp.domain.registrations import (
    approval,
    cancellation,
    changes,
    mail_preferences,
    organizer_actions,
)
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.jobs import tasks
from rsvp.models import Event, GivenConsent, Message, Registration
from rsvp.models.event import Status
from rsvp.models.registration import ENDED_STATES, State
from rsvp.queries import registrations as registration_queries
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
from tests.support.registrations import (
    audit_entries,
    commit,
    messages_of,
    register_in_state,
    rows_of_event,
    run_at_once,
    seats_by_admission,
)

pytestmark = pytest.mark.one_engine

CANARIES = ("Zoë Canary", "Ada Canary", "canary@example.org", "no canaries, please")


def an_evening():
    event = make_event(
        {"capacity": 2},
        questions=(
            {"key": "diet", "per": "attendee", "keep_days": 2},
            {"key": "song", "per": "attendee"},
        ),
        retention_days=30,
    )
    answers = {"diet": "no canaries, please", "song": "a canary's"}
    party = register(
        event,
        "Zoë Canary",
        "Ada Canary",
        email="canary@example.org",
        answers=answers,
        people=(
            RequestedAttendee("Zoë Canary", answers),
            RequestedAttendee("Ada Canary", answers),
        ),
    )
    leaving = register(event, "Somebody Canary", email="another-canary@example.org")
    cancel(leaving)
    return event, party


def everything_stored():
    """All text in the database, as one."""
    db.session.rollback()
    return "\n".join(
        str(row)
        for table in Base.metadata.sorted_tables
        for row in db.session.execute(text(f"SELECT * FROM {table.name}"))
    )


@pytest.mark.both_engines
def test_after_its_days_nothing_of_the_attendees_is_left_but_the_counts(app):
    event, party = an_evening()
    before = event.ends_at + timedelta(days=30) - timedelta(seconds=1)

    tasks.erase_expired(before)
    assert "Zoë Canary" in everything_stored()
    assert tasks.erase_expired(event.ends_at + timedelta(days=30)) == 1

    assert "anary" not in everything_stored()
    assert load_registration(party).admission.seats_taken == 2
    assert invariants.find_problems(before) == []
    assert tasks.erase_expired(event.ends_at + timedelta(days=31)) == 0


@pytest.mark.both_engines
def test_an_answer_goes_sooner_where_its_question_says_so(app):
    event, party = an_evening()

    assert tasks.erase_expired(event.ends_at + timedelta(days=2)) == 1

    attendee = load_registration(party).attendees[0]
    assert (attendee.name, attendee.answers) == ("Zoë Canary", {"song": "a canary's"})
    assert "no canaries, please" not in everything_stored()
    assert tasks.erase_expired(event.ends_at + timedelta(days=3)) == 0
    assert db.session.get_one(Event, event.id).erased_at is None


@for_each("canary", CANARIES)
def test_the_canaries_are_there_to_begin_with(app, canary):
    an_evening()

    assert canary in everything_stored()


# --- one person's, when they ask ----------------------------------------------------

WHO = ("Canary", "canary@example.org", "555-0199", "crumbs", "for canaries")


def canaries(state, **values):
    """A registration in this state, with everything of it that names somebody."""
    event, party = register_in_state(
        state,
        "Zoë Canary",
        "Ada Canary",
        consents=({},),
        questions=(
            {"key": "phone", "per": "registration"},
            {"key": "diet", "per": "attendee"},
        ),
        **values,
    )
    [consent] = event.consents
    one = {"registration_id": party.registration_id}
    with writing() as session:
        registration = session.get_one(Registration, party.registration_id)
        registration.email = registration.email_key = "canary@example.org"
        registration.search = "zoe canary\nada canary\ncanary@example.org"
        registration.answers = {"phone": "555-0199"}
        registration.ended_why = registration.exception_why = "a word for canaries"
        registration.submission = uuid4()
        for attendee in registration.attendees:
            attendee.answers = {"diet": "crumbs"}
        for message in session.scalars(select(Message).filter_by(**one)):
            message.recipient = message.recipient_key = "canary@example.org"
            message.facts |= {"who": "Ada Canary", "why": "words for canaries"}
        session.add(GivenConsent(consent_id=consent.id, given=True, at=NOON, **one))
    return event, party


def erase_one(outcome, actor="attendee", now=NOON):
    commit(
        lambda: privacy.erase_registration(
            outcome.registration_id, actor=actor, now=now
        )
    )


@pytest.mark.both_engines
@for_each("state", State, fresh=True)
def test_who_asks_is_forgotten_and_their_places_go_to_the_line(app, state):
    event, party = canaries(state)
    if state == State.CONFIRMED:
        waits = register(event, "Cy", "Di", admission="hall")
        assert load_registration(waits).state == "waitlisted"
    text_before = everything_stored()
    for canary in WHO:
        assert canary in text_before
    told = len(messages_of(party))

    erase_one(party)

    text_after = everything_stored()
    for canary in (*WHO, "canary"):
        assert canary not in text_after
    erased = load_registration(party)
    assert erased.is_erased
    assert erased.state == (state if state in ENDED_STATES else "cancelled")
    assert (erased.email, erased.email_key, erased.submission) == ("", "", None)
    assert [(one.name, one.answers) for one in erased.attendees] == [(None, {})] * 2
    assert registration_queries.list_given_consents(party.registration_id) == []
    assert len(messages_of(party)) == told
    entry = audit_entries(party)[-1]
    assert (entry.verb, entry.actor) == ("erase_one", "attendee")
    assert (entry.from_state, entry.to_state) == (state, erased.state)
    if state == State.CONFIRMED:
        assert load_registration(waits).state == "confirmed"
    assert invariants.find_problems(NOON) == []


@for_each("over", [False, True])
def test_what_was_not_mailed_yet_is_not_mailed_to_who_is_forgotten(app, over):
    event, party = canaries("confirmed")

    erase_one(party, now=event.ends_at if over else NOON)

    [message] = messages_of(party)
    assert (message.state, message.recipient) == ("failed", "")
    message_id = message.id
    with pytest.raises(errors.Outdated):
        commit(lambda: outbox.retry_failed(message_id, actor="user:1", now=NOON))


def test_others_are_not_forgotten_with_them(app):
    event, party = canaries("confirmed")
    other = register(event, "Cy", "Di", email="cy@example.org", admission="lounge")

    erase_one(party)

    assert load_registration(other).email == "cy@example.org"
    assert [one.name for one in load_registration(other).attendees] == ["Cy", "Di"]
    assert [mail.recipient for mail in messages_of(other)] == ["cy@example.org"]


def test_being_forgotten_twice_changes_nothing(app):
    event, party = canaries("confirmed")
    erase_one(party)
    before = rows_of_event(event)

    erase_one(party)

    assert rows_of_event(event) == before


def test_an_address_that_was_forgotten_can_register_again(app):
    event, party = register_in_state("confirmed")
    erase_one(party)

    again = register(event, "Ada", email="ada@example.org", admission="hall")

    assert (again.kind, again.state) == ("made", "confirmed")
    erase_one(again)
    assert invariants.find_problems(NOON) == []


def test_who_is_in_is_forgotten_once_it_is_over(app):
    event, party = canaries("confirmed")
    record_scan(make_phone(event), load_registration(party).attendees[1])
    before = rows_of_event(event)

    with pytest.raises(errors.AlreadyCheckedIn):
        erase_one(party, now=DURING_ENTRY)
    assert rows_of_event(event) == before
    erase_one(party, now=event.ends_at)

    erased = load_registration(party)
    assert (erased.state, erased.is_erased) == ("confirmed", True)
    assert erased.admission.seats_taken == 2
    assert "canary" not in everything_stored().casefold()
    assert invariants.find_problems(event.ends_at) == []


@for_each("actor", ["attendee", "user:1"])
def test_neither_a_deadline_nor_a_cancelled_event_keeps_anybody_known(app, actor):
    event, party = canaries("confirmed", change_until_local=datetime(2027, 1, 20))
    with writing() as session:
        session.get_one(Event, event.id).status = Status.CANCELLED

    erase_one(party, actor, now=event.starts_at)

    assert load_registration(party).is_erased
    assert invariants.find_problems(event.starts_at) == []


def test_once_all_of_the_event_is_erased_there_is_nobody_to_forget(app):
    event, party = register_in_state("confirmed")
    later = event.ends_at + timedelta(days=40)
    assert tasks.erase_expired(later) == 1

    with pytest.raises(errors.EventOver):
        erase_one(party, now=later)


def test_nothing_is_done_for_or_told_to_who_is_forgotten(app):
    event, party = canaries("confirmed")
    erase_one(party, now=event.ends_at)
    one, by = party.registration_id, {"actor": "user:1", "now": event.ends_at}
    before = rows_of_event(event)

    for change in (
        lambda: organizer_actions.resend_mail(one, **by),
        lambda: cancellation.cancel(one, **by),
        lambda: approval.reinstate(one, **by),
        lambda: changes.change_details(one, {0: RequestedAttendee("Zoë")}, **by),
    ):
        with pytest.raises((errors.AlreadyOver, errors.NotOver)):
            commit(change)

    assert rows_of_event(event) == before


@for_each("was_muted", [False, True])
def test_who_is_forgotten_while_the_mail_programs_button_is_pressed_stays_so(
    app, was_muted
):
    event, party = canaries("confirmed")
    one, by = party.registration_id, {"actor": "attendee", "now": NOON}
    if was_muted:
        commit(lambda: mail_preferences.mute(one, **by))
    erase_one(party)
    before = rows_of_event(event)

    # The link was looked up before; only the lock shows what has happened since.
    commit(lambda: mail_preferences.mute(one, **by))
    commit(lambda: mail_preferences.unmute(one, **by))

    assert load_registration(party).is_erased
    assert rows_of_event(event) == before


def test_the_labels_of_invitations_go_with_all_the_rest(app):
    event = make_event()
    with writing():
        invitations.create(
            event.id,
            count=2,
            uses_max=1,
            expires_at=None,
            label="For Zoë Canary",
            code_key=CODE_KEY,
            actor="user:1",
            now=NOON,
        )

    tasks.erase_expired(event.ends_at + timedelta(days=30))

    assert "Canary" not in everything_stored()


@pytest.mark.both_engines
def test_who_leaves_and_is_forgotten_at_once_frees_their_seats_once(app):
    event, party = register_in_state("confirmed", hall=2)
    waits = register(event, admission="hall")

    run_at_once(
        app, lambda: cancel(party) or "left", lambda: erase_one(party) or "forgotten"
    )

    assert load_registration(party).is_erased
    assert load_registration(waits).state == "confirmed"
    assert seats_by_admission(event)[0] == (1, 0)
    assert [one.verb for one in audit_entries(party)].count("erase_one") == 1
    assert invariants.find_problems(NOON) == []
