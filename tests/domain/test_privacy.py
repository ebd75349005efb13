"""Erasure: what goes when, and what stays."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from rsvp import jobs
from rsvp.db import Base
from rsvp.domain import invariants
from rsvp.domain.registrations import Person
from rsvp.extensions import db
from rsvp.models import Event
from tests.factories import cancel, make_event, register, stored

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
        people=(Person("Zoë Canary", answers), Person("Ada Canary", answers)),
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


def test_after_its_days_nothing_of_the_attendees_is_left_but_the_counts(app):
    event, party = an_evening()
    before = event.ends_at + timedelta(days=30) - timedelta(seconds=1)

    jobs.erase_due(before)
    assert "Zoë Canary" in everything_stored()
    assert jobs.erase_due(event.ends_at + timedelta(days=30)) == 1

    assert "anary" not in everything_stored()
    assert stored(party).admission.seats_taken == 2
    assert invariants.problems(before) == []
    assert jobs.erase_due(event.ends_at + timedelta(days=31)) == 0


def test_an_answer_goes_sooner_where_its_question_says_so(app):
    event, party = an_evening()

    assert jobs.erase_due(event.ends_at + timedelta(days=2)) == 1

    attendee = stored(party).attendees[0]
    assert (attendee.name, attendee.answers) == ("Zoë Canary", {"song": "a canary's"})
    assert "no canaries, please" not in everything_stored()
    assert jobs.erase_due(event.ends_at + timedelta(days=3)) == 0
    assert db.session.get_one(Event, event.id).erased_at is None


@pytest.mark.parametrize("canary", CANARIES)
def test_the_canaries_are_there_to_begin_with(app, canary):
    an_evening()

    assert canary in everything_stored()
