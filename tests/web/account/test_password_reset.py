"""A forgotten password: the mail with a link, and what the link does."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from rsvp import security as account_security
from rsvp.db import utcnow, writing
from rsvp.domain.accounts import password_reset, users
from rsvp.jobs.delivery import pool
from rsvp.models import User
from rsvp.models.message import MessageState
from rsvp.models.team import Role
from rsvp.web.account import password_reset as account_password_reset
from tests.support.factories import NOON, PASSWORD, make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.outbox import all_messages
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

ADA = "ada@example.org"
ASK = "/organize/password"
NEW = "quite another password"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(account_password_reset, "MIN_RESPONSE_SECONDS", 0)


@pytest.fixture
def ada(app) -> User:
    return make_user(ADA)


@pytest.fixture
def link(ada) -> str:
    return link_for(ada)


def link_for(user: User, age: timedelta = timedelta(0)) -> str:
    return urlsplit(account_security.password_reset_link(user, utcnow() - age)).path


def ask(client: FlaskClient, email: str = ADA, **sent):
    typed = {"email": email, "csrf_token": csrf_token(client, ASK)}
    return client.post(ASK, data=typed, **sent)


def set_new(client: FlaskClient, link: str, password: str = NEW, **sent):
    typed = {"password": password, "csrf_token": csrf_token(client, link)}
    return client.post(link, data=typed, **sent)


def gets_in(app, password: str, email: str = ADA) -> bool:
    return sign_in(app.test_client(), email, password).status_code == 302


# --- from the question to the new password ------------------------------------------


def test_a_forgotten_password_is_replaced_by_a_link_in_a_mail(app, client, ada, smtp):
    assert "/organize/password" in client.get(SIGN_IN_PATH).text

    assert ask(client, " Ada@Example.org ").status_code == 200
    assert pool.deliver_due(utcnow()).sent == 1
    [mail] = smtp.mails_to(ADA)
    text = mail.get_body(("plain",)).get_content()
    link = re.search(r"https://rsvp\.example\.org(/organize/password/\S+)", text)[1]
    answer = set_new(client, link)

    assert (answer.status_code, answer.location) == (
        303,
        f"{SIGN_IN_PATH}?done=password",
    )
    assert "Your new password is set." in client.get(answer.location).text
    assert gets_in(app, NEW)
    assert not gets_in(app, PASSWORD)


def test_a_mail_about_an_account_keeps_no_secret_in_the_database(client, ada, smtp):
    ask(client)
    pool.deliver_due(utcnow())

    [message] = all_messages()
    assert (message.user_id, message.facts) == (ada.id, {})
    assert (message.event_id, message.registration_id) == (None, None)
    assert (message.state, message.recipient) == (MessageState.SENT, ADA)


def test_a_link_is_good_from_the_moment_its_mail_is_written(client, ada, smtp):
    with writing():
        password_reset.send_reset_link(ADA, now=utcnow() - timedelta(days=1))
    pool.deliver_due(utcnow())

    [mail] = smtp.mails_to(ADA)
    text = mail.get_body(("plain",)).get_content()
    assert client.get(urlsplit(re.search(r"https\S+", text)[0]).path).status_code == 200


def test_a_link_works_once(app, client, link):
    assert set_new(client, link).status_code == 303

    assert client.get(link).status_code == 404
    token = csrf_token(client, SIGN_IN_PATH)
    again = {"password": "a third password", "csrf_token": token}
    answer = client.post(link, data=again)
    assert answer.status_code == 404
    assert "This link no longer works" in answer.text
    assert gets_in(app, NEW)


def test_a_new_password_ends_the_other_links_too(client, ada, link):
    other = link_for(ada, age=HOUR)
    assert client.get(other).status_code == 200

    set_new(client, link)

    assert client.get(other).status_code == 404


def test_a_new_password_ends_all_sessions(app, client, link):
    elsewhere = app.test_client()
    sign_in(elsewhere, ADA)
    assert elsewhere.get("/organize/").status_code == 200

    set_new(client, link)

    assert elsewhere.get("/organize/").status_code == 302
    assert client.get("/organize/").status_code == 302


def test_a_password_set_in_another_way_ends_the_links(client, ada, link):
    with writing():
        users.set_password(ada, account_security.hash_password(NEW))

    assert client.get(link).status_code == 404


def test_an_account_without_a_password_gets_its_first_one(app, client):
    with writing():
        ben = users.create_user("ben@example.org", None, now=NOON)

    assert set_new(client, link_for(ben)).status_code == 303
    assert gets_in(app, NEW, "ben@example.org")


@for_each(
    ("age", "status"),
    [
        (2 * HOUR - timedelta(minutes=1), 200),
        (2 * HOUR + timedelta(minutes=1), 404),
        (-timedelta(minutes=6), 404),
    ],
    fresh=True,
)
def test_a_link_is_good_for_two_hours(app, client, ada, age, status):
    link = link_for(ada, age)
    token = csrf_token(client, SIGN_IN_PATH)
    assert client.get(link).status_code == status

    client.post(link, data={"password": NEW, "csrf_token": token})

    assert gets_in(app, NEW) is (status == 200)


def test_a_link_is_for_one_account_alone(app, client, ada, link):
    eve = make_user("eve@example.org")
    hers = link_for(eve)
    token = csrf_token(client, SIGN_IN_PATH)
    forged = [
        link.replace(f"/{ada.id}.", f"/{eve.id}."),
        hers.replace(f"/{eve.id}.", f"/{ada.id}."),
        account_security.first_account_link(utcnow()).replace(
            "first/", f"password/{ada.id}."
        ),
        f"{ASK}/{ada.id}",
        f"{ASK}/{2**80}.1.x",
        f"{ASK}/%00",
    ]

    for path in forged:
        sent = {"password": NEW, "csrf_token": token}
        answer = client.post(urlsplit(path).path, data=sent)
        assert answer.status_code in (404, 429), path
    assert gets_in(app, PASSWORD)
    assert gets_in(app, PASSWORD, "eve@example.org")


def test_an_account_that_is_switched_off_stays_so(client, ada, link, smtp):
    with writing():
        ada.active = False

    assert client.get(link).status_code == 404
    assert ask(client).status_code == 200
    assert all_messages() == []


def test_looking_changes_nothing(app, client, link):
    for look in (client.get, client.head, client.options):
        for path in (ASK, link):
            look(path, query_string={"email": ADA, "password": NEW})

    assert all_messages() == []
    assert gets_in(app, PASSWORD)
    assert client.get(link).status_code == 200


# --- nobody learns who has an account -----------------------------------------------


def without_what_differs(html: str, email: str) -> str:
    return re.sub(r'value="[^"]+"', "", html).replace(email, "…")


def test_the_answer_is_the_same_for_any_address(app, client, ada, smtp):
    with writing():
        users.create_user("off@example.org", "x", now=NOON).active = False
    known = ask(client, ADA)

    for email in ("nobody@example.org", "off@example.org", "ADA@example.org"):
        answer = ask(client, email)
        assert answer.status_code == known.status_code == 200
        assert without_what_differs(answer.text, email) in (
            without_what_differs(known.text, ADA),
            without_what_differs(known.text, ADA).replace("…", email),
        )
        assert dict(answer.headers).keys() == dict(known.headers).keys()
    assert {message.recipient for message in all_messages()} == {ADA}


def test_the_answer_is_the_same_when_no_more_mails_are_sent(client, ada, smtp):
    texts = {without_what_differs(ask(client).text, ADA) for _ in range(5)}

    assert len(texts) == 1
    assert len(all_messages()) == 3


def test_the_answer_takes_as_long_for_any_address(client, ada, smtp, monkeypatch):
    monkeypatch.setattr(account_password_reset, "MIN_RESPONSE_SECONDS", 0.3)
    for email in (ADA, "nobody@example.org"):
        token = csrf_token(client, ASK)
        began = time.monotonic()
        client.post(ASK, data={"email": email, "csrf_token": token})

        assert time.monotonic() - began >= 0.3


# --- how many -----------------------------------------------------------------------


def test_one_network_asks_five_times_a_minute(client, ada, smtp):
    for number in range(5):
        assert ask(client, f"guest-{number}@example.org").status_code == 200

    answer = ask(client)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "Please wait a minute, then try again." in answer.text
    assert all_messages() == []
    elsewhere = {"REMOTE_ADDR": "2001:db8:1:2::1"}
    assert ask(client, environ_overrides=elsewhere).status_code == 200


def test_guessing_links_is_stopped(client, ada, link):
    for number in range(5):
        assert client.get(f"{ASK}/{ada.id}.{number}.x").status_code == 404
    token = csrf_token(client, SIGN_IN_PATH)
    for number in range(5):
        sent = {"password": NEW, "csrf_token": token}
        answer = client.post(f"{ASK}/{ada.id}.{number}.x", data=sent)
        assert answer.status_code == 404

    assert client.get(link).status_code == 429
    elsewhere = {"REMOTE_ADDR": "2001:db8:1:2::1"}
    assert client.get(link, environ_overrides=elsewhere).status_code == 200


def test_a_password_that_is_too_short_is_no_guess(client, link):
    for _ in range(12):
        assert set_new(client, link, "short").status_code == 422


# --- forms --------------------------------------------------------------------------


def mistakes(html: str) -> list[str]:
    return re.findall(r'class="field__mistake"[^>]*>([^<]+)<', html)


@for_each(
    ("email", "said"),
    [
        ("", "Enter your email address."),
        ("ada", "Enter an email address like name@example.org. Check it for typos."),
        ("a" * 400, "Enter an email address like name@example.org."),
    ],
)
def test_what_is_no_address_is_told_beside_the_field(client, ada, smtp, email, said):
    answer = ask(client, email)

    assert answer.status_code == 422
    [mistake] = mistakes(answer.text)
    assert said in mistake
    assert all_messages() == []


@for_each(
    ("password", "said"),
    [
        ("", "Use at least 12 characters."),
        ("eleven char", "Use at least 12 characters."),
        ("x" * 129, "Use at most 128 characters."),
    ],
    fresh=True,
)
def test_a_password_that_is_not_one_is_told_beside_the_field(
    app, client, link, password, said
):
    answer = set_new(client, link, password)

    assert answer.status_code == 422
    assert mistakes(answer.text) == [said]
    assert gets_in(app, PASSWORD)
    # The link is not used up.
    assert set_new(client, link).status_code == 303


def test_forms_are_sent_from_their_own_page(app, client, link, smtp):
    assert client.post(ASK, data={"email": ADA}).status_code == 400
    assert client.post(link, data={"password": NEW}).status_code == 400
    assert all_messages() == []
    assert gets_in(app, PASSWORD)


def test_where_no_mail_is_sent_the_page_says_what_to_do(client, ada):
    page = client.get(ASK)

    assert page.status_code == 200
    assert "This site sends no mail" in page.text
    assert "rsvp user password EMAIL" in page.text
    assert "<form" not in page.text


def test_where_no_mail_is_sent_none_is_queued(client, ada, monkeypatch, app):
    token = csrf_token(client, SIGN_IN_PATH)

    answer = client.post(ASK, data={"email": ADA, "csrf_token": token})

    assert answer.status_code == 409
    assert "This site sends no mail" in answer.text
    assert all_messages() == []


# --- what must stay between us and the owner ----------------------------------------


@for_each("role", list(Role), fresh=True)
def test_nobody_sees_mails_about_accounts_on_the_site(client, ada, smtp, role):
    make_user("olga@example.org", role=role)
    event = make_event(title="Letters and soup")
    register(event, "Guest", email="guest@example.org")
    ask(client)
    ask(client, "olga@example.org")
    own, *accounts_mails = [m.uuid for m in all_messages()]
    assert len(accounts_mails) == 2
    sign_in(client, "olga@example.org")

    pages = [client.get("/organize/messages")]
    pages += [client.get(f"/organize/messages?state={s}") for s in MessageState]
    for page in pages:
        assert ADA not in page.text
        assert page.text.count("olga@example.org") <= 1  # who is signed in
        for uuid in accounts_mails:
            assert str(uuid) not in page.text
    if pages[0].status_code == 200:
        assert re.findall(r'tabs__count">(\d+)<', pages[0].text) == ["1", "1"]
        assert client.get(f"/organize/messages/{own}").status_code == 200
    for uuid in accounts_mails:
        assert client.get(f"/organize/messages/{uuid}").status_code == 404
        assert client.get(f"/organize/messages/{uuid}/preview").status_code == 404


def test_the_address_of_the_page_stays_secret(client, link, smtp):
    for answer in (
        client.get(ASK),
        ask(client),
        client.get(link),
        set_new(client, link, "short"),
        client.post(link),
        set_new(client, link),
        client.get(link),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_links_lead_to_our_own_address_whatever_the_request_says(client, ada, smtp):
    elsewhere = {"base_url": "http://evil.example"}
    page = client.get(ASK, **elsewhere).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    client.post(ASK, data={"email": ADA, "csrf_token": token}, **elsewhere)
    pool.deliver_due(utcnow())

    [mail] = smtp.mails_to(ADA)
    assert "evil.example" not in mail.as_string()


def test_logs_name_no_link_and_no_address(client, ada, smtp, caplog):
    caplog.set_level("DEBUG")
    ask(client)
    pool.deliver_due(utcnow())
    link = link_for(ada)
    client.get(link)

    assert "/organize/password/…" in caplog.text
    ours = "".join(r.getMessage() for r in caplog.records if r.name.startswith("rsvp"))
    assert link not in ours
    assert ADA not in ours
