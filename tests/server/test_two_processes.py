"""A rush against a real site with two web processes: exactly the chairs, no error."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from rsvp import create_app
from rsvp.db import utcnow
from rsvp.domain import invariants
from rsvp.queries import attendees as attendee_queries
from rsvp.queries import events as event_queries
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.live_site import publish_event, run_site

PEOPLE = 60
CHAIRS = 7


@pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_a_rush_on_two_processes_fills_exactly_the_chairs(engine):
    with run_site(engine, WEB_PROCESSES="2") as here:
        publish_event(here, "evening", str(CHAIRS))
        start, lock = threading.Barrier(PEOPLE, timeout=60), threading.Lock()
        answers: Counter[str] = Counter()

        def press() -> None:
            connection = Connection(here.port)
            token = form_token(connection.get("/events/evening").body)
            start.wait()
            answer = connection.post(
                "/events/evening/registrations", form_fields(token, "seat")
            )
            with lock:
                answers[f"{answer.status} {bool(answer.location)}"] += 1
            connection.close()

        threads = [threading.Thread(target=press) for _ in range(PEOPLE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == {"303 True": PEOPLE}
        with create_app(here.settings).app_context():
            rows = list(
                attendee_queries.iter_attendees(event_queries.find_event("evening").id)
            )
            assert Counter(row.status for row in rows) == {
                "confirmed": CHAIRS,
                "waitlisted": PEOPLE - CHAIRS,
            }
            assert invariants.find_problems(utcnow()) == []
