"""Edit versions: of two who edit the same thing at once, one learns of the other."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from rsvp import errors
from rsvp.db import writing
from rsvp.domain import capacity, edit_versions, mailings
from rsvp.domain.events import capacity_changes, custom_texts
from rsvp.extensions import db
from rsvp.models import Event, Mailing
from rsvp.models.message import MessageKind
from tests.support.factories import NOON, make_event
from tests.support.for_each import for_each
from tests.support.mailings import draft_mailing
from tests.support.threads import BackgroundCall

BY_ADA = {"actor": "user:1", "now": NOON}
OPENED = {"subject": "Soup", "text": "At six."}
VERSION = edit_versions.version_of(OPENED)


@pytest.mark.one_engine
@for_each(
    ("current", "typed", "expected"),
    [
        # Nobody else, and something or nothing was written.
        ({}, {"text": "At seven."}, True),
        ({}, {}, False),
        # The other one changed it to something else, or to the same.
        ({"text": "At eight."}, {"text": "At seven."}, ["text"]),
        ({"text": "At seven."}, {"text": "At seven."}, True),
        # What was left as it was is no reason to take the other one's words back.
        ({"text": "At eight."}, {}, False),
        ({"subject": "Stew"}, {"text": "At seven."}, ["subject"]),
        (
            {"subject": "Stew", "text": "At eight."},
            {"subject": "Broth", "text": "At seven."},
            ["subject", "text"],
        ),
        # Somebody put back what it said.
        ({"text": "At six."}, {"text": "At seven."}, True),
    ],
)
def test_an_edit_is_in_conflict_where_another_changed_it(current, typed, expected):
    values = {"current": OPENED | current, "typed": OPENED | typed}

    if isinstance(expected, bool):
        assert edit_versions.is_edited(VERSION, **values) is expected
    else:
        with pytest.raises(errors.EditConflict) as refusal:
            edit_versions.is_edited(VERSION, **values)
        assert refusal.value.facts == {"fields": expected}
    # A form of before, or a script, has no version: it is saved.
    assert edit_versions.is_edited(None, **values)


@pytest.mark.one_engine
def test_a_made_up_version_is_that_of_nothing():
    for version in ("", "x", "\0 \ud800", VERSION.swapcase(), "a " * 5000):
        same = {"current": OPENED, "typed": OPENED}
        assert edit_versions.is_edited(version, **same)
        other = same | {"typed": OPENED | {"text": "At seven."}}
        with pytest.raises(errors.EditConflict):
            edit_versions.is_edited(version, **other)


@pytest.mark.one_engine
def test_after_a_conflict_the_form_has_what_was_written_and_the_rest_as_it_is_now():
    typed, current = OPENED | {"text": "At seven."}, OPENED | {"subject": "Stew"}

    merged = edit_versions.merge(VERSION, current=current, typed=typed)

    assert merged == {"subject": "Stew", "text": "At seven."}
    # Sent again it is saved.
    version = edit_versions.version_of(current)
    assert edit_versions.is_edited(version, current=current, typed=merged)


def edits():
    """What forms edit: the verb, with the version of what is there; how to read it."""
    event = make_event({"capacity": 50}, room_capacity=80)
    event_id, admission_id = event.id, event.admissions[0].id
    mailing_id = draft_mailing(event)
    kind = MessageKind.CONFIRMATION
    recipients = {"states": ["confirmed"]}
    texts = edit_versions.version_of(custom_texts.custom_text_values(event, kind))
    draft = edit_versions.version_of(
        mailings.draft_values("Bring a bowl", "Soup is at six.", recipients)
    )

    def seats(number):
        return edit_versions.version_of(capacity_changes.seat_values(number))

    def read_event(read):
        return lambda: read(db.session.get_one(Event, event_id, populate_existing=True))

    return event_id, {
        "words": (
            lambda n: custom_texts.set_custom_text(
                event_id, kind, text=f"Room {n}", version=texts, **BY_ADA
            ),
            read_event(lambda event: event.wording[kind]["text"]),
            lambda n: f"Room {n}",
        ),
        "capacity": (
            lambda n: capacity_changes.set_admission_capacity(
                event_id, admission_id, n, version=seats(50), **BY_ADA
            ),
            read_event(lambda event: event.admissions[0].capacity),
            lambda n: n,
        ),
        "room": (
            lambda n: capacity_changes.set_room_capacity(
                event_id, n, version=seats(80), **BY_ADA
            ),
            read_event(lambda event: event.room_capacity),
            lambda n: n,
        ),
        "reserved": (
            # Fewer than either capacity, whichever of them was saved before.
            lambda n: capacity_changes.set_reserved_seats(
                event_id, n - 5, version=seats(0), **BY_ADA
            ),
            read_event(lambda event: event.reserved_seats),
            lambda n: n - 5,
        ),
        "draft": (
            lambda n: mailings.update_draft(
                mailing_id,
                subject="Bring a bowl",
                text=f"Room {n}",
                recipients=recipients,
                version=draft,
            ),
            lambda: (
                db.session.get_one(Mailing, mailing_id, populate_existing=True).text
            ),
            lambda n: f"Room {n}",
        ),
    }


def save(edit, number):
    with writing():
        # Read before the lock, as a page does: what counts is what is there under it.
        db.session.scalars(sa.select(Event)).all()
        db.session.scalars(sa.select(Mailing)).all()
        try:
            edit(number)
        except errors.EditConflict:
            return "conflict"
    return number


def test_of_two_who_save_at_the_same_moment_one_learns_of_the_other(app):
    event_id, verbs = edits()
    offenders = {}
    for name, (edit, read, shown) in verbs.items():
        db.session.remove()
        # Both wait for the lock at the same time, whoever gets it first.
        with writing() as session:
            capacity.lock_event(event_id)
            session.execute(sa.select(Mailing.id).with_for_update())
            calls = [BackgroundCall(app, save, edit, number) for number in (7, 9)]
            calls[0].until_it_waits(waiting=2)
        results = [call.result() for call in calls]
        saved = [result for result in results if result != "conflict"]
        db.session.rollback()
        if len(saved) != 1 or read() != shown(saved[0]):
            offenders[name] = results

    assert offenders == {}
