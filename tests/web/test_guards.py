"""Guards: no route without one, and what each of them turns away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.exceptions import TooManyRequests

from rsvp import create_app, tokens
from rsvp.db import utcnow
from rsvp.extensions import db, limiter
from rsvp.models import Event, Registration
from rsvp.web import guards, request_log
from rsvp.web.presentation import event_page as cached_events
from tests.conftest import empty_database
from tests.support import services
from tests.support.factories import make_event
from tests.support.for_each import for_each

READING = {"GET", "HEAD", "OPTIONS"}
ORIGIN = "https://rsvp.example.org"


@pytest.fixture
def app(sqlite_app: Flask) -> Iterator[Flask]:
    """One engine will do: guards decide before anything is read."""
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        limiter.reset()
        yield sqlite_app
        db.session.remove()


def soon(**values: Any) -> Event:
    starts = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=14)
    return make_event(starts=starts, **values)


def send(
    client: FlaskClient,
    event: Event,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Any:
    typed = {
        "name": "Ada Bell",
        "email": f"{uuid4().hex}@example.org",
        "form_token": cached_events.form_token(event, utcnow()),
    }
    return client.post(
        f"/events/{event.slug}/registrations", data=typed | values, headers=headers
    )


def registered() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Registration.id))) or 0


# --- every route --------------------------------------------------------------------


def test_every_route_declares_its_guard(sqlite_app: Flask):
    open_to_anyone = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in sqlite_app.url_map.iter_rules()
        if guards.declared(sqlite_app, rule.endpoint) is None
    ]

    assert open_to_anyone == []


def test_what_anyone_may_look_at_takes_no_form(sqlite_app: Flask):
    for rule in sqlite_app.url_map.iter_rules():
        if guards.declared(sqlite_app, rule.endpoint) == "public":
            assert set(rule.methods or ()) <= READING, rule.rule


def test_a_route_without_a_guard_is_found(sqlite_app: Flask):
    def view() -> str:
        return ""

    sqlite_app.view_functions["bare"] = view
    try:
        assert guards.declared(sqlite_app, "bare") is None
        guards.public(view)
        assert guards.declared(sqlite_app, "bare") == "public"
    finally:
        del sqlite_app.view_functions["bare"]


# --- where a form came from ---------------------------------------------------------

FROM_ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://blog.example.org"},
    {"Sec-Fetch-Site": "anything", "Origin": "https://evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://rsvp.example.org.evil.example"},
    {"Origin": "http://rsvp.example.org"},
]
FROM_HERE = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
    {"Sec-Fetch-Site": "none"},
    {"Origin": ORIGIN},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
]


@for_each("headers", [*FROM_ELSEWHERE, {"Origin": "null"}])
def test_a_form_from_another_site_is_refused(client: FlaskClient, headers):
    answer = send(client, soon(), headers)

    assert answer.status_code == 403
    assert answer.mimetype == "text/html"
    assert registered() == 0


@for_each("headers", FROM_HERE)
def test_a_form_from_here_is_taken(client: FlaskClient, headers):
    assert send(client, soon(), headers).status_code == 303


@for_each("headers", FROM_ELSEWHERE, fresh=True)
def test_a_button_of_another_site_gives_up_nothing(client: FlaskClient, headers):
    path = send(client, soon()).location

    assert client.post(f"{path}/cancellation", headers=headers).status_code == 403
    assert db.session.scalars(select(Registration.state)).one() == "confirmed"


@for_each("headers", [*FROM_HERE, {"Origin": "null"}])
def test_a_button_on_the_ticket_page_works(client: FlaskClient, headers):
    path = send(client, soon()).location

    assert client.post(f"{path}/cancellation", headers=headers).status_code == 303


# --- the form's stamp and trap ------------------------------------------------------


@for_each(
    ("age", "status"),
    [
        (timedelta(0), 303),
        (timedelta(hours=23), 303),
        (timedelta(hours=26), 422),
        (timedelta(days=30), 422),
        (-timedelta(hours=3), 422),
    ],
    fresh=True,
)
def test_a_page_is_good_for_a_day(client: FlaskClient, age, status):
    event = soon()
    token = cached_events.form_token(event, utcnow() - age)
    answer = send(client, event, form_token=token)

    assert answer.status_code == status
    assert registered() == (status == 303)


@for_each("token", ["", "1", "1.x", "é", "\u0000", "x" * 10_000])
def test_a_made_up_stamp_brings_the_page_back_with_a_good_one(
    client: FlaskClient, token
):
    event = soon()
    answer = send(client, event, form_token=token, name="Ada Bell")

    assert answer.status_code == 422
    assert "Ada Bell" in answer.text
    assert cached_events.form_token(event, utcnow()) in answer.text
    assert registered() == 0


def test_the_stamp_of_another_event_or_key_is_none(client: FlaskClient):
    event, other = soon(), soon()
    foreign = tokens.form_token("another secret" * 3, event.uuid, utcnow())

    for token in (cached_events.form_token(other, utcnow()), foreign):
        assert send(client, event, form_token=token).status_code == 422


def test_the_trap_takes_what_fills_in_everything(client: FlaskClient):
    answer = send(client, soon(), nickname="https://prizes.example.org")

    assert answer.status_code == 422
    assert "prizes" not in answer.text
    assert registered() == 0


# --- limits -------------------------------------------------------------------------


@pytest.fixture
def three_a_minute(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "FORM_LIMIT", "3 per minute")


@pytest.mark.usefixtures("three_a_minute")
def test_one_network_sends_so_many_forms_a_minute(client: FlaskClient):
    event = soon()
    answers = [send(client, event) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [303, 303, 303, 429, 429]
    assert answers[-1].mimetype == "text/html"
    assert registered() == 3
    elsewhere = client.post(
        f"/events/{event.slug}/registrations",
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
    )
    assert elsewhere.status_code == 422


def test_every_form_behind_a_link_of_ours_has_a_limit(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(app.config, "FORM_LIMIT", "1 per minute")
    values = {"token": "x" * 43, "position": 1}
    behind_links = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/r/", "/t/", "/u/")) and not rule.methods <= READING
    ]
    answers = {}
    for number, rule in enumerate(behind_links):
        _, path = rule.build(values, append_unknown=False)
        here = {"REMOTE_ADDR": f"198.51.100.{number}"}
        answers[rule.rule] = [
            client.post(path, environ_base=here).status_code for _ in range(2)
        ]
        assert client.get(path.split("/", 3)[2], environ_base=here).status_code != 429

    assert len(answers) > 12
    assert set(map(tuple, answers.values())) == {(404, 429)}, answers


@pytest.mark.usefixtures("three_a_minute")
def test_looking_is_not_counted(client: FlaskClient):
    event = soon()
    ticket = send(client, event).location

    for _ in range(10):
        assert client.get(f"/events/{event.slug}").status_code == 200
        assert client.get(ticket).status_code == 200


@for_each(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::1", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_line_counts_as_one(sqlite_app: Flask, address, network):
    with sqlite_app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert guards.client_network() == network


TWO_APPS = """
import sys
from rsvp import create_app
from rsvp.extensions import limiter
from rsvp.rate_limits import in_redis
in_redis.ANSWER_TIMEOUT = 20
app = create_app({
    "INSTANCE_PATH": sys.argv[1], "REDIS_URL": sys.argv[2],
    "FORM_LIMIT": "3 per minute", "SECRET_KEY": "x" * 40,
    "RATELIMIT_KEY_PREFIX": sys.argv[3],
})
client = app.test_client()
for _ in range(2):
    print(client.post("/events/none/registrations").status_code)
"""


@pytest.mark.redis
def test_processes_that_share_redis_share_the_limit(tmp_path):
    prefix, printed = uuid4().hex, []
    for instance in ("one", "two"):
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                TWO_APPS,
                str(tmp_path / instance),
                services.REDIS,
                prefix,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        printed += run.stdout.split()

    assert printed[:3] == printed[:1] * 3
    assert printed[3] == "429"
    assert printed[0] != "429"


# --- what every answer carries ------------------------------------------------------


@for_each("path", ["/", "/health/live", "/nowhere", "/r/nobody", "/static/nothing.css"])
def test_every_answer_carries_the_headers(client: FlaskClient, path):
    headers = client.get(path).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Permissions-Policy" in headers
    assert "Referrer-Policy" in headers
    assert "Cache-Control" in headers
    assert "Set-Cookie" not in headers


def test_without_https_nothing_promises_it(tmp_path):
    app = create_app({"INSTANCE_PATH": str(tmp_path), "PUBLIC_URL": "http://h.example"})

    assert "Strict-Transport-Security" not in app.test_client().get("/x").headers


# --- errors -------------------------------------------------------------------------


@for_each(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("DELETE", "/health/live", 405),
        ("GET", "/events/%00", 404),
        ("POST", "/r/%00/cancellation", 404),
    ],
)
def test_errors_are_calm_pages_or_problems(client: FlaskClient, method, path, status):
    page = client.open(path, method=method)
    problem = client.open(path, method=method, headers={"Accept": "application/json"})

    assert page.status_code == problem.status_code == status
    assert page.mimetype == "text/html"
    assert "<h1" in page.text
    assert problem.mimetype == "application/problem+json"
    assert problem.get_json()["status"] == status
    assert page.headers.get("Allow") == problem.headers.get("Allow")


def test_a_huge_form_is_refused(client: FlaskClient):
    assert send(client, soon(), name="x" * 300_000).status_code == 413
    assert send(client, soon(), **{f"f{i}": "x" for i in range(9000)}).status_code in (
        413,
        303,
        422,
    )
    assert registered() <= 1


def test_a_mistake_of_ours_is_a_page_and_a_log_line_without_secrets(
    app: Flask, client: FlaskClient, monkeypatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    path = send(client, soon()).location

    def broken(**_: Any) -> None:
        raise RuntimeError("no such row: ada@example.org")

    monkeypatch.setitem(
        app.view_functions, "attendee.show_registration", guards.by_link(broken)
    )
    answer = client.get(path)

    assert answer.status_code == 500
    assert "<h1" in answer.text
    assert "ada@" not in answer.text
    logged = "".join(
        f"{record.getMessage()}\n{record.exc_text}" for record in caplog.records
    )
    assert "RuntimeError" in logged
    assert "/r/…" in logged
    assert path not in logged
    assert "ada@example.org" not in logged


def test_an_answer_that_an_error_brings_along_is_kept(sqlite_app: Flask):
    with sqlite_app.test_request_context("/"):
        own = sqlite_app.make_response(("Wait a minute.", 429))

        assert sqlite_app.handle_user_exception(TooManyRequests(response=own)) is own


@for_each(
    ("text", "masked"),
    [
        ("GET /r/8J2kq-_x0aAbBcCdDeEfFg", "GET /r/…"),
        ("/r/8J2kq-_x0aAbBcCdDeEfFg/calendar.ics", "/r/…/calendar.ics"),
        ("https://h.example/t/8J2kq?x=1", "https://h.example/t/…?x=1"),
        ("GET /door/8J2kq-_x0aAbBcCdDeEfFg", "GET /door/…"),
        ("POST /door/api/scans", "POST /door/api/scans"),
        ("POST /door/retirement", "POST /door/retirement"),
        ("to ada.bell@example.org: 550", "to …@…: 550"),
        ("(email_key)=(ada@example.org)", "(email_key)=(…@…)"),
        ("/organize/first/1795601234.8J2kq-_x0a", "/organize/first/…"),
        (
            "https://h.example/organize/password/17.17956.8J-k?x",
            "https://h.example/organize/password/…?x",
        ),
        ("/organize/password", "/organize/password"),
        ("/events/night-walk", "/events/night-walk"),
    ],
)
def test_logs_are_masked(text, masked):
    assert request_log.mask_secrets(text) == masked
