"""Publication: drafts go public and back, registration pauses and goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import writing
from rsvp.domain import invariants
from rsvp.domain.events import lifecycle
from rsvp.extensions import db
from rsvp.models import AuditEntry, Event
from rsvp.models.event import Status
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

ACTOR = "user:1"
ALL = [
    lifecycle.publish_event,
    lifecycle.unpublish_event,
    lifecycle.pause_registrations,
    lifecycle.resume_registrations,
]


def do(act, event, now=NOON) -> Event:
    with writing():
        act(event.id, actor=ACTOR, now=now)
    return db.session.get_one(Event, event.id, populate_existing=True)


def entries() -> list[tuple[str, str | None, str | None]]:
    wanted = select(AuditEntry).where(AuditEntry.actor == ACTOR).order_by(AuditEntry.id)
    return [(e.verb, e.from_state, e.to_state) for e in db.session.scalars(wanted)]


def test_a_draft_is_published_and_taken_back(app):
    event = make_event(status=Status.DRAFT)

    published = do(lifecycle.publish_event, event)
    assert (published.status, published.version, published.sequence) == (
        "published",
        2,
        1,
    )
    assert [a.event_version for a in published.admissions] == [2]
    do(lifecycle.publish_event, event)
    taken_back = do(lifecycle.unpublish_event, event)

    assert (taken_back.status, taken_back.version) == ("draft", 3)
    assert entries() == [
        ("publish", "draft", "published"),
        ("unpublish", "published", "draft"),
    ]


@for_each("waits", [False, True])
def test_what_people_have_registered_for_stays_public(app, waits):
    event = make_event({"capacity": 1})
    first = register(event)
    if waits:
        second = register(event)
        cancel(first)
        first = second

    with pytest.raises(errors.InUse) as refused:
        do(lifecycle.unpublish_event, event)
    assert refused.value.facts["people"] == 1
    db.session.refresh(event)
    assert event.status == "published"

    cancel(first)
    assert do(lifecycle.unpublish_event, event).status == "draft"


def test_a_pause_takes_nobody_and_the_line_goes_on_after_it(app):
    event = make_event({"capacity": 1})
    leaving, waits = register(event), register(event)

    assert do(lifecycle.pause_registrations, event).paused
    do(lifecycle.pause_registrations, event)
    with pytest.raises(errors.RegistrationPaused):
        register(event)
    cancel(leaving)
    assert load_registration(waits).state == "waitlisted"
    assert not do(lifecycle.resume_registrations, event).paused

    assert load_registration(waits).state == "confirmed"
    assert [entry[0] for entry in entries()] == ["pause", "resume", "promote"]
    assert invariants.find_problems(NOON) == []


@pytest.mark.both_engines
def test_publishing_serves_a_line_that_stood_still(app):
    """An import once made it a draft while people waited."""
    event = make_event({"capacity": 1})
    leaving, waits = register(event), register(event)
    with writing() as session:
        session.execute(update(Event).values(status=Status.DRAFT))
    cancel(leaving)

    do(lifecycle.publish_event, event)

    assert load_registration(waits).state == "confirmed"
    assert invariants.find_problems(NOON) == []


@for_each("act", ALL)
def test_a_cancelled_event_stays_as_it_is(app, act):
    event = make_event(status=Status.CANCELLED)

    with pytest.raises(errors.EventCancelled):
        do(act, event)
    assert entries() == []


@for_each("act", [lifecycle.pause_registrations, lifecycle.resume_registrations])
def test_what_is_over_is_neither_paused_nor_resumed(app, act):
    event = make_event()

    with pytest.raises(errors.EventOver):
        do(act, event, now=event.ends_at + timedelta(minutes=1))
