"""Invitations: the codes of an event, who sees them, how they are made and revoked."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from rsvp.db import utcnow, write, writing
from rsvp.domain import invitations
from rsvp.extensions import db
from rsvp.models import AuditEntry, Invitation
from rsvp.models.team import Role
from rsvp.queries import invitations as invitation_queries
from tests.support.factories import CODE_KEY, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.public import in_days, visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine


def by_invitation(**values):
    return make_upcoming_event(visibility="invitation", **values)


def path_of(event) -> str:
    return f"/organize/events/{event.slug}/invitations"


def make(event, **values) -> list[Invitation]:
    wanted = {"count": 1, "uses_max": 1, "expires_at": None, "label": None} | values
    return write(
        invitations.create,
        event.id,
        **wanted,
        code_key=CODE_KEY,
        actor="user:1",
        now=utcnow(),
    )


def send(client, event, token=None, **typed):
    token = token or csrf_token(client, path_of(event))
    fields = {"csrf_token": token, "count": "1", "uses": "", "until": "", "label": ""}
    return client.post(path_of(event), data=fields | typed)


def stored() -> list[Invitation]:
    db.session.rollback()
    return list(db.session.scalars(select(Invitation).order_by(Invitation.id)))


def code_of(invitation) -> str:
    return invitations.invitation_code(invitation, CODE_KEY)


# --- the list -----------------------------------------------------------------------


def test_each_code_is_shown_with_its_link_and_how_far_it_is_used(client, ada):
    event = by_invitation()
    ends = utcnow() + timedelta(days=2)
    (one,) = make(event, uses_max=2, label="Neighbours", expires_at=ends)
    (open_to_many,) = make(event, uses_max=None)

    html = client.get(path_of(event)).text

    for each in (one, open_to_many):
        assert code_of(each) in html
        assert f"/events/{event.slug}?invitation={code_of(each)}" in html
    text = visible_text(html)
    assert "Neighbours used 0 of 2 times · until" in text
    assert "used 0 times, without limit" in text
    assert html.index(code_of(open_to_many)) < html.index(code_of(one))


def test_a_code_that_lets_nobody_in_says_why(client, ada):
    event = by_invitation()
    (used_up,) = make(event, label="Used")
    (ended,) = make(event, expires_at=utcnow() + timedelta(days=1), label="Late")
    (revoked,) = make(event, label="Lost")
    register(event, now=utcnow(), invitation=code_of(used_up))
    with writing() as session:
        session.get_one(Invitation, ended.id).expires_at = utcnow()
    answer = client.post(
        f"{path_of(event)}/{revoked.uuid}/revocation",
        data={"csrf_token": csrf_token(client, path_of(event))},
    )
    assert answer.status_code == 303

    html = client.get(answer.location).text

    text = visible_text(html)
    assert "The code is revoked" in text
    assert f"{code_of(used_up)} – Used up Used used 1 of 1 time" in text
    assert f"{code_of(ended)} – Over Late" in text
    assert f"{code_of(revoked)} ✕ Revoked Lost" in text
    assert "/revocation" not in html
    verbs = db.session.scalars(select(AuditEntry.verb)).all()
    assert verbs.count("revoke_invitation") == 1


def test_pages_of_codes_neither_overlap_nor_leave_out(client, ada, monkeypatch):
    monkeypatch.setitem(
        invitation_queries.page_of_invitations.__globals__, "PAGE_SIZE", 2
    )
    event = by_invitation()
    made = make(event, count=5)

    seen, path = [], path_of(event)
    while path:
        html = client.get(path).text
        seen += re.findall(r'code__text" dir="ltr">(.*?)<', html)
        more = re.search(r'class="button" href="([^"]*before=\d+[^"]*)"', html)
        path = more and more[1].replace("&amp;", "&")

    assert seen == [code_of(one) for one in reversed(made)]
    for wrong in ("before=0", "before=x", f"before={2**64}"):
        assert client.get(f"{path_of(event)}?{wrong}").status_code == 404


def test_only_events_by_invitation_have_codes(client, ada):
    event, invited = make_upcoming_event(), by_invitation()

    assert client.get(path_of(event)).status_code == 404
    assert send(client, event, csrf_token(client, "/organize/")).status_code == 404
    for one in (event, invited):
        html = client.get(f"/organize/events/{one.slug}").text
        assert (f'href="{path_of(one)}"' in html) is (one is invited)


# --- making -------------------------------------------------------------------------


def test_codes_are_made_in_one_go(client, ada):
    event = by_invitation(timezone="Europe/Amsterdam")
    day = in_days(3)

    answer = send(
        client,
        event,
        count="3",
        uses="2",
        until=day.strftime("%Y-%m-%dT%H:%M"),
        label=" The \n choir ",
    )

    assert answer.status_code == 303
    assert "3 codes are made." in client.get(answer.location).text
    made = stored()
    assert len({one.code_id for one in made}) == 3
    for one in made:
        assert (one.uses_max, one.label) == (2, "The choir")
        local = one.expires_at.astimezone(event.zone).replace(tzinfo=None)
        assert local == day


def test_empty_fields_set_no_limit(client, ada):
    event = by_invitation()

    assert send(client, event).status_code == 303
    (one,) = stored()
    assert (one.uses_max, one.expires_at, one.label) == (None, None, None)


@for_each(
    ("typed", "words"),
    [
        ({"count": ""}, "Write a whole number from 1 to 500."),
        ({"count": "0"}, "Write a whole number from 1 to 500."),
        ({"count": "501"}, "Write a whole number from 1 to 500."),
        ({"count": "ten"}, "Write a whole number from 1 to 500."),
        ({"count": "9" * 500}, "Write a whole number from 1 to 500."),
        ({"uses": "0"}, "Write a whole number from 1 to 100,000."),
        ({"uses": "-3"}, "Write a whole number from 1 to 100,000."),
        ({"uses": "many"}, "Write a whole number from 1 to 100,000."),
        ({"until": "tomorrow"}, "Write a day and a time."),
        ({"until": "2020-01-01T10:00"}, "This time is over. Choose a later one."),
        ({"until": "9999-12-31T23:59"}, "This is too far off. Choose an earlier time."),
        ({"until": "2030-01-01T10:00+02:00"}, "Write a day and a time."),
        ({"until": "2030-03-31T02:30"}, "The clocks skip this time."),
        ({"until": "2030-10-27T02:30"}, "The clocks show this time twice."),
        ({"label": "x" * 201}, "Please use at most 200 characters."),
    ],
)
def test_what_makes_no_sense_is_answered_beside_its_field(client, ada, typed, words):
    event = by_invitation()
    before = all_rows()

    answer = send(client, event, **typed)

    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 1
    (field,) = typed
    assert f'id="{field}-mistake">{words}' in answer.text
    assert all_rows() == before


@for_each("status", ["cancelled"])
def test_an_event_that_is_off_gets_no_more_codes(client, ada, status):
    event = by_invitation(status=status)

    answer = send(client, event, csrf_token(client, "/organize/"))

    assert answer.status_code == 409
    assert path_of(event) in answer.text
    assert 'name="count"' not in client.get(path_of(event)).text


# --- who ----------------------------------------------------------------------------


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_codes_are_for_who_manages_registrations(client, app, team, role):
    event = by_invitation()
    (one,) = make(event)
    paths = [path_of(event), f"{path_of(event)}.csv"]
    posts = [path_of(event), f"{path_of(event)}/{one.uuid}/revocation"]
    for path in paths:
        assert urlsplit(client.get(path).location).path == SIGN_IN_PATH
    for path in posts:
        assert urlsplit(client.post(path).location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    token = csrf_token(client, "/organize/")
    before = all_rows()

    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 404
        assert code_of(one) not in answer.text
    for path in posts:
        sent = {"csrf_token": token, "count": "1"}
        assert client.post(path, data=sent).status_code == 404
        assert client.post(path).status_code == 400
    assert all_rows() == before
    if team == "default":
        overview = client.get(f"/organize/events/{event.slug}").text
        assert path_of(event) not in overview


def test_a_code_of_another_event_is_not_revoked(client, ada):
    event, other = by_invitation(), by_invitation()
    (one,) = make(other)

    answer = client.post(
        f"{path_of(event)}/{one.uuid}/revocation",
        data={"csrf_token": csrf_token(client, "/organize/")},
    )

    assert answer.status_code == 404
    assert stored()[0].revoked_at is None
    answer = client.get(f"{path_of(other)}/{one.uuid}/revocation")
    assert (answer.status_code, answer.location) == (303, path_of(other))


# --- the file -----------------------------------------------------------------------


def test_codes_and_links_are_taken_away_as_a_file(client, ada):
    event = by_invitation()
    (one,) = make(event, label="=cmd|' /C calc'!A0", uses_max=2)
    (other,) = make(event, uses_max=None, label="Zoë; =1")
    with writing() as session:
        session.get_one(Invitation, other.id).revoked_at = utcnow()

    answer = client.get(f"{path_of(event)}.csv")

    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert (
        f'filename="{event.slug}-invitations-' in answer.headers["Content-Disposition"]
    )
    text = answer.data.decode("utf-8-sig")
    second, first = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert first == {
        "code": code_of(one),
        "link": f"https://rsvp.example.org/events/{event.slug}"
        f"?invitation={code_of(one)}",
        "label": "'=cmd|' /C calc'!A0",
        "used": "0",
        "limit": "2",
        "expires_at": "",
        "state": "works",
    }
    assert (second["limit"], second["state"]) == ("", "revoked")
    assert second["label"] == "Zoë; '=1"
    (noted,) = db.session.scalars(select(AuditEntry).filter_by(verb="export")).all()
    assert noted.details == {"format": "csv", "what": "invitations"}
    client.head(f"{path_of(event)}.csv")
    db.session.rollback()
    assert (
        len(db.session.scalars(select(AuditEntry).filter_by(verb="export")).all()) == 1
    )


@for_each("query", ["made=x", "made=-1", "done=<b>", "made=999999"])
def test_the_address_writes_no_words(client, ada, query):
    answer = client.get(f"{path_of(by_invitation())}?{query}")

    assert answer.status_code == 200
    assert "<b>" not in answer.text
