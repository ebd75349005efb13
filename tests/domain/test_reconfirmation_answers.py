"""Answering: a yes keeps the place, no answer may give it on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from rsvp import errors
from rsvp.db import write, writing
from rsvp.domain import reconfirmation, transitions
from rsvp.domain.registrations import approval, cancellation, door_seating, transfer
from rsvp.extensions import db
from rsvp.jobs.tasks import close_reconfirmations, send_reconfirmations
from rsvp.models import Admission
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import filters
from tests.support.door import DOORS_OPEN_AT, make_phone, record_scan
from tests.support.factories import CODE_KEY, NOON, cancel, load_registration, register
from tests.support.for_each import for_each
from tests.support.reconfirmation import (
    ANSWER_BY,
    ASKED_AT,
    STARTS_AT,
    ask_and_send,
    flag_reason,
    make_asking_event,
    mark_queued_sent,
    say_yes,
    set_registration,
)
from tests.support.registrations import (
    HOUR,
    MINUTE,
    ORGANIZER,
    act,
    act_as_organizer,
    assert_refused,
    audit_verbs,
    is_consistent,
    last_message,
    mail_kinds,
    state_of,
    states_of,
    taken_and_waiting,
)
from tests.support.threads import BackgroundCall

pytestmark = pytest.mark.one_engine

# --- yes ----------------------------------------------------------------------------


def test_who_says_yes_keeps_the_place(app):
    event = make_asking_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()

    assert say_yes(ada) is True
    assert say_yes(ada, now=ASKED_AT + 2 * HOUR) is False
    assert close_reconfirmations(ANSWER_BY) == 0

    assert states_of(ada, ben) == ["confirmed", "waitlisted"]
    assert load_registration(ada).answered_at == ASKED_AT + HOUR
    assert audit_verbs(ada) == ["register", "say_yes"]
    assert is_consistent(ANSWER_BY)


def test_a_late_yes_counts_as_long_as_the_place_is_there(app):
    event = make_asking_event({"capacity": 1}, no_answer="flag")
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()
    close_reconfirmations(ANSWER_BY)
    assert flag_reason(ada) == "no_answer"

    assert say_yes(ada, now=ANSWER_BY + HOUR) is True

    assert flag_reason(ada) is None


def test_a_yes_before_a_late_worker_comes_counts(app):
    event = make_asking_event({"capacity": 1})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()
    say_yes(ada, now=ANSWER_BY + HOUR)

    close_reconfirmations(ANSWER_BY + 2 * HOUR)

    assert state_of(ada) == "confirmed"


def test_only_who_has_a_place_can_say_yes(app):
    event = make_asking_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()

    assert_refused(errors.NotConfirmed, reconfirmation.reconfirm, ben, now=ASKED_AT)
    close_reconfirmations(ANSWER_BY)
    assert_refused(errors.AlreadyOver, reconfirmation.reconfirm, ada, now=ANSWER_BY)
    assert_refused(
        errors.EventOver, reconfirmation.reconfirm, ben, now=STARTS_AT + 4 * HOUR
    )


def test_who_was_not_asked_has_nothing_to_answer(app):
    event = make_asking_event()
    ada = register(event, "Ada")

    assert say_yes(ada, now=NOON) is False
    assert audit_verbs(ada) == ["register"]


def test_giving_up_one_guest_says_that_the_others_come(app):
    event = make_asking_event({"capacity": 2})
    pair, cem = register(event, "Ada", "Ben"), register(event, "Cem")
    ask_and_send()
    act(cancellation.cancel_guest, pair, 1, now=ASKED_AT + HOUR)

    close_reconfirmations(ANSWER_BY)

    assert states_of(pair, cem) == ["confirmed", "confirmed"]
    assert load_registration(pair).answered_at == ASKED_AT + HOUR


def test_passing_a_place_on_says_that_somebody_comes(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()
    heir = {"name": "Eva", "email": "eva@example.org", "email_key": "eva@example.org"}
    act(
        transfer.transfer_registration,
        ada,
        **heir,
        code_key=CODE_KEY,
        now=ASKED_AT + HOUR,
    )

    close_reconfirmations(ANSWER_BY)

    assert (state_of(ada), flag_reason(ada)) == ("confirmed", None)


def test_what_an_organizer_changes_answers_for_nobody(app):
    event = make_asking_event({"capacity": 2})
    pair = register(event, "Ada", "Ben")
    ask_and_send()
    act_as_organizer(cancellation.cancel_guest, pair, 1, now=ASKED_AT + HOUR)

    assert load_registration(pair).answered_at is None


# --- no answer ----------------------------------------------------------------------


@pytest.mark.both_engines
def test_without_an_answer_the_place_goes_to_the_line(app):
    event = make_asking_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()

    assert close_reconfirmations(ANSWER_BY - MINUTE) == 0
    assert close_reconfirmations(ANSWER_BY) == 1
    assert close_reconfirmations(ANSWER_BY + MINUTE) == 0

    assert states_of(ada, ben) == ["released", "confirmed"]
    assert mail_kinds(ada)[-1] == "released"
    assert last_message(ada).facts["what"] == "no_answer"
    assert mail_kinds(ben) == ["waitlisted", "promoted"]
    assert taken_and_waiting(event) == (1, 0)
    assert is_consistent(ANSWER_BY)


def test_where_the_organizer_decides_they_are_flagged(app):
    event = make_asking_event({"capacity": 1}, no_answer="flag")
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()

    close_reconfirmations(ANSWER_BY)

    assert states_of(ada, ben) == ["confirmed", "waitlisted"]
    assert flag_reason(ada) == "no_answer"
    assert audit_verbs(ada) == ["register", "flag"]
    assert is_consistent(ANSWER_BY)


@for_each(
    "sent_at", [None, ASKED_AT + 12 * HOUR + MINUTE], ids=["not sent", "sent late"]
)
def test_whose_question_did_not_arrive_in_time_is_flagged_not_released(app, sent_at):
    event = make_asking_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    send_reconfirmations(ASKED_AT)
    if sent_at is not None:
        mark_queued_sent(sent_at)

    close_reconfirmations(ANSWER_BY)

    assert states_of(ada, ben) == ["confirmed", "waitlisted"]
    assert flag_reason(ada) == "not_mailed"


def test_a_question_sent_with_half_of_the_time_left_is_in_time(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    send_reconfirmations(ASKED_AT)
    mark_queued_sent(ASKED_AT + 12 * HOUR)

    close_reconfirmations(ANSWER_BY)

    assert state_of(ada) == "released"


@for_each(
    "values",
    [
        {"email": "other@example.org", "email_key": "other@example.org"},
        {"muted_at": ASKED_AT + HOUR},
        {"address_failed_at": ASKED_AT + HOUR},
    ],
    ids=["another address", "muted since", "refused since"],
)
def test_who_the_question_may_not_have_reached_is_flagged(app, values):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()
    set_registration(ada, **values)

    close_reconfirmations(ANSWER_BY)

    assert flag_reason(ada) == "not_mailed"


def test_who_is_in_is_neither_released_nor_flagged(app):
    event = make_asking_event({"capacity": 1}, ask_hours=20, answer_hours=10)
    ada = register(event, "Ada")
    ask_and_send(STARTS_AT - 20 * HOUR)
    record_scan(
        make_phone(event),
        load_registration(ada).attendees[0],
        now=STARTS_AT - 11 * HOUR,
    )

    assert close_reconfirmations(STARTS_AT - 10 * HOUR) == 0
    assert (state_of(ada), flag_reason(ada)) == ("confirmed", None)


def test_where_the_limit_has_gone_since_nobody_is_released(app):
    event = make_asking_event({"capacity": 1}, {"mode": "online", "capacity": 1})
    ada = register(event, "Ada", admission=event.admissions[0].key)
    ben = register(event, "Ben", admission=event.admissions[1].key)
    ask_and_send()
    with writing() as session:
        first = update(Admission).where(Admission.id == event.admissions[0].id)
        session.execute(first.values(capacity=None))

    close_reconfirmations(ANSWER_BY)

    assert states_of(ada, ben) == ["confirmed", "released"]
    assert flag_reason(ada) == "no_answer"


def test_from_doors_on_presence_decides_so_a_late_worker_only_flags(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()

    close_reconfirmations(DOORS_OPEN_AT)

    assert (state_of(ada), flag_reason(ada)) == ("confirmed", "no_answer")


def test_a_place_given_anew_after_the_question_is_not_asked_about(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()
    cancel(ada, now=ASKED_AT + HOUR)
    act_as_organizer(approval.reinstate, ada, now=ASKED_AT + 2 * HOUR)

    close_reconfirmations(ANSWER_BY)

    assert state_of(ada) == "confirmed"
    assert load_registration(ada).asked_at is None


def test_an_organizer_gives_on_who_did_not_answer_and_nobody_who_said_yes(app):
    event = make_asking_event({"capacity": 2}, no_answer="flag")
    ada, ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem")
    ask_and_send()
    say_yes(ben)
    close_reconfirmations(ANSWER_BY)

    later = {"now": ANSWER_BY + HOUR, "actor": ORGANIZER}
    assert_refused(errors.Outdated, reconfirmation.release_unanswered, ben, **later)
    act(reconfirmation.release_unanswered, ada, **later)

    assert states_of(ada, ben, cem) == ["released", "confirmed", "confirmed"]
    assert last_message(ada).facts["what"] == "no_answer"
    assert is_consistent(ANSWER_BY + HOUR)


def test_who_could_not_be_asked_is_not_told_that_we_did(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    set_registration(ada, muted_at=NOON)
    ask_and_send()

    act_as_organizer(reconfirmation.release_unanswered, ada, now=ASKED_AT + HOUR)

    assert last_message(ada).facts["what"] == "not_reached"


@pytest.mark.both_engines
def test_what_people_said_is_counted_of_those_who_have_a_place(app):
    event = make_asking_event({"capacity": 5}, no_answer="flag")
    people = [register(event) for _ in range(4)]
    ask_and_send()
    say_yes(people[0])
    say_yes(people[1])
    cancel(people[1], now=ASKED_AT + 2 * HOUR)
    set_registration(people[2], flagged_at=ASKED_AT + HOUR)
    register(event, now=ASKED_AT + HOUR)

    assert filters.count_reconfirmations(event.id) == {
        "yes": 1,
        "flagged": 1,
        "asked": 1,
    }
    by = {
        answer: db.session.scalars(
            attendee_queries.matching_registrations(
                event.id, attendee_queries.RegistrationFilter(coming=answer)
            )
        ).all()
        for answer in filters.ReconfirmationStatus
    }
    assert [
        [one.id for one in by[answer]] for answer in filters.ReconfirmationStatus
    ] == [
        [people[3].registration_id],
        [people[0].registration_id],
        [people[2].registration_id],
    ]


@pytest.mark.both_engines
def test_many_are_released_in_batches(app, monkeypatch):
    monkeypatch.setattr(reconfirmation, "BATCH_SIZE", 2)
    event = make_asking_event({"capacity": 5})
    silent = [register(event) for _ in range(5)]
    waiting = [register(event) for _ in range(6)]
    ask_and_send()

    assert close_reconfirmations(ANSWER_BY) == 5

    assert set(states_of(*silent)) == {"released"}
    assert states_of(*waiting) == ["confirmed"] * 5 + ["waitlisted"]
    assert is_consistent(ANSWER_BY)


def test_while_a_yes_is_written_the_deadline_waits_and_finds_it(app, monkeypatch):
    ada = register(make_asking_event({"capacity": 1}))
    ask_and_send()
    record, beside = transitions.record_change, []

    def meet(verb, *args, **values):
        """Read is who says yes, written not yet: now the place is given on, or not."""
        if verb == "say_yes":
            beside.append(BackgroundCall(app, close_reconfirmations, ANSWER_BY))
            beside[0].until_it_waits()
        record(verb, *args, **values)

    monkeypatch.setattr(reconfirmation, "record_change", meet)

    assert say_yes(ada, now=ANSWER_BY) is True
    assert beside[0].result() == 0
    assert state_of(ada) == "confirmed"
    assert is_consistent(ANSWER_BY)


def test_while_a_place_is_given_on_a_yes_waits_and_is_told(app, monkeypatch):
    ada = register(make_asking_event({"capacity": 1}))
    ask_and_send()
    give_on, beside = door_seating.release_seat, []

    def meet(*args):
        beside.append(BackgroundCall(app, lambda: say_yes(ada, now=ANSWER_BY)))
        beside[0].until_it_waits()
        give_on(*args)

    monkeypatch.setattr(door_seating, "release_seat", meet)

    assert close_reconfirmations(ANSWER_BY) == 1
    with pytest.raises(errors.AlreadyOver):
        beside[0].result()
    assert state_of(ada) == "released"
    assert is_consistent(ANSWER_BY)


@pytest.mark.both_engines
@pytest.mark.parametrize("rushes", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_a_yes_at_the_deadline_is_kept_or_refused_never_both(app, rushes):
    for _ in range(rushes):
        yes_at_the_deadline(app)


def yes_at_the_deadline(app):
    event = make_asking_event({"capacity": 6})
    people = [register(event) for _ in range(6)]
    ask_and_send()
    numbers = [one.registration_id for one in people]
    db.session.remove()
    start = threading.Barrier(len(numbers) + 2, timeout=30)

    def press(number):
        with app.app_context():
            start.wait()
            try:
                if number is None:
                    return close_reconfirmations(ANSWER_BY)
                return write(
                    reconfirmation.reconfirm, number, actor="attendee", now=ANSWER_BY
                )
            except errors.AlreadyOver:
                return False
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(numbers) + 2) as pool:
        answers = list(pool.map(press, [*numbers, None, None]))[: len(numbers)]

    kept = [state_of(one) == "confirmed" for one in people]
    assert kept == answers
    assert is_consistent(ANSWER_BY)
