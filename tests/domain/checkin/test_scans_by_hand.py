"""By hand: an organizer lets in and takes back without a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rsvp.db import writing
from rsvp.domain.checkin import scans
from rsvp.errors import NotAdmitted
from rsvp.models.checkin import Verdict
from tests.support.door import (
    DOORS_OPEN_AT,
    DURING_ENTRY,
    attendees_of,
    count_scans,
    make_phone,
    record_scan,
    stays_of_event,
)
from tests.support.factories import make_event, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine


def test_an_organizer_lets_in_and_takes_back_by_hand(app):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)
    phone = make_phone(event)

    with writing():
        answer = scans.check_in(zoe.id, event.id, actor="user:1", now=DURING_ENTRY)
    assert answer.verdict == Verdict.WELCOME
    at_the_door = record_scan(phone, zoe, now=DURING_ENTRY + timedelta(minutes=1))
    assert (at_the_door.verdict, at_the_door.door) == (Verdict.ALREADY_IN, None)

    with writing():
        scans.undo_check_in(zoe.id, event.id, actor="user:1", now=DURING_ENTRY)
    assert stays_of_event(event) == []
    with writing():
        assert (
            scans.undo_check_in(zoe.id, event.id, actor="user:1", now=DURING_ENTRY)
            is None
        )


@for_each(
    ("now", "verdict"),
    [
        (DOORS_OPEN_AT - timedelta(days=2), Verdict.TOO_EARLY),
        (DOORS_OPEN_AT + timedelta(days=2), Verdict.OVER),
    ],
)
def test_by_hand_too_there_is_a_time_for_it(app, now, verdict):
    event = make_event()
    register(event, "Zoë")
    [zoe] = attendees_of(event)

    with pytest.raises(NotAdmitted) as refused, writing():
        scans.check_in(zoe.id, event.id, actor="user:1", now=now)

    assert refused.value.facts == {"verdict": verdict}
    assert count_scans() == 0


def test_by_hand_nobody_of_another_event_is_let_in(app):
    here, there = make_event(), make_event()
    register(there, "Canary")
    [canary] = attendees_of(there)

    with pytest.raises(NotAdmitted), writing():
        scans.check_in(canary.id, here.id, actor="user:1", now=DURING_ENTRY)
