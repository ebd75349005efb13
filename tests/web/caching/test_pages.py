"""Pages from memory: the same for everybody, and never behind the event."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rsvp import tokens
from rsvp.queries import events as event_queries
from rsvp.web.caching import pages as cached_pages
from rsvp.web.public import events
from tests.support.for_each import for_each
from tests.support.pages.public import (
    event_html,
    in_days,
    make_upcoming_event,
    record_statements,
    register_party,
    update_event,
)

pytestmark = pytest.mark.one_engine

# --- the same for everybody ---------------------------------------------------------


def test_no_page_sets_a_cookie_or_depends_on_one(client, app):
    event = make_upcoming_event(series=None)

    for path in ("/", f"/events/{event.slug}", "/events.ics", "/events.atom"):
        response = client.get(path, headers={"Cookie": "session=other"})
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert "Cookie" not in response.headers["Vary"]


def test_an_unchanged_page_is_answered_304(client, app):
    event = make_upcoming_event()
    first = client.get(f"/events/{event.slug}")

    again = client.get(
        f"/events/{event.slug}", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert again.status_code == 304
    assert again.data == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "public" in first.headers["Cache-Control"]


@for_each("seen", ['"other"', 'W/"other", "more"', "", "nonsense"], ids=repr)
def test_a_page_not_seen_yet_is_answered_whole(client, app, seen):
    event = make_upcoming_event()

    response = client.get(f"/events/{event.slug}", headers={"If-None-Match": seen})

    assert response.status_code == 200


def test_a_registration_changes_the_page_at_once(client, app):
    event = make_upcoming_event({"capacity": 30})
    before = client.get(f"/events/{event.slug}")

    register_party(app, event.slug, "ada@example.org", party=2)
    after = client.get(
        f"/events/{event.slug}", headers={"If-None-Match": before.headers["ETag"]}
    )

    assert "30 of 30 left" in before.text
    assert after.status_code == 200
    assert "28 of 30 left" in after.text
    assert "28 of 30 left" in client.get("/").text


def test_a_new_version_of_the_event_changes_the_page_at_once(client, app):
    event = make_upcoming_event(title="Letters")
    before = client.get(f"/events/{event.slug}")

    update_event(event, title="Letters and Soup")

    after = client.get(f"/events/{event.slug}")
    assert after.headers["ETag"] != before.headers["ETag"]
    assert "Letters and Soup" in after.text


def test_a_page_in_memory_costs_one_read(client, app, monkeypatch):
    event = make_upcoming_event({}, {"key": "other"}, questions=({},), consents=({},))
    first = client.get(f"/events/{event.slug}")
    reads: list[str] = []
    read = event_queries.fetch_state_rows

    def noting(engine, slug):
        reads.append(slug)
        return read(engine, slug)

    monkeypatch.setattr(event_queries, "fetch_state_rows", noting)

    with record_statements() as sent:
        again = client.get(f"/events/{event.slug}")

    assert (reads, sent) == ([event.slug], [])
    assert again.data == first.data
    # Past the application, and yet the same in every header.
    assert sorted(again.headers) == sorted(first.headers)


def test_a_page_past_the_application_can_be_answered_304_too(client, app):
    event = make_upcoming_event()
    first = client.get(f"/events/{event.slug}")

    again = client.get(
        f"/events/{event.slug}", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Content-Security-Policy" in again.headers
    assert "Content-Type" not in again.headers


def test_a_phase_that_the_clock_ends_is_seen_at_once(client, app, monkeypatch):
    event = make_upcoming_event(closes_local=in_days(1))
    assert "<form" in event_html(client, event)
    later = datetime.now(UTC) + timedelta(days=2)
    monkeypatch.setattr(events, "utcnow", lambda: later)
    monkeypatch.setattr(cached_pages.time, "time", later.timestamp)

    assert "Registration is closed" in event_html(client, event)


def test_a_database_that_fails_is_not_hidden_by_memory(client, app, monkeypatch):
    event = make_upcoming_event()
    event_html(client, event)

    def fail(_engine, _slug):
        raise RuntimeError("gone")

    monkeypatch.setattr(event_queries, "fetch_state_rows", fail)
    monkeypatch.setattr("rsvp.queries.events.fetch_state_rows", fail)

    with pytest.raises(RuntimeError):
        client.get(f"/events/{event.slug}")


def test_the_page_goes_out_compressed_to_those_who_take_it(client, app):
    event = make_upcoming_event()
    plain = client.get(f"/events/{event.slug}", headers={"Accept-Encoding": "identity"})

    squeezed = client.get(f"/events/{event.slug}", headers={"Accept-Encoding": "gzip"})

    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert len(squeezed.data) < len(plain.data) / 2
    assert squeezed.headers["ETag"] == plain.headers["ETag"]
    assert squeezed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


def test_a_head_request_tells_what_a_get_would(client, app):
    event = make_upcoming_event()

    got = client.get(f"/events/{event.slug}")
    head = client.head(f"/events/{event.slug}")

    assert head.data == b""
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_in_a_rush_a_page_rests_before_its_counts_are_shown_anew(
    client, app, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr(
        cached_pages, "GRACE_FACTOR", 1_000_000
    )  # any rendering: the longest rest
    monkeypatch.setattr(cached_pages.time, "monotonic", lambda: now[0])
    rendered = []
    make = events.render_event_page

    def slowly(*args):
        rendered.append(now[0])
        now[0] += 0.1
        return make(*args)

    monkeypatch.setattr(events, "render_event_page", slowly)
    event = make_upcoming_event({"capacity": 30})
    assert "30 of 30 left" in event_html(client, event)

    for number in range(3):
        register_party(app, event.slug, f"ada-{number}@example.org")
        assert "30 of 30 left" in event_html(client, event)
    now[0] += cached_pages.MAX_GRACE

    assert "27 of 30 left" in event_html(client, event)
    assert len(rendered) == 2
    update_event(event, title="Another Evening")
    assert "Another Evening" in event_html(client, event)


def test_while_one_renders_a_page_the_others_get_the_one_before():
    cache = cached_pages.PageCache()
    cache.get_or_render(
        "event", (1,), lambda: (b"one", events.HTML), stable_key=("event",)
    )
    cache.pages["event"] = replace(cache.pages["event"], grace_until=0.0)
    others = []

    def render():
        other = cache.get_or_render(
            "event", (3,), lambda: (b"", ""), stable_key=("event",)
        )
        others.append(other.page.content)
        return b"two", events.HTML

    own_page = cache.get_or_render("event", (2,), render, stable_key=("event",))

    assert (own_page.page.content, others) == (b"two", [b"one"])


def test_a_page_of_an_event_without_limit_stays_as_it_is(client, app):
    event = make_upcoming_event({"capacity": None})
    before = client.get(f"/events/{event.slug}").headers["ETag"]

    register_party(app, event.slug, "ada@example.org")

    assert client.get(f"/events/{event.slug}").headers["ETag"] == before


def test_memory_holds_a_bounded_number_of_pages():
    cache = cached_pages.PageCache(max_pages=3)
    for number in range(10):
        cache.get_or_render(number, ("key",), lambda: (b"page", events.HTML))

    assert list(cache.pages) == [7, 8, 9]


def test_the_form_is_stamped_anew_each_hour(client, app, monkeypatch):
    event = make_upcoming_event()
    now = datetime.now(UTC).replace(minute=30) + timedelta(hours=1)

    def token_at(instant: datetime) -> str:
        monkeypatch.setattr(events, "utcnow", lambda: instant)
        monkeypatch.setattr(cached_pages.time, "time", instant.timestamp)
        found = re.search(
            r'name="form_token"[^>]*value="([^"]+)"', event_html(client, event)
        )
        return found[1]

    assert token_at(now) == token_at(now + timedelta(minutes=20))
    assert token_at(now) != token_at(now + timedelta(hours=1))


@for_each("days", [2, 60, -2])
def test_a_form_made_while_the_clock_was_wrong_is_made_anew(
    client, app, monkeypatch, days
):
    event = make_upcoming_event(closes_local=in_days(1))
    now = datetime.now(UTC)
    secret = app.config["SECRET_KEY"]

    def page_at(instant: datetime) -> str:
        monkeypatch.setattr(events, "utcnow", lambda: instant)
        monkeypatch.setattr(cached_pages.time, "time", instant.timestamp)
        return event_html(client, event)

    page_at(now + timedelta(days=days))
    found = re.search(r'name="form_token"[^>]*value="([^"]+)"', page_at(now))
    assert found, "the page of that moment, when registration was closed"
    assert tokens.is_form_token_valid(secret, event.uuid, found[1], now)
