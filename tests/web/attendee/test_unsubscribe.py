"""Unsubscribing: by a page, or by a mail program's own button."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import writing
from rsvp.domain.messages import outbox
from rsvp.domain.messages.mail_limits import Cause
from rsvp.extensions import db
from rsvp.jobs.delivery import pool
from rsvp.models import AuditEntry, Registration
from rsvp.models.message import MessageKind
from rsvp.web import request_log
from tests.support.factories import (
    CODE_KEY,
    NOON,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.matching import has_word

pytestmark = pytest.mark.one_engine

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FROM_A_MAIL_PROGRAM = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def place(app):
    return register(make_event(title="A quiet evening"), "Ada Lovelace")


def link_of(outcome) -> str:
    found = load_registration(outcome)
    version = found.link_version
    return f"/u/{tokens.mute_token(CODE_KEY, found.uuid, version)}"


def verbs() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)))


def test_looking_changes_nothing_and_names_nobody(client, place):
    page = client.get(link_of(place))

    assert page.status_code == 200
    assert "A quiet evening" in page.text
    assert not has_word(page.text, "Ada")
    assert load_registration(place).muted_at is None
    assert page.headers["Cache-Control"] == "no-store"


def test_the_button_ends_them_and_another_brings_them_back(client, place):
    link = link_of(place)
    answer = client.post(link)
    assert (answer.status_code, answer.location) == (303, link)
    assert load_registration(place).muted_at is not None
    assert "You get no more of these mails" in client.get(link).text

    client.post(f"{link}/undo")
    assert load_registration(place).muted_at is None
    assert verbs() == ["register", "mute", "unmute"]


def test_a_mail_programs_button_works_from_anywhere_and_twice(client, place):
    link = link_of(place)
    for _ in range(2):
        answer = client.post(link, data=ONE_CLICK, headers=FROM_A_MAIL_PROGRAM)
        assert answer.status_code == 200  # such programs follow no redirects
    assert load_registration(place).muted_at is not None
    assert verbs() == ["register", "mute"]


def test_it_may_come_as_a_form_of_parts(client, place):
    answer = client.post(
        link_of(place), data=ONE_CLICK, content_type="multipart/form-data"
    )
    assert answer.status_code == 200
    assert load_registration(place).muted_at is not None


@for_each("sent", [{}, {"List-Unsubscribe": "Yes"}, ONE_CLICK | {"more": "1"}])
def test_nothing_else_from_elsewhere_does(client, place, sent):
    link = link_of(place)
    for path in (link, f"{link}/undo"):
        answer = client.post(path, data=sent, headers=FROM_A_MAIL_PROGRAM)
        assert answer.status_code == 403
    answer = client.post(f"{link}/undo", data=ONE_CLICK, headers=FROM_A_MAIL_PROGRAM)
    assert answer.status_code == 403
    assert load_registration(place).muted_at is None


def test_the_link_does_nothing_else_and_no_other_link_does_this(client, place):
    token = link_of(place).removeprefix("/u/")
    assert client.get(f"/r/{token}").status_code == 404
    assert client.get(f"/u/{place.token}").status_code == 404
    swapped = ("B" if token[-5] == "A" else "A").join([token[:-5], token[-4:]])
    assert client.get(f"/u/{swapped}").status_code == 404
    assert client.post(f"/u/{swapped}", data=ONE_CLICK).status_code == 404


def test_new_links_end_the_old_one(client, place):
    old = link_of(place)
    with writing() as session:
        session.get_one(Registration, place.registration_id).link_version += 1
    assert client.get(old).status_code == 404
    assert client.get(link_of(place)).status_code == 200


def test_a_discreet_event_is_not_named(app, client):
    place = register(make_event(title="Secret circle", discreet=True))
    assert "Secret circle" not in client.get(link_of(place)).text


def test_ones_own_page_says_so(client, place):
    assert "Have them sent again" not in client.get(f"/r/{place.token}").text
    client.post(link_of(place))
    assert "Have them sent again" in client.get(f"/r/{place.token}").text


def test_logs_keep_the_secret(place):
    assert request_log.mask_secrets(link_of(place)) == "/u/…"


# --- the mails ----------------------------------------------------------------------


def test_what_waits_is_not_sent_any_more_but_changes_are(app, client, smtp, place):
    assert pool.deliver_due(NOON).sent == 1
    for kind in (MessageKind.NOTE, MessageKind.CHANGED):
        found = load_registration(place)
        with writing():
            outbox.enqueue(found, kind, cause=Cause.OWNER, now=NOON, who="guest")
    client.post(link_of(place), data=ONE_CLICK)

    assert pool.deliver_due(NOON).sent == 1
    assert len(smtp.received) == 2
    assert smtp.received[-1].mail["List-Unsubscribe"] is None
