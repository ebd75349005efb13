"""Filters: what an address asks for, and how a link says it again."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import NotFound

from rsvp.extensions import db
from rsvp.queries import attendees as attendee_queries
from rsvp.queries.attendees import RegistrationFilter
from rsvp.queries.filters import ReconfirmationStatus
from rsvp.web.organizer.registrations import filters
from tests.support.factories import cancel, make_event, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine


@pytest.fixture
def event(app):
    return make_event({"capacity": 1}, {"key": "online"})


def read(app, event, query: str) -> RegistrationFilter:
    with app.test_request_context(f"/?{query}"):
        return filters.filter_from_args(event)


@for_each(
    ("query", "wanted"),
    [
        ("", RegistrationFilter()),
        ("search=&state=&admission=", RegistrationFilter()),
        ("search=+Zoë++Winter%0A", RegistrationFilter(search="Zoë Winter")),
        ("search=a%00b", RegistrationFilter(search="a b")),
        (
            "search=\u200eada@example.org\u200f \u200e",
            RegistrationFilter(search="ada@example.org"),
        ),
        ("search=می\u200cخواهم", RegistrationFilter(search="می\u200cخواهم")),
        ("state=waitlisted", RegistrationFilter(state="waitlisted")),
        ("search=" + "x" * 400, RegistrationFilter(search="x" * 254)),
        ("coming=flagged", RegistrationFilter(coming=ReconfirmationStatus.FLAGGED)),
        ("checked_in=yes", RegistrationFilter(checked_in=True)),
        ("checked_in=no", RegistrationFilter(checked_in=False)),
        ("page=3&colour=blue", RegistrationFilter()),
    ],
)
def test_what_an_address_asks_for(app, event, query, wanted):
    found = read(app, event, query)

    assert found == wanted
    assert bool(found) is (wanted != RegistrationFilter())


def test_an_admission_is_asked_for_by_its_key(app, event):
    online = event.admissions[1].id

    assert read(app, event, "admission=online") == RegistrationFilter(
        admission_id=online
    )


@for_each(
    "query",
    [
        "state=asleep",
        "state=%00",
        "admission=balcony",
        "coming=maybe",
        "checked_in=True",
    ],
)
def test_what_the_event_does_not_know_leads_nowhere(app, event, query):
    with pytest.raises(NotFound):
        read(app, event, query)


def test_an_admission_of_another_event_leads_nowhere(app, event):
    make_event({"key": "balcony"})

    with pytest.raises(NotFound):
        read(app, event, "admission=balcony")


@for_each(
    "query",
    [
        {},
        {"search": "zoë & co"},
        {"search": "zoë", "state": "confirmed", "admission": "online"},
        {"coming": "asked", "checked_in": "no"},
    ],
)
def test_a_link_asks_for_the_same_again(app, event, query):
    with app.test_request_context("/", query_string=query):
        assert filters.filter_query(event, filters.filter_from_args(event)) == query


def test_the_longest_search_is_no_trouble(app, event):
    """One letter of this unfolds into four words, and SQLite nests a condition each."""
    register(event, "Ada Marsh")
    cancel(register(event, "Ben Marsh", admission="online"))
    longest = read(app, event, "search=" + "ﷺ" * 300)

    for wanted in (longest, RegistrationFilter(search="marsh", state="cancelled")):
        found = db.session.scalars(
            attendee_queries.matching_registrations(event.id, wanted)
        ).all()
        assert len(found) == (0 if wanted is longest else 1)
