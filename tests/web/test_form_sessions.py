"""Forms of a session: judged by their token and by where they came from; and what is
said where a cookie is missing or belongs to another session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from rsvp import security as account_security
from rsvp.db import utcnow
from rsvp.extensions import db, limiter
from rsvp.models import Event, User
from tests.conftest import Visitor, empty_database
from tests.support.factories import PASSWORD, make_event, make_user
from tests.support.for_each import for_each
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

OURS = "https://rsvp.example.org"
ADA = "ada@example.org"
NEW = "soup and stories 7"
NO_COOKIE = "Your browser sent no cookie"
NOT_UP_TO_DATE = "This page was not up to date"

FROM_HERE: list[dict[str, str]] = [
    {},
    {"Origin": OURS},
    {"Origin": OURS, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "null"},
    {"Referer": f"{OURS}/organize/sign-in"},
    {"Referer": "https://rsvp.example.org:8443/"},
    {"Origin": OURS, "Referer": "https://elsewhere.example.net/"},
    {"Origin": OURS, "X-Forwarded-Host": "elsewhere.example.net"},
    {"Origin": OURS, "Host": "127.0.0.1:8000"},
    {"Origin": OURS, "Host": "rsvp.example.org:443"},
    {"Origin": "http://192.0.2.7:8000", "Host": "192.0.2.7:8000"},
    {"Origin": "http://192.0.2.7", "Host": "192.0.2.7:80"},
    {"Origin": "http://[2001:db8::7]:8000", "Host": "[2001:db8::7]:8000"},
]
FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": OURS, "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Referer": f"{OURS}/organize/sign-in"},
    {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
    {"Origin": "https://rsvp.example.org:8443"},
    {"Origin": "https://rsvp.example.org.evil.example"},
    {"Origin": "https://ada@rsvp.example.org.evil.example"},
    {"Origin": "http://["},
    {"Origin": "https://rsvp.example.org:x"},
    {"Origin": "file://"},
    {"Origin": ""},
    {"Referer": "https://evil.example/rsvp.example.org"},
    {"Referer": "http://["},
    {"Referer": "about:blank"},
]


@pytest.fixture
def app(sqlite_app: Flask) -> Iterator[Flask]:
    """One engine will do: guards decide before anything is read."""
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        limiter.reset()
        sqlite_app.test_client_class = Visitor
        yield sqlite_app
        db.session.remove()


@pytest.fixture
def ada(app: Flask) -> User:
    return make_user(ADA)


def send_form(client: FlaskClient, headers: dict[str, str], **typed: str) -> Any:
    """Sign in over https, as a browser that says so much about itself."""
    page = client.get(SIGN_IN_PATH, base_url=OURS)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    fields = {"email": ADA, "password": PASSWORD, "csrf_token": token} | typed
    cookie = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    return client.post(
        SIGN_IN_PATH, base_url=OURS, data=fields, headers=headers | cookie
    )


@for_each("headers", FROM_HERE)
def test_who_signs_in_from_our_page_is_in(app, ada, headers):
    assert send_form(app.test_client(use_cookies=False), headers).status_code == 302


@for_each("headers", FROM_ELSEWHERE)
def test_from_another_site_nobody_signs_in(app, ada, headers):
    answer = send_form(app.test_client(use_cookies=False), headers)

    assert answer.status_code == 403
    assert "It came from another site" in answer.text


@for_each("headers", FROM_HERE)
def test_wherever_it_came_from_the_token_decides(app, ada, headers):
    client = app.test_client(use_cookies=False)
    answer = send_form(client, headers, csrf_token="a guess")

    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers or "Max-Age=0" not in str(answer.headers)


# --- the desk -----------------------------------------------------------------------


@pytest.fixture
def event(ada: User) -> Event:
    return make_event()


def pause(
    client: FlaskClient, event: Event, token: str, headers: dict[str, str]
) -> TestResponse:
    path = f"/organize/events/{event.slug}/pause"
    return client.post(path, data={"csrf_token": token}, headers=headers)


def is_paused(event: Event) -> bool:
    db.session.rollback()
    return db.session.scalars(select(Event.paused)).one()


@for_each("headers", FROM_ELSEWHERE, fresh=True)
def test_another_sites_button_does_nothing_at_the_desk(client, event, headers):
    sign_in(client, ADA)
    token = csrf_token(client, "/organize/")

    assert pause(client, event, token, headers).status_code == 403
    assert not is_paused(event)


@for_each("headers", FROM_HERE[:8], fresh=True)
def test_our_own_does(client, event, headers):
    sign_in(client, ADA)
    token = csrf_token(client, "/organize/")

    assert pause(client, event, token, headers).status_code in (302, 303)
    assert is_paused(event)


def resend(client: FlaskClient, page: TestResponse) -> TestResponse:
    """Press the button that sends a kept form once more."""
    form = re.search(
        r'<form class="form" method="post" action="([^"]+)">(.*?)</form>',
        page.text,
        re.S,
    )
    assert form, page.text
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))
    return client.post(form[1], data=fields, headers={"Origin": OURS})


def test_a_form_of_another_session_is_sent_again_by_a_button(client, event):
    """Two tabs: somebody signed out and in again in the other one."""
    sign_in(client, ADA)
    old = csrf_token(client, "/organize/")
    client.post("/organize/sign-out", data={"csrf_token": old})
    sign_in(client, ADA)
    page = pause(client, event, old, {"Origin": OURS})

    assert page.status_code == 400
    assert NOT_UP_TO_DATE in page.text
    assert not is_paused(event)
    assert resend(client, page).status_code in (302, 303)
    assert is_paused(event)


def test_a_form_that_may_be_anothers_gets_no_button(client, event):
    sign_in(client, ADA)
    page = pause(client, event, "a guess", {})

    assert page.status_code == 400
    assert NOT_UP_TO_DATE in page.text
    assert '<form class="form"' not in page.text


def test_whoever_was_signed_out_meanwhile_keeps_what_they_typed(client, event):
    sign_in(client, ADA)
    old = csrf_token(client, "/organize/")
    client.delete_cookie("rsvp_session", path="/organize")
    page = pause(client, event, old, {"Sec-Fetch-Site": "same-origin"})

    assert page.status_code == 403
    assert "You are not signed in any more" in page.text
    assert "Set-Cookie" not in page.headers
    assert f'href="{SIGN_IN_PATH}"' in page.text
    sign_in(client, ADA)
    again = resend(client, page)
    assert NOT_UP_TO_DATE in again.text
    assert resend(client, again).status_code in (302, 303)
    assert is_paused(event)


def test_who_is_out_and_says_nothing_is_led_to_signing_in(client, event):
    answer = pause(client, event, "", {})

    assert answer.status_code == 302
    assert answer.location.startswith(SIGN_IN_PATH)


def test_machines_read_what_is_wrong(client, event):
    path = f"/organize/events/{event.slug}/pause"
    answer = client.post(path, json={}, headers={"Origin": OURS})

    assert answer.status_code == 403
    assert answer.get_json()["code"] == "signed_out"


# --- cookies ------------------------------------------------------------------------


@pytest.fixture
def without_cookies(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def test_without_cookies_signing_in_says_so_beside_the_form(without_cookies, ada):
    client = without_cookies
    for _ in range(2):
        answer = sign_in(client, ADA)

        assert answer.status_code == 400
        assert NO_COOKIE in answer.text
        assert "allow cookies for this site" in answer.text
        assert f'value="{ADA}"' in answer.text
        assert PASSWORD not in answer.text
        assert "belong together" not in answer.text


def test_a_page_from_before_the_browser_was_closed_works_at_once_again(client, ada):
    token = csrf_token(client)
    client.delete_cookie("rsvp_session", path="/organize")
    typed = {"email": ADA, "password": PASSWORD}
    answer = client.post(
        f"{SIGN_IN_PATH}?next=/organize/messages", data=typed | {"csrf_token": token}
    )

    assert NO_COOKIE in answer.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]
    again = client.post(SIGN_IN_PATH, data=typed | {"csrf_token": token})
    assert again.status_code == 302


@for_each("cookie", ["not one of ours", "eyJhIjoxfQ.aaaa.bbbbbbbb", ""], fresh=True)
def test_a_cookie_that_is_none_of_this_session_is_told_as_that(client, ada, cookie):
    """Of an older secret key, another site on this host, or past its time."""
    token = csrf_token(client)
    client.set_cookie("rsvp_session", cookie, path="/organize")
    typed = {"email": ADA, "password": PASSWORD, "csrf_token": token}
    answer = client.post(SIGN_IN_PATH, data=typed)

    assert answer.status_code == 400
    assert NOT_UP_TO_DATE in answer.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]
    assert (
        client.post(SIGN_IN_PATH, data=typed | {"csrf_token": token}).status_code == 302
    )


@pytest.fixture
def for_https_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SESSION_COOKIE_SECURE", True)


@pytest.mark.usefixtures("for_https_alone")
def test_at_an_address_without_https_people_are_sent_to_the_one_with(
    without_cookies, ada
):
    lan = "http://192.0.2.7:8000"
    answer = sign_in(without_cookies, ADA, base_url=lan, headers={"Origin": lan})

    assert answer.status_code == 400
    assert "browsers keep our cookie for https alone" in answer.text
    assert f'href="{OURS}{SIGN_IN_PATH}"' in answer.text


@pytest.mark.usefixtures("for_https_alone")
@for_each("headers", [{}, {"Origin": OURS}])
def test_a_proxy_that_does_not_say_https_is_no_such_address(
    without_cookies, ada, headers
):
    answer = sign_in(without_cookies, ADA, headers=headers)

    assert NO_COOKIE in answer.text
    assert "allow cookies for this site" in answer.text


def test_the_first_account_is_made_after_what_was_typed_was_shown_again(client, app):
    link = account_security.first_account_link(utcnow()).removeprefix(OURS)
    token = csrf_token(app.test_client(), link)
    typed = {"email": ADA, "password": PASSWORD, "csrf_token": token}
    answer = client.post(link, data=typed)

    assert answer.status_code == 400
    assert NO_COOKIE in answer.text
    assert f'value="{ADA}"' in answer.text
    assert PASSWORD not in answer.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]
    assert client.post(link, data=typed | {"csrf_token": token}).status_code == 303


def test_a_link_that_leads_nowhere_says_so_first(client):
    answer = client.post("/organize/first/17.made-up", data={"email": ADA})

    assert answer.status_code == 404
    assert NO_COOKIE not in answer.text


def test_trying_links_without_a_token_is_braked_like_any_other(client):
    answers = {client.post(f"/organize/first/17.{n}").status_code for n in range(12)}

    assert answers == {404, 429}


def test_a_forgotten_password_is_asked_for_and_set_again(client, ada, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.org")
    link = account_security.password_reset_link(ada, utcnow()).removeprefix(OURS)
    asked = client.post("/organize/password", data={"email": ADA})
    client.delete_cookie("rsvp_session", path="/organize")
    is_set = client.post(link, data={"password": NEW})

    assert asked.status_code == is_set.status_code == 400
    assert NO_COOKIE in asked.text
    assert f'value="{ADA}"' in asked.text
    assert NO_COOKIE in is_set.text
    assert NEW not in is_set.text


def test_a_door_says_that_it_needs_a_cookie(without_cookies):
    answer = without_cookies.get("/door/")

    assert "allow them for this site" in answer.text
