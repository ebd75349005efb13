"""Organizers' pages are compressed, but never for a request that another site made."""

from __future__ import annotations

import gzip

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from rsvp.web import compression
from tests.support.factories import make_user
from tests.support.for_each import for_each
from tests.support.pages.registration_form import make_upcoming_event, register_as
from tests.support.pages.sign_in import sign_in

pytestmark = pytest.mark.one_engine

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
OURS = GZIP | {"Sec-Fetch-Site": "same-origin"}
EVENTS = "/organize/"


@pytest.fixture
def organizer(client: FlaskClient) -> FlaskClient:
    make_user("ada@example.org")
    sign_in(client, "ada@example.org")
    return client


@pytest.fixture
def without_tls(
    organizer: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """The same at a site whose public address begins with http."""
    monkeypatch.setitem(app.config, "PUBLIC_URL", "http://rsvp.example.org")
    return organizer


def test_a_page_is_compressed_for_whoever_takes_it(organizer: FlaskClient) -> None:
    plain = organizer.get(EVENTS)
    packed = organizer.get(EVENTS, headers=OURS)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert "Events" in gzip.decompress(packed.data).decode()
    assert packed.headers["Content-Length"] == str(len(packed.data))
    assert "Content-Encoding" not in plain.headers


@for_each("accepted", ["", "identity", "br", "gzip;q=0, br"])
def test_who_does_not_take_it_gets_the_page_as_it_is(
    organizer: FlaskClient, accepted: str
) -> None:
    headers = {"Accept-Encoding": accepted, "Sec-Fetch-Site": "same-origin"}
    answer = organizer.get(EVENTS, headers=headers)

    assert "Content-Encoding" not in answer.headers
    assert "Events" in answer.text


@for_each("headers", [{}, OURS])
def test_both_forms_say_by_what_they_differ(
    organizer: FlaskClient, headers: dict[str, str]
) -> None:
    vary = organizer.get(EVENTS, headers=headers).headers["Vary"]

    assert {"Accept-Encoding", "Cookie"} <= set(vary.split(", "))


@for_each(
    ("asker", "is_packed"),
    [
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
        (None, False),
    ],
)
def test_behind_tls_only_what_no_other_site_asked_for_is_compressed(
    organizer: FlaskClient, asker: str | None, is_packed: bool
) -> None:
    headers = GZIP | ({"Sec-Fetch-Site": asker} if asker else {})
    answer = organizer.get(f"{EVENTS}?past=yes", headers=headers)

    assert ("Content-Encoding" in answer.headers) == is_packed
    assert "Sec-Fetch-Site" in answer.headers["Vary"]


def test_without_tls_nobody_has_to_say_who_asked(without_tls: FlaskClient) -> None:
    answer = without_tls.get(EVENTS, headers=GZIP)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Sec-Fetch-Site" not in answer.headers["Vary"]


def test_what_asks_for_the_head_alone_hears_the_same_of_it(
    organizer: FlaskClient,
) -> None:
    page = organizer.get("/organize/password", headers=OURS)
    head = organizer.head("/organize/password", headers=OURS)

    assert head.data == b""
    for name in ("Content-Encoding", "Vary", "Content-Type", "Cache-Control"):
        assert head.headers[name] == page.headers[name]
    # A form token has the second it was made in, so lengths differ by a few bytes.
    length = int(head.headers["Content-Length"])
    assert abs(length - len(page.data)) < 30


@for_each(
    "path", ["/organize/sign-in", "/organize/password", "/organize/password/no-link"]
)
def test_pages_that_lead_to_an_account_are_compressed_too(
    client: FlaskClient, path: str
) -> None:
    assert client.get(path, headers=OURS).headers["Content-Encoding"] == "gzip"


def test_pages_behind_a_secret_link_are_not(client: FlaskClient) -> None:
    """They are opened from mails, and those who have the link know its secret."""
    ticket = register_as(client, make_upcoming_event(), "ada")

    answer = client.get(ticket, headers=OURS)

    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


def test_a_redirect_stays_as_it_is(client: FlaskClient) -> None:
    answer = client.get(EVENTS, headers=OURS)

    assert answer.status_code == 302
    assert "Content-Encoding" not in answer.headers


@for_each(
    "response",
    [
        Response(iter(["<p>piece</p>"] * 100), mimetype="text/html"),
        Response("a,b\n" * 500, mimetype="text/csv"),
        Response("<p>short</p>", mimetype="text/html"),
        Response(status=304, mimetype="text/html"),
        Response("x" * 900, mimetype="text/html", headers={"Content-Encoding": "br"}),
    ],
    ids=["a stream", "a download", "a short page", "nothing new", "compressed"],
)
def test_some_answers_are_left_alone(app: Flask, response: Response) -> None:
    before = response.headers.get("Content-Encoding")
    with app.test_request_context(EVENTS, headers=OURS):
        after = compression.compress_page(response)

    assert after.headers.get("Content-Encoding") == before
