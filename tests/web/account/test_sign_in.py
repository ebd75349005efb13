"""Signing in and out: who gets in, where it leads, and guessing."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest

from rsvp import security as account_security
from rsvp.db import writing
from rsvp.domain.accounts import users
from rsvp.models import User
from tests.support.factories import PASSWORD, make_user
from tests.support.for_each import for_each
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine


@pytest.fixture
def ada(app) -> User:
    return make_user("ada@example.org")


# --- signing in ---------------------------------------------------------------------


def test_signing_in_leads_to_the_events(client, ada):
    answer = sign_in(client, "ada@example.org")

    assert (answer.status_code, answer.location) == (302, "/organize/")
    assert "ada@example.org" in client.get("/organize/").text


def test_an_address_is_read_in_any_case(client, ada):
    assert sign_in(client, " ADA@Example.org").status_code == 302


def test_the_session_cookie_is_for_organizer_pages_alone(client, ada):
    answer = sign_in(client, "ada@example.org")

    [cookie] = answer.headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/organize" in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    reader = client.application.session_interface.get_signing_serializer(
        client.application
    )
    assert "ada@" not in str(reader.loads(value))


def test_the_session_cookie_needs_https_where_the_site_has_it(sqlite_app):
    secure = {"SESSION_COOKIE_SECURE": True}
    before = {name: sqlite_app.config[name] for name in secure}
    sqlite_app.config.update(secure)
    try:
        answer = sqlite_app.test_client().get(SIGN_IN_PATH)
    finally:
        sqlite_app.config.update(before)

    assert "Secure" in answer.headers["Set-Cookie"]


@for_each(
    ("email", "password"),
    [
        ("ada@example.org", "not her password"),
        ("nobody@example.org", PASSWORD),
        ("ben@example.org", PASSWORD),
        ("not an address", PASSWORD),
        ("ada@example.org", ""),
        ("", ""),
        ("ada@example.org\r\nX-Bad: 1", PASSWORD),
        ("a\x00da@example.org", PASSWORD),
        ("ada@example.org", "x" * 100_000),
    ],
    fresh=True,
)
def test_whatever_is_wrong_the_answer_is_the_same(app, client, ada, email, password):
    ben = make_user("ben@example.org")
    with writing():
        ben.active = False

    answer = sign_in(client, email, password)

    assert answer.status_code == 422
    assert "belong together" in answer.text
    # On top, with the focus; neither of the two fields is named.
    assert re.findall(r'id="([^"]*)"[^>]* autofocus', answer.text) == ["mistakes"]
    assert "aria-invalid" not in answer.text
    assert not password or password not in answer.text
    assert client.get("/organize/").status_code == 302


def test_a_sign_in_without_its_form_token_is_refused(client, ada):
    fields = {"email": "ada@example.org", "password": PASSWORD}
    csrf_token(client)

    assert client.post(SIGN_IN_PATH, data=fields).status_code == 400
    assert client.get("/organize/").status_code == 302


def test_a_sign_in_with_anothers_form_token_is_refused(app, client, ada):
    token = csrf_token(app.test_client())
    csrf_token(client)
    fields = {"email": "ada@example.org", "password": PASSWORD, "csrf_token": token}

    assert client.post(SIGN_IN_PATH, data=fields).status_code == 400


def test_our_own_page_lets_browsers_say_where_its_form_came_from(client, ada):
    page = client.get(SIGN_IN_PATH)

    assert "no-referrer" not in page.headers["Referrer-Policy"].split(",")


def test_there_is_no_sign_in_by_json_or_token(client, ada):
    token = csrf_token(client)
    answer = client.post(
        f"{SIGN_IN_PATH}?include_auth_token",
        json={"email": "ada@example.org", "password": PASSWORD},
        headers={"X-CSRFToken": token},
    )

    assert "authentication_token" not in answer.text
    assert answer.mimetype == "text/html"


def test_who_is_signed_in_is_not_asked_again(client, ada):
    sign_in(client, "ada@example.org")

    assert client.get(SIGN_IN_PATH).location == "/organize/"


def test_signing_out_leaves_nothing(client, ada):
    sign_in(client, "ada@example.org")
    token = csrf_token(client, "/organize/")

    answer = client.post("/organize/sign-out", data={"csrf_token": token})

    assert answer.status_code == 302
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert client.get("/organize/").status_code == 302


def test_whoever_is_out_already_may_sign_out(client, ada):
    answer = client.post("/organize/sign-out", data={"csrf_token": "of yesterday"})

    assert (answer.status_code, answer.location) == (302, SIGN_IN_PATH)


def test_nobody_is_signed_out_by_a_link_or_from_elsewhere(client, ada):
    sign_in(client, "ada@example.org")

    assert client.get("/organize/sign-out").status_code == 405
    assert client.post("/organize/sign-out").status_code == 400
    assert client.get("/organize/").status_code == 200


def test_another_password_ends_all_sessions(client, ada):
    sign_in(client, "ada@example.org")
    with writing():
        users.set_password(ada, account_security.hash_password("another password"))

    assert client.get("/organize/").status_code == 302


def test_an_account_that_is_switched_off_is_out_at_once(client, ada):
    sign_in(client, "ada@example.org")
    with writing():
        ada.active = False

    assert client.get("/organize/").status_code == 302


# --- where it leads -----------------------------------------------------------------


def test_after_signing_in_people_are_where_they_wanted_to_be(client, ada):
    turned_away = client.get("/organize/messages?state=failed")
    assert urlsplit(turned_away.location).path == SIGN_IN_PATH

    answer = sign_in(client, "ada@example.org", page=turned_away.location)

    assert answer.location == "/organize/messages?state=failed"


ELSEWHERE = [
    "https://elsewhere.example.net/",
    "//elsewhere.example.net/",
    "///elsewhere.example.net",
    "////elsewhere.example.net",
    "/\\elsewhere.example.net",
    "\\\\elsewhere.example.net",
    "/\t/elsewhere.example.net",
    "\t//elsewhere.example.net",
    " //elsewhere.example.net",
    "/%09/elsewhere.example.net",
    "/%5celsewhere.example.net",
    "https:elsewhere.example.net",
    "https:/elsewhere.example.net",
    "http:\\\\elsewhere.example.net",
    "javascript:alert(1)",
    "data:text/html,hello",
    "//localhost@elsewhere.example.net/",
    "https://localhost.elsewhere.example.net/",
    "https://localhost:@elsewhere.example.net",
    "/organize/\r\nLocation: https://elsewhere.example.net",
    "\x19//elsewhere.example.net",
]


@for_each("place", ["query", "form"])
def test_signing_in_never_leads_to_another_site(app, ada, place):
    for wanted in ELSEWHERE:
        client = app.test_client()
        token = csrf_token(client)
        fields = {
            "email": "ada@example.org",
            "password": PASSWORD,
            "csrf_token": token,
        }
        if place == "form":
            answer = client.post(SIGN_IN_PATH, data=fields | {"next": wanted})
        else:
            answer = client.post(
                SIGN_IN_PATH, query_string={"next": wanted}, data=fields
            )

        assert answer.status_code == 302
        # What browsers make of it: controls dropped, backslashes turned.
        seen = re.sub(r"[\t\r\n]", "", answer.location.lstrip("\x00\x19 "))
        led_to = urlsplit(urljoin("http://localhost/", seen.replace("\\", "/")))
        assert (led_to.scheme, led_to.netloc) == ("http", "localhost"), wanted


# --- guessing -----------------------------------------------------------------------


def test_guessing_is_stopped_after_ten_tries_a_minute(client, ada):
    for _ in range(10):
        assert sign_in(client, "ada@example.org", "a guess").status_code == 422

    answer = sign_in(client, "ada@example.org")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "Please wait a minute, then try again." in answer.text
    assert client.get("/organize/").status_code == 302


def test_guessing_from_one_network_does_not_lock_others_out(client, ada):
    def guess(network: str, password: str = "a guess") -> int:
        elsewhere = {"REMOTE_ADDR": network}
        return sign_in(
            client, "ada@example.org", password, environ_overrides=elsewhere
        ).status_code

    for host in range(10):
        assert guess(f"2001:db8:1:1::{host}") == 422

    assert guess("2001:db8:1:1::ffff") == 429
    assert guess("2001:db8:1:2::1", PASSWORD) == 302


def test_signing_in_many_times_is_not_guessing(app, ada):
    for _ in range(12):
        assert sign_in(app.test_client(), "ada@example.org").status_code == 302
