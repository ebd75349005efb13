"""Refused mail: finding it in the outbox, and correcting the address it went to."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rsvp.db import utcnow, writing
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.messages.outbox import enqueue
from rsvp.extensions import db
from rsvp.jobs.delivery import domain_backoff
from rsvp.models import Message, Registration
from rsvp.models.event import Status
from rsvp.models.message import MessageKind
from rsvp.models.team import Role
from tests.support.factories import cancel, load_registration, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import make_upcoming_event
from tests.support.pages.sign_in import csrf_token, sign_in

pytestmark = pytest.mark.one_engine


@pytest.fixture
def owner(app, client):
    user = make_user("owner@example.org")
    sign_in(client, user.email)
    return user


def failed(event=None, email="ada@exmaple.org"):
    """A registration whose confirmation was refused, and the path of that message."""
    outcome = register(event or make_upcoming_event(), "Ada", email=email, now=utcnow())
    return outcome, refuse(outcome)


def refuse(outcome) -> str:
    mine = Message.registration_id == outcome.registration_id
    with writing() as session:
        values = {"state": "failed", "last_error": "550 no such mailbox"}
        session.execute(update(Message).where(mine).values(values))
    [uuid] = db.session.scalars(select(Message.uuid).where(mine))
    return f"/organize/messages/{uuid}"


def correct(client, path, email):
    data = {"email": email, "csrf_token": csrf_token(client, "/organize/")}
    return client.post(f"{path}/address", data=data)


def mails_of(outcome) -> list[tuple[str, str, str]]:
    db.session.rollback()
    mine = Message.registration_id == outcome.registration_id
    rows = db.session.scalars(select(Message).where(mine).order_by(Message.id))
    return [(m.kind, m.state, m.recipient) for m in rows]


def recipients_on(client, path) -> list[str]:
    return re.findall(r'outbox__to">(.*?)</td>', client.get(path).text)


# --- correcting ---------------------------------------------------------------------


def test_the_address_is_corrected_and_how_it_stands_goes_there(client, owner):
    outcome, path = failed()
    page = client.get(path).text
    assert "550 no such mailbox" in page
    assert 'value="ada@exmaple.org"' in page

    answer = correct(client, path, "ada@example.org")
    assert (answer.status_code, answer.location) == (303, f"{path}?done=corrected")
    assert load_registration(outcome).email == "ada@example.org"
    assert mails_of(outcome)[1:] == [("confirmation", "queued", "ada@example.org")]
    page = client.get(answer.location).text
    assert "goes to the new address" in page
    # The old address is nobody's now: there is nothing left to correct.
    assert 'name="email"' not in client.get(path).text
    assert correct(client, path, "x@example.org").status_code == 409
    _, path = failed(email="bo@gmial.com")
    assert "Was bo@gmail.com meant?" in client.get(path).text


def test_the_page_of_a_registration_leads_to_correcting_its_address(client, owner):
    event = make_upcoming_event()
    outcome, path = failed(event)
    reference = load_registration(outcome).reference
    here = f"/organize/events/{event.slug}/registrations/{reference}"
    assert f'href="{path}#email">Correct the address' in client.get(here).text
    assert 'id="email"' in client.get(path).text

    correct(client, path, "ada@example.org")

    assert "Correct the address" not in client.get(here).text


def test_an_address_that_took_a_mail_since_needs_no_correcting(client, owner):
    event = make_upcoming_event()
    outcome, _path = failed(event)
    reference = load_registration(outcome).reference
    here = f"/organize/events/{event.slug}/registrations/{reference}"
    found = db.session.get_one(Registration, outcome.registration_id)
    with writing() as session:
        enqueue(found, MessageKind.TICKET_AGAIN, cause=Cause.ORGANIZER, now=utcnow())
        again = Message.kind == MessageKind.TICKET_AGAIN
        session.execute(update(Message).where(again).values(state="sent"))

    assert "Correct the address" not in client.get(here).text


@for_each("typed", ["", "ada", "ada@", "ada@exmaple.org", "a@b@c.org"])
def test_what_is_no_other_address_is_said_beside_the_field(client, owner, typed):
    outcome, path = failed()
    answer = correct(client, path, typed)

    assert answer.status_code == 422
    assert 'aria-invalid="true" autofocus' in answer.text
    assert load_registration(outcome).email == "ada@exmaple.org"


def test_an_address_that_is_registered_is_refused_beside_the_field(client, owner):
    event = make_upcoming_event()
    register(event, email="grace@example.org", now=utcnow())
    outcome, path = failed(event)
    answer = correct(client, path, "grace@example.org")

    assert answer.status_code == 409
    assert "Another registration has this address already." in answer.text
    assert load_registration(outcome).email == "ada@exmaple.org"


def test_nothing_is_corrected_of_what_is_over_or_on_its_way(client, owner):
    outcome, path = failed()
    cancel(outcome, now=utcnow())
    assert 'name="email"' not in client.get(path).text
    assert correct(client, path, "ada@example.org").status_code == 409

    outcome, path = failed(make_upcoming_event(status=Status.PUBLISHED))
    with writing() as session:
        session.execute(update(Message).values(state="queued"))
    assert 'name="email"' not in client.get(path).text
    assert correct(client, path, "ada@example.org").status_code == 409


def test_who_may_not_manage_registrations_finds_nothing(client, owner):
    _outcome, path = failed()
    make_user("host@example.org", role=Role.DOOR_HOST)
    make_user("elsewhere@example.org", team="other")
    for email in ("host@example.org", "elsewhere@example.org"):
        other = client.application.test_client()
        sign_in(other, email)
        assert correct(other, path, "ada@example.org").status_code == 404


# --- finding ------------------------------------------------------------------------


def test_messages_are_found_by_kind_address_and_reference(client, owner):
    event = make_upcoming_event()
    made = [
        register(event, email=f"{name}@example.org", now=utcnow())
        for name in ("ada", "grace", "100%_a")
    ]
    cancel(made[1], now=utcnow())
    base = f"/organize/events/{event.slug}/messages"

    assert recipients_on(client, f"{base}?kind=cancelled") == ["grace@example.org"]
    assert recipients_on(client, f"{base}?search=ADA@") == ["ada@example.org"]
    assert recipients_on(client, f"{base}?search=%25_") == ["100%_a@example.org"]
    reference = load_registration(made[0]).reference.lower()
    assert recipients_on(client, f"{base}?search={reference}") == ["ada@example.org"]
    both = f"{base}?search=grace&kind=confirmation&state=queued"
    assert recipients_on(client, both) == ["grace@example.org"]
    assert "All 1 Waiting 1" in visible_text(client.get(both).text)
    assert recipients_on(client, f"{base}?search=nobody") == []
    for wrong in ("kind=unknown", "kind=password_reset", "kind=undelivered"):
        assert client.get(f"{base}?{wrong}").status_code == 404


def test_a_domain_that_takes_no_mail_is_named_with_the_next_try(client, owner):
    event = make_upcoming_event()
    register(event, email="ada@example.net", now=utcnow())
    register(event, email="bo@example.com", now=utcnow())
    with writing():
        domain_backoff.pause_domain(
            "example.net", 2, "421", utcnow() - timedelta(seconds=5)
        )

    html = client.get(f"/organize/events/{event.slug}/messages").text
    assert html.count("takes no mail right now") == 1
    assert "example.net takes no mail right now" in visible_text(html)
    assert html.count("Next try:") == 1


def test_a_mail_that_waits_for_its_time_says_when_it_goes(client, owner):
    event, now = make_upcoming_event(), utcnow()
    register(event, now=now)
    path = f"/organize/events/{event.slug}/messages"
    assert "Goes out:" not in client.get(path).text

    with writing() as session:
        session.execute(update(Message).values(due_at=now + timedelta(hours=9)))
    html = client.get(path).text

    assert html.count("Goes out:") == 1
    [one] = re.findall(r'href="(/organize/messages/[^"?]+)"', html)
    assert "Goes out:" in client.get(one).text


@for_each(
    ("lease", "error", "due", "state", "tray"),
    [
        (None, None, 0, "Waiting", "queued"),
        (timedelta(minutes=5), None, 0, "Being sent", "queued"),
        (timedelta(minutes=5), "451 later", 0, "Being sent", "retrying"),
        # Its worker died: nobody knows that it failed.
        (timedelta(minutes=-1), None, 0, "Waiting", "queued"),
        (None, "451 later", 5, "Trying again", "retrying"),
        # Its time has come, and no worker runs.
        (None, "451 later", -5, "Trying again", "retrying"),
        (timedelta(minutes=-1), "451 later", -5, "Trying again", "retrying"),
    ],
)
def test_a_mail_that_a_worker_has_in_hand_is_not_called_another_try(
    client, owner, lease, error, due, state, tray
):
    event, now = make_upcoming_event(), utcnow()
    register(event, now=now)
    with writing() as session:
        held = {"lease_until": now + lease if lease else None, "last_error": error}
        held["due_at"] = now + timedelta(minutes=due)
        session.execute(update(Message).values(attempts=1, **held))

    path = f"/organize/events/{event.slug}/messages"
    in_tray = client.get(f"{path}?state={tray}").text
    assert in_tray.count('<td class="outbox__state">') == 1
    html = client.get(path).text
    [shown] = re.findall(r'<td class="outbox__state">.*?</td>', html, re.S)

    assert state in visible_text(shown)
    assert ("Next try:" in shown) == (due > 0)
