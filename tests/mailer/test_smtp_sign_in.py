"""Signing in to the mail server: any letters, each way that servers ask for it."""

from __future__ import annotations

import pytest

from tests.support.factories import make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import all_messages, deliver

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)

WAYS = ["CRAM-MD5", "PLAIN", "LOGIN"]
ACCOUNTS = [
    ("rsvp@example.org", "correct horse battery"),
    ("zoë@bücher.example", "pässwörd ✓ 密码"),
    ("0012", "0012345"),
    ("a:b", " :spaces around: "),
    ("ada", "x" * 200),
    ("ada", "ö" * 2048),
    ("ö" * 2048, "ö" * 2048),
]


@pytest.fixture
def sign_in(app, raw, monkeypatch):
    """Send a mail with these credentials, over a server that offers these ways."""

    def try_it(user, password, *ways, account=None):
        raw.account = account or (user, password)
        raw.offers = ["AUTH " + " ".join(ways)]
        monkeypatch.setitem(app.config, "MAIL_USERNAME", user)
        monkeypatch.setitem(app.config, "MAIL_PASSWORD", password)
        register(make_event())
        return deliver()

    return try_it


@for_each("way", WAYS)
@for_each(("user", "password"), ACCOUNTS, fresh=True)
def test_any_letters_sign_in(sign_in, raw, way, user, password):
    assert sign_in(user, password, way) == (1, 0, 0)
    assert len(raw.taken) == 1


@for_each("offered", ["plain", "X-OWN LOGIN XOAUTH2", "NTLM cram-md5"], fresh=True)
def test_one_way_that_is_known_is_enough(sign_in, offered):
    assert sign_in("zoë", "pässwörd", offered) == (1, 0, 0)


def test_a_way_that_is_offered_and_not_there_is_followed_by_the_next(sign_in, raw):
    """As of servers that keep passwords hashed, and offer CRAM-MD5 all the same."""
    raw.known_ways = {"LOGIN"}
    assert sign_in("zoë", "pässwörd", *WAYS) == (1, 0, 0)


def test_a_wrong_password_is_no_mails_end_and_told_to_nobody(sign_in, caplog):
    report = sign_in("zoë", "pässwörd", *WAYS, account=("zoë", "another"))

    assert report == (0, 1, 0)
    [message] = all_messages()
    assert message.last_error == "the mail server refused our sign-in (535 5.7.8)"
    assert message.state == "queued"
    assert "pässwörd" not in caplog.text


def test_the_sign_in_waits_for_the_encryption(
    app, sign_in, raw, encrypting, monkeypatch
):
    monkeypatch.setitem(app.config, "MAIL_USE_TLS", True)
    raw.tls = encrypting
    raw.offers_in_clear = []

    assert sign_in("zoë", "pässwörd", "PLAIN") == (1, 0, 0)
    started = raw.heard.index(b"STARTTLS")
    assert not any(line.startswith(b"AUTH") for line in raw.heard[:started])
