"""Roster: the list of an event's registrations, what it finds, and who sees what."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import update

from rsvp.db import writing
from rsvp.domain import privacy
from rsvp.models import Registration
from rsvp.models.team import Role
from rsvp.text.search import search_text
from tests.support.factories import (
    NOON,
    cancel,
    load_registration,
    make_event,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.pages.organizer import list_path
from tests.support.pages.public import record_statements, visible_text
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine


def names_on(client, path) -> list[str]:
    return re.findall(r"<bdi>(.*?)</bdi>", client.get(path).text)


def a_full_evening(**values):
    """Two seated parties, two that wait, one cancelled; newest last."""
    event = make_event({"capacity": 3}, title="Letters and soup", **values)
    made = [
        register(event, "Zoë Marsh", "Ben Ärmel", email="zoe.m@example.org"),
        register(event, "Cleo Winter", email="cleo@example.org"),
        register(event, "Dora Quill", email="dora@example.org"),
        register(event, "Edgar Sloe", "Fay", email="edgar@example.org"),
        register(event, "Gwen Oak", email="gwen@example.org"),
    ]
    cancel(made[1])
    return event, made


# --- who is turned away -------------------------------------------------------------


def test_the_list_is_for_those_who_may_see_names(client, app):
    event, _made = a_full_evening()
    assert urlsplit(client.get(list_path(event)).location).path == SIGN_IN_PATH

    for email, team, role, status in (
        ("owner@example.org", "default", Role.OWNER, 200),
        ("organizer@example.org", "default", Role.ORGANIZER, 200),
        ("door@example.org", "default", Role.DOOR_HOST, 200),
        ("viewer@example.org", "default", Role.VIEWER, 404),
        ("owner@bakers.example.org", "bakers", Role.OWNER, 404),
    ):
        make_user(email, team=team, role=role)
        someone = app.test_client()
        sign_in(someone, email)
        answer = someone.get(list_path(event))
        assert answer.status_code == status, email
        assert ("Zoë Marsh" in answer.text) is (status == 200), email


def test_hosts_of_the_door_neither_see_nor_search_addresses(client, app):
    event, made = a_full_evening()
    make_user("door@example.org", role=Role.DOOR_HOST)
    sign_in(client, "door@example.org")

    assert "zoe.m@" not in client.get(list_path(event)).text
    for address in ("zoe.m", "example.org", "m@example", "zoe.m@example.org", "@"):
        assert names_on(client, list_path(event, f"?search={address}")) == [], address
    for name in (
        "zoe",
        "MARSH",
        "armel",
        load_registration(made[0]).reference.lower()[:6],
    ):
        assert names_on(client, list_path(event, f"?search={name}")) == ["Zoë Marsh"]


# --- what it shows ------------------------------------------------------------------


@pytest.mark.both_engines
def test_the_newest_come_first_with_their_state_and_place(client, ada):
    event, made = a_full_evening()

    answer = client.get(list_path(event))
    text = visible_text(answer.text)

    assert names_on(client, list_path(event)) == [
        "Gwen Oak",
        "Edgar Sloe",
        "Dora Quill",
        "Cleo Winter",
        "Zoë Marsh",
    ]
    assert "Zoë Marsh + 1" in text
    assert "zoe.m@example.org" in text
    assert "Waitlisted, 1st" in text
    assert "Waitlisted, 2nd" in text
    assert "15 Jan 2027, 13:00 CET" in text
    assert load_registration(made[0]).reference in text
    assert "3 of 3 seats, 3 waiting" in text
    assert "5 registrations, 7 people" in text
    assert "2 confirmed" in text
    assert "1 cancelled" in text
    assert answer.headers["Cache-Control"] == "no-store"


SOUGHT = [
    ("Zoe", ["Zoë Marsh"]),
    ("ZOË", ["Zoë Marsh"]),
    ("marsh zoe", ["Zoë Marsh"]),
    ("armel", ["Zoë Marsh"]),
    ("dora@", ["Dora Quill"]),
    ("zoe cleo", []),
    ("%", []),
    ("_", []),
    ("\\", []),
    ("'; --", []),
    ("\0", ["Gwen Oak", "Edgar Sloe", "Dora Quill", "Cleo Winter", "Zoë Marsh"]),
    ("zoe\0marsh", ["Zoë Marsh"]),
    ("zoe\n", ["Zoë Marsh"]),
    ("x" * 10_000, []),
    ("ora " * 3_000, ["Dora Quill"]),
    ("\U0001f600", []),
]


@pytest.mark.both_engines
def test_a_search_is_taken_word_by_word_and_letter_for_letter(client, ada):
    event, made = a_full_evening()
    for number, one in enumerate(made):
        # References are drawn by lot: these have no letter that is searched for below.
        rename(one, f"0000000{number}")

    for typed, wanted in SOUGHT:
        path = list_path(event, f"?search={quote(typed)}")
        assert client.get(path).status_code == 200, typed[:20]
        assert names_on(client, path) == wanted, typed[:20]
    for name in ("100%", "under_score", "back\\slash", "O'Hara"):
        register(event, name)
        path = list_path(event, f"?search={quote(name[1:])}")
        assert names_on(client, path) == [name.replace("'", "&#39;")]
    make_user("door@example.org", role=Role.DOOR_HOST)
    host = client.application.test_client()
    sign_in(host, "door@example.org")
    for sign in "%_\\'":
        path = list_path(event, f"?search={quote(sign)}")
        assert names_on(host, path) == names_on(client, path), sign


def rename(outcome, reference: str) -> None:
    one = load_registration(outcome)
    names = [attendee.name for attendee in one.attendees]
    found_by = search_text(reference, one.email, names)
    with writing() as session:
        session.execute(
            update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(reference=reference, search=found_by)
        )


def test_what_was_typed_stays_in_its_field_as_text(client, ada):
    event, _made = a_full_evening()

    html = client.get(list_path(event, "?search=%22%3E%3Cb%3E")).text

    assert 'value="&#34;&gt;&lt;b&gt;"' in html
    assert "<b>" not in html


def test_a_guest_that_was_searched_for_is_named(client, ada):
    event, _made = a_full_evening()

    assert "with Ben Ärmel" in visible_text(
        client.get(list_path(event, "?search=armel")).text
    )
    assert "with Ben" not in visible_text(
        client.get(list_path(event, "?search=zoe")).text
    )


def test_filters_say_how_many_match(client, ada):
    event = make_event({"key": "hall", "capacity": 2}, {"key": "web"})
    register(event, "Ada", admission="hall")
    register(event, "Bo", "Cy", admission="hall")
    register(event, "Di", "Ed", admission="web")

    for query, total, names in (
        ("", "3 registrations, 5 people", ["Di", "Bo", "Ada"]),
        ("?state=waitlisted", "1 registration, 2 people match", ["Bo"]),
        ("?state=confirmed", "2 registrations, 3 people match", ["Di", "Ada"]),
        ("?state=confirmed&admission=web", "1 registration, 2 people match", ["Di"]),
        ("?admission=hall", "2 registrations, 3 people match", ["Bo", "Ada"]),
        (
            "?state=&admission=&search=",
            "3 registrations, 5 people",
            ["Di", "Bo", "Ada"],
        ),
        ("?search=bo", "1 registration, 2 people match", ["Bo"]),
        ("?state=cancelled", "No registration matches", []),
    ):
        assert total in visible_text(client.get(list_path(event, query)).text), query
        assert names_on(client, list_path(event, query)) == names, query


def test_counts_follow_every_change(client, ada):
    event = make_event({"capacity": 1})
    first = register(event, "Ada")
    assert "1 registration, 1 person" in visible_text(client.get(list_path(event)).text)

    register(event, "Bo")
    assert "1 waitlisted" in visible_text(client.get(list_path(event)).text)

    cancel(first)
    text = visible_text(client.get(list_path(event)).text)
    assert "1 confirmed" in text
    assert "1 cancelled" in text


@pytest.mark.both_engines
def test_whoever_waits_is_listed_in_line_order(client, ada):
    event = make_event({"capacity": 1})
    for name in ("Ada", "Bo", "Cy", "Di"):
        register(event, name)

    assert names_on(client, list_path(event, "?state=waitlisted")) == ["Bo", "Cy", "Di"]


@pytest.mark.both_engines
@for_each("room", [None, 1])
def test_places_are_counted_among_those_who_wait_for_the_same(client, ada, room):
    event = make_event(
        {"key": "walk", "capacity": 1},
        {"key": "tea", "capacity": 1},
        room_capacity=room,
    )
    ways = ["walk", "tea", "walk", "tea", "tea", "walk"]
    for name, way in zip("ABCDEF", ways, strict=True):
        register(event, name, admission=way)

    expected = {"C": "1st", "D": "1st", "E": "2nd", "F": "2nd"}
    if room:
        expected = dict(zip("BCDEF", ["1st", "2nd", "3rd", "4th", "5th"], strict=True))
    for query in ("", "?state=waitlisted", "?search=example"):
        html = client.get(list_path(event, query)).text
        rows = re.findall(r"<bdi>(.)</bdi>(.*?)</tr>", html, re.S)
        told = {name: re.search(r"Waitlisted, (\w+)", row) for name, row in rows}
        assert {name: found[1] for name, found in told.items() if found} == expected


@pytest.mark.both_engines
@for_each("query", ["", "state=waitlisted", "search=example.org"])
def test_pages_neither_overlap_nor_leave_out(client, ada, monkeypatch, query):
    monkeypatch.setattr("rsvp.queries.pagination.page_of.__defaults__", (2,))
    event = make_event({"capacity": 1})
    names = list("ABCDEFG")
    for name in names:
        register(event, name)

    seen, path = [], list_path(event, f"?{query}")
    while path:
        html = client.get(path).text
        seen += names_on(client, path)
        more = re.search(r'class="button" href="([^"]*after=\d+[^"]*)"', html)
        path = more and more[1].replace("&amp;", "&")

    assert seen == (names[1:] if "waitlisted" in query else names[::-1])


def test_a_list_of_nobody_says_how_to_begin(client, ada):
    event = make_event()

    text = visible_text(client.get(list_path(event)).text)

    assert "0 registrations, 0 people" in text
    assert "Nobody has registered yet." in text
    assert f"/events/{event.slug}" in text


@for_each(
    "query",
    [
        "state=unknown",
        "state=%00",
        "state=CONFIRMED",
        "admission=none",
        "admission=%00",
        "after=0",
        "after=-1",
        "after=x",
        "after=",
        f"after={2**64}",
        "after=%00",
        "after=1e3",
    ],
)
def test_an_address_that_makes_no_sense_leads_nowhere(client, ada, query):
    event, _made = a_full_evening()

    assert client.get(list_path(event, f"?{query}")).status_code == 404


@for_each("slug", ["none", "%00", "a%0Ab", "Evening", "../x"])
def test_a_list_of_no_event_leads_nowhere(client, ada, slug):
    assert client.get(f"/organize/events/{slug}/registrations").status_code == 404


@pytest.mark.both_engines
def test_the_list_takes_as_many_reads_for_many_as_for_few(client, ada):
    event = make_event({"capacity": 3})
    for _ in range(4):
        register(event)
    client.get(list_path(event))
    with record_statements() as few:
        client.get(list_path(event))
    for _ in range(12):
        register(event, "Ada", "Bo")
    client.get(list_path(event))
    with record_statements() as many:
        client.get(list_path(event))
    with record_statements() as searched:
        client.get(list_path(event, "?search=ada"))

    assert len(many) == len(few)
    assert len(searched) <= len(few) + 1


def test_an_erased_list_still_counts(client, ada):
    event, made = a_full_evening()
    with writing():
        privacy.erase_due(event.id, actor="worker", now=NOON.replace(year=2028))

    text = visible_text(client.get(list_path(event)).text)

    assert "5 registrations, 7 people" in text
    assert "Zoë" not in text
    assert load_registration(made[0]).reference in text
