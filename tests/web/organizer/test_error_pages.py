"""Refused at the desk: organizers keep their way around, and learn nothing by it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rsvp.models import Event
from rsvp.models.team import Role
from rsvp.web import error_pages
from tests.support.factories import make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.organizer import post_form
from tests.support.pages.sign_in import csrf_token, sign_in

pytestmark = pytest.mark.one_engine

NOTHING = "/organize/events/nothing-here"


@pytest.fixture
def ada(app, client: FlaskClient) -> FlaskClient:
    """The browser of an owner of the default team, who is signed in."""
    make_user("ada@example.org")
    sign_in(client, "ada@example.org")
    return client


def links(page: TestResponse) -> list[str]:
    """Where the head of an organizer's page leads; empty where there is none."""
    found = re.search(r'<nav class="organizer-head__nav".*?</nav>', page.text, re.S)
    return re.findall(r'href="([^"]+)"', found[0]) if found else []


def an_evening_with_people() -> Event:
    event = make_event({"capacity": 3}, title="Letters and soup")
    register(event, "Cleo Winter", email="cleo@example.org")
    return event


# --- the way around -----------------------------------------------------------------


def test_a_page_that_is_not_there_keeps_the_head_of_the_desk(ada):
    page = ada.get(NOTHING)

    assert page.status_code == 404
    assert links(page) == links(ada.get("/organize/"))
    assert links(page) == ["/organize/", "/organize/messages", "/organize/work"]
    assert "ada@example.org" in page.text
    assert 'action="/organize/sign-out"' in page.text
    assert 'class="button" href="/organize/"' in page.text


def test_no_part_of_the_desk_is_marked_as_the_one_that_is_open(ada):
    assert "aria-current" not in ada.get(NOTHING).text


@for_each("path", ["/organize/nowhere", "/organize/events/a%00b"])
def test_an_address_that_leads_to_no_page_keeps_it_too(ada, path):
    page = ada.get(path)

    assert page.status_code == 404
    assert links(page) == links(ada.get("/organize/"))


def test_a_rule_that_says_no_keeps_it_and_leads_back_to_the_form(ada):
    path = f"/organize/events/{an_evening_with_people().slug}"

    page = post_form(ada, f"{path}/publication/end")

    assert page.status_code == 409
    assert "People have registered" in page.text
    assert links(page) == links(ada.get("/organize/"))
    assert f'class="button" href="{path}"' in page.text


def test_a_form_of_another_session_keeps_it(ada):
    path = f"/organize/events/{an_evening_with_people().slug}"

    page = ada.post(f"{path}/pause", data={"csrf_token": "somebody's"})

    assert page.status_code == 400
    assert links(page) == links(ada.get("/organize/"))


def test_what_only_takes_a_form_keeps_it(ada):
    page = ada.get("/organize/events/letters/check-ins/" + str(UUID(int=1)))

    assert page.status_code == 405
    assert links(page) == links(ada.get("/organize/"))


def test_signing_out_works_from_there(ada):
    ada.post("/organize/sign-out", data={"csrf_token": csrf_token(ada, NOTHING)})

    assert ada.get("/organize/").status_code == 302


# --- nothing else -------------------------------------------------------------------


def test_the_head_shows_each_person_their_part(app, client):
    make_user("vic@example.org", role=Role.VIEWER)
    sign_in(client, "vic@example.org")

    page = client.get(NOTHING)

    assert links(page) == links(client.get("/organize/"))
    assert "/organize/work" not in links(page)


def test_another_team_s_event_is_answered_like_one_that_does_not_exist(ada):
    theirs = make_event({"capacity": 3}, title="Secret plans", team="others")

    there = ada.get(f"/organize/events/{theirs.slug}")
    nowhere = ada.get(NOTHING)

    assert there.status_code == nowhere.status_code == 404
    assert without_tokens(there.text) == without_tokens(nowhere.text)


def without_tokens(html: str) -> str:
    return re.sub(r'(name="csrf_token" value=)"[^"]+"', r"\1", html)


@for_each("path", ["/organize/nowhere", "/events/nothing", "/r/xxx"])
def test_who_is_not_signed_in_gets_no_head_of_the_desk(app, client, path):
    page = client.get(path)

    assert page.status_code == 404
    assert links(page) == []
    assert "sign-out" not in page.text


def test_public_pages_do_not_say_who_is_signed_in(ada):
    page = ada.get("/events/nothing-here")

    assert links(page) == []
    assert "ada@example.org" not in page.text
    assert "Set-Cookie" not in page.headers


def test_a_program_gets_the_facts_alone(ada):
    page = ada.get(NOTHING, headers={"Accept": "application/json"})

    assert page.content_type == "application/problem+json"
    assert "ada@example.org" not in page.text


def test_a_mistake_of_ours_says_no_more_and_still_leads_back(ada, monkeypatch):
    """The head would ask the database, and it may be that which failed."""
    monkeypatch.setitem(ada.application.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(ada.application.view_functions, "organizer.show_jobs", fail)

    page = ada.get("/organize/work")

    assert page.status_code == 500
    assert links(page) == []
    assert 'class="button" href="/organize/"' in page.text


def fail() -> str:
    raise ZeroDivisionError


# --- the way back -------------------------------------------------------------------

SAMPLES = {"slug": "letters", "reference": "7K2M9QXD", "position": 2, "key": "hall"}
SAMPLES |= {"uuid": UUID(int=1), "kind": "reminder", "token": "x" * 22}


def test_each_form_that_is_refused_leads_back_to_a_page(sqlite_app: Flask):
    # The door's phones have a page of their own, which sends them.
    forms = [
        rule
        for rule in sqlite_app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/door/api/")
    ]
    ways = sqlite_app.url_map.bind("rsvp.example.org")
    for rule in forms:
        values = {name: SAMPLES[name] for name in rule.arguments}
        path = ways.build(rule.endpoint, values, method="POST")
        with sqlite_app.test_request_context(path, method="POST"):
            back = error_pages.form_page_url(409)
        assert back, rule
        assert "?" not in back, rule
        assert ways.match(back, method="GET"), rule


def test_a_link_to_no_more_mails_is_not_taken_for_a_ticket(sqlite_app: Flask):
    with sqlite_app.test_request_context("/u/abc", method="POST"):
        assert error_pages.form_page_url(403) == "/u/abc"
