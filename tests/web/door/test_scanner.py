"""The door: a pass enrols phones, phones scan, and nobody else learns a name."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import Device, Event
from rsvp.models.checkin import Verdict, check_in_ends_at
from rsvp.web.door import verdicts as looks
from tests.paths import CASES
from tests.support.door import attendees_of, make_pass
from tests.support.door_client import (
    enrol_phone,
    make_event_today,
    pass_link,
    printed_code,
    scan_json,
    scan_verdicts,
    send_scans,
    stored_scans,
    type_code,
)
from tests.support.factories import CODE_KEY, cancel, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text())
    return found


def devices() -> list[Device]:
    db.session.rollback()
    return list(db.session.scalars(select(Device).order_by(Device.id)))


# --- a pass -------------------------------------------------------------------------


def test_a_pass_enrols_a_phone_with_the_name_of_its_door(client: FlaskClient):
    event = make_event_today(title="Letters and Soup")
    link = pass_link(event)

    page = client.get(link)
    answer = client.post(link, data={"name": "  Main\u200b   entrance "})

    assert page.status_code == 200
    assert "Letters and Soup" in page.text
    assert devices()[0].name == "Main entrance"
    assert answer.location == "/door/"
    scanner = client.get("/door/")
    assert scanner.status_code == 200
    assert "Main entrance" in scanner.text


def test_looking_at_a_pass_enrols_nobody(client: FlaskClient):
    link = pass_link(make_event_today())

    assert client.get(link).status_code == 200
    assert client.head(link).status_code == 200
    assert devices() == []


def test_the_cookie_is_for_the_door_alone_and_ends_with_it(client: FlaskClient):
    event = make_event_today()
    answer = enrol_phone(client, event)
    [cookie] = answer.headers.getlist("Set-Cookie")

    assert cookie.startswith("rsvp_door=")
    parts = cookie.split("; ")
    assert {"Path=/door", "HttpOnly", "SameSite=Strict", "Secure"} <= set(parts)
    ends = next(p for p in parts if p.startswith("Expires=")).removeprefix("Expires=")
    expires = datetime.strptime(ends, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert abs(expires - check_in_ends_at(event)) < timedelta(seconds=2)


def test_without_https_the_cookie_goes_without_it(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "http://127.0.0.1:8000")

    assert "Secure" not in enrol_phone(client, make_event_today()).headers["Set-Cookie"]


@for_each(
    ("name", "words"),
    [
        ("", "say which door"),
        (" \u200b ", "say which door"),
        ("\u2800", "say which door"),
        ("x" * 61, "shorter"),
        ("casino.vip", "without a web address"),
        ("Main 1EEDEA7G2CF1VGC6A0TKX7M7WFRBA", "a ticket’s code"),
    ],
)
def test_a_door_needs_a_name_one_can_read(client: FlaskClient, name, words):
    answer = client.post(pass_link(make_event_today()), data={"name": name})

    assert answer.status_code == 422
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert devices() == []


def test_a_door_says_when_it_opens(client: FlaskClient):
    event = make_event_today(begins_in=30)
    link = pass_link(event)

    page = client.get(link)
    answer = client.post(link, data={"name": "Main entrance"})

    assert page.status_code == 200
    opens = event.doors_open_at - timedelta(hours=24)
    assert f"{opens:%H:%M}" in page.text
    assert "<form" not in page.text
    assert answer.status_code == 409
    assert devices() == []


def test_a_rehearsal_may_begin_at_once(client: FlaskClient):
    event = make_event_today(begins_in=300)
    outcome = register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event, at_once=True)
    [attendee] = attendees_of(event)

    page = client.get("/door/").text
    [verdict] = scan_verdicts(client, scan_json(attendee))

    assert outcome.registration_id
    assert re.search(r"data-rehearsal-line>Rehearsal: nothing counts yet", page)
    assert (verdict["verdict"], verdict["rehearsal"]) == ("welcome", True)
    assert send_scans(client).get_json()["counts"] == {"inside": 0, "expected": 1}


def test_a_pass_that_has_ended_or_was_taken_back_says_so(client: FlaskClient):
    over = make_event_today(begins_in=-18)
    with writing():
        event = db.session.get_one(Event, over.id)
        made = passes.create_pass(
            event.id,
            code_key=CODE_KEY,
            actor="command",
            now=event.starts_at,
        )
        ended = passes.pass_token(made, CODE_KEY)
    revoked = make_pass(make_event_today(), utcnow())
    with writing():
        passes.revoke_pass(revoked.id, actor="command", now=utcnow())

    for token in (ended, passes.pass_token(revoked, CODE_KEY)):
        for answer in (
            client.get(f"/door/{token}"),
            client.post(f"/door/{token}", data={"name": "Main entrance"}),
        ):
            assert answer.status_code == 409
            assert "The door is closed" in answer.text
    assert devices() == []


def test_a_link_that_is_none_leads_nowhere(client: FlaskClient):
    token = tokens.door_pass_token(CODE_KEY, uuid4(), 0)

    for path in (f"/door/{token}", f"/door/{token}x", "/door/short"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={"name": "Main"}).status_code == 404


def test_a_pass_takes_as_many_phones_as_it_says(app: Flask):
    link = pass_link(make_event_today(), phones_max=1)
    first, second = app.test_client(), app.test_client()

    first.get(link)
    assert first.post(link, data={"name": "Main entrance"}).status_code == 303
    answer = second.post(link, data={"name": "Side door"})
    assert answer.status_code == 409
    assert "all its phones" in answer.text
    assert f'href="{link}"' in answer.text
    assert len(devices()) == 1


def test_a_form_that_is_sent_twice_enrols_one_phone(client: FlaskClient):
    link = pass_link(make_event_today(), phones_max=1)

    for _ in range(2):
        assert client.post(link, data={"name": "Main entrance"}).status_code == 303
    assert len(devices()) == 1
    assert "at the door already" in client.get(link).text


def test_a_phone_that_changes_doors_takes_one_place(client: FlaskClient):
    link = pass_link(make_event_today(), phones_max=1)
    client.post(link, data={"name": "Main entrance"})

    assert client.post(link, data={"name": "Side door"}).status_code == 303
    assert [d.revoked_at is None for d in devices()] == [False, True]
    assert "Side door" in client.get("/door/").text


def test_enrolling_is_limited(app: Flask, client: FlaskClient, monkeypatch):
    monkeypatch.setitem(app.config, "FORM_LIMIT", "2 per minute")
    link = pass_link(make_event_today())
    sent = [client.post(link, data={"name": f"Door {n}"}) for n in range(3)]

    assert [answer.status_code for answer in sent] == [303, 303, 429]


def test_a_browser_that_keeps_no_cookies_takes_no_place(app: Flask):
    link = pass_link(make_event_today(), phones_max=2)
    forgetful = app.test_client(use_cookies=False)
    phones = [app.test_client() for _ in range(3)]

    for number in range(5):
        forgetful.get(link)
        answer = forgetful.post(link, data={"name": f"Door {number}"})
        assert answer.status_code == 303
        told = forgetful.get(answer.location)
        assert "keeps no cookie" in told.text
    assert len(devices()) == 2
    # Whoever looked at the pass first is known to keep them.
    known = phones.pop()
    known.get(link)
    for phone in (*phones, known):
        assert phone.post(link, data={"name": "Main entrance"}).status_code == 303
        assert phone.get("/door/").status_code == 200

    assert [send_scans(phone).status_code for phone in phones] == [200, 403]
    assert send_scans(phones[1]).get_json()["code"] == "door_full"
    assert send_scans(known).status_code == 200
    known.delete_cookie("rsvp_door", path="/door")
    known.get(link)
    assert known.post(link, data={"name": "Side door"}).status_code == 409


# --- who may scan -------------------------------------------------------------------


def test_a_phone_without_a_cookie_is_told_how_to_get_in(client: FlaskClient):
    client.set_cookie("rsvp_door", tokens.new_device_secret(), path="/door")
    for answer in (client.get("/door/"), client.post("/door/scans")):
        assert answer.status_code == 401
        assert "This phone is at no door" in answer.text
    problem = send_scans(client)
    assert problem.status_code == 401
    assert problem.mimetype == "application/problem+json"
    assert problem.get_json()["code"] == "phone_unknown"


def test_a_phone_that_is_done_is_sent_home(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    secret = client.get_cookie("rsvp_door", path="/door").value
    [attendee] = attendees_of(event)

    answer = client.post("/door/retirement")

    assert answer.status_code == 303
    assert client.get_cookie("rsvp_door", path="/door") is None
    client.set_cookie("rsvp_door", secret, path="/door")
    assert client.get("/door/").status_code == 403
    problem = send_scans(client, scan_json(attendee))
    assert (problem.status_code, problem.get_json()["code"]) == (403, "phone_stopped")
    assert stored_scans() == []


def test_taking_a_pass_back_stops_its_phones_at_once(client: FlaskClient):
    event = make_event_today()
    enrol_phone(client, event)
    pass_id = devices()[0].pass_id
    with writing():
        passes.revoke_pass(pass_id, actor="command", now=utcnow())

    assert "no longer scans" in client.get("/door/").text
    assert send_scans(client, scan_json("1")).status_code == 403


@for_each(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}],
    fresh=True,
)
def test_another_site_can_neither_scan_nor_enrol(client: FlaskClient, headers):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    [attendee] = attendees_of(event)
    form = {"id": str(uuid4()), "direction": "in", "code": printed_code(attendee)}

    assert send_scans(client, scan_json(attendee), headers=headers).status_code == 403
    assert client.post("/door/scans", data=form, headers=headers).status_code == 403
    assert client.post("/door/retirement", headers=headers).status_code == 403
    link = pass_link(event)
    answer = client.post(link, data={"name": "Other"}, headers=headers)
    assert answer.status_code == 403
    assert stored_scans() == []
    assert [device.revoked_at for device in devices()] == [None]


@for_each("path", ["/door/", "pass"])
def test_pages_of_the_door_stay_private(client: FlaskClient, path):
    event = make_event_today()
    enrol_phone(client, event)
    headers = client.get(pass_link(event) if path == "pass" else path).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"


def test_only_the_scanner_may_use_the_camera_and_only_its_worker_compile(
    client: FlaskClient,
):
    event = make_event_today()
    enrol_phone(client, event)
    page, worker = client.get("/door/"), client.get("/door/worker.js")
    pass_page = client.get(pass_link(event))

    assert "camera=(self)" in page.headers["Permissions-Policy"]
    assert "camera=()" in pass_page.headers["Permissions-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
    )
    again = {"If-None-Match": worker.headers["ETag"]}
    assert client.get("/door/worker.js", headers=again).status_code == 304


def test_the_page_has_no_script_or_style_of_its_own(client: FlaskClient):
    enrol_phone(client, make_event_today())
    html = client.get("/door/").text

    assert re.findall(r"<script(?![^>]* src=)", html) == []
    assert re.findall(r"\sstyle=|<style|\son\w+=", html) == []


def test_the_reader_comes_from_here_in_its_own_kind(client: FlaskClient):
    enrol_phone(client, make_event_today())
    [module] = re.findall(r'data-module="([^"]+)"', client.get("/door/").text)

    answer = client.get(module)

    assert answer.mimetype == "application/wasm"
    assert answer.data.startswith(b"\0asm")


@for_each("path", ["/door/scans", "/door/retirement"])
def test_the_address_of_a_form_leads_to_the_scanner(client: FlaskClient, path):
    assert client.get(path).location == "/door/"


def test_names_and_doors_cannot_be_markup(client: FlaskClient):
    event = make_event_today()
    register(event, "<b>Zoë</b>", now=utcnow())
    enrol_phone(client, event, "<i>Main</i> {time}")
    [zoe] = attendees_of(event)

    page = (
        type_code(client, printed_code(zoe)).text
        + type_code(client, printed_code(zoe)).text
    )

    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;Zoë" in page
    assert "at &lt;i&gt;Main&lt;/i&gt; {time}" in page


# --- looks --------------------------------------------------------------------------


@for_each("case", cases("verdicts"), ids=lambda case: case["what"])
def test_a_verdict_looks_as_the_table_says(app: Flask, case):
    look = looks.VERDICT_LOOKS[case["verdict"]]

    with app.test_request_context():
        assert (look.tone, look.sign, str(look.label)) == (
            case["tone"],
            case["sign"],
            case["word"],
        )


def test_who_may_not_come_in_is_not_said_to_be_missing(client: FlaskClient):
    event = make_event_today()
    cancel(register(event, "Cy Orn", "Dan Orn", now=utcnow()), utcnow())
    enrol_phone(client, event)
    page = type_code(client, printed_code(attendees_of(event)[0])).text

    assert "This ticket was cancelled" in page
    assert "not in yet" not in page


def test_every_verdict_has_its_words_on_the_page(client: FlaskClient):
    enrol_phone(client, make_event_today())
    html = unescape(client.get("/door/").text)

    own = [looks.NOT_STORED, looks.UNREADABLE, looks.MISREAD, looks.ONE_AT_A_TIME]
    for verdict in [*Verdict, *own]:
        assert f'data-verdict="{verdict}"' in html
    for mistake in looks.CODE_MISTAKES:
        assert f'data-mistake="{mistake}"' in html
