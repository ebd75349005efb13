"""Wording: organizers put a kind of mail in their own words, and back in ours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from rsvp import errors
from rsvp.db import utcnow, write, writing
from rsvp.domain.events import custom_texts
from rsvp.extensions import db
from rsvp.models import AuditEntry, Reminder
from rsvp.models.message import MessageKind
from rsvp.models.team import Role
from rsvp.web.organizer.events import overview as event_overview
from tests.support.factories import make_user, register
from tests.support.for_each import for_each
from tests.support.pages.organizer import reload_event
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import csrf_token, sign_in

pytestmark = pytest.mark.one_engine

OWN = {
    "subject": "{event} waits for you",
    "headline": "Hello {name}",
    "text": "We look forward to it.\n\nThe cooks",
}


def path_of(event, kind="confirmation", *rest) -> str:
    return "/".join([f"/organize/events/{event.slug}/messages/kinds", kind, *rest])


def send(client, event, kind="confirmation", *rest, **words):
    token = csrf_token(client, "/organize/")
    path = path_of(event, kind, "wording", *rest)
    return client.post(path, data={"csrf_token": token} | words)


def test_mails_that_go_by_the_clock_say_when(client, ada):
    event = make_upcoming_event(
        {},
        {"key": "webinar", "name": "Webinar", "mode": "online"},
        starts=datetime(2037, 1, 29, 6, 0),
        ask_hours=48,
        answer_hours=24,
    )
    with writing() as session:
        for key, at, values in (
            ("late", datetime(2037, 1, 29, 3, 0, tzinfo=UTC), {}),
            (
                "early",
                datetime(2037, 1, 27, 7, 0, tzinfo=UTC),
                {"admissions": ["webinar"], "states": ["confirmed", "waitlisted"]},
            ),
        ):
            values = {"anchor": "start", "minutes": 0, "key": key} | values
            session.add(Reminder(event_id=event.id, due_at=at, **values))

    early = "27 Jan 2037, 08:00 CET (Webinar, Confirmed, Waitlisted)"
    for page in (path_of(event, "reminder"), path_of(event, "")):
        text = visible_text(client.get(page.rstrip("/")).text)
        assert f"When: {early} · 29 Jan 2037, 04:00 CET" in text
    listed = visible_text(client.get(path_of(event, "").rstrip("/")).text)
    assert "When: never, for the event file has none." in listed
    # At six in the morning nobody is asked.
    asked = "27 Jan 2037, 08:00 CET, to be answered until 28 Jan 2037, 06:00 CET"
    assert f"When: {asked}" in listed
    overview = visible_text(client.get(f"/organize/events/{event.slug}").text)
    assert "People are asked on Tuesday 27 January, 08:00 CET." in overview
    assert '<p class="muted">When:' not in client.get(path_of(event, "offer")).text


def test_the_night_before_the_question_the_overview_still_says_when(
    client, ada, monkeypatch
):
    event = make_upcoming_event(
        {}, starts=datetime(2037, 1, 29, 6), ask_hours=48, answer_hours=24
    )
    planned = datetime(2037, 1, 27, 5, 0, tzinfo=UTC)
    morning = planned + timedelta(hours=2)
    for now, is_said in ((planned + timedelta(minutes=10), True), (morning, False)):
        monkeypatch.setattr(event_overview, "utcnow", lambda now=now: now)
        overview = visible_text(client.get(f"/organize/events/{event.slug}").text)
        line = "People are asked on Tuesday 27 January, 08:00 CET."
        assert (line in overview) is is_said


def test_own_words_are_kept_and_shown(client, ada):
    event = make_upcoming_event(title="Letters and soup")
    register(event, "Zoë", now=utcnow())

    answer = send(client, event, **OWN)

    page = visible_text(client.get(answer.location).text)
    assert "Saved." in page
    assert "Subject: Letters and soup waits for you" in page
    assert "Hello Zoë We look forward to it. The cooks Show the code on" in page
    assert "Ours: Your place is confirmed." in page
    assert (reload_event(event).wording, reload_event(event).version) == (
        {"confirmation": OWN},
        2,
    )
    assert {a.event_version for a in reload_event(event).admissions} == {2}
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.verb == "change_wording")
    ).one()
    assert entry.details == {"kind": "confirmation"}


def test_the_same_words_again_are_nothing_new(client, ada):
    event = make_upcoming_event()
    send(client, event, **OWN)
    send(client, event, **OWN)

    assert reload_event(event).version == 2


def test_back_to_ours_throws_theirs_away(client, ada):
    event = make_upcoming_event()
    send(client, event, **OWN)
    send(client, event, "cancelled", headline="A pity.")

    answer = send(client, event, "confirmation", "removal")

    assert "in our words again" in client.get(answer.location).text
    assert reload_event(event).wording == {"cancelled": {"headline": "A pity."}}
    send(client, event, "cancelled", headline=" ")
    assert reload_event(event).wording == {}
    assert "Back to our words" not in client.get(path_of(event)).text


@for_each(
    ("kind", "field", "typed", "words"),
    [
        ("confirmation", "subject", "{nmae}", "{nmae} is no placeholder. There are {n"),
        ("confirmation", "text", "{name.email}", "{name.email} is no placeholder."),
        ("confirmation", "headline", "a } b", "A brace stands alone."),
        ("confirmation", "text", "until {until}", "no deadline"),
        ("confirmation", "subject", "x" * 201, "at most 200 characters"),
        ("confirmation", "text", "x" * 2001, "at most 2000 characters"),
        ("offer", "headline", "A place is yours.", "use {until}"),
        ("confirm_address", "headline", "Hello", "use {until}"),
        ("still_coming", "headline", "Well?", "use {until}"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    client, ada, kind, field, typed, words
):
    event = make_upcoming_event()
    other = "text" if field != "text" else "headline"
    needed = " {until}" if kind == "offer" else ""

    answer = send(client, event, kind, **{other: f"Kept{needed}", field: typed})

    assert answer.status_code == 422
    found = re.search(rf'id="{field}-mistake"[^>]*>([^<]*)', answer.text)
    assert words in found[1]
    assert "Kept" in answer.text
    assert reload_event(event).wording == {}
    # The rule holds wherever the words come from.
    if "deadline" not in words:
        with pytest.raises(errors.InvalidCustomText):
            set_words(event, kind, **{field: typed})


def set_words(event, kind, **words) -> None:
    write(
        custom_texts.set_custom_text,
        event.id,
        MessageKind(kind),
        **words,
        actor="user:1",
        now=utcnow(),
    )


def test_an_offer_with_its_deadline_may_be_in_own_words(client, ada):
    event = make_upcoming_event()

    assert send(client, event, "offer", headline="Till {until}").status_code == 303
    assert "Till " in visible_text(client.get(path_of(event, "offer", "preview")).text)


def test_a_discreet_events_subjects_stay(client, ada):
    event = make_upcoming_event(discreet=True)

    assert 'name="subject"' not in client.get(path_of(event)).text
    assert send(client, event, subject="The choir").status_code == 422
    with pytest.raises(errors.InvalidCustomText):
        set_words(event, "confirmation", subject="The choir")
    assert send(client, event, text="Sing!").status_code == 303


def test_what_they_write_is_shown_as_text(client, ada):
    event = make_upcoming_event()
    send(client, event, text="<script>alert(1)</script>", headline="<b>Hi</b>")

    for path in (path_of(event), path_of(event, "confirmation", "preview")):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert "<b>Hi" not in html


@for_each("kind", ["note", "password_reset", "x"])
def test_other_mails_have_no_words_to_change(client, ada, kind):
    event = make_upcoming_event()

    assert send(client, event, kind, text="Hello").status_code == 404
    if kind == "note":
        with pytest.raises(errors.InvalidCustomText):
            set_words(event, kind, text="Hello")


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_words_are_for_organizers_to_change(client, app, team, role):
    event = make_upcoming_event()
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    before = all_rows()

    assert send(client, event, **OWN).status_code == 404
    assert send(client, event, "confirmation", "removal").status_code == 404
    for path in (path_of(event, "confirmation", "wording"),):
        assert client.get(path).status_code == 404
    assert all_rows() == before


def test_looking_where_a_button_is_leads_to_its_page(client, ada):
    event = make_upcoming_event()

    for rest in (("wording",), ("wording", "removal")):
        answer = client.get(path_of(event, "offer", *rest))
        assert (answer.status_code, answer.location) == (303, path_of(event, "offer"))
