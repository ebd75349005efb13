"""What can't be undone waits until the server's clock is trusted; nothing else does."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rsvp import cli
from rsvp.clocks import SteadyTime, read_steady_clock
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.jobs import scheduler, tasks
from rsvp.jobs.delivery import domain_backoff
from rsvp.jobs.scheduler import run_due_jobs
from rsvp.models import Clock, Event, MailDomain, Message, Registration, Reminder
from rsvp.models.team import Role
from tests.support.factories import (
    NOON,
    load_registration,
    make_event,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver
from tests.support.pages.sign_in import sign_in
from tests.support.reminders import THANKS, TWO_DAYS, add_reminders, local_time

DAY = timedelta(days=1)
ADA = "ada@example.org"
LEAPS = [2 * DAY, 60 * DAY, 366 * DAY, -2 * DAY, -60 * DAY, -366 * DAY]

leaps = for_each("leap", LEAPS, ids=lambda leap: f"{leap.days} days", fresh=True)


def round_at(now, passed: timedelta = timedelta()) -> tuple[dict[str, int], list[str]]:
    """What the jobs did at `now`, so long after noon, and which of them waited."""
    steady = SteadyTime((1000 * DAY + passed).total_seconds(), "this start")
    waiting: list[str] = []
    done = run_due_jobs(now, early=True, waiting=waiting, steady=steady)
    db.session.rollback()
    return done, waiting


@pytest.fixture
def asked(app, smtp):
    """An event that asks who comes; one was asked in time and has not answered."""
    event = make_event({"capacity": 1}, ask_hours=72, answer_hours=24)
    outcome = register(event, "Ada", email=ADA, now=NOON)
    round_at(local_time("26 18:00"))
    assert deliver(local_time("26 18:00")) == (2, 0, 0)
    return outcome


# --- what waits ---------------------------------------------------------------------


@leaps
def test_nobody_is_erased_by_a_clock_that_is_wrong_for_seconds(app, leap):
    coming = register(make_event(), "Ada", email=ADA)
    # Over, and kept for a few days more.
    before = NOON - 40 * DAY
    over = make_event(
        starts=before.replace(tzinfo=None),
        retention_days=41,
        questions=({"keep_days": 40},),
    )
    gone = register(over, "Grace", email=ADA, now=before - DAY)
    round_at(NOON)

    done, waiting = round_at(NOON + leap, MINUTE)
    assert waiting == ["close", "erase"]
    assert set(done) == {"settle", "ask", "remind", "mailings", "domains", "counts"}
    assert load_registration(coming).name == "Ada"
    assert load_registration(gone).name == "Grace"
    assert round_at(NOON + MINUTE, MINUTE)[1] == []
    assert load_registration(gone).name == "Grace"


def test_after_an_hour_by_the_steady_clock_it_erases(app):
    outcome = register(make_event(), "Ada", email=ADA)
    round_at(NOON)
    later = NOON + 60 * DAY
    for minutes in (0, 30, 59):
        assert round_at(later + minutes * MINUTE, minutes * MINUTE)[1] == [
            "close",
            "erase",
        ]
    assert load_registration(outcome).name == "Ada"
    done, waiting = round_at(later + 60 * MINUTE, 60 * MINUTE)
    assert (done["erase"], waiting) == (1, [])
    assert load_registration(outcome).name == ""


@for_each("leap", [2 * DAY, 366 * DAY], fresh=True)
def test_nobody_loses_a_place_for_want_of_an_answer_by_a_wrong_clock(asked, leap):
    round_at(local_time("26 18:01"))
    assert round_at(local_time("26 18:01") + leap)[1] == ["close", "erase"]
    assert load_registration(asked).state == "confirmed"


def test_by_a_right_one_they_do(asked):
    for day in ("27", "28"):
        assert round_at(local_time(f"{day} 12:00"))[1] == []
    done, _ = round_at(local_time("28 18:00"))
    assert done["close"] == 1
    assert load_registration(asked).state == "released"


def test_jobs_of_a_test_or_another_version_are_not_held_back(app):
    ran = []
    mine = [scheduler.RecurringJob("mine", 60, lambda now: ran.append(now) or 1)]
    round_at(NOON)
    steady = SteadyTime(1, "this start")
    assert run_due_jobs(NOON + 60 * DAY, jobs=mine, steady=steady) == {"mine": 1}


# --- what does not ------------------------------------------------------------------


def test_offers_and_held_places_go_by_the_hour_of_the_event(app):
    held = register(make_event(confirm_address=True), email=ADA)
    round_at(NOON)
    done, _ = round_at(NOON + 2 * DAY)
    assert done["settle"] == 1
    assert load_registration(held).state == "lapsed"


def test_reminders_go_out_though_the_site_was_off_for_days(app):
    event = make_event()
    register(event, email=ADA)
    add_reminders(event, TWO_DAYS)
    round_at(NOON)
    assert round_at(local_time("27 18:00"))[0]["remind"] == 1


# --- what is not lost ---------------------------------------------------------------


@for_each("leap", [15 * DAY, 60 * DAY, 366 * DAY], fresh=True)
def test_a_reminder_is_not_called_too_late_by_a_wrong_clock(app, leap):
    event = make_event()
    register(event, email=ADA)
    add_reminders(event, TWO_DAYS)
    round_at(NOON)
    round_at(NOON + leap)

    assert db.session.scalars(select(Reminder.done_for)).all() == [None]
    round_at(NOON + MINUTE)
    assert tasks.send_reminders(local_time("27 18:00")) == 1


def test_by_a_right_one_it_is(app):
    event = make_event()
    register(event, email=ADA)
    add_reminders(event, TWO_DAYS, THANKS)
    for minutes in (0, 60):
        round_at(local_time("29 18:30") + minutes * MINUTE, minutes * MINUTE)
    done = dict(db.session.execute(select(Reminder.key, Reminder.done_for)).all())
    assert [day is not None for day in done.values()].count(True) == 1


def test_nobody_is_passed_over_when_people_are_asked(app):
    event = make_event({"capacity": 2}, ask_hours=72, answer_hours=24)
    register(event, email=ADA)
    round_at(NOON)
    assert round_at(local_time("28 17:59"))[0]["ask"] == 0
    assert db.session.get_one(Event, event.id).asked_for is None
    round_at(NOON + MINUTE)
    assert tasks.send_reconfirmations(local_time("26 18:00")) == 1


@leaps
def test_no_mail_is_dropped_as_past_by_a_wrong_clock(app, smtp, leap):
    register(make_event(), email=ADA)
    round_at(NOON)
    with writing():  # it waited for another try
        db.session.execute(update(Message).values(due_at=NOON - 400 * DAY))
    deliver(NOON + leap)
    assert all_messages()[0].state != "superseded"
    deliver(NOON + 20 * MINUTE)
    assert smtp.recipients == [ADA]


def test_by_a_right_one_it_is_dropped(app, smtp):
    register(make_event(), email=ADA)
    round_at(local_time("29 21:00"))
    assert deliver(local_time("29 21:01")) == (0, 0, 0)
    assert all_messages()[0].state == "superseded"


def test_a_domains_mails_are_not_given_up_as_old_by_a_wrong_clock(
    app, smtp, monkeypatch
):
    monkeypatch.setattr(domain_backoff, "is_given_up", lambda _troubles: True)
    event = make_event({"capacity": None})
    for number in range(3):
        register(event, email=f"guest-{number}@strict.example")
    round_at(NOON)
    smtp.by_domain["strict.example"] = "421 closing"
    assert deliver(NOON + 3 * DAY)[2] == 0
    round_at(NOON + 3 * DAY, 3 * DAY)
    with writing():
        db.session.execute(update(MailDomain).values(pause_until=None))
    assert deliver(NOON + 3 * DAY)[2] == 3


# --- told ---------------------------------------------------------------------------


@pytest.fixture
def long_ago(app):
    """A site on which jobs ran last sixty days ago; people of an event are past
    keeping."""
    starts = (utcnow() - 50 * DAY).replace(tzinfo=None)
    outcome = register(make_event(starts=starts), "Ada", now=utcnow() - 51 * DAY)
    with writing() as session:
        session.add(Clock(trusted_at=utcnow() - 60 * DAY))
    return outcome


def test_the_command_says_that_it_waits_and_why(long_ago, capsys):
    assert cli.run(["worker", "--once"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Not run yet: close, erase. The clock stood at " in told
    assert "60.0 days from the last run" in told
    assert "until it has gone on like that for an hour" in told
    assert cli.run(["worker", "--once", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["erased"], told["jobs_waiting"]) == (0, ["close", "erase"])
    assert load_registration(long_ago).name == "Ada"


def test_the_log_says_so_once(long_ago, caplog):
    for _ in range(3):
        run_due_jobs(utcnow(), steady=read_steady_clock())
    said = [r.getMessage() for r in caplog.records if "the clock stands" in r.msg]
    assert len(said) == 1
    assert "60 days" in said[0]


def test_background_work_says_so_on_the_page_and_by_command(long_ago, client, capsys):
    make_user("owner@example.org", role=Role.OWNER)
    sign_in(client, "owner@example.org")
    assert "clock" not in client.get("/organize/work").text
    run_due_jobs(utcnow(), steady=read_steady_clock())

    told = " ".join(client.get("/organize/work").text.split())
    assert "The server’s clock stood at " in told
    assert "2 months from when jobs last ran" in told
    assert told.count("On hold") == 0  # neither has ever run here
    db.session.rollback()
    assert cli.run(["jobs", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    state = {each["name"]: each["state"] for each in facts["jobs"]}
    assert (state["erase"], state["close"]) == ("on_hold", "on_hold")
    assert state["settle"] == "waiting"
    assert facts["clock_apart"]["seconds"] == pytest.approx(60 * 86_400, abs=60)
    assert cli.run(["jobs"]) == 0
    assert "close and erase wait" in capsys.readouterr().out


def test_a_job_that_has_run_before_is_on_hold_on_the_page(app, client):
    make_user("owner@example.org", role=Role.OWNER)
    sign_in(client, "owner@example.org")
    run_due_jobs(utcnow(), steady=read_steady_clock())
    with writing():
        db.session.execute(update(Clock).values(trusted_at=NOON - 400 * DAY, boot=""))
    run_due_jobs(utcnow(), early=True, steady=read_steady_clock())
    told = client.get("/organize/work").text
    assert told.count("On hold") == 2
    assert told.count("waits until the server’s clock is trusted") == 2
    assert db.session.scalars(select(Registration)).all() == []
