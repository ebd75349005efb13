"""Accounts: passwords, and public pages that know no cookie."""

from __future__ import annotations

from flask import Flask
from flask_security.utils import verify_password

from rsvp import security as account_security
from rsvp.db import writing
from rsvp.domain.accounts import users
from rsvp.extensions import db, security
from rsvp.models import User
from tests.support.factories import NOON, PASSWORD, make_event, make_user
from tests.support.for_each import for_each
from tests.support.pages.sign_in import sign_in


def test_passwords_are_kept_by_argon2id_with_19_mib_and_2_passes(app):
    kept = account_security.hash_password(PASSWORD)

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in kept
    assert kept != account_security.hash_password(PASSWORD)


def test_one_password_typed_in_two_ways_is_one(app):
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"

    assert verify_password(
        account_security.normalize_password(decomposed),
        account_security.hash_password(composed),
    )


@for_each(
    ("password", "is_fine"),
    [
        ("eleven char", False),
        ("twelve chars", True),
        ("x" * 128, True),
        ("x" * 129, False),
    ],
    fresh=True,
)
def test_passwords_have_12_to_128_characters(app, password, is_fine):
    assert (account_security.password_problem(password) is None) is is_fine


def test_new_passwords_are_long_and_never_the_same(app):
    made = {account_security.generate_password() for _ in range(50)}

    assert len(made) == 50
    assert all(
        len(p) == 23 and account_security.password_problem(p) is None for p in made
    )


def test_a_weaker_hash_is_made_stronger_at_sign_in(app, client):
    weak = security.pwd_context.using(argon2__time_cost=1).hash(PASSWORD)
    with writing():
        user = users.create_user("ada@example.org", weak, now=NOON)
    signs_in_as = user.fs_uniquifier

    assert sign_in(client, "ada@example.org").status_code == 302

    db.session.expire_all()
    kept = db.session.get_one(User, user.id)
    assert kept.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept.fs_uniquifier == signs_in_as
    assert client.get("/organize/").status_code == 200


PUBLIC = ["/", "/events/{slug}", "/events.ics", "/health/live", "/nothing/here"]


def test_public_pages_know_no_cookie(app, client):
    event = make_event()
    make_user("ada@example.org")
    sign_in(client, "ada@example.org")

    for path in PUBLIC:
        response = client.get(path.format(slug=event.slug))

        assert response.status_code in (200, 404), path
        assert "Set-Cookie" not in response.headers, path
        assert "Cookie" not in response.headers.get("Vary", ""), path


def test_public_pages_are_not_even_sent_the_cookie(app, client):
    make_user("ada@example.org")
    sign_in(client, "ada@example.org")

    [cookie] = client._cookies.values()

    assert cookie._matches_request("localhost", "/organize/messages")
    assert not any(cookie._matches_request("localhost", path) for path in PUBLIC)


def test_public_pages_are_the_same_for_whoever_sends_a_session(app: Flask):
    event = make_event()
    stranger, organizer = app.test_client(), app.test_client()
    make_user("ada@example.org")
    sign_in(organizer, "ada@example.org")
    [cookie] = organizer._cookies.values()

    # As if the browser did send it: nothing on the page may depend on it.
    page = f"/events/{event.slug}"
    header = {"Cookie": f"{cookie.key}={cookie.value}"}
    answer = stranger.get(page, headers=header)

    assert answer.data == stranger.get(page).data
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "Set-Cookie" not in answer.headers


@for_each(
    "name",
    ["login", "register", "reset", "verify", "fs-static/css/a.css", "tf-setup"],
    fresh=True,
)
def test_the_accounts_library_has_no_pages_but_ours(app, client, name):
    assert client.get(f"/{name}").status_code == 404
    assert {
        rule.rule for rule in app.url_map.iter_rules() if "security." in rule.endpoint
    } == {"/organize/sign-in", "/organize/sign-out"}
