"""Public pages: what everybody sees, event by event and in lists."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from rsvp.db import writing
from rsvp.models import Admission, Event, Series, Team
from rsvp.models.event import Mode, Status, Visibility
from rsvp.web import static_files
from tests.support.factories import make_event
from tests.support.for_each import for_each
from tests.support.pages.public import (
    event_html,
    in_days,
    make_upcoming_event,
    register_party,
    update_event,
    visible_text,
)

pytestmark = pytest.mark.one_engine

# --- what stands on it --------------------------------------------------------------


def test_the_page_tells_all_the_event_file_says(app, client):
    event = make_event(
        {"key": "hall", "name": "In the hall", "capacity": 30},
        {"key": "stream", "name": "Stream", "mode": Mode.ONLINE, "capacity": None},
        starts=datetime(2037, 1, 29, 18, 0),
        doors_local=datetime(2037, 1, 29, 17, 45),
        title="Letters and Soup",
        summary="An evening of reading aloud.",
        description="We **write letters** together.",
        also_show=["Asia/Tokyo", "America/New_York"],
        venue_name="The Boat Shed",
        venue_address="Voorbeeldkade 14\n3511 AA Utrecht",
        venue_access="Step-free entrance from the courtyard.",
        join_url="https://meet.example.org/secret-room",
        online_note="The stream has captions.",
        hosts=[{"name": "Reading Room", "url": "https://reading-room.example.org"}],
        sponsors=[{"name": "Hill & Hollow Press"}],
        people=[{"name": "Marit de Vries", "role": "speaker"}],
        agenda=[{"at": "19:00", "title": "Shared dinner", "note": "Soup and bread"}],
        links=[{"title": "The reader", "url": "https://reader.example.org"}],
        retention_days=30,
    )

    html = event_html(client, event)
    text = visible_text(html)

    assert "Reading Room invites you to Letters and Soup" in text
    assert "Thursday, 29 January 2037" in text
    assert "18:00 – 21:00 Amsterdam time" in text
    assert "Doors open at 17:45" in text
    assert "Tokyo 02:00–05:00, Fri 30 Jan" in text
    assert "New York 12:00–15:00" in text
    assert '<time datetime="2037-01-29T18:00:00+01:00">' in html
    for told in (
        "An evening of reading aloud.",
        "<strong>write letters</strong>",
        "The Boat Shed",
        "Voorbeeldkade 14\n3511 AA Utrecht",
        "Step-free entrance from the courtyard.",
        "The stream has captions.",
        'href="https://reading-room.example.org"',
        "Hill &amp; Hollow Press",
        "Marit de Vries",
        "speaker",
        "Shared dinner",
        "Soup and bread",
        'href="https://reader.example.org"',
        "mailto:hello@reading-room.example.org",
        "30 of 30 left",
        "erased by Saturday, 28 February 2037",
    ):
        assert told in html, told
    assert "secret-room" not in html


def test_what_the_organizer_wrote_has_the_language_of_the_event(client, app):
    event = make_upcoming_event(title="لقاء الأرشيف", language="ar")

    html = event_html(client, event)

    assert '<html lang="en">' in html
    assert '<h1 lang="ar" dir="rtl">لقاء الأرشيف</h1>' in html


def test_hostile_texts_are_shown_and_do_nothing(client, app):
    hostile = "</title><script>alert(1)</script>"
    event = make_upcoming_event(
        {"name": hostile},
        {"name": hostile, "key": "other"},
        title=hostile,
        summary=hostile,
        description=f"{hostile}\n\n[x](javascript:alert(1))",
        venue_name=hostile,
        venue_address=hostile,
        hosts=[{"name": hostile}],
        people=[{"name": hostile, "role": hostile}],
        agenda=[{"at": "19:00", "title": hostile}],
        questions=({"ask": hostile, "hint": hostile},),
        consents=({"text": hostile},),
    )

    for html in (event_html(client, event), client.get("/").text):
        assert "<script>alert" not in html
        assert 'href="javascript' not in html
        assert "&lt;script&gt;alert(1)" in html


def test_search_engines_and_shared_links_get_the_facts(client, app):
    event = make_upcoming_event(title="Letters and Soup", summary="Reading aloud.")

    html = event_html(client, event)

    data = json.loads(re.search(r'ld\+json">(.+?)</script>', html)[1])
    assert data["@type"] == "Event"
    assert data["name"] == "Letters and Soup"
    assert '<meta property="og:title" content="Letters and Soup">' in html
    url = f"https://rsvp.example.org/events/{event.slug}"
    assert f'<link rel="canonical" href="{url}">' in html
    assert "noindex" not in html


def test_an_hour_that_comes_twice_is_explained(client, app):
    event = make_event(
        starts=datetime(2037, 10, 25, 1, 30), hours=2, timezone="Europe/Brussels"
    )
    with writing() as session:
        session.execute(
            update(Event)
            .where(Event.id == event.id)
            .values(ends_at=event.starts_at + timedelta(hours=2))
        )

    assert "The clocks go back in between: it lasts 2 hours." in event_html(
        client, event
    )


# --- phases -------------------------------------------------------------------------


@for_each(
    ("values", "told"),
    [
        ({"status": Status.CANCELLED}, "This event is cancelled"),
        ({"paused": True}, "Registration is paused"),
        ({"opens_local": in_days(3)}, "Registration opens soon"),
        ({"closes_local": in_days(-1)}, "Registration is closed"),
        ({"starts": in_days(-3)}, "This event is over"),
    ],
    ids=["cancelled", "paused", "not open", "closed", "over"],
)
def test_the_page_says_why_there_is_no_form(client, app, values, told):
    event = make_upcoming_event(**values)

    html = event_html(client, event)

    assert told in html
    assert "<form" not in html


@for_each(
    ("values", "is_told"),
    [
        ({}, True),
        ({"paused": True}, True),
        ({"closes_local": in_days(-1)}, False),
        ({"status": Status.CANCELLED}, False),
        ({"starts": in_days(-3)}, False),
    ],
    ids=["open", "paused", "closed", "cancelled", "over"],
)
def test_the_link_is_promised_only_where_one_can_still_register(
    client, app, values, is_told
):
    event = make_upcoming_event({"mode": Mode.ONLINE, "capacity": None}, **values)

    assert (
        "You get the link when you register." in event_html(client, event)
    ) == is_told


def test_an_open_event_has_the_form(client, app):
    event = make_upcoming_event({"key": "hall"}, {"key": "stream"}, party_max=3)

    html = event_html(client, event)

    assert f'action="/events/{event.slug}/registrations"' in html
    for name in ("name", "email", "party", "guests-0-name", "guests-1-name"):
        assert f'name="{name}"' in html
    assert html.count('name="admission"') == 2
    assert "guests-2-name" not in html


def test_where_one_may_just_come_the_page_says_so(client, app):
    text = visible_text(
        event_html(client, make_upcoming_event(registration_required=False))
    )

    assert "Just come, or have a seat kept" in text
    assert "There is no need to register." in text


def test_a_full_event_offers_its_waitlist_with_the_place(client, app):
    event = make_upcoming_event({"capacity": 1})
    register_party(app, event.slug, "ada@example.org")
    register_party(app, event.slug, "bo@example.org")

    html = event_html(client, event)

    assert "Full, 1 in line" in html
    assert "Join the waitlist (2nd in line)" in html


def test_a_full_event_without_a_line_says_so(client, app):
    event = make_upcoming_event({"capacity": 1, "waitlist": False})
    register_party(app, event.slug, "ada@example.org")

    html = event_html(client, event)

    assert "All places are taken" in html
    assert "<form" not in html


def test_one_full_way_of_several_cannot_be_chosen(client, app):
    event = make_upcoming_event(
        {"key": "hall", "capacity": 1, "waitlist": False},
        {"key": "stream", "mode": Mode.ONLINE, "capacity": None},
    )
    register_party(app, event.slug, "ada@example.org")

    html = event_html(client, event)

    assert re.search(r'value="hall"[^>]* disabled', html)
    assert not re.search(r'value="stream"[^>]* disabled', html)


def test_more_seats_taken_than_there_are_is_told(client, app):
    event = make_upcoming_event({"capacity": 5})
    register_party(app, event.slug, "ada@example.org", party=4)
    with writing() as session:
        session.execute(
            update(Admission)
            .where(Admission.event_id == event.id)
            .values(capacity=2, ceiling=4)
        )
    update_event(event)

    assert "Over by 2" in event_html(client, event)


# --- who may find it ----------------------------------------------------------------


def test_a_draft_is_nowhere(client, app):
    event = make_upcoming_event(status=Status.DRAFT, title="Secret Plan")

    assert client.get(f"/events/{event.slug}").status_code == 404
    assert client.get(f"/events/{event.slug}.ics").status_code == 404
    for path in ("/", "/events.ics", "/events.atom"):
        assert "Secret Plan" not in client.get(path).text


def test_an_unlisted_event_is_for_those_with_the_link(client, app):
    event = make_upcoming_event(visibility=Visibility.UNLISTED, title="Night Walk")

    html = event_html(client, event)

    assert "Night Walk" in html
    assert '<meta name="robots" content="noindex">' in html
    for path in ("/", "/events.ics", "/events.atom"):
        assert "Night Walk" not in client.get(path).text


def test_a_discreet_event_shows_no_numbers(client, app):
    event = make_upcoming_event(
        {"capacity": 3},
        discreet=True,
        visibility=Visibility.UNLISTED,
        title="Night Walk",
    )
    before = event_html(client, event)
    register_party(app, event.slug, "ada@example.org", party=3)
    register_party(app, event.slug, "bo@example.org")

    after = event_html(client, event)

    for html in (before, after):
        assert not re.search(r"left|in line|Full|SoldOut|InStock|Capacity", html)
    assert before == after


def test_no_such_event_is_404(client, app):
    response = client.get("/events/no-such-evening")

    assert response.status_code == 404
    assert "There is nothing at this address" in response.text


# --- lists, series, feeds -----------------------------------------------------------


def test_home_lists_by_day_what_is_to_come(client, app):
    late = make_upcoming_event(title="Late One", starts=in_days(20))
    second = make_upcoming_event(title="Second One", starts=in_days(3, hour=20))
    first = make_upcoming_event(title="First One", starts=in_days(3, hour=10))
    make_upcoming_event(title="Gone One", starts=in_days(-3))

    html = client.get("/").text

    found = [html.index(event.title) for event in (first, second, late)]
    assert found == sorted(found)
    assert "Gone One" not in html
    assert html.count('class="date-block"') == 2


def test_home_without_events_says_what_will_be_there(client, app):
    assert "Nothing is planned just now." in client.get("/").text


def test_a_cancelled_event_stays_on_the_list_and_says_so(client, app):
    make_upcoming_event(title="Songs We Forgot", status=Status.CANCELLED)

    html = client.get("/").text

    assert "Songs We Forgot" in html
    assert "Cancelled" in html


def test_a_series_tells_what_comes_and_what_was(client, app):
    with writing() as session:
        team = session.query(Team).first()
        series = Series(slug="warm-homes", title="Warm Homes", team_id=team.id)
        session.add(series)
        session.flush()
        series_id = series.id
    make_upcoming_event(title="Heat Pumps", series_id=series_id)
    make_upcoming_event(title="Old Windows", starts=in_days(-20), series_id=series_id)

    html = client.get("/series/warm-homes").text

    assert html.index("Heat Pumps") < html.index("Earlier") < html.index("Old Windows")
    assert client.get("/series/no-such").status_code == 404


def test_feeds_can_be_subscribed_to(client, app):
    event = make_upcoming_event(title="Letters and Soup")

    for path, kind in (
        (f"/events/{event.slug}.ics", "text/calendar"),
        ("/events.ics", "text/calendar"),
        ("/events.atom", "application/atom+xml"),
    ):
        response = client.get(path)
        assert response.status_code == 200
        assert response.content_type.startswith(kind)
        assert "Letters and Soup" in response.text
        again = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304


# --- styles and scripts -------------------------------------------------------------


def test_pages_run_no_script_of_their_own_and_fetch_nothing_elsewhere(client, app):
    event = make_upcoming_event(party_max=3, questions=({},))

    for html in (event_html(client, event), client.get("/").text):
        assert " style=" not in html
        assert not re.search(r"\son[a-z]+=", html)
        for script in re.findall(r"<script[^>]*>", html):
            assert "ld+json" in script or 'src="/assets/' in script
        for source in re.findall(
            r'(?:src|<link rel="(?:icon|preload|stylesheet)" href)="([^"]+)"', html
        ):
            assert source.startswith("/assets/")


def test_assets_are_kept_for_a_year_under_an_address_that_changes(client, app):
    html = client.get("/").text
    sheet = re.search(r'href="(/assets/[^"]+/css/site\.css)"', html)[1]

    response = client.get(sheet)
    old = client.get(re.sub(r"/assets/[^/]+/", "/assets/000000000000/", sheet))

    assert response.headers["Cache-Control"] == static_files.CACHE_FOREVER
    assert response.content_type == "text/css; charset=utf-8"
    assert "@layer reset, base, layout, components, utilities;" in response.text
    assert ".ticket" in response.text
    assert old.status_code == 200
    assert old.headers["Cache-Control"] == "no-cache"
    assert client.get("/assets/x/no-such.css").status_code == 404
    assert client.get("/assets/x/../../pyproject.toml").status_code == 404
