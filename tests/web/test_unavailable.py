"""Unavailable: a 503 that says why and keeps what was typed, and all else goes on."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from werkzeug.datastructures import MultiDict

from rsvp import security as account_security
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.models import AuditEntry, Device, Scan, User
from rsvp.web import unavailable
from tests.support import door_client, outages
from tests.support.factories import PASSWORD, make_user
from tests.support.for_each import for_each
from tests.support.pages.organizer import list_path
from tests.support.pages.registration_form import (
    all_rows,
    make_upcoming_event,
    register_as,
    submit_form,
)
from tests.support.pages.registration_lists import (
    EXPORT_FORMATS,
    export_path,
    make_mixed_event,
)
from tests.support.pages.sign_in import csrf_token, sign_in

OUTAGES = {"full": outages.full, "read-only": outages.read_only}
WHY = {
    "full": "the disk of the database is full",
    "read-only": "the database can only be read",
}


@pytest.fixture(params=OUTAGES)
def why(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _each_is_told(app: Flask) -> None:
    app.extensions.pop(unavailable.LOGGED_EXTENSION, None)


def kept(page: str) -> MultiDict[str, str]:
    """The fields of the form that sends what was typed once more."""
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return MultiDict([(name, unescape(value)) for name, value in fields])


# --- what is typed ------------------------------------------------------------------


def test_a_registration_that_can_not_be_stored_keeps_its_form(
    app: Flask, client: FlaskClient, why: str, caplog: pytest.LogCaptureFixture
):
    event = make_upcoming_event()
    before = all_rows()
    typed = {"name": "Zoë “Zed” Bell", "email": "zoe@example.org"}
    with OUTAGES[why]():
        answer = submit_form(client, event, **typed)

        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
        assert "nothing was saved" in answer.text
        for text in typed.values():
            assert f'value="{text}"' in unescape(answer.text).replace("&#34;", '"')
        assert client.get(f"/events/{event.slug}").status_code == 200
        assert WHY[why] in caplog.text
        assert "zoe@" not in caplog.text
        assert "Traceback" not in caplog.text
        assert all_rows() == before

    assert submit_form(client, event, **typed).status_code == 303


def test_any_other_form_comes_back_as_a_button_that_sends_it_once_more(
    app: Flask, client: FlaskClient, why: str
):
    mine = register_as(client, make_upcoming_event(), "ada")
    typed = {"name": 'Ada "Augusta" Bell\r\nof & <London>', "again": ["1", "2"]}
    with OUTAGES[why]():
        answer = client.post(f"{mine}/cancellation", data=typed)

        assert answer.status_code == 503
        assert "Nothing was saved" in answer.text
        assert f'action="{mine}/cancellation"' in answer.text
        assert kept(answer.text).to_dict(flat=False) == typed | {
            "name": [typed["name"]]
        }
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert client.get(mine).status_code == 200

    done = client.post(f"{mine}/cancellation", data=kept(answer.text))
    assert done.location == mine
    assert "cancelled" in client.get(mine).text


def test_at_the_desk_the_same(app: Flask, client: FlaskClient, ada: User, why: str):
    event = make_mixed_event()
    at_desk = f"/organize/events/{event.slug}"
    token = csrf_token(client, list_path(event))
    with OUTAGES[why]():
        for address, typed in {
            f"{at_desk}/pause": {"why": "A moment"},
            f"{at_desk}/seats/room": {"seats": "40"},
        }.items():
            answer = client.post(address, data=typed | {"csrf_token": token})
            assert answer.status_code == 503, address
            assert kept(answer.text).to_dict().items() >= typed.items()
        assert client.get(at_desk).status_code == 200


def test_a_password_is_not_kept_on_a_page(client: FlaskClient, ada: User, why: str):
    mine = account_security.password_reset_link(ada, utcnow()).removeprefix(
        "https://rsvp.example.org"
    )
    token = csrf_token(client, mine)
    typed = {"csrf_token": token, "password": "a very private passphrase"}
    with OUTAGES[why]():
        answer = client.post(mine, data=typed)

    assert answer.status_code == 503
    assert "private passphrase" not in answer.text
    assert "send it once more" not in answer.text.lower()


# --- a database that is away --------------------------------------------------------


def test_a_database_out_of_reach_is_a_503_on_every_page_and_comes_back(
    app: Flask, client: FlaskClient, ada: User, caplog: pytest.LogCaptureFixture
):
    event = make_upcoming_event()
    mine = register_as(client, event, "bo")
    pages = ["/", f"/events/{event.slug}", mine, "/organize/"]
    statuses = {page: client.get(page).status_code for page in pages}
    with outages.away():
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 503, page
            assert answer.headers["Retry-After"] == "5"
        as_json = client.get(mine, headers={"Accept": "application/json"})
        assert as_json.get_json()["code"] == "unavailable"
        for page in ("/nowhere", "/organize/nowhere"):
            assert client.get(page).status_code == 404
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        answer = client.post(f"{mine}/cancellation", data={"why": "Ill"})
        assert "may not be saved" in answer.text
        assert kept(answer.text)["why"] == "Ill"
    assert {page: client.get(page).status_code for page in pages} == statuses
    assert "the database can't be reached" in caplog.text
    assert "Traceback" not in caplog.text


@for_each("path", ["/organize/events/evening/pause", "/organize/sign-in"])
def test_what_another_site_sent_is_not_offered_once_more(
    client: FlaskClient, ada: User, path: str
):
    """Where it came from is looked at first, which takes no database."""
    with outages.away():
        answer = client.post(
            path,
            data={"why": "sent from elsewhere"},
            headers={"Origin": "https://elsewhere.example"},
        )
    assert answer.status_code == 403
    assert "sent from elsewhere" not in answer.text


# --- what goes on -------------------------------------------------------------------


@for_each("kind", EXPORT_FORMATS, fresh=True)
def test_a_list_is_taken_though_that_can_not_be_noted(
    app: Flask, client: FlaskClient, ada: User, kind: str, why: str, caplog
):
    event = make_mixed_event()
    whole = len(client.get(export_path(event, kind)).data)
    with OUTAGES[why]():
        answer = client.get(export_path(event, kind))

        assert answer.status_code == 200
        assert abs(len(answer.data) - whole) < 20
        assert "is not noted" in caplog.text
    noted = select(AuditEntry).where(AuditEntry.verb == "export")
    assert len(db.session.scalars(noted).all()) == 1


def test_people_sign_in_and_out_while_nothing_can_be_written(
    app: Flask, client: FlaskClient, why: str
):
    make_user("bo@example.org")
    with OUTAGES[why]():
        assert sign_in(client, "bo@example.org").status_code == 302
        assert client.get("/organize/").status_code == 200
        assert client.get("/health/ready").status_code == 200


def test_a_weaker_hash_stays_where_the_stronger_one_can_not_be_kept(
    app: Flask, client: FlaskClient, why: str
):
    user = make_user("bo@example.org")
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with writing():
        user.password = weak
    with OUTAGES[why]():
        assert sign_in(client, "bo@example.org").status_code == 302
    assert db.session.get_one(User, user.id).password == weak


# --- the door -----------------------------------------------------------------------


def test_a_scan_that_can_not_be_stored_is_never_acknowledged(
    app: Flask, client: FlaskClient, why: str
):
    event = door_client.make_event_today()
    door_client.enrol_phone(client, event)
    one = door_client.scan_json("1" * 17)
    with OUTAGES[why]():
        answer = door_client.send_scans(client, one)

        assert answer.status_code == 503
        assert answer.get_json()["code"] == "unavailable"
        assert "verdicts" not in answer.get_json()
    assert db.session.scalars(select(Scan)).all() == []
    assert len(door_client.scan_verdicts(client, one)) == 1


def test_a_phone_hears_the_counts_though_it_can_not_be_noted(
    app: Flask, client: FlaskClient, why: str
):
    door_client.enrol_phone(client, door_client.make_event_today())
    with writing() as session:
        session.execute(update(Device).values(seen_at=utcnow() - timedelta(hours=1)))
    with OUTAGES[why]():
        answer = door_client.send_scans(client)

        assert answer.status_code == 200
        assert answer.get_json()["counts"] == {"inside": 0, "expected": 0}
        assert client.get("/door/").status_code == 200


# --- the log ------------------------------------------------------------------------


def test_a_rush_does_not_fill_the_log(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch
):
    event = make_upcoming_event()
    with outages.read_only():
        for _ in range(5):
            assert submit_form(client, event).status_code == 503
        assert caplog.text.count("answered 503") == 1
        monkeypatch.setattr(unavailable, "LOG_INTERVAL", 0)
        submit_form(client, event)
        assert "(as 4 more before)" in caplog.text


# --- mistakes stay mistakes ---------------------------------------------------------


def test_a_mistake_of_ours_stays_a_500(app: Flask, monkeypatch, caplog):
    def broken() -> None:
        db.session.execute(text("SELECT nothing FROM nowhere"))

    client = app.test_client()
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(app.view_functions, "public.home", broken)
    assert client.get("/").status_code == 500
    assert "Traceback" in caplog.text
