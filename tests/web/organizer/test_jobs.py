"""Background work: what is due, running and failed, on a page and by command."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from rsvp import cli
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.jobs.scheduler import JOBS, run_due_jobs
from rsvp.models import Job, MailDomain, Message, Worker
from rsvp.models.team import Role
from tests.support.factories import make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.sign_in import sign_in

pytestmark = pytest.mark.one_engine

MINUTE = timedelta(minutes=1)
HERE = "/organize/work"


@pytest.fixture
def busy(app):
    """A site on which something of each kind goes on."""
    now = utcnow()
    event = make_event({"capacity": None})
    for _ in range(5):
        register(event, now=now - MINUTE)
    with writing() as session:
        waits, retried, held, failed, _ = session.query(Message).order_by(Message.id)
        waits.due_at = now + 60 * MINUTE
        retried.attempts, retried.due_at = 2, now + MINUTE
        held.attempts, held.lease_until = 1, now + MINUTE
        failed.state, failed.last_error = "failed", "550 canary@example.org unknown"
        session.add(
            MailDomain(
                domain="slow.example",
                pause_until=now + 10 * MINUTE,
                last_error="421 busy",
            )
        )
        for name, values in {
            "settle": {
                "lease_until": now + MINUTE,
                "holder": "vm:1:a",
                "started_at": now,
            },
            "erase": {"failures": 3, "last_error": "KeyError at privacy.py:12"},
        }.items():
            more = {"runs": 9, "done": 4, "failures": 0, "finished_at": now - MINUTE}
            session.add(Job(name=name, due_at=now + MINUTE, **more | values))
    return event


def page(client) -> str:
    make_user("owner@example.org", role=Role.OWNER)
    sign_in(client, "owner@example.org")
    answer = client.get(HERE)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_the_page_counts_mails_and_says_how_each_job_went(busy, client):
    told = page(client)

    for count, word in ((4, "Waiting in all"), (1, "Due now"), (1, "Being sent")):
        assert f"<dt>{word}</dt><dd>{count}</dd>" in told
    assert "<dt>Waiting for another try</dt><dd>1</dd>" in told
    assert "<dt>Given up since yesterday</dt><dd>1</dd>" in told
    assert "Running" in told
    assert "failed 3 times in a row, and is tried again: KeyError at privacy.py" in told
    assert "seconds ago, 4 done" in told
    assert "slow.example" in told
    assert "canary" not in told


def test_it_says_for_how_long_no_worker_has_run(app, client):
    assert "No worker has run yet" in page(client)
    run_due_jobs(utcnow() - 14 * MINUTE)
    told = " ".join(client.get(HERE).text.split())
    assert "The worker last ran 14 minutes ago: mails wait" in told
    run_due_jobs(utcnow())
    assert "last ran" not in client.get(HERE).text


DAY = timedelta(days=1)


def change_jobs(**values) -> None:
    with writing() as session:
        session.execute(update(Job).values(values))


@for_each("leap", [2 * DAY, 60 * DAY], fresh=True)
def test_what_a_clock_that_was_ahead_wrote_is_not_called_well(app, client, leap):
    run_due_jobs(utcnow())
    assert page(client).count("Well") == len(JOBS)
    at = utcnow() + leap
    change_jobs(due_at=at, started_at=at, finished_at=at)

    told = " ".join(client.get(HERE).text.split())
    assert "Well" not in told
    assert told.count("a clock that was ahead set its next time too late") == len(JOBS)
    assert "When a worker last ran is not known" in told
    run_due_jobs(utcnow())
    told = client.get(HERE).text
    assert told.count("Well") == len(JOBS)
    assert "ahead" not in told


def test_jobs_that_nobody_runs_are_behind_and_none_is_well(app, client, capsys):
    run_due_jobs(utcnow() - 14 * MINUTE)
    told = page(client)
    assert "Well" not in told
    assert told.count("It has been due for 14 minutes.") == 5
    assert told.count("No worker") == 3  # the three that come round once an hour

    db.session.rollback()
    assert cli.run(["jobs", "--json"]) == 0
    jobs = {each["name"]: each for each in json.loads(capsys.readouterr().out)["jobs"]}
    assert (jobs["settle"]["state"], jobs["erase"]["state"]) == ("behind", "waiting")
    assert jobs["settle"]["behind_since"] == jobs["settle"]["due_at"]
    assert cli.run(["jobs"]) == 0
    assert "behind   due since" in capsys.readouterr().out


def test_the_command_says_what_a_clock_that_was_ahead_wrote(app, capsys):
    run_due_jobs(utcnow())
    change_jobs(due_at=utcnow() + 2 * DAY, started_at=utcnow() + 2 * DAY)
    assert cli.run(["jobs"]) == 0
    told = capsys.readouterr().out
    assert told.count("was written by a clock that ran ahead") == len(JOBS)
    assert told.count("ahead    due now") == len(JOBS)


@for_each("role", [Role.VIEWER, Role.DOOR_HOST, Role.ORGANIZER], fresh=True)
def test_only_who_manages_a_team_sees_it(app, client, role):
    make_user("somebody@example.org", role=role)
    sign_in(client, "somebody@example.org")
    assert client.get(HERE).status_code == 404
    assert HERE not in client.get("/organize/").text


def test_the_command_tells_the_same(busy, capsys):
    assert cli.run(["jobs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    jobs = {each["name"]: each for each in told["jobs"]}
    assert set(jobs) == {job.name for job in JOBS}
    assert jobs["settle"]["state"] == "running"
    assert jobs["settle"]["holder"] == "vm:1:a"
    assert (jobs["erase"]["state"], jobs["erase"]["failures"]) == ("failed", 3)
    assert jobs["remind"]["state"] == "due"
    assert told["messages"] == {
        "queued": 4,
        "due": 1,
        "retrying": 1,
        "being_sent": 1,
        "of_mailings": 0,
        "failed": 1,
    }
    assert told["paused_domains"][0]["domain"] == "slow.example"
    db.session.rollback()

    assert cli.run(["jobs"]) == 0
    text = capsys.readouterr().out
    assert "4 not gone out, 1 due now, 1 being sent" in text
    assert "by vm:1:a" in text
    assert "failed 3 times: KeyError at privacy.py:12" in text
    assert "canary" not in text


def test_a_worker_that_ends_again_and_again_is_told_with_its_reason(
    app, client, capsys
):
    run_due_jobs(utcnow())
    with writing() as session:
        ended = {"ended_at": utcnow() - 3 * MINUTE, "why": "signal SIGKILL"}
        session.add(Worker(host="vm", ends=1, **ended))
    assert "SIGKILL" not in page(client)
    with writing() as session:
        session.execute(update(Worker).values(ends=4))
    told = " ".join(client.get(HERE).text.split())
    assert "The worker ended 4 times shortly after one another" in told
    assert "the last time 3 minutes ago" in told
    assert "signal SIGKILL" in told
    db.session.rollback()
    assert cli.run(["jobs"]) == 0
    assert "Workers on vm ended 4 times" in capsys.readouterr().out
    assert cli.run(["jobs", "--json"]) == 0
    [worker] = json.loads(capsys.readouterr().out)["workers_in_trouble"]
    assert (worker["host"], worker["ends"]) == ("vm", 4)
    assert worker["why"] == "signal SIGKILL"
