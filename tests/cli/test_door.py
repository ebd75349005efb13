"""`rsvp door pass`: a link for the phones at the door."""

from __future__ import annotations

import json
from datetime import timedelta

from rsvp.db import utcnow
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import DoorPass
from tests.support.factories import make_event
from tests.support.pages.registration_form import IN_TWO_WEEKS, TODAY


def test_a_pass_is_printed_as_a_link(app):
    event = make_event(starts=IN_TWO_WEEKS)

    done = app.test_cli_runner().invoke(args=["door", "pass", event.slug])

    assert done.exit_code == 0, done.output
    link = done.stdout.splitlines()[0]
    assert link.startswith("https://rsvp.example.org/door/")
    found = passes.find_pass_by_token(link.rpartition("/")[2])
    assert (found.event.slug, found.phones_max) == (event.slug, 10)
    assert not found.works_at(utcnow())
    assert "It works from" in done.output


def test_a_rehearsal_works_at_once_and_machines_read_it(app):
    event = make_event(starts=IN_TWO_WEEKS)

    done = app.test_cli_runner().invoke(
        args=["door", "pass", event.slug, "--now", "--phones", "3", "--json"]
    )

    told = json.loads(done.stdout)
    found = passes.find_pass_by_token(told["link"].rpartition("/")[2])
    assert found.works_at(utcnow())
    assert (told["phones"], found.phones_max) == (3, 3)
    assert told["works_from"] is None
    assert told["counts_from"] < told["works_until"]


def test_what_can_not_be_is_told_in_a_line(app):
    over = make_event(starts=TODAY - timedelta(days=3))
    runner = app.test_cli_runner()

    for args, why in (
        (["door", "pass", "nowhere"], "there is no event nowhere"),
        (["door", "pass", over.slug], "the door of this event has closed"),
        (["door", "pass", over.slug, "--phones", "0"], "0 is not in the range"),
    ):
        done = runner.invoke(args=args)
        assert done.exit_code != 0
        assert why in done.output
    assert db.session.query(DoorPass).count() == 0
