"""Mailings: an organizer's own mail is written, looked at, tried out, sent, stopped."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from rsvp.db import utcnow, writing
from rsvp.domain import mailings
from rsvp.extensions import db
from rsvp.jobs import tasks as mailing_jobs
from rsvp.jobs.delivery import pool
from rsvp.models import Event, Mailing, Message, Registration
from rsvp.models.team import Role
from tests.support.factories import make_user, register
from tests.support.for_each import for_each
from tests.support.pages.organizer import post_form
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import WEBINAR, all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine

WORDS = {"subject": "Bring a bowl", "text": "Soup is at {time}.\n\nSee you, {name}."}


def path_of(event, *rest) -> str:
    return "/".join([f"/organize/events/{event.slug}/mailings", *map(str, rest)])


def make(client, event, **fields) -> str:
    """A draft; the path of its page."""
    answer = post_form(
        client, path_of(event), **{"states": ["confirmed"]} | WORDS | fields
    )
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.location).path


def come(event, *names, **wanted) -> None:
    for name in names:
        register(event, name, email=f"{name}@example.org", now=utcnow(), **wanted)


def notes() -> list[Message]:
    db.session.rollback()
    kind = Message.kind == "note"
    return db.session.scalars(select(Message).where(kind).order_by(Message.id)).all()


def only() -> Mailing:
    db.session.rollback()
    return db.session.scalars(select(Mailing)).one()


# --- writing ------------------------------------------------------------------------


def test_a_draft_says_to_how_many_and_shows_what_it_looks_like(client, ada):
    event = make_upcoming_event({"capacity": 2})
    come(event, "bo", "cy", "di")
    with writing() as session:
        is_cy = Registration.name == "cy"
        session.execute(update(Registration).where(is_cy).values(muted_at=utcnow()))

    page = client.get(path_of(event, "new"))
    assert "2 registrations match." in visible_text(page.text)
    path = make(client, event)

    text = visible_text(client.get(path).text)
    assert "2 registrations match. 1 of them gets none:" in text
    assert "As bo would get it." in text
    assert "See you, bo." in text
    frame = client.get(f"{path}/preview")
    assert "See you, bo." in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert "••••" in frame.text
    assert notes() == []
    listed = client.get(path_of(event)).text
    assert path in listed
    assert "Draft" in visible_text(listed)
    assert path_of(event) in client.get(f"/organize/events/{event.slug}/messages").text


def test_with_no_state_ticked_nobody_is_said_to_match(client, ada):
    event = make_upcoming_event()
    come(event, "bo")

    answer = post_form(client, path_of(event), **WORDS)

    assert answer.status_code == 422
    assert "Tick at least one." in answer.text
    assert "registration matches" not in visible_text(answer.text)


def test_with_nobody_on_the_list_somebody_made_up_shows_it(client, ada):
    path = make(client, make_upcoming_event())

    text = visible_text(client.get(path).text)
    assert "No registration matches." in text
    assert "See you, Robin Example." in text


def test_the_form_keeps_to_whom(client, ada):
    event = make_upcoming_event(
        {},
        WEBINAR,
        ask_hours=48,
        answer_hours=24,
        questions=(
            {"key": "table", "type": "choice", "options": ["Long", "Round"]},
            {"key": "first", "type": "yes_no", "ask": "First time?"},
            {"key": "why", "type": "text"},
        ),
    )
    chosen = {
        "states": ["confirmed", "waitlisted"],
        "admission": "webinar",
        "answer": "first:no",
        "checked_in": "no",
        "coming": "flagged",
    }
    path = make(client, event, **chosen)

    assert only().wanted == {
        "states": ["confirmed", "waitlisted"],
        "admission": "webinar",
        "question": "first",
        "answer": False,
        "checked_in": False,
        "coming": "flagged",
    }
    html = client.get(path).text
    assert set(re.findall(r'value="([^"]+)" selected', html)) == {
        "webinar",
        "first:no",
        "no",
        "flagged",
    }
    said = "Confirmed, Waitlisted · Webinar · First time? No · Was not let in"
    assert said in visible_text(html)
    assert "why:" not in html
    answer = post_form(client, path, **WORDS, states=["confirmed"], answer="table:1")
    assert answer.status_code == 303
    assert only().wanted == {
        "states": ["confirmed"],
        "question": "table",
        "answer": "Round",
    }


@for_each(
    "text",
    [
        "می\u200cخواهم بیایم",
        "ශ්\u200dරී ලංකා",
        "👩\u200d👧 and 🏳️\u200d🌈",
        "שלום!\u200f (18:00)",
    ],
    fresh=True,
)
def test_what_joins_letters_and_pictures_stays_where_it_is(client, ada, text):
    make(client, make_upcoming_event(), subject=text, text=f"{text}\r\n\r\n{text}")

    assert (only().subject, only().text) == (text, f"{text}\n\n{text}")


@for_each(
    ("fields", "field", "words"),
    [
        ({"subject": " "}, "subject", "Please write something here."),
        ({"subject": "\u200d \u200f"}, "subject", "Please write something here."),
        ({"text": "\u200c\r\n\u200d"}, "text", "Please write something here."),
        ({"subject": "x" * 201}, "subject", "at most 200 characters"),
        ({"text": "x" * 5001}, "text", "at most 5000 characters"),
        ({"text": ""}, "text", "Please write something here."),
        (
            {"text": "{nmae}"},
            "text",
            "{seats}, {reference}, {contact}.",  # but not {until}
        ),
        ({"text": "a { b"}, "text", "A brace stands alone."),
        ({"text": "{until}"}, "text", "no deadline"),
        ({"states": []}, "states", "Tick at least one."),
        ({"states": ["held", "asleep"]}, "states", "Tick at least one."),
    ],
    fresh=True,
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    client, ada, fields, field, words
):
    event = make_upcoming_event()
    path = make(client, event)
    typed = {"states": ["waitlisted"]} | WORDS | fields
    for where in (path_of(event), path):
        answer = post_form(client, where, **typed)

        assert answer.status_code == 422
        found = re.search(rf'id="{field}-mistake"[^>]*>([^<]*)', answer.text)
        assert words in found[1].replace("&#39;", "'")
        # What is wrong is further down than what it looks like.
        assert re.search(rf'id="{field}"[^>]* autofocus', answer.text)
        if "text" not in fields:
            assert "See you, {name}." in answer.text
    assert (only().subject, only().wanted) == (
        "Bring a bowl",
        {"states": ["confirmed"]},
    )


def test_the_list_of_people_leads_to_a_mail_to_those_it_shows(client, ada):
    event = make_upcoming_event({"capacity": 1}, WEBINAR)
    come(event, "bo", "cy")
    people = f"/organize/events/{event.slug}/registrations"
    asked = "state=waitlisted&admission=in-person&coming=asked"

    html = client.get(f"{people}?state=waitlisted&admission=in-person").text
    assert "Write to these people" in html
    assert path_of(event, "new") in html
    assert path_of(event, "new") not in client.get(f"{people}?search=bo").text
    form = client.get(path_of(event, "new") + f"?{asked}").text
    assert re.findall(r'value="(\w+)" checked', form) == ["waitlisted"]
    assert 'value="in-person" selected' in form
    assert 'value="asked" selected' in form
    odd = client.get(path_of(event, "new") + "?state=held&admission=x&coming=x")
    assert re.findall(r'value="(\w+)" checked', odd.text) == ["confirmed"]


def test_what_was_never_offered_is_no_choice(client, ada):
    make(
        client,
        make_upcoming_event(),
        admission="balcony",
        answer="x:1",
        coming="x",
        checked_in="x",
    )

    assert only().wanted == {"states": ["confirmed"]}


def test_a_draft_is_thrown_away(client, ada):
    event = make_upcoming_event()
    path = make(client, event)

    answer = post_form(client, f"{path}/removal")

    assert "thrown away" in client.get(answer.location).text
    assert client.get(path).status_code == 404


# --- a test, and sending ------------------------------------------------------------


def test_without_a_mail_server_no_test_is_offered(client, ada):
    text = visible_text(client.get(make(client, make_upcoming_event())).text)

    assert "No mail server is set" in text
    assert "Send me a test" not in text


def test_a_test_goes_to_whoever_asked_alone(client, ada, smtp):
    event = make_upcoming_event()
    come(event, "bo")
    path = make(client, event)
    assert "Send me a test" in client.get(path).text

    answer = post_form(client, f"{path}/test")

    assert "to your own address" in client.get(answer.location).text
    (message,) = notes()
    assert (message.recipient, message.registration_id) == ("ada@example.org", None)
    pool.deliver_due(utcnow())
    mail = next(r.mail for r in smtp.received if r.recipients == ["ada@example.org"])
    assert mail["subject"] == "Test: Bring a bowl"
    text = mail.get_body(("plain",)).get_content()
    assert "See you, bo." in text
    assert "/r/••••" in text
    outbox = client.get(f"/organize/events/{event.slug}/messages").text
    assert re.findall(r'outbox__to">(.*?)</td>', outbox) == ["bo@example.org"]


def test_it_goes_out_now_and_says_how_far_it_is(client, ada, smtp):
    event = make_upcoming_event()
    come(event, "bo", "cy")
    path = make(client, event)
    asked = client.get(f"{path}/sending").text
    assert "Sent now, 2 registrations get it." in visible_text(asked)

    answer = post_form(client, f"{path}/sending", when="now")

    shown = visible_text(client.get(answer.location).text)
    assert "on its way" in shown
    assert "Being sent" in shown
    mailing_jobs.send_mailings(utcnow())
    assert "0 of 2 sent" in client.get(path).text
    pool.deliver_due(utcnow())
    is_cys = Message.id == notes()[1].id
    with writing() as session:
        session.execute(update(Message).where(is_cys).values(state="failed"))
    text = visible_text(client.get(path).text)
    assert "1 of 2 sent, 1 not delivered" in text
    assert "Yes, stop it" not in text
    mails = [r.mail["subject"] for r in smtp.received]
    assert mails.count("Bring a bowl") == 2
    assert client.get(f"{path}/sending").status_code == 303
    assert post_form(client, f"{path}/sending", when="now").status_code == 409
    late = post_form(
        client, path, **WORDS | {"text": "Long words"}, states=["confirmed"]
    )
    assert late.status_code == 409
    assert "was sent meanwhile" in visible_text(late.text)
    assert "Long words</textarea>" in late.text
    both = post_form(client, path, subject="", text="Long words", states=["confirmed"])
    assert both.status_code == 422
    assert "was sent meanwhile" in visible_text(both.text)
    assert "Long words</textarea>" in both.text


def test_it_waits_for_its_time_by_the_clocks_of_the_event(client, ada):
    event = make_upcoming_event(timezone="Asia/Tokyo")
    path = make(client, event)
    wall = (utcnow() + timedelta(days=2)).astimezone(event.zone)

    answer = post_form(
        client, f"{path}/sending", when="later", at=f"{wall:%Y-%m-%dT%H:%M}"
    )

    assert answer.status_code == 303
    assert only().send_at == wall.replace(second=0, microsecond=0)
    page = visible_text(client.get(answer.location).text)
    assert "Scheduled" in page
    assert f"{wall:%H:%M} JST" in page
    stopped = visible_text(client.get(post_form(client, f"{path}/stop").location).text)
    assert "It is stopped. No mail had to be kept back." in stopped
    assert "0 of 0" not in stopped
    # The time it was meant for would read as the one at which it was stopped.
    for shown in (stopped, visible_text(client.get(path_of(event)).text)):
        assert "Stopped before any of it went out" in shown
        assert "JST" not in shown.partition("Stopped")[2]


@for_each("at", ["", "soon", "2001-01-01T10:00", "9999-01-01T10:00"], fresh=True)
def test_a_time_that_is_none_stands_beside_its_field(client, ada, at):
    path = make(client, make_upcoming_event())

    answer = post_form(client, f"{path}/sending", when="later", at=at)

    assert answer.status_code == 422
    assert 'id="at-mistake"' in answer.text
    assert re.search(r'value="later" checked', answer.text)
    assert only().state == "draft"


def test_a_time_beside_now_is_asked_about_before_it_is_too_late(client, ada):
    event = make_upcoming_event()
    come(event, "bo")
    path = make(client, event)
    at = f"{utcnow() + timedelta(days=2):%Y-%m-%dT%H:%M}"

    answer = post_form(client, f"{path}/sending", when="now", at=at)

    assert answer.status_code == 422
    assert "a time is written below" in mistake_in(answer, "when")
    assert f'value="{at}"' in answer.text
    assert only().state == "draft"


def test_nothing_is_sent_now_where_nobody_would_get_it(client, ada):
    event = make_upcoming_event()
    come(event, "bo")
    with writing() as session:
        session.execute(update(Registration).values(muted_at=utcnow()))
    path = make(client, event)
    assert "Sent now, nobody gets it." in visible_text(
        client.get(f"{path}/sending").text
    )

    answer = post_form(client, f"{path}/sending", when="now")

    assert answer.status_code == 422
    assert "Nobody would get it now" in mistake_in(answer, "when")
    assert only().state == "draft"


def mistake_in(answer, field: str) -> str:
    """What is wrong, as it stands beside its field."""
    found = re.search(rf'id="{field}-mistake"[^>]*>(.*?)</p>', answer.text)
    return found[1] if found else ""


def test_one_that_found_nobody_says_so(client, ada):
    event = make_upcoming_event()
    path = make(client, event)
    at = f"{utcnow() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    post_form(client, f"{path}/sending", when="later", at=at)
    assert "Scheduled" in visible_text(client.get(path).text)

    mailing_jobs.send_mailings(utcnow() + timedelta(days=3))

    assert "nobody was on the list" in visible_text(client.get(path_of(event)).text)


def test_too_many_a_day_is_said_before_it_is_lost(client, ada, monkeypatch):
    monkeypatch.setattr(mailings, "MAX_PER_DAY", 1)
    event = make_upcoming_event()
    come(event, "bo")
    post_form(client, f"{make(client, event)}/sending", when="now")
    path = make(client, event)

    answer = post_form(client, f"{path}/sending", when="now")

    assert answer.status_code == 422
    assert "at most 1 such mails a day" in mistake_in(answer, "when")


def test_stopping_says_how_many_were_kept_back(client, ada):
    event = make_upcoming_event()
    come(event, "bo", "cy")
    path = make(client, event)
    post_form(client, f"{path}/sending", when="now")
    mailing_jobs.send_mailings(utcnow())

    answer = post_form(client, f"{path}/stop")

    text = visible_text(client.get(answer.location).text)
    assert "It is stopped. 2 mails were kept back." in text
    assert "0 of 2 sent, 2 stopped" in text
    again = post_form(client, f"{path}/stop")
    assert again.status_code == 409
    assert "nothing left to stop" in again.text


def test_nobody_writes_to_a_draft_or_to_what_is_erased(client, ada):
    for values in ({"status": "draft"}, {"erased_at": utcnow()}):
        event = make_upcoming_event(**values)
        assert "nobody to write to" in client.get(path_of(event, "new")).text
        answer = post_form(client, path_of(event), **WORDS, states=["confirmed"])
        assert answer.status_code == 409
        assert "Write a mail" not in client.get(path_of(event)).text


# --- who may ------------------------------------------------------------------------


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_writing_is_for_organizers(client, app, team, role):
    make_user("ada@example.org")
    sign_in(client, "ada@example.org")
    event = make_upcoming_event()
    path = make(client, event)
    client = app.test_client()
    assert urlsplit(client.get(path).location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    before = all_rows()

    for where in (path_of(event), path_of(event, "new"), path, f"{path}/preview"):
        assert client.get(where).status_code == 404
    for where in (path_of(event), path, *(f"{path}/{noun}" for noun in NOUNS)):
        assert (
            post_form(client, where, **WORDS, states=["confirmed"]).status_code == 404
        )
        assert client.get(where).status_code == 404
    assert all_rows() == before


NOUNS = ("sending", "test", "stop", "removal")


def test_a_mailing_of_another_event_is_not_found_here(client, ada):
    path = make(client, make_upcoming_event())
    uuid = path.rpartition("/")[2]

    assert client.get(path_of(make_upcoming_event(), uuid)).status_code == 404


def test_looking_changes_nothing(client, ada):
    event = make_upcoming_event()
    path = make(client, event)
    before = all_rows()

    for noun in NOUNS:
        client.get(f"{path}/{noun}")
    client.get(path_of(event))
    client.get(f"{path}/preview")

    assert all_rows() == before
    assert db.session.get_one(Event, event.id).version == 1
