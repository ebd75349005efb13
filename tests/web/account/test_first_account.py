"""The first account: made once, by whoever has the link that a start shows."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain.accounts import users
from rsvp.extensions import db
from rsvp.models import User
from rsvp.models.team import Role
from tests.support.factories import NOON, PASSWORD, make_user
from tests.support.for_each import for_each
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

ADA = "ada@example.org"


@pytest.fixture
def link(app) -> str:
    return urlsplit(account_security.first_account_link(utcnow())).path


def make(client, link, email=ADA, password=PASSWORD, **sent):
    typed = {
        "email": email,
        "password": password,
        "csrf_token": csrf_token(client, link),
    }
    return client.post(link, data=typed, **sent)


def people() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(User.email).order_by(User.email)))


# --- the first one ------------------------------------------------------------------


def test_the_link_leads_to_an_account_and_straight_in(client, link):
    answer = make(client, link, " Ada@Example.org ")

    assert (answer.status_code, answer.location) == (303, "/organize/")
    assert ADA in client.get("/organize/").text
    user = users.find_user(ADA)
    [membership] = user.memberships
    assert (membership.team.slug, membership.role) == ("default", Role.OWNER)


def test_the_account_is_there_to_sign_in_to(app, client, link):
    make(client, link)

    assert sign_in(app.test_client(), ADA).status_code == 302


def test_links_of_several_starts_all_work_until_one_was_used(app, client, link):
    other = urlsplit(
        account_security.first_account_link(utcnow() - timedelta(days=6))
    ).path
    page = app.test_client()
    assert page.get(other).status_code == 200

    assert make(client, link).status_code == 303

    for used in (link, other):
        answer = page.get(used)
        assert (answer.status_code, answer.location) == (303, SIGN_IN_PATH)


def test_whoever_sends_the_form_second_is_sent_to_sign_in(app, client, link):
    second = app.test_client()
    token = csrf_token(second, link)
    make(client, link)

    typed = {"email": "eve@example.org", "password": PASSWORD, "csrf_token": token}
    answer = second.post(link, data=typed)

    assert (answer.status_code, answer.location) == (303, SIGN_IN_PATH)
    assert people() == [ADA]
    assert second.get("/organize/").status_code == 302


def test_of_two_at_once_one_is_first(app):
    """The other waits for it, and then finds the account."""
    made, began = [], threading.Event()

    def second() -> None:
        with app.app_context():
            began.set()
            with writing():
                made.append(users.create_first_owner("eve@example.org", "x", now=NOON))
            db.session.remove()

    other = threading.Thread(target=second)
    with writing():
        assert users.create_first_owner(ADA, "x", now=NOON)
        other.start()
        began.wait()
        other.join(0.5)
        assert other.is_alive()
    other.join()

    assert made == [None]
    assert people() == [ADA]


def test_where_somebody_has_an_account_there_is_no_first_one(client, link):
    make_user("ben@example.org")

    assert client.get(link).location == SIGN_IN_PATH
    assert people() == ["ben@example.org"]


def test_signing_in_says_where_the_link_is_until_there_is_an_account(client, link):
    assert "Nobody has an account yet" in client.get(SIGN_IN_PATH).text

    make(client, link)
    client.post(
        "/organize/sign-out", data={"csrf_token": csrf_token(client, "/organize/")}
    )

    assert "Nobody has an account yet" not in client.get(SIGN_IN_PATH).text


# --- mistakes and strangers ---------------------------------------------------------


@for_each(
    ("email", "password", "said"),
    [
        ("", PASSWORD, "Enter your email address."),
        ("ada", PASSWORD, "Enter an email address like name@example.org."),
        ("ada@@example.org", PASSWORD, "Enter an email address like"),
        (ADA, "", "Use at least 12 characters."),
        (ADA, "eleven char", "Use at least 12 characters."),
        (ADA, "x" * 129, "Use at most 128 characters."),
        (ADA, "x" * 100_000, "Use at most 128 characters."),
    ],
)
def test_mistakes_are_told_beside_the_field(client, link, email, password, said):
    answer = make(client, link, email, password)

    assert answer.status_code == 422
    [mistake] = re.findall(r'class="field__mistake"[^>]*>([^<]+)<', answer.text)
    assert said in mistake
    assert 'aria-invalid="true"' in answer.text
    assert people() == []


@for_each("password", ["twelve chars", "x" * 128, "nul\0in the middle"], fresh=True)
def test_a_password_is_kept_as_it_was_typed(app, client, link, password):
    make(client, link, password=password)

    assert sign_in(app.test_client(), ADA, password).status_code == 302


def test_what_was_typed_comes_back_but_for_the_password(client, link):
    answer = make(client, link, "not an address", PASSWORD)

    assert "not an address" in answer.text
    assert PASSWORD not in answer.text


@for_each("age", [timedelta(days=7, minutes=1), -timedelta(minutes=6)])
def test_an_old_link_makes_no_account(client, app, link, age):
    old = urlsplit(account_security.first_account_link(utcnow() - age)).path
    token = csrf_token(client, link)
    typed = {"email": ADA, "password": PASSWORD, "csrf_token": token}

    for answer in (client.get(old), client.post(old, data=typed)):
        assert answer.status_code == 404
        assert "This link no longer works" in answer.text
    assert people() == []


def test_a_link_signed_with_another_key_makes_no_account(client, link):
    foreign = tokens.first_account_token("another key, as long as ours is", utcnow())

    assert client.get(f"/organize/first/{foreign}").status_code == 404


def test_looking_at_the_page_makes_no_account(client, link):
    for look in (client.get, client.head, client.options):
        assert look(link, query_string={"email": ADA, "password": PASSWORD}).status_code
    assert people() == []


def test_the_form_is_sent_from_its_own_page(client, link):
    typed = {"email": ADA, "password": PASSWORD}

    assert client.post(link, data=typed).status_code == 400
    assert people() == []


def test_guessing_links_is_stopped(client, link):
    for number in range(10):
        assert client.get(f"/organize/first/{number}").status_code == 404

    answer = client.get(link)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "Please wait a minute, then try again." in answer.text
    elsewhere = {"REMOTE_ADDR": "2001:db8:1:2::1"}
    assert client.get(link, environ_overrides=elsewhere).status_code == 200


def test_mistakes_in_the_form_are_no_guesses(client, link):
    for _ in range(12):
        assert make(client, link, password="short").status_code == 422


def test_the_address_of_the_page_stays_secret(client, link):
    for answer in (
        client.get(link),
        make(client, link, password="short"),
        client.post(link),
        client.get("/organize/first/guess"),
        make(client, link),
        client.get(link),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_over_https_the_form_is_taken_with_the_referrer_its_page_allows(client, link):
    ours = "https://rsvp.example.org"
    page = client.get(link, base_url=ours)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    typed = {"email": ADA, "password": PASSWORD, "csrf_token": token}

    # What browsers make of `strict-origin`.
    sent = {"base_url": ours, "headers": {"Referer": f"{ours}/"}}
    assert client.post(link, data=typed, **sent).status_code == 303
