"""Reconfirmation: who is asked whether they still come, and who loses a place by it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import sqlalchemy as sa

from rsvp import errors, queries
from rsvp.db import write, writing
from rsvp.domain import capacity, reconfirmation, registrations
from rsvp.extensions import db
from rsvp.jobs.asking import ask_due, close_due
from rsvp.models import AuditEntry, Event, Message, Registration
from tests.domain.acting import (
    DAY,
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
from tests.domain.doorways import DOORS, make_phone, scan
from tests.factories import CODE_KEY, NOON, cancel, make_event, register, stored

# The usual event begins on 29 January 2027 at 18:00 in Amsterdam.
START = DOORS + 30 * MINUTE
ASKED = START - 48 * HOUR
ANSWER_BY = START - 24 * HOUR


def asking(*admissions, **values):
    """An event that asks two days before, with a day to answer."""
    admissions = admissions or ({"capacity": 2},)
    return make_event(*admissions, **{"ask_hours": 48, "answer_hours": 24} | values)


def note(outcome, **values):
    """Write columns of a registration, as others of the product do."""
    with writing() as session:
        session.execute(
            sa.update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(values)
        )


def send_all(at: datetime = ASKED) -> None:
    """The worker sends what is queued."""
    with writing() as session:
        session.execute(
            sa.update(Message)
            .where(Message.state == "queued")
            .values(state="sent", sent_at=at)
        )


def ask(at: datetime = ASKED) -> int:
    asked = ask_due(at)
    send_all(at)
    return asked


def say_yes(outcome, now=ASKED + HOUR):
    return act(reconfirmation.say_yes, outcome, now=now)


def flagged_for(outcome) -> str | None:
    """Why it was flagged last; None: it is not flagged."""
    if stored(outcome).flagged_at is None:
        return None
    entries = sa.select(AuditEntry.details).where(
        AuditEntry.registration_id == outcome.registration_id, AuditEntry.verb == "flag"
    )
    return db.session.scalars(entries).all()[-1]["what"]


# --- who is asked -------------------------------------------------------------------


def test_everybody_with_a_limited_place_is_asked_once(app):
    event = asking()
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))

    assert ask_due(ASKED - MINUTE) == 0
    assert ask_due(ASKED) == 2
    assert ask_due(ASKED + MINUTE) == 0

    assert mails(ada) == mails(ben) == ["confirmation", "still_coming"]
    assert mails(cem) == ["waitlisted"]
    mail = last_mail(ada)
    assert mail.facts["until"] == ANSWER_BY.isoformat()
    assert mail.facts["no_answer"] == "release"
    assert mail.occasion == "still_coming:2027-01-29"
    asked = stored(ada)
    assert (asked.asked_at, asked.asked_about) == (ASKED, "coming")
    assert (asked.answer_by, asked.answered_at) == (ANSWER_BY, None)
    assert well(ASKED)


@pytest.mark.parametrize(
    ("admissions", "room", "kinds"),
    [
        (({"capacity": None},), None, []),
        (({"capacity": None},), 5, ["still_coming"]),
        (({"capacity": 5},), None, ["still_coming"]),
        (({"capacity": None, "mode": "online"},), 5, []),
        (({"capacity": 5, "mode": "online"},), None, ["still_coming"]),
    ],
)
def test_only_where_seats_are_limited_anybody_is_asked(app, admissions, room, kinds):
    event = asking(*admissions, room_capacity=room)
    ada = register(event, "Ada")

    ask()

    assert mails(ada)[1:] == kinds


@pytest.mark.parametrize(
    "values",
    [
        {"ask_hours": None, "answer_hours": None},
        {"status": "draft"},
        {"status": "cancelled"},
    ],
)
def test_no_other_event_asks(app, values):
    event = asking()
    ada = register(event, "Ada")
    with writing() as session:
        session.execute(sa.update(Event).values(values))

    assert ask_due(ASKED) == close_due(ANSWER_BY) == 0
    assert mails(ada) == ["confirmation"]


@pytest.mark.parametrize("late", ["registered", "promoted"])
def test_who_got_the_place_within_a_day_said_yes_by_that(app, late):
    event = asking({"capacity": 1})
    yesterday = ASKED - DAY + MINUTE
    if late == "promoted":
        ada, fresh = register(event, "Ada"), register(event, "Ben")
        cancel(ada, now=yesterday)
    else:
        fresh = register(event, "Ben", now=yesterday)

    ask()
    close_due(ANSWER_BY)

    assert state(fresh) == "confirmed"
    assert "still_coming" not in mails(fresh)
    assert flagged_for(fresh) is None


def test_who_is_in_already_is_not_asked(app):
    event = asking(ask_hours=20, answer_hours=10)
    ada = register(event, "Ada")
    scan(make_phone(event), stored(ada).attendees[0], now=START - 21 * HOUR)

    ask(START - 20 * HOUR)

    assert mails(ada) == ["confirmation"]


@pytest.mark.parametrize(
    ("column", "why"), [("muted_at", "muted"), ("address_failed_at", "address_failed")]
)
def test_who_cannot_be_asked_is_flagged_and_keeps_the_place(app, column, why):
    event = asking({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    note(ada, **{column: NOON})

    ask()
    assert ask_due(ASKED + MINUTE) == 0
    close_due(ANSWER_BY)

    assert states(ada, ben) == ["confirmed", "waitlisted"]
    assert flagged_for(ada) == why
    assert stored(ada).asked_at is None
    assert mails(ada) == ["confirmation"]
    assert verbs(ada) == ["register", "flag"]


def test_whose_data_is_erased_is_not_asked(app):
    event = asking()
    ada = register(event, "Ada")
    note(ada, search="", email="", email_key="")

    assert ask_due(ASKED) == 0


def test_many_are_asked_in_batches_and_a_repeat_asks_nobody_twice(app, monkeypatch):
    monkeypatch.setattr(reconfirmation, "BATCH", 2)
    event = asking({"capacity": 9})
    people = [register(event) for _ in range(5)]
    number = event.id
    with writing():
        reconfirmation.ask(number, now=ASKED)  # and the worker dies here

    assert [len(mails(one)) for one in people] == [2, 2, 1, 1, 1]
    assert ask_due(ASKED + MINUTE) == 3
    assert [len(mails(one)) for one in people] == [2] * 5


# --- when ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "hours", "asked_at"),
    [
        # Midnight two days before: in the morning.
        (datetime(2027, 1, 29, 0, 0), (48, 24), datetime(2027, 1, 27, 8)),
        (datetime(2027, 1, 29, 23, 0), (48, 24), datetime(2027, 1, 28, 8)),
        # In the morning there would be no time to answer.
        (datetime(2027, 1, 29, 6, 0), (30, 22), datetime(2027, 1, 28, 0)),
        # The event is near.
        (datetime(2027, 1, 29, 11, 0), (12, 1), datetime(2027, 1, 28, 23)),
        (datetime(2027, 1, 29, 18, 0), (48, 24), datetime(2027, 1, 27, 18)),
    ],
)
def test_nobody_is_asked_at_night_unless_there_is_no_other_time(
    app, starts, hours, asked_at
):
    event = asking(
        starts=starts, timezone="UTC", ask_hours=hours[0], answer_hours=hours[1]
    )
    register(event, "Ada")
    at = asked_at.replace(tzinfo=NOON.tzinfo)

    assert ask_due(at - MINUTE) == 0
    assert ask_due(at) == 1


def test_late_but_with_time_to_answer_people_are_asked_at_once(app):
    event = asking()
    ada = register(event, "Ada")

    assert ask_due(ANSWER_BY - 2 * HOUR) == 1
    assert stored(ada).asked_at == ANSWER_BY - 2 * HOUR


def test_with_less_than_two_hours_to_answer_nobody_is_asked_or_released(app):
    event = asking()
    ada = register(event, "Ada")

    assert ask_due(ANSWER_BY - 2 * HOUR + MINUTE) == 0
    close_due(ANSWER_BY)

    assert mails(ada) == ["confirmation"]
    assert (state(ada), flagged_for(ada)) == ("confirmed", None)


def test_a_short_time_to_answer_that_was_planned_so_is_enough(app):
    event = asking(ask_hours=25, answer_hours=24)
    register(event, "Ada")

    assert ask_due(START - 25 * HOUR + MINUTE) == 1


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
    act(registrations.cancel_guest, pair, 1, now=ASKED + HOUR)

    close_due(ANSWER_BY)

    assert states(pair, cem) == ["confirmed", "confirmed"]
    assert stored(pair).answered_at == ASKED + HOUR


def test_passing_a_place_on_says_that_somebody_comes(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    heir = {"name": "Eva", "email": "eva@example.org", "email_key": "eva@example.org"}
    act(registrations.pass_on, ada, **heir, code_key=CODE_KEY, now=ASKED + HOUR)

    close_due(ANSWER_BY)

    assert (state(ada), flagged_for(ada)) == ("confirmed", None)


def test_what_an_organizer_changes_answers_for_nobody(app):
    event = asking({"capacity": 2})
    pair = register(event, "Ada", "Ben")
    ask()
    organize(registrations.cancel_guest, pair, 1, now=ASKED + HOUR)

    assert stored(pair).answered_at is None


# --- no answer ----------------------------------------------------------------------


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
    organize(registrations.reinstate, ada, now=ASKED + 2 * HOUR)

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


def test_what_people_said_is_counted_of_those_who_have_a_place(app):
    event = asking({"capacity": 5}, no_answer="flag")
    people = [register(event) for _ in range(4)]
    ask()
    say_yes(people[0])
    say_yes(people[1])
    cancel(people[1], now=ASKED + 2 * HOUR)
    note(people[2], flagged_at=ASKED + HOUR)
    register(event, now=ASKED + HOUR)

    assert queries.how_many_said(event.id) == {"yes": 1, "flagged": 1, "asked": 1}
    by = {
        answer: db.session.scalars(
            queries.matching(event.id, queries.Filter(coming=answer))
        ).all()
        for answer in queries.Coming
    }
    assert [[one.id for one in by[answer]] for answer in queries.Coming] == [
        [people[3].registration_id],
        [people[0].registration_id],
        [people[2].registration_id],
    ]


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


# --- when the event changes ---------------------------------------------------------


def move(event, by):
    """Move the event, as a file that says another time does."""
    with writing():
        moved = capacity.lock_event(event.id).event
        before = reconfirmation.day_of(moved)
        for name in ("starts", "ends"):
            for kind in ("local", "at"):
                at = f"{name}_{kind}"
                setattr(moved, at, getattr(moved, at) + by)
        reconfirmation.follow(moved, before)


def test_on_another_day_everybody_is_asked_anew(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    say_yes(ada)

    move(event, 7 * DAY)

    assert stored(ada).answered_at is None
    assert close_due(ANSWER_BY + DAY) == 0
    assert ask(ASKED + 7 * DAY) == 1
    assert mails(ada)[-2:] == ["still_coming", "still_coming"]
    assert last_mail(ada).occasion == "still_coming:2027-02-05"
    close_due(ANSWER_BY + 7 * DAY)
    assert state(ada) == "released"


def test_what_was_asked_of_the_day_before_and_not_sent_is_dropped(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask_due(ASKED)

    move(event, 7 * DAY)

    assert stored(ada).asked_at is None
    assert last_mail(ada).state == "superseded"


def test_back_on_a_day_that_was_asked_about_nobody_is_released(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()
    say_yes(ada)
    move(event, DAY)
    move(event, -DAY)

    ask(ASKED + 2 * HOUR)
    close_due(ANSWER_BY)

    assert (state(ada), flagged_for(ada)) == ("confirmed", "mailed_before")
    assert mails(ada).count("still_coming") == 1


def test_within_the_day_the_deadline_moves_along(app):
    event = asking({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()
    say_yes(ben)

    move(event, HOUR)

    assert stored(ada).answer_by == ANSWER_BY + HOUR
    assert stored(ben).answered_at == ASKED + HOUR
    assert close_due(ANSWER_BY) == 0
    close_due(ANSWER_BY + HOUR)
    assert states(ada, ben) == ["released", "confirmed"]


def test_nobody_is_released_before_the_deadline_that_the_mail_told(app):
    event = asking({"capacity": 1})
    ada = register(event, "Ada")
    ask()

    move(event, -HOUR)
    close_due(ANSWER_BY - HOUR)

    assert (state(ada), flagged_for(ada)) == ("confirmed", "not_mailed")


def ask_about_change(event, *outcomes, now):
    ids = [one.registration_id for one in outcomes]
    with writing():
        locked = capacity.lock_event(event.id)
        reconfirmation.ask_about_change(locked.event, ids, now=now)


def test_who_does_not_answer_about_a_change_is_never_released(app):
    event = asking({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask()
    say_yes(ben)
    ask_about_change(event, ada, ben, now=ASKED + 2 * HOUR)

    close_due(ANSWER_BY)

    assert states(ada, ben) == ["confirmed", "confirmed"]
    assert stored(ben).answered_at is None
    assert say_yes(ben, now=ANSWER_BY + HOUR) is True


def test_who_said_yes_to_a_change_within_a_day_is_not_asked_again(app):
    event = asking({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_about_change(event, ada, ben, now=ASKED - 2 * HOUR)
    say_yes(ben, now=ASKED - HOUR)

    ask()

    assert "still_coming" in mails(ada)
    assert "still_coming" not in mails(ben)
    assert stored(ada).asked_about == "coming"
