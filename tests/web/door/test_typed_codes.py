"""Codes that are typed at the door, without script."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp import tokens
from rsvp.db import utcnow
from rsvp.web.door import scan_input
from tests.paths import CASES
from tests.support.door import attendees_of
from tests.support.door_client import (
    enrol_phone,
    hidden_field,
    make_event_today,
    printed_code,
    stored_scans,
    type_code,
)
from tests.support.factories import cancel, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

CODES: list[dict[str, Any]] = json.loads((CASES / "codes.json").read_text())


def test_a_typed_code_is_answered_with_a_page(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    enrol_phone(client, event)
    [zoe, _ada] = attendees_of(event)

    page = type_code(client, tokens.group_code(printed_code(zoe)).lower())

    assert page.status_code == 200
    assert 'data-tone="welcome"' in page.text
    assert "Zoë Ωmega" in page.text
    assert "not in yet" in page.text
    assert "1 of 2 in" in page.text


def test_a_typed_code_sent_twice_is_one_scan(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    form = {
        "id": hidden_field(client.get("/door/").text, "id"),
        "direction": "in",
        "code": printed_code(attendees_of(event)[0]),
    }

    pages = [client.post("/door/scans", data=form).text for _ in range(2)]

    assert all('data-tone="welcome"' in page for page in pages)
    assert len(stored_scans()) == 1


def test_a_form_that_comes_back_with_another_code_is_another_scan(client: FlaskClient):
    """Browsers bring back a form as it was sent: what is typed into it then must not
    get the answer of the first. And a scanner types on while the page is to come."""
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    register(event, "Ben Ito", now=utcnow())
    enrol_phone(client, event)
    zoe, ben = (printed_code(one) for one in attendees_of(event))
    form = {"id": hidden_field(client.get("/door/").text, "id"), "direction": "in"}

    def told(code: str) -> list[tuple[str, str]]:
        page = client.post("/door/scans", data=form | {"code": code})
        assert page.status_code == 200
        above, *sections = page.text.split('<section class="verdict"')
        assert ("2 scans are answered" in above) == (len(sections) == 2)
        return [
            (re.findall(r'data-tone="(\w+)"', one)[0], name)
            for one in sections
            for name in ("Zoë", "Ben")
            if name in one
        ]

    assert told(zoe) == [("welcome", "Zoë")]
    assert told(ben) == [("welcome", "Ben")]
    assert told(f" {zoe.lower()}") == [("welcome", "Zoë")]
    assert len(stored_scans()) == 2
    # Both were sent with the same form before, so these are the answers of then.
    assert told(f"{zoe} {ben}") == [("welcome", "Zoë"), ("welcome", "Ben")]
    assert len(stored_scans()) == 2
    form["id"] = str(uuid4())
    assert told(zoe + ben) == [("already", "Zoë"), ("already", "Ben")]
    assert (
        client.post("/door/scans", data=form | {"code": f"{zoe}{ben[:-1]}"}).status_code
        == 422
    )


def test_what_the_page_before_told_is_told_once_more(client: FlaskClient, app: Flask):
    """A scanner may have sent the next code before anybody saw the answer."""
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    register(event, "Ben Ito", now=utcnow())
    enrol_phone(client, event)
    zoe, ben = (printed_code(one) for one in attendees_of(event))

    def post(page: str, code: str) -> str:
        form = {
            name: hidden_field(page, name) for name in ("id", "direction", "before")
        }
        return client.post("/door/scans", data=form | {"code": code}).text

    def before(page: str) -> str:
        return "".join(page.partition('class="door__before"')[1:])

    first = type_code(client, zoe).text
    assert before(first) == ""
    cut_short = post(first, ben[:20])
    assert "This code is too short" in cut_short
    assert "Zoë Ωmega" in before(cut_short)
    second = post(cut_short, ben)
    assert "Zoë Ωmega" in before(second)
    assert "Ben Ito" not in before(second)
    third = post(second, zoe)
    assert "Ben Ito" in before(third)

    # Nobody is told of another phone's scans.
    other = app.test_client()
    enrol_phone(other, event, "Side door")
    sent = {"id": str(uuid4()), "direction": "in", "code": ben[:20]}
    ids = [hidden_field(second, "before"), "x", str(uuid4()), "0"]
    page = other.post("/door/scans", data=sent | {"before": ids})
    assert (page.status_code, before(page.text)) == (422, "")


def test_without_script_too_a_scan_is_taken_back_and_a_guest_leaves(
    client: FlaskClient,
):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    code = printed_code(attendees_of(event)[0])

    def follow(page: str, direction: str) -> str:
        [form] = [f for f in page.split("<form") if f'value="{direction}"' in f]
        names = re.findall(r'type="hidden" name="(\w+)"', form)
        data = {name: hidden_field(form, name) for name in names}
        answer = client.post("/door/scans", data=data)
        assert answer.status_code == 200, answer.text
        return answer.text

    welcome = type_code(client, code).text
    undone = follow(welcome, "undo")
    assert "Undone" in undone
    assert "0 of 1 in" in undone
    type_code(client, code)
    already = type_code(client, code).text
    assert re.search(r"Came in at \d\d:\d\d at Main entrance", already)
    assert re.search(r"\b\d+ seconds? ago\b", already)
    assert "0 of 1 in" in follow(already, "out")


@for_each("case", CODES, ids=lambda case: case["what"])
def test_a_mistyped_code_says_what_is_wrong(case):
    assert scan_input.code_mistake(case["typed"]) == case.get("mistake")
    read = tokens.read_code(case["typed"])
    assert (read and tokens.code_text(read)) == case.get("code")


def test_a_mistyped_code_comes_back_to_be_mended(client: FlaskClient):
    enrol_phone(client, make_event_today())
    wrong = next(c["typed"] for c in CODES if c.get("mistake") == "typo")

    page = type_code(client, wrong)

    assert page.status_code == 422
    assert "This code has a typo" in page.text
    assert f'value="{wrong}"' in page.text
    assert stored_scans() == []


ONE, TWO = "1EEDEA7G2CF1VGC6A0TKX7M7WFRBA", "10123456789AQWZYMBCDEFGHJKWN8"
BY_GERMAN_KEYS = TWO.translate(str.maketrans("YZ", "ZY"))
WRONG = ONE.replace("DE", "ED")


@for_each(
    ("typed", "codes"),
    [
        (ONE, [ONE]),
        (f" {ONE.lower()}\t{TWO} ", [ONE, TWO]),
        (ONE + TWO + ONE, [ONE, TWO, ONE]),
        (f"{ONE}{BY_GERMAN_KEYS}", [ONE, TWO]),
        (BY_GERMAN_KEYS * 2, [TWO, TWO]),
        # Cut short, or left there before.
        (ONE[:20] + TWO, [TWO]),
        (f"{WRONG} {TWO}", [TWO]),
        (WRONG, []),
        (ONE + TWO[:20], []),
        (f"{ONE}0", []),
        ("", []),
        ("1" * 200, []),
    ],
)
def test_what_scanners_leave_in_the_field_is_read_code_by_code(typed, codes):
    assert scan_input.codes_in(typed) == codes


@for_each("values", [{"id": "x"}, {"direction": "sideways"}, {"direction": "undo"}])
def test_a_form_that_none_of_ours_sent_is_refused(client: FlaskClient, values):
    enrol_phone(client, make_event_today())

    assert type_code(client, "1", **values).status_code == 400
    assert stored_scans() == []


@for_each(
    ("end", "words"),
    [
        ("cancelled", "Cancelled"),
        ("waitlisted", "Waitlisted"),
        ("online", "Online only"),
        ("elsewhere", "Another event"),
        ("unknown", "Unknown code"),
    ],
)
def test_without_script_too_a_no_has_its_reason(client: FlaskClient, end, words):
    event = make_event_today(
        {"capacity": 1}, {"key": "web", "name": "Webinar", "mode": "online"}
    )
    way = "web" if end == "online" else None
    register(event, now=utcnow())
    outcome = register(event, "Ada Bell", admission=way, now=utcnow())
    attendee = attendees_of(event)[-1]
    if end == "cancelled":
        cancel(outcome, utcnow())
    if end == "elsewhere":
        other = make_event_today()
        register(other, "Otto", now=utcnow())
        [attendee] = attendees_of(other)
    code = printed_code(attendee)
    if end == "unknown":
        code = tokens.code_text(bytes(16))
    enrol_phone(client, event)

    page = type_code(client, code)

    assert page.status_code == 200
    assert words in page.text
    assert "They are leaving" not in page.text
