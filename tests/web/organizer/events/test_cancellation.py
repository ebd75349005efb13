"""Calling an event off: what is said before, who may, and that everybody is told."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from rsvp.db import utcnow, writing
from rsvp.domain import mailings
from rsvp.extensions import db
from rsvp.models import Event, Message
from rsvp.models.team import Role
from tests.support.factories import cancel, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.organizer import event_path, post_form, reload_event
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import (
    YESTERDAY,
    all_rows,
    make_upcoming_event,
)
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine


def call_off(client, event, **typed):
    return post_form(client, event_path(event, "cancellation"), **typed)


def told() -> list[Message]:
    db.session.rollback()
    mails = select(Message).filter_by(kind="event_cancelled").order_by(Message.id)
    return list(db.session.scalars(mails))


def a_full_evening() -> Event:
    event = make_upcoming_event({"capacity": 2})
    register(event, "Zoë", "Ben", email="zoe@example.org", now=utcnow())
    register(event, "Cleo", email="cleo@example.org", now=utcnow())
    gone = register(event, "Dora", email="dora@example.org", now=utcnow())
    cancel(gone, now=utcnow())
    return event


def write_for_later(event) -> None:
    now = utcnow()
    by = {"actor": "user:1", "now": now}
    words = {"subject": "Bring a bowl", "text": "Soup is at six."}
    with writing():
        wanted = {"states": ["confirmed"]}
        one = mailings.create_draft(event.id, **words, recipients=wanted, **by).id
        mailings.schedule(one, send_at=now + timedelta(days=1), **by)


def test_the_page_says_what_becomes_of_mails_written_for_later(client, ada):
    event = a_full_evening()
    assert "for later" not in client.get(event_path(event, "cancellation")).text

    for words in (
        "The mail that you have written for later is not sent.",
        "The 2 mails that you have written for later are not sent.",
    ):
        write_for_later(event)
        assert words in visible_text(client.get(event_path(event, "cancellation")).text)


def test_the_page_says_what_will_happen_and_to_how_many(client, ada):
    event = a_full_evening()
    before = all_rows()
    assert event_path(event, "cancellation") in client.get(event_path(event)).text

    text = visible_text(client.get(event_path(event, "cancellation")).text)

    assert "2 registrations are told by mail that it will not take place," in text
    assert "for 3 people" in text
    assert "can’t be undone" in text
    assert all_rows() == before


def test_everybody_who_has_a_place_or_waits_is_told(client, ada):
    event = a_full_evening()

    answer = call_off(client, event, why=" The hall \n is flooded ")

    assert (answer.status_code, reload_event(event).status) == (303, "cancelled")
    assert [m.recipient for m in told()] == ["zoe@example.org", "cleo@example.org"]
    assert {m.facts["why"] for m in told()} == {"The hall is flooded"}
    text = visible_text(client.get(answer.location).text)
    assert "mails about it are on their way to 2 addresses" in text
    assert "Cancelled" in text
    assert call_off(client, event).status_code == 409
    assert len(told()) == 2
    assert "Yes, cancel" not in client.get(event_path(event, "cancellation")).text


def test_a_draft_is_called_off_without_a_mail(client, ada):
    event = make_upcoming_event(status="draft")
    assert "nobody is told" in client.get(event_path(event, "cancellation")).text

    answer = call_off(client, event)

    assert reload_event(event).status == "cancelled"
    assert "Nobody had to be told" in client.get(answer.location).text


def test_a_line_that_is_too_long_changes_nothing(client, ada):
    event = a_full_evening()
    before = all_rows()

    answer = call_off(client, event, why="x" * 201)

    assert answer.status_code == 422
    assert "at most 200 characters" in answer.text
    assert all_rows() == before


def test_what_is_over_is_not_called_off(client, ada):
    event = make_upcoming_event(starts=YESTERDAY)

    assert call_off(client, event).status_code == 409
    assert "It is over" in client.get(event_path(event, "cancellation")).text
    assert reload_event(event).status == "published"


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_only_who_may_edit_an_event_calls_it_off(client, app, team, role):
    event = a_full_evening()
    for answer in (
        client.get(event_path(event, "cancellation")),
        client.post(event_path(event, "cancellation")),
    ):
        assert urlsplit(answer.location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")

    assert client.get(event_path(event, "cancellation")).status_code == 404
    assert call_off(client, event).status_code == 404
    assert client.post(event_path(event, "cancellation")).status_code == 400
    assert reload_event(event).status == "published"
    assert told() == []


@for_each("query", ["told=x", "told=-4", "told=%00", "told=<b>"])
def test_the_address_writes_no_words(client, ada, query):
    answer = client.get(f"/organize/events/{make_upcoming_event().slug}?{query}")

    assert answer.status_code == 200
    assert "<b>" not in answer.text
