"""Reconfirmation: who is asked whether they still come, and who loses a place by it."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from rsvp.db import writing
from rsvp.domain import capacity, reconfirmation
from rsvp.jobs.tasks import close_reconfirmations, send_reconfirmations
from rsvp.models import Event
from tests.support.door import make_phone, record_scan
from tests.support.factories import NOON, cancel, load_registration, register
from tests.support.for_each import for_each
from tests.support.reconfirmation import (
    ANSWER_BY,
    ASKED_AT,
    STARTS_AT,
    ask_and_send,
    flag_reason,
    make_asking_event,
    say_yes,
    set_registration,
)
from tests.support.registrations import (
    DAY,
    HOUR,
    MINUTE,
    audit_verbs,
    is_consistent,
    last_message,
    mail_kinds,
    state_of,
    states_of,
)

pytestmark = pytest.mark.one_engine

# --- who is asked -------------------------------------------------------------------


@pytest.mark.both_engines
def test_everybody_with_a_limited_place_is_asked_once(app):
    event = make_asking_event()
    ada, ben, cem = (register(event, name) for name in ("Ada", "Ben", "Cem"))

    assert send_reconfirmations(ASKED_AT - MINUTE) == 0
    assert send_reconfirmations(ASKED_AT) == 2
    assert send_reconfirmations(ASKED_AT + MINUTE) == 0

    assert mail_kinds(ada) == mail_kinds(ben) == ["confirmation", "still_coming"]
    assert mail_kinds(cem) == ["waitlisted"]
    mail = last_message(ada)
    assert mail.facts["until"] == ANSWER_BY.isoformat()
    assert mail.facts["no_answer"] == "release"
    assert mail.occasion == "still_coming:2027-01-29"
    asked = load_registration(ada)
    assert (asked.asked_at, asked.asked_about) == (ASKED_AT, "coming")
    assert (asked.answer_by, asked.answered_at) == (ANSWER_BY, None)
    assert is_consistent(ASKED_AT)


@for_each(
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
    event = make_asking_event(*admissions, room_capacity=room)
    ada = register(event, "Ada")

    ask_and_send()

    assert mail_kinds(ada)[1:] == kinds


@for_each(
    "values",
    [
        {"ask_hours": None, "answer_hours": None},
        {"status": "draft"},
        {"status": "cancelled"},
    ],
)
def test_no_other_event_asks(app, values):
    event = make_asking_event()
    ada = register(event, "Ada")
    with writing() as session:
        session.execute(sa.update(Event).values(values))

    assert send_reconfirmations(ASKED_AT) == close_reconfirmations(ANSWER_BY) == 0
    assert mail_kinds(ada) == ["confirmation"]


@for_each("late", ["registered", "promoted"])
def test_who_got_the_place_within_a_day_said_yes_by_that(app, late):
    event = make_asking_event({"capacity": 1})
    yesterday = ASKED_AT - DAY + MINUTE
    if late == "promoted":
        ada, fresh = register(event, "Ada"), register(event, "Ben")
        cancel(ada, now=yesterday)
    else:
        fresh = register(event, "Ben", now=yesterday)

    ask_and_send()
    close_reconfirmations(ANSWER_BY)

    assert state_of(fresh) == "confirmed"
    assert "still_coming" not in mail_kinds(fresh)
    assert flag_reason(fresh) is None


def test_who_is_in_already_is_not_asked(app):
    event = make_asking_event(ask_hours=20, answer_hours=10)
    ada = register(event, "Ada")
    record_scan(
        make_phone(event),
        load_registration(ada).attendees[0],
        now=STARTS_AT - 21 * HOUR,
    )

    ask_and_send(STARTS_AT - 20 * HOUR)

    assert mail_kinds(ada) == ["confirmation"]


@for_each(
    ("column", "why"), [("muted_at", "muted"), ("address_failed_at", "address_failed")]
)
def test_who_cannot_be_asked_is_flagged_and_keeps_the_place(app, column, why):
    event = make_asking_event({"capacity": 1})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    set_registration(ada, **{column: NOON})

    ask_and_send()
    assert send_reconfirmations(ASKED_AT + MINUTE) == 0
    close_reconfirmations(ANSWER_BY)

    assert states_of(ada, ben) == ["confirmed", "waitlisted"]
    assert flag_reason(ada) == why
    assert load_registration(ada).asked_at is None
    assert mail_kinds(ada) == ["confirmation"]
    assert audit_verbs(ada) == ["register", "flag"]


def test_whose_data_is_erased_is_not_asked(app):
    event = make_asking_event()
    ada = register(event, "Ada")
    set_registration(ada, search="", email="", email_key="")

    assert send_reconfirmations(ASKED_AT) == 0


def test_many_are_asked_in_batches_and_a_repeat_asks_nobody_twice(app, monkeypatch):
    monkeypatch.setattr(reconfirmation, "BATCH_SIZE", 2)
    event = make_asking_event({"capacity": 9})
    people = [register(event) for _ in range(5)]
    number = event.id
    with writing():
        reconfirmation.ask_batch(number, now=ASKED_AT)  # and the worker dies here

    assert [len(mail_kinds(one)) for one in people] == [2, 2, 1, 1, 1]
    assert send_reconfirmations(ASKED_AT + MINUTE) == 3
    assert [len(mail_kinds(one)) for one in people] == [2] * 5


# --- when ---------------------------------------------------------------------------


@for_each(
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
    event = make_asking_event(
        starts=starts, timezone="UTC", ask_hours=hours[0], answer_hours=hours[1]
    )
    register(event, "Ada")
    at = asked_at.replace(tzinfo=NOON.tzinfo)

    assert send_reconfirmations(at - MINUTE) == 0
    assert send_reconfirmations(at) == 1


def test_late_but_with_time_to_answer_people_are_asked_at_once(app):
    event = make_asking_event()
    ada = register(event, "Ada")

    assert send_reconfirmations(ANSWER_BY - 2 * HOUR) == 1
    assert load_registration(ada).asked_at == ANSWER_BY - 2 * HOUR


def test_with_less_than_two_hours_to_answer_nobody_is_asked_or_released(app):
    event = make_asking_event()
    ada = register(event, "Ada")

    assert send_reconfirmations(ANSWER_BY - 2 * HOUR + MINUTE) == 0
    close_reconfirmations(ANSWER_BY)

    assert mail_kinds(ada) == ["confirmation"]
    assert (state_of(ada), flag_reason(ada)) == ("confirmed", None)


def test_a_short_time_to_answer_that_was_planned_so_is_enough(app):
    event = make_asking_event(ask_hours=25, answer_hours=24)
    register(event, "Ada")

    assert send_reconfirmations(STARTS_AT - 25 * HOUR + MINUTE) == 1


# --- when the event changes ---------------------------------------------------------


def move(event, by):
    """Move the event, as a file that says another time does."""
    with writing():
        moved = capacity.lock_event(event.id).event
        before = reconfirmation.event_day(moved)
        for name in ("starts", "ends"):
            for kind in ("local", "at"):
                at = f"{name}_{kind}"
                setattr(moved, at, getattr(moved, at) + by)
        reconfirmation.follow_event_change(moved, before)


@pytest.mark.both_engines
def test_on_another_day_everybody_is_asked_anew(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()
    say_yes(ada)

    move(event, 7 * DAY)

    assert load_registration(ada).answered_at is None
    assert close_reconfirmations(ANSWER_BY + DAY) == 0
    assert ask_and_send(ASKED_AT + 7 * DAY) == 1
    assert mail_kinds(ada)[-2:] == ["still_coming", "still_coming"]
    assert last_message(ada).occasion == "still_coming:2027-02-05"
    close_reconfirmations(ANSWER_BY + 7 * DAY)
    assert state_of(ada) == "released"


def test_what_was_asked_of_the_day_before_and_not_sent_is_dropped(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    send_reconfirmations(ASKED_AT)

    move(event, 7 * DAY)

    assert load_registration(ada).asked_at is None
    assert last_message(ada).state == "superseded"


def test_back_on_a_day_that_was_asked_about_nobody_is_released(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()
    say_yes(ada)
    move(event, DAY)
    move(event, -DAY)

    ask_and_send(ASKED_AT + 2 * HOUR)
    close_reconfirmations(ANSWER_BY)

    assert (state_of(ada), flag_reason(ada)) == ("confirmed", "mailed_before")
    assert mail_kinds(ada).count("still_coming") == 1


def test_within_the_day_the_deadline_moves_along(app):
    event = make_asking_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()
    say_yes(ben)

    move(event, HOUR)

    assert load_registration(ada).answer_by == ANSWER_BY + HOUR
    assert load_registration(ben).answered_at == ASKED_AT + HOUR
    assert close_reconfirmations(ANSWER_BY) == 0
    close_reconfirmations(ANSWER_BY + HOUR)
    assert states_of(ada, ben) == ["released", "confirmed"]


def test_nobody_is_released_before_the_deadline_that_the_mail_told(app):
    event = make_asking_event({"capacity": 1})
    ada = register(event, "Ada")
    ask_and_send()

    move(event, -HOUR)
    close_reconfirmations(ANSWER_BY - HOUR)

    assert (state_of(ada), flag_reason(ada)) == ("confirmed", "not_mailed")


def ask_about_change(event, *outcomes, now):
    ids = [one.registration_id for one in outcomes]
    with writing():
        locked = capacity.lock_event(event.id)
        reconfirmation.ask_about_change(locked.event, ids, now=now)


def test_who_does_not_answer_about_a_change_is_never_released(app):
    event = make_asking_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_and_send()
    say_yes(ben)
    ask_about_change(event, ada, ben, now=ASKED_AT + 2 * HOUR)

    close_reconfirmations(ANSWER_BY)

    assert states_of(ada, ben) == ["confirmed", "confirmed"]
    assert load_registration(ben).answered_at is None
    assert say_yes(ben, now=ANSWER_BY + HOUR) is True


def test_who_said_yes_to_a_change_within_a_day_is_not_asked_again(app):
    event = make_asking_event({"capacity": 2})
    ada, ben = register(event, "Ada"), register(event, "Ben")
    ask_about_change(event, ada, ben, now=ASKED_AT - 2 * HOUR)
    say_yes(ben, now=ASKED_AT - HOUR)

    ask_and_send()

    assert "still_coming" in mail_kinds(ada)
    assert "still_coming" not in mail_kinds(ben)
    assert load_registration(ada).asked_about == "coming"
