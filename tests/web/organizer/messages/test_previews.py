"""Previews: each kind of mail, looked at with an event's own people in it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from rsvp.db import utcnow, writing
from rsvp.domain.events.custom_texts import CUSTOMIZABLE_KINDS
from rsvp.models import Event, Registration
from rsvp.models.team import Role
from rsvp.web.organizer.messages import previews, rows
from tests.support.factories import (
    CODE_KEY,
    cancel,
    load_registration,
    make_user,
    register,
)
from tests.support.for_each import for_each
from tests.support.mail import parsed
from tests.support.pages.organizer import kinds_path
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import WEBINAR, all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine

KINDS = [kind for kind in CUSTOMIZABLE_KINDS if kind in previews.PREVIEWED_KINDS]


def test_every_kind_can_be_looked_at():
    assert set(KINDS) == set(CUSTOMIZABLE_KINDS)


@for_each("people", [0, 1])
@for_each("values", [{}, {"discreet": True}])
def test_each_kind_shows_its_mail_and_changes_nothing(client, ada, people, values):
    event = make_upcoming_event({"capacity": 3}, WEBINAR, **values)
    if people:
        register(event, "Zoë Winter", "Guest", now=utcnow())
    before = all_rows()

    for kind in KINDS:
        page = client.get(kinds_path(event, kind))
        frame = client.get(kinds_path(event, kind, "preview"))

        assert (page.status_code, frame.status_code) == (200, 200), kind
        whose = "Zoë Winter" if people else "somebody made up"
        assert f"As {whose} would get it." in visible_text(page.text), kind
        assert str(rows.KIND_LABELS[kind]) in visible_text(page.text)
        assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert all_rows() == before


def test_the_list_says_what_each_says_now(client, ada):
    event = make_upcoming_event(title="Letters and soup")
    with writing() as session:
        words = {"offer": {"headline": "Yours until {until}."}}
        session.execute(update(Event).values(wording=words))

    text = visible_text(client.get(kinds_path(event)).text)

    assert "Confirmation Your ticket for Letters and soup Your place is confi" in text
    assert "A place is offered in your words A place is free for you: Lett" in text
    assert "Yours until " in text
    assert (
        kinds_path(event) in client.get(f"/organize/events/{event.slug}/messages").text
    )


def test_whoever_is_newest_in_a_fitting_state_is_shown(client, ada):
    event = make_upcoming_event({"capacity": 2})
    for name in ("First", "Second", "Waits"):
        outcome = register(event, name, now=utcnow())
    cancel(register(event, "Gone", now=utcnow()), now=utcnow())
    shown = {"confirmation": "Second", "waitlisted": "Waits", "cancelled": "Gone"}
    # Nobody has an offer: it is shown as the newest would get it.
    shown |= {"offer": "Gone", "declined": "Gone"}

    for kind, name in shown.items():
        text = visible_text(client.get(kinds_path(event, kind)).text)
        assert f"As {name} would get it." in text
        assert name in visible_text(client.get(kinds_path(event, kind, "preview")).text)
    assert "3rd in line" in client.get(kinds_path(event, "waitlisted")).text
    with writing() as session:
        is_it = Registration.id == outcome.registration_id
        session.execute(update(Registration).where(is_it).values(search=""))
    assert "As Waits" not in client.get(kinds_path(event, "waitlisted")).text


def test_who_has_a_place_without_limit_is_not_shown_what_they_never_get(client, ada):
    event = make_upcoming_event({"key": "hall", "capacity": 2}, WEBINAR)
    register(event, "Hal", now=utcnow())
    register(event, "Wendy", admission="webinar", now=utcnow())
    shown = dict.fromkeys(("still_coming", "offer", "waitlisted", "released"), "Hal")
    shown |= {"confirmation": "Wendy", "cancelled": "Wendy"}

    for kind, name in shown.items():
        assert f"As {name} would get it." in visible_text(
            client.get(kinds_path(event, kind)).text
        ), kind


def test_where_nobody_is_limited_the_newest_is_shown_all_the_same(client, ada):
    event = make_upcoming_event({"key": "hall", "capacity": 2}, WEBINAR)
    register(event, "Wendy", admission="webinar", now=utcnow())

    for kind in ("still_coming", "offer"):
        text = visible_text(client.get(kinds_path(event, kind)).text)
        assert "As Wendy would get it." in text, kind


def test_it_shows_no_secrets(client, ada):
    event = make_upcoming_event()
    registration = load_registration(register(event, "Zoë", "Guest", now=utcnow()))
    assert CODE_KEY

    secrets = parsed.secrets_of(registration)
    for kind in ("confirmation", "reminder", "event_cancelled"):
        frame = client.get(kinds_path(event, kind, "preview")).text
        page = client.get(kinds_path(event, kind)).text
        assert not [secret for secret in secrets if secret in frame + page]


@for_each("kind", ["note", "undelivered", "password_reset", "x", "%00"])
def test_what_is_no_kind_with_words_leads_nowhere(client, ada, kind):
    event = make_upcoming_event()

    for path in (kinds_path(event, kind), kinds_path(event, kind, "preview")):
        assert client.get(path).status_code == 404


@for_each(
    ("team", "role"),
    [("default", Role.VIEWER), ("default", Role.DOOR_HOST), ("bakers", Role.OWNER)],
    fresh=True,
)
def test_looking_is_for_organizers(client, app, team, role):
    event = make_upcoming_event()
    paths = [kinds_path(event), kinds_path(event, "offer")]
    paths.append(kinds_path(event, "offer", "preview"))
    for path in paths:
        assert urlsplit(client.get(path).location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")

    assert [client.get(path).status_code for path in paths] == [404, 404, 404]
