"""Who comes: what organizers see of those asked whether they still come, and of those
let in, and giving the places of others on."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from rsvp.db import utcnow
from rsvp.models.team import Role
from tests.support.door import attendees_of, make_phone, record_scan
from tests.support.factories import make_user, register
from tests.support.for_each import for_each
from tests.support.pages.attendee import registration_link, registration_named
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import (
    TODAY,
    change_registration,
    mails_sent,
    make_upcoming_event,
    states_by_name,
)
from tests.support.pages.sign_in import csrf_token, sign_in

pytestmark = pytest.mark.one_engine

HOUR = timedelta(hours=1)
TONIGHT = TODAY + 8 * HOUR


def asked(*names: str, capacity: int = 9, **values):
    """An event whose people have been asked; Yes said yes, Flagged is flagged."""
    values = {"ask_hours": 48, "answer_hours": 24} | values
    event = make_upcoming_event({"capacity": capacity}, **values)
    now = utcnow()
    for name in names:
        register(event, name, now=now)
        change_registration(
            name,
            asked_at=now,
            asked_about="coming",
            answer_by=event.answer_by,
            answered_at=now if name == "Yes" else None,
            flagged_at=now if name == "Flagged" else None,
        )
    return event


def people(event) -> str:
    return f"/organize/events/{event.slug}/registrations"


def page_of(event, name: str) -> str:
    return f"{people(event)}/{registration_named(name).reference}"


def give_on(client, event, name):
    path = page_of(event, name)
    sent = {"csrf_token": csrf_token(client, path)}
    return client.post(f"{path}/release", data=sent)


@for_each(
    ("answer", "found"),
    [("yes", {"Yes"}), ("asked", {"Silent"}), ("flagged", {"Flagged"})],
)
def test_the_list_can_be_asked_for_what_people_said(client, ada, answer, found):
    event = asked("Yes", "Silent", "Flagged")
    change_registration("Yes", flagged_at=None)
    register(event, "New", now=utcnow())

    shown = visible_text(client.get(f"{people(event)}?coming={answer}").text)

    assert "1 registration, 1 person match" in shown
    names = {"Yes", "Silent", "Flagged", "New"}
    table = shown.partition("Reference")[2]
    assert {name for name in names if f"{name} {name.lower()}" in table} <= found
    assert all(name in table for name in found)


def test_each_row_says_what_they_said(client, ada):
    event = asked("Yes", "Silent", "Flagged")

    html = client.get(people(event)).text
    for state in ("said_yes", "unanswered", "flagged"):
        assert html.count(f'data-state="{state}"') == 1


def test_an_event_that_asks_nobody_has_no_such_filter(client, ada):
    event = make_upcoming_event()

    assert "Still coming?" not in client.get(people(event)).text


@for_each(
    ("query", "found"),
    [
        ("checked_in=yes", ["Ada"]),
        ("checked_in=no", ["Cleo", "Bo"]),
        ("checked_in=no&coming=yes", ["Bo"]),
        ("checked_in=yes&coming=yes", []),
    ],
)
def test_the_list_can_be_asked_for_who_was_let_in(client, ada, query, found):
    event = asked("Ada", "Bo", "Cleo", starts=TONIGHT)
    change_registration("Bo", answered_at=utcnow())
    now, first = utcnow(), attendees_of(event)[0]
    record_scan(make_phone(event, now=now), first, now=now, at=now)

    html = client.get(f"{people(event)}?{query}").text

    assert re.findall(r"<bdi>(.*?)</bdi>", html) == found
    count = re.search(r"<strong>(\d+ registration|No registration)", html)
    assert count and count[1][0] == (str(len(found)) if found else "N")
    for name, value in parse_qsl(query):
        assert re.search(rf'name="{name}".*?value="{value}" selected', html, re.S)


def test_a_mail_goes_by_the_filter_of_the_list(client, ada):
    event = asked("Ada", starts=TONIGHT)
    html = client.get(f"{people(event)}?coming=asked&checked_in=no").text

    link = re.search(r'href="([^"]+/mailings/new[^"]*)"', html)
    form = client.get(link[1].replace("&amp;", "&")).text if link else ""

    assert '<option value="no" selected>Was not let in' in form
    assert '<option value="asked" selected>No answer yet' in form


def test_who_was_let_in_can_be_asked_from_a_day_before(client, ada):
    early, near = (
        make_upcoming_event(starts=TODAY + 27 * HOUR),
        make_upcoming_event(starts=TODAY + 20 * HOUR),
    )
    online = make_upcoming_event({"mode": "online"}, starts=TODAY + 20 * HOUR)
    for event, is_offered in ((early, False), (near, True), (online, False)):
        assert ('name="checked_in"' in client.get(people(event)).text) is is_offered
    assert 'name="checked_in"' in client.get(f"{people(early)}?checked_in=yes").text


def test_the_page_of_one_says_when_they_were_asked(client, ada):
    event = asked("Silent")

    shown = visible_text(client.get(page_of(event, "Silent")).text)
    assert "No answer yet" in shown
    assert "Asked whether they still come" in shown
    assert "Answers count until" in shown


@for_each("name", ["Silent", "Flagged"], fresh=True)
def test_the_places_of_who_did_not_answer_are_given_on(client, ada, name):
    event = asked(name, capacity=1, promotion="confirm")
    register(event, "Waits", now=utcnow())

    answer = give_on(client, event, name)

    assert answer.status_code == 303
    assert states_by_name() == {name: "released", "Waits": "confirmed"}
    assert "Their place is given on" in client.get(answer.location).text
    kinds = [kind for kind, _ in mails_sent()]
    assert kinds[-2:] == ["released", "promoted"]
    assert "by ada@example.org" in visible_text(client.get(answer.location).text)


def test_what_they_were_told_is_said_beside_giving_on(client, ada):
    event = asked("Silent", "Flagged", "Moved")
    change_registration("Moved", asked_about="change", answer_by=None)
    told = {
        "Silent": "They were told that they can answer until",
        "Moved": "They were told that without an answer they keep what they have.",
        "Flagged": "Give 1 place on",
    }
    for name, words in told.items():
        shown = visible_text(client.get(page_of(event, name)).text)
        assert words in shown
        assert ("They were told" in shown) == (name != "Flagged")


def test_nobody_who_said_yes_is_given_on(client, ada):
    event = asked("Yes")

    assert "Give the seats on" not in client.get(page_of(event, "Yes")).text
    assert give_on(client, event, "Yes").status_code == 409
    assert states_by_name() == {"Yes": "confirmed"}


def test_who_could_not_be_asked_reads_so(client, ada):
    event = asked("Muted")
    change_registration("Muted", asked_at=None, answer_by=None, flagged_at=utcnow())

    give_on(client, event, "Muted")

    own = client.get(registration_link(client, "Muted")).text
    assert "Nobody could ask you whether you still come" in own


def test_who_may_only_look_gives_nothing_on(client, app):
    event = asked("Silent")
    make_user("vic@example.org", role=Role.VIEWER)
    sign_in(client, "vic@example.org")

    assert "Give the seats on" not in client.get(people(event)).text
    assert client.post(f"{people(event)}/X/release").status_code in (400, 404)
    assert states_by_name() == {"Silent": "confirmed"}


def test_the_overview_counts_what_people_said(client, ada):
    event = asked("Yes", "Silent", "Flagged")

    shown = visible_text(client.get(f"/organize/events/{event.slug}").text)
    assert "Asked 3 · said yes 1 · no answer 2, until" in shown
    assert re.search(r"until \w+ \d+ \w+, \d\d:\d\d CES?T ", shown)
    assert re.search(rf"{event.starts_local:%Y, %H:%M} CES?T", shown)
    assert "1 registration without a yes" in shown


def test_before_that_it_says_when_they_will_be_asked(client, ada):
    event = make_upcoming_event({"capacity": 3}, ask_hours=48, answer_hours=24)
    register(event, "Silent", now=utcnow())

    shown = visible_text(client.get(f"/organize/events/{event.slug}").text)
    assert "People are asked on" in shown
