"""Organizers: who is turned away, and what each page shows to whom."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from rsvp import tokens
from rsvp.db import writing
from rsvp.extensions import db
from rsvp.models import Message, User
from rsvp.models.message import MessageState
from rsvp.models.team import Role
from tests.support.factories import (
    CODE_KEY,
    cancel,
    load_registration,
    make_event,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine


@pytest.fixture
def ada(app) -> User:
    return make_user("ada@example.org")


# --- who is turned away -------------------------------------------------------------


def pages() -> list[str]:
    """All an organizer can look at, from what is in the database."""
    found = ["/organize/", "/organize/?past=", "/organize/messages"]
    found += [f"/organize/messages?state={state}" for state in MessageState]
    for message in db.session.query(Message):
        found += [
            f"/organize/messages/{message.uuid}",
            f"/organize/messages/{message.uuid}/preview",
        ]
    return found


def a_full_evening(team: str = "default", title: str = "Letters and soup"):
    """An event with one seated party, one that waits, one promoted, one cancelled."""
    event = make_event({"capacity": 3}, title=title, team=team)
    made = [
        register(event, "Ada Marsh", "Ben Marsh", email="ada.marsh@example.org"),
        register(event, "Cleo Winter", email="cleo@example.org"),
        register(event, "Dora Quill", email="dora@example.org"),
        register(event, "Edgar Sloe", email="edgar@example.org"),
    ]
    cancel(made[1])
    return event, made


def test_nobody_gets_in_without_signing_in(client, app):
    a_full_evening()

    for path in pages():
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert urlsplit(answer.location).path == SIGN_IN_PATH
        assert "Letters and soup" not in answer.text


def test_another_team_sees_nothing(client, app):
    a_full_evening(team="choir", title="Canary evening")
    make_user("eve@example.org", team="bakers")
    sign_in(client, "eve@example.org")

    for path in pages():
        answer = client.get(path)
        wanted = 404 if re.search(r"/messages/", path) else 200
        assert answer.status_code == wanted, path
        for canary in ("Canary", "marsh", "Cleo", "dora", "edgar"):
            assert canary not in answer.text, (path, canary)


@for_each("role", [Role.VIEWER, Role.DOOR_HOST], fresh=True)
def test_messages_are_not_for_viewers_and_door_hosts(client, app, role):
    a_full_evening()
    make_user("vera@example.org", role=role)
    sign_in(client, "vera@example.org")

    for path in pages():
        answer = client.get(path)
        assert answer.status_code == (404 if "/messages" in path else 200), path
        for name in ("marsh", "Cleo", "dora", "edgar"):
            assert name not in answer.text, (path, name)
    assert "Letters and soup" in client.get("/organize/").text
    assert "/organize/messages" not in client.get("/organize/").text


def test_an_account_without_a_team_sees_an_empty_page(client, ada):
    a_full_evening()
    with writing() as session:
        session.delete(ada.memberships[0])
    sign_in(client, "ada@example.org")

    assert "Letters and soup" not in client.get("/organize/").text
    assert client.get("/organize/messages").status_code == 404


def test_each_page_stays_out_of_caches_and_indexes(client, ada):
    a_full_evening()
    sign_in(client, "ada@example.org")

    for path in [*pages(), "/organize/nothing"]:
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store", path
        if path != "/organize/nothing":
            assert headers["X-Robots-Tag"] == "noindex", path


# --- what the pages show ------------------------------------------------------------


@pytest.mark.both_engines
def test_events_show_their_seats_and_their_line(client, ada):
    a_full_evening()
    sign_in(client, "ada@example.org")

    html = client.get("/organize/").text

    assert "Letters and soup" in html
    assert "3 of 3" in html
    assert "1 waiting" in html


@pytest.mark.both_engines
def test_messages_are_listed_newest_first_with_why_they_failed(client, ada):
    a_full_evening()
    with writing() as session:
        first = session.query(Message).order_by(Message.id).first()
        first.state = MessageState.FAILED
        first.last_error = "550 no such mailbox <here>"
    sign_in(client, "ada@example.org")

    html = client.get("/organize/messages").text
    failed = client.get("/organize/messages?state=failed").text

    assert html.index("edgar@example.org") < html.index("ada.marsh@example.org")
    assert "550 no such mailbox &lt;here&gt;" in html
    assert "ada.marsh@example.org" in failed
    assert "edgar@example.org" not in failed


NOWHERE = [
    "/organize/messages?state=unknown",
    "/organize/messages?state=%00",
    "/organize/messages?before=0",
    "/organize/messages?before=-1",
    "/organize/messages?before=x",
    f"/organize/messages?before={2**64}",
    f"/organize/messages/{UUID(int=1)}",
    f"/organize/messages/{UUID(int=1)}/preview",
    "/organize/messages/1",
    "/organize/?after=%00",
    "/organize/nothing",
]


def test_an_address_that_makes_no_sense_leads_nowhere(client, ada):
    sign_in(client, "ada@example.org")

    for path in NOWHERE:
        assert client.get(path).status_code == 404, path


@pytest.mark.both_engines
def test_pages_of_messages_neither_overlap_nor_leave_out(client, ada, monkeypatch):
    monkeypatch.setattr("rsvp.queries.pagination.page_of.__defaults__", (2,))
    a_full_evening()
    sign_in(client, "ada@example.org")

    seen, path = [], "/organize/messages"
    while path:
        html = client.get(path).text
        seen += re.findall(r'href="/organize/messages/([0-9a-f-]{36})"', html)
        more = re.search(r'href="(/organize/messages\?[^"]*before=\d+)"', html)
        path = more and more[1].replace("&amp;", "&")

    newest_first = db.session.query(Message).order_by(Message.id.desc())
    assert seen == [str(message.uuid) for message in newest_first]
    assert len(seen) > 4


@pytest.mark.both_engines
@for_each("past", [False, True], fresh=True)
def test_pages_of_events_neither_overlap_nor_leave_out(client, ada, monkeypatch, past):
    monkeypatch.setattr("rsvp.queries.pagination.page_of.__defaults__", (2,))
    year = 2020 if past else 2100
    # Two begin at the same instant.
    days = [1, 2, 2, 3, 4]
    made = [make_event(starts=datetime(year, 5, day, 18, 0)).slug for day in days]
    sign_in(client, "ada@example.org")

    seen, path = [], "/organize/?past=" if past else "/organize/"
    while path:
        html = client.get(path).text
        seen += re.findall(r'data-event="([^"]+)"', html)
        more = re.search(r'href="(/organize/\?[^"]*after=[^"]+)"', html)
        path = more and more[1].replace("&amp;", "&")

    assert seen == (made[::-1] if past else made)


# --- masked -------------------------------------------------------------------------


def secrets_of(*made) -> set[str]:
    """Every secret that mails about these registrations carry, however written."""
    found = set()
    for outcome in made:
        registration = load_registration(outcome)
        for link in (tokens.manage_token, tokens.mailed_token):
            found.add(link(CODE_KEY, registration.uuid, registration.link_version))
        for attendee in registration.attendees:
            version = attendee.code_version
            code = tokens.attendee_code(CODE_KEY, attendee.uuid, version)
            text = tokens.code_text(code)
            found |= {
                text,
                text.lower(),
                tokens.group_code(text),
                code.hex(),
                base64.b64encode(code).decode().rstrip("="),
            }
            for number in {version, registration.link_version}:
                found.add(tokens.ticket_token(CODE_KEY, attendee.uuid, number))
    return found


def test_no_secret_of_an_attendee_is_on_any_page(client, ada):
    _event, made = a_full_evening()
    secret = secrets_of(*made)
    sign_in(client, "ada@example.org")

    for path in pages():
        text = client.get(path).text
        squeezed = re.sub(r"\s|&nbsp;|-", "", text)
        for one in secret:
            assert one not in text, path
            assert re.sub(r"[\s-]", "", one) not in squeezed, path
        for picture in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text):
            assert read_qr(base64.b64decode(picture)) is None, path


def test_a_message_can_be_read_but_for_its_secrets(client, ada):
    a_full_evening()
    sign_in(client, "ada@example.org")
    confirmation = db.session.query(Message).order_by(Message.id).first()

    page = client.get(f"/organize/messages/{confirmation.uuid}")
    preview = client.get(f"/organize/messages/{confirmation.uuid}/preview")

    assert "Letters and soup" in page.text
    assert "ada.marsh@example.org" in page.text
    assert f"/organize/messages/{confirmation.uuid}/preview" in page.text
    assert "sandbox" in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "Letters and soup" in preview.text
    policy = preview.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy


def read_qr(picture: bytes) -> str | None:
    """What a phone would read in the picture."""
    import io

    import zxingcpp
    from PIL import Image

    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return found[0].text if found else None
