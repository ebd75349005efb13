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
from rsvp.jobs.tasks import ask_due, close_due
from rsvp.models import Admission
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import filters
from tests.support.door import DOORS, make_phone, scan
from tests.support.factories import CODE_KEY, NOON, cancel, register, stored
from tests.support.reconfirmation import (
    ANSWER_BY,
    ASKED,
    START,
    ask,
    asking,
    flagged_for,
    note,
    say_yes,
    send_all,
)
from tests.support.registrations import (
    HOUR,
    MINUTE,
    ORGANIZER,
    act,
    last_mail,
    mails,
    organize,
    refuses,
    seats,
    state,
    states,
    verbs,
    well,
)
from tests.support.threads import Beside

pytestmark = pytest.mark.one_engine

# --- yes ----------------------------------------------------------------------------


def test_who_says_yes_keeps_the_place(app):
    event = asking({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()

    assert say_yes(ada) is True
    assert say_yes(ada, now=ASKED + 2 * HOUR) is False
    assert close_due(ANSWER_BY) == 0

    assert states(ada, ben) == ["confirmed", "waitlisted"]
    assert stored(ada).answered_at == ASKED + HOUR
    assert verbs(ada) == ["register", "say_yes"]
    assert well(ANSWER_BY)


def test_a_late_yes_counts_as_long_as_the_place_is_there(app):
    event = asking({"capacity": 1}, no_answer="flag")
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    ask()
    close_due(ANSWER_BY)
    assert flagged_for(ada) == "no_answer"

    assert say_yes(ada, now=ANSWER_BY + HOUR) is True

    assert flagged_for(ada) is None


def test_a_yes_before_a_late_worker_comes_counts(app):
    event = asking({"capacity": 1})
    ada, _ben = register(event, "Ada"), register(event, "Ben")
    ask()
    say_yes(ada, now=ANSWER_BY + HOUR)

    close_due(ANSWER_BY + 2 * HOUR)

    assert state(ada) == "confirmed"


def test_only_who_has_a_place_can_say_yes(app):
    event = asking({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()

    refuses(errors.NotConfirmed, reconfirmation.say_yes, ben, now=ASKED)
    close_due(ANSWER_BY)
    refuses(errors.AlreadyOver, reconfirmation.say_yes, ada, now=ANSWER_BY)
    refuses(errors.EventOver, reconfirmation.say_yes, ben, now=START + 4 * HOUR)


def test_who_was_not_asked_has_nothing_to_answer(app):
    event = asking()
    ada = register(event, "Ada")

    assert say_yes(ada, now=NOON) is False
    assert verbs(ada) == ["register"]


def test_giving_up_one_guest_says_that_the_others_come(app):
    event = asking({"capacity": 2})
    pair, cem = register(event, "Ada", "Ben"), register(event, "Cem")
    ask()
    act(cancellation.cancel_guest, pair, 1, now=ASKED + HOUR)

    close_due(ANSWER_BY)

    assert states(pair, cem) == ["confirmed", "confirmed"]
    assert stored(pair).answered_at == ASKED + HOUR


def test_passing_a_place_on_says_that_somebody_comes(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    heir = {"name": "Eva", "email": "eva@example.org", "email_key": "eva@example.org"}
    act(transfer.pass_on, ada, **heir, code_key=CODE_KEY, now=ASKED + HOUR)

    close_due(ANSWER_BY)

    assert (state(ada), flagged_for(ada)) == ("confirmed", None)


def test_what_an_organizer_changes_answers_for_nobody(app):
    event = asking({"capacity": 2})
    pair = register(event, "Ada", "Ben")
    ask()
    organize(cancellation.cancel_guest, pair, 1, now=ASKED + HOUR)

    assert stored(pair).answered_at is None


# --- no answer ----------------------------------------------------------------------


@pytest.mark.both_engines
def test_without_an_answer_the_place_goes_to_the_line(app):
    event = asking({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()

    assert close_due(ANSWER_BY - MINUTE) == 0
    assert close_due(ANSWER_BY) == 1
    assert close_due(ANSWER_BY + MINUTE) == 0

    assert states(ada, ben) == ["released", "confirmed"]
    assert mails(ada)[-1] == "released"
    assert last_mail(ada).facts["what"] == "no_answer"
    assert mails(ben) == ["waitlisted", "promoted"]
    assert seats(event) == (1, 0)
    assert well(ANSWER_BY)


def test_where_the_organizer_decides_they_are_flagged(app):
    event = asking({"capacity": 1}, no_answer="flag")
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()

    close_due(ANSWER_BY)

    assert states(ada, ben) == ["confirmed", "waitlisted"]
    assert flagged_for(ada) == "no_answer"
    assert verbs(ada) == ["register", "flag"]
    assert well(ANSWER_BY)


@pytest.mark.parametrize(
    "sent_at", [None, ASKED + 12 * HOUR + MINUTE], ids=["not sent", "sent late"]
)
def test_whose_question_did_not_arrive_in_time_is_flagged_not_released(app, sent_at):
    event = asking({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_due(ASKED)
    if sent_at is not None:
        send_all(sent_at)

    close_due(ANSWER_BY)

    assert states(ada, ben) == ["confirmed", "waitlisted"]
    assert flagged_for(ada) == "not_mailed"


def test_a_question_sent_with_half_of_the_time_left_is_in_time(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask_due(ASKED)
    send_all(ASKED + 12 * HOUR)

    close_due(ANSWER_BY)

    assert state(ada) == "released"


@pytest.mark.parametrize(
    "values",
    [
        {"email": "other@example.org", "email_key": "other@example.org"},
        {"muted_at": ASKED + HOUR},
        {"address_failed_at": ASKED + HOUR},
    ],
    ids=["another address", "muted since", "refused since"],
)
def test_who_the_question_may_not_have_reached_is_flagged(app, values):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    note(ada, **values)

    close_due(ANSWER_BY)

    assert flagged_for(ada) == "not_mailed"


def test_who_is_in_is_neither_released_nor_flagged(app):
    event = asking({"capacity": 1}, ask_hours=20, answer_hours=10)
    ada = register(event, "Ada")
    ask(START - 20 * HOUR)
    scan(make_phone(event), stored(ada).attendees[0], now=START - 11 * HOUR)

    assert close_due(START - 10 * HOUR) == 0
    assert (state(ada), flagged_for(ada)) == ("confirmed", None)


def test_where_the_limit_has_gone_since_nobody_is_released(app):
    event = asking({"capacity": 1}, {"mode": "online", "capacity": 1})
    ada = register(event, "Ada", admission=event.admissions[0].key)
    ben = register(event, "Ben", admission=event.admissions[1].key)
    ask()
    with writing() as session:
        first = update(Admission).where(Admission.id == event.admissions[0].id)
        session.execute(first.values(capacity=None))

    close_due(ANSWER_BY)

    assert states(ada, ben) == ["confirmed", "released"]
    assert flagged_for(ada) == "no_answer"


def test_from_doors_on_presence_decides_so_a_late_worker_only_flags(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()

    close_due(DOORS)

    assert (state(ada), flagged_for(ada)) == ("confirmed", "no_answer")


def test_a_place_given_anew_after_the_question_is_not_asked_about(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    cancel(ada, now=ASKED + HOUR)
    organize(approval.reinstate, ada, now=ASKED + 2 * HOUR)

    close_due(ANSWER_BY)

    assert state(ada) == "confirmed"
    assert stored(ada).asked_at is None


def test_an_organizer_gives_on_who_did_not_answer_and_nobody_who_said_yes(app):
    event = asking({"capacity": 2}, no_answer="flag")
    ada, ben = register(event, "Ada"), register(event, "Ben")
    cem = register(event, "Cem")
    ask()
    say_yes(ben)
    close_due(ANSWER_BY)

    later = {"now": ANSWER_BY + HOUR, "actor": ORGANIZER}
    refuses(errors.Outdated, reconfirmation.give_on, ben, **later)
    act(reconfirmation.give_on, ada, **later)

    assert states(ada, ben, cem) == ["released", "confirmed", "confirmed"]
    assert last_mail(ada).facts["what"] == "no_answer"
    assert well(ANSWER_BY + HOUR)


def test_who_could_not_be_asked_is_not_told_that_we_did(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    note(ada, muted_at=NOON)
    ask()

    organize(reconfirmation.give_on, ada, now=ASKED + HOUR)

    assert last_mail(ada).facts["what"] == "not_reached"


@pytest.mark.both_engines
def test_what_people_said_is_counted_of_those_who_have_a_place(app):
    event = asking({"capacity": 5}, no_answer="flag")
    people = [register(event) for _ in range(4)]
    ask()
    say_yes(people[0])
    say_yes(people[1])
    cancel(people[1], now=ASKED + 2 * HOUR)
    note(people[2], flagged_at=ASKED + HOUR)
    register(event, now=ASKED + HOUR)

    assert filters.how_many_said(event.id) == {"yes": 1, "flagged": 1, "asked": 1}
    by = {
        answer: db.session.scalars(
            attendee_queries.matching(event.id, attendee_queries.Filter(coming=answer))
        ).all()
        for answer in filters.Coming
    }
    assert [[one.id for one in by[answer]] for answer in filters.Coming] == [
        [people[3].registration_id],
        [people[0].registration_id],
        [people[2].registration_id],
    ]


@pytest.mark.both_engines
def test_many_are_released_in_batches(app, monkeypatch):
    monkeypatch.setattr(reconfirmation, "BATCH", 2)
    event = asking({"capacity": 5})
    silent = [register(event) for _ in range(5)]
    waiting = [register(event) for _ in range(6)]
    ask()

    assert close_due(ANSWER_BY) == 5

    assert set(states(*silent)) == {"released"}
    assert states(*waiting) == ["confirmed"] * 5 + ["waitlisted"]
    assert well(ANSWER_BY)


def test_while_a_yes_is_written_the_deadline_waits_and_finds_it(app, monkeypatch):
    ada = register(asking({"capacity": 1}))
    ask()
    record, beside = transitions.record, []

    def meet(verb, *args, **values):
        """Read is who says yes, written not yet: now the place is given on, or not."""
        if verb == "say_yes":
            beside.append(Beside(app, close_due, ANSWER_BY))
            beside[0].until_it_waits()
        record(verb, *args, **values)

    monkeypatch.setattr(reconfirmation, "record", meet)

    assert say_yes(ada, now=ANSWER_BY) is True
    assert beside[0].result() == 0
    assert state(ada) == "confirmed"
    assert well(ANSWER_BY)


def test_while_a_place_is_given_on_a_yes_waits_and_is_told(app, monkeypatch):
    ada = register(asking({"capacity": 1}))
    ask()
    give_on, beside = door_seating.give_on, []

    def meet(*args):
        beside.append(Beside(app, lambda: say_yes(ada, now=ANSWER_BY)))
        beside[0].until_it_waits()
        give_on(*args)

    monkeypatch.setattr(door_seating, "give_on", meet)

    assert close_due(ANSWER_BY) == 1
    with pytest.raises(errors.AlreadyOver):
        beside[0].result()
    assert state(ada) == "released"
    assert well(ANSWER_BY)


@pytest.mark.both_engines
@pytest.mark.parametrize("rushes", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_a_yes_at_the_deadline_is_kept_or_refused_never_both(app, rushes):
    for _ in range(rushes):
        yes_at_the_deadline(app)


def yes_at_the_deadline(app):
    event = asking({"capacity": 6})
    people = [register(event) for _ in range(6)]
    ask()
    numbers = [one.registration_id for one in people]
    db.session.remove()
    start = threading.Barrier(len(numbers) + 2, timeout=30)

    def press(number):
        with app.app_context():
            start.wait()
            try:
                if number is None:
                    return close_due(ANSWER_BY)
                return write(
                    lambda _: reconfirmation.say_yes(
                        number, actor="attendee", now=ANSWER_BY
                    )
                )
            except errors.AlreadyOver:
                return False
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(numbers) + 2) as pool:
        answers = list(pool.map(press, [*numbers, None, None]))[: len(numbers)]

    kept = [state(one) == "confirmed" for one in people]
    assert kept == answers
    assert well(ANSWER_BY)
