"""Proving an address by a link from the mail, and what the page after the form says."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.domain.messages import mail_limits
from rsvp.extensions import db
from rsvp.models import AuditEntry, Message
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.attendee import (
    mailed_link,
    page_text,
    registration_link,
    registration_named,
)
from tests.support.pages.registration_form import (
    all_rows,
    change_event,
    mails_sent,
    make_upcoming_event,
    register_as,
    submit_form,
)

pytestmark = pytest.mark.one_engine

NOT_MAILED = "It is done, but we did not mail it"


def renamed(client: FlaskClient, path: str, name: str = "Ada Moss"):
    return client.post(f"{path}/details", data={"name": name, "guests-0-name": "Bo"})


def test_a_form_sent_from_a_mailed_link_ends_the_pages_link_alone(client: FlaskClient):
    page = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    mailed, mute = mailed_link(client, "Ada"), registration_named("Ada")
    assert page != mailed
    for path in (page, mailed, page, f"{mailed}/details", f"{mailed}/erasure"):
        assert client.get(path).status_code == 200
    assert registration_named("Ada").proved_at is None

    changed = renamed(client, mailed)

    assert (changed.status_code, changed.location) == (303, mailed)
    assert registration_named("Ada Moss").proved_at is not None
    assert "Ada Moss" in page_text(client, mailed)
    for path in (page, f"{page}/details", f"{page}/calendar.ics"):
        ended = client.get(path)
        assert ended.status_code == 410
        assert "This link has ended" in ended.text
        assert not has_word(ended.text, "Moss")
        assert "/lost-mail" in ended.text
    before = all_rows()
    for path in ("details", "cancellation", "erasure"):
        assert client.post(f"{page}/{path}").status_code == 410
    assert all_rows() == before
    # The mail's other link, which ends mails, is not the page's.
    key = client.application.config["CODE_KEY"]
    assert client.get(f"/u/{tokens.mute_token(key, mute.uuid, 0)}").status_code == 200
    verbs = db.session.scalars(select(AuditEntry.verb)).all()
    assert verbs.count("prove_address") == 1
    # The form sent again leads to the page's link, and that has ended.
    assert len({m.mailbox for m in db.session.scalars(select(Message))}) == 2


@for_each("act", ["coming", "cancellation", "erasure"], fresh=True)
def test_whatever_the_form_it_proves_the_address(client: FlaskClient, act):
    page = register_as(client, make_upcoming_event(), "ada")

    client.post(f"{mailed_link(client, 'Ada')}/{act}")

    assert client.get(page).status_code == 410


def test_a_form_from_the_page_proves_nothing(client: FlaskClient):
    page = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    assert renamed(client, page).status_code == 303

    assert registration_named("Ada Moss").proved_at is None
    assert client.get(page).status_code == 200


def test_links_that_are_nearly_right_open_nothing(client: FlaskClient):
    register_as(client, make_upcoming_event(), "ada")
    mine, key = registration_named("Ada"), client.application.config["CODE_KEY"]
    right = tokens.mailed_token(key, mine.uuid, 0)
    wrong = [
        tokens.mute_token(key, mine.uuid, 0),
        tokens.mailed_token(key, mine.uuid, 1),
        tokens.mailed_token(b"another key" * 3, mine.uuid, 0),
        right[:-1] + ("A" if right[-1] != "A" else "B"),
        right[:-1],
        "A" * 43,
    ]

    assert [client.get(f"/r/{token}").status_code for token in wrong] == [404] * 6
    assert client.post(f"/u/{right}").status_code == 404
    assert registration_named("Ada").proved_at is None


def test_the_page_says_that_a_change_is_not_mailed(client: FlaskClient):
    page = register_as(client, make_upcoming_event(), "ada", **{"guests-0-name": "Bo"})
    told = [renamed(client, page, f"Ada {letter}").location for letter in "BCDE"]

    assert told[:2] == [page, page]
    assert told[2] == told[3] == f"{page}?mail=none"
    assert NOT_MAILED in page_text(client, told[3])
    assert NOT_MAILED not in page_text(client, page)
    assert registration_named("Ada E")
    assert [kind for kind, _to in mails_sent()] == [
        "confirmation",
        "changed",
        "changed",
    ]
    change_event(discreet=True)
    assert NOT_MAILED not in page_text(client, told[3])
    # Nor does the address of the page say so there.
    assert renamed(client, page, "Ada Ex").location == page
    # With the link from the mail all is told again, and that it has ended in any case.
    assert (
        renamed(client, mailed_link(client, "Ada Ex"), "Ada F").location[-5:] != "=none"
    )
    client.post(f"{mailed_link(client, 'Ada F')}/cancellation")
    assert [kind for kind, _to in mails_sent()][-2:] == ["changed", "cancelled"]


def test_elsewhere_nobody_is_told_of_a_mail_that_is_not_written(client: FlaskClient):
    event = make_upcoming_event()

    answers = [submit_form(client, event, email="ada@example.org") for _ in range(5)]
    another = submit_form(client, event, email="ada+new@example.org")

    mailed, refused = [answer.text for answer in answers[1:3]], answers[3:]
    assert all("We have mailed" in text for text in mailed)
    for answer in refused:
        assert answer.status_code == 429
        assert "has had several mails from us" in answer.text
    assert len(mails_sent()) == mail_limits.MAX_PER_HOUR_AND_EVENT
    # A registration is made without its mail: else strangers would keep somebody out.
    assert another.status_code == 303
    assert NOT_MAILED in client.get(another.location).text


@for_each("values", [{"discreet": True}, {"confirm_address": True}], fresh=True)
def test_where_mails_answer_the_form_says_nothing_of_the_limit(
    client: FlaskClient, values
):
    event = make_upcoming_event(several=True, **values)

    answers = [
        submit_form(client, event, email=f"ada+{number}@example.org")
        for number in range(5)
    ]

    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert len(mails_sent()) == mail_limits.MAX_PER_HOUR_AND_EVENT


def test_the_form_sent_again_after_that_shows_nobody_the_registration(
    client: FlaskClient,
):
    event, submission = (
        make_upcoming_event(),
        {"submission": "5a3b1e00-0000-4000-8000-000000000001"},
    )
    page = register_as(client, event, "ada", **submission)
    client.post(f"{mailed_link(client, 'Ada')}/coming")

    again = register_as(client, event, "ada", **submission)

    assert again == page == registration_link(client, "Ada")
    assert client.get(again).status_code == 410
