"""Outbox: trays, one event's mails, and sending again what failed or got lost."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from rsvp.db import utcnow, write, writing
from rsvp.domain import invariants
from rsvp.domain.messages import relevance
from rsvp.domain.registrations import cancellation
from rsvp.extensions import db
from rsvp.models import Event, Message, Registration
from rsvp.models.message import ATTENDEE_KINDS
from rsvp.models.team import Role
from rsvp.web.organizer.messages import rows
from tests.support.factories import load_registration, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine


def mail_of(outcome, kind) -> Message:
    db.session.rollback()
    mine = Message.registration_id == outcome.registration_id, Message.kind == kind
    return db.session.scalars(
        select(Message).where(*mine).order_by(Message.id.desc())
    ).first()


def set_mail(message, **values) -> None:
    with writing() as session:
        session.execute(
            update(Message).where(Message.id == message.id).values(**values)
        )


def again(client, message):
    path = f"/organize/messages/{message.uuid}"
    token = csrf_token(client, "/organize/")
    return client.post(f"{path}/again", data={"csrf_token": token})


def recipients_on(client, path) -> list[str]:
    html = client.get(path).text
    return re.findall(r'outbox__to">(.*?)</td>', html)


# --- trays --------------------------------------------------------------------------


@pytest.mark.both_engines
def test_each_message_lies_in_one_tray(client, ada):
    event = make_upcoming_event()
    made = {
        name: register(event, name, email=f"{name}@example.org", now=utcnow())
        for name in ("waiting", "retrying", "sent", "failed", "superseded")
    }
    for name, outcome in made.items():
        values = {
            "waiting": {},
            "retrying": {"attempts": 2, "last_error": "451 later"},
            "sent": {"state": "sent", "attempts": 1, "sent_at": utcnow()},
            "failed": {"state": "failed", "last_error": "550 no such mailbox"},
            "superseded": {"state": "superseded"},
        }[name]
        if values:
            set_mail(mail_of(outcome, "confirmation"), **values)

    for tray, name in (
        ("queued", "waiting"),
        ("retrying", "retrying"),
        ("sent", "sent"),
        ("failed", "failed"),
        ("superseded", "superseded"),
    ):
        for base in ("/organize/messages", f"/organize/events/{event.slug}/messages"):
            path = f"{base}?state={tray}"
            assert recipients_on(client, path) == [f"{name}@example.org"], path
    text = visible_text(client.get("/organize/messages").text)
    assert "All 5 Waiting 1 Trying again 1 Sent 1 Not delivered 1 Dropped 1" in text
    assert "451 later" in text
    assert "550 no such mailbox" in text


def test_where_nothing_matches_it_says_how_to_search(client, ada):
    register(make_upcoming_event(), "Ada Marsh", now=utcnow())
    empty = client.get("/organize/messages?search=nobody").text

    assert "A part of an address is enough" in visible_text(empty)
    assert 'href="/organize/messages">Show all' in empty
    assert "When somebody registers" not in empty


def test_what_was_dropped_says_that_it_never_went_out(client, ada):
    mail = mail_of(register(make_upcoming_event(), now=utcnow()), "confirmation")
    never = "It never went out"
    assert never not in client.get(f"/organize/messages/{mail.uuid}").text

    set_mail(mail, state="superseded")

    assert never in client.get(f"/organize/messages/{mail.uuid}").text


def test_an_event_shows_its_own_messages_alone(client, ada):
    event, other = make_upcoming_event(), make_upcoming_event()
    register(event, email="one@example.org", now=utcnow())
    register(other, email="two@example.org", now=utcnow())
    path = f"/organize/events/{event.slug}/messages"

    assert recipients_on(client, path) == ["one@example.org"]
    assert path in client.get(f"/organize/events/{event.slug}").text
    filtered = client.get(f"/organize/messages?event={event.slug}&state=sent")
    assert (filtered.status_code, filtered.location) == (303, f"{path}?state=sent")
    for wrong in ("none", "%00", "x" * 3000):
        assert client.get(f"/organize/messages?event={wrong}").status_code == 404
    for wrong in ("state=unknown", "before=0", "before=x", "state=%00"):
        assert client.get(f"{path}?{wrong}").status_code == 404


@pytest.mark.both_engines
def test_pages_of_an_events_messages_keep_their_tray(client, ada, monkeypatch):
    monkeypatch.setattr("rsvp.queries.pagination.page_of.__defaults__", (2,))
    event = make_upcoming_event()
    for number in range(5):
        register(event, email=f"{number}@example.org", now=utcnow())

    seen, path = [], f"/organize/events/{event.slug}/messages?state=queued"
    while path:
        html = client.get(path).text
        seen += recipients_on(client, path)
        more = re.search(r'class="button" href="([^"]*before=\d+[^"]*)"', html)
        path = more and more[1].replace("&amp;", "&")

    assert seen == [f"{number}@example.org" for number in (4, 3, 2, 1, 0)]


# --- who may ------------------------------------------------------------------------


@for_each(
    ("team", "role"),
    [
        ("default", Role.VIEWER),
        ("default", Role.DOOR_HOST),
        ("bakers", Role.OWNER),
    ],
    fresh=True,
)
def test_messages_of_an_event_are_for_its_organizers(client, app, team, role):
    event = make_upcoming_event()
    message = mail_of(register(event, "Zoë", now=utcnow()), "confirmation")
    set_mail(message, state="failed")
    path = f"/organize/events/{event.slug}/messages"
    again_path = f"/organize/messages/{message.uuid}/again"
    for answer in (client.get(path), client.post(again_path)):
        assert urlsplit(answer.location).path == SIGN_IN_PATH
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")
    before = all_rows()

    assert client.get(path).status_code == 404
    assert client.get(again_path).status_code == 404
    assert again(client, message).status_code == 404
    assert all_rows() == before


# --- again --------------------------------------------------------------------------


def test_what_failed_is_queued_as_if_for_the_first_time(client, ada):
    event = make_upcoming_event()
    outcome = register(event, now=utcnow() - timedelta(days=1))
    message = mail_of(outcome, "confirmation")
    set_mail(message, state="failed", attempts=7, last_error="550 no such mailbox")
    assert "Try again" in client.get(f"/organize/messages/{message.uuid}").text

    answer = again(client, message)

    assert answer.status_code == 303
    assert "queued again" in client.get(answer.location).text
    queued = mail_of(outcome, "confirmation")
    assert (queued.state, queued.attempts, queued.last_error) == ("queued", 0, None)
    assert abs(queued.due_at - utcnow()) < timedelta(minutes=1)
    assert db.session.scalars(select(Message.id)).all() == [queued.id]
    reference = load_registration(outcome).reference
    page = f"/organize/events/{event.slug}/registrations/{reference}"
    assert "A mail that failed tried again" in client.get(page).text
    assert invariants.find_problems(utcnow()) == []


def test_of_what_was_sent_a_new_mail_tells_how_it_stands_now(client, ada):
    event = make_upcoming_event({"capacity": 1})
    first = register(event, now=utcnow())
    waits = register(event, now=utcnow())
    old = mail_of(waits, "waitlisted")
    set_mail(old, state="sent", sent_at=utcnow())
    write(cancellation.cancel, first.registration_id, actor="attendee", now=utcnow())

    answer = again(client, old)

    assert answer.status_code == 303
    assert "how it stands now" in client.get(answer.location).text
    copy = mail_of(waits, "ticket_again")
    assert (copy.state, copy.from_form) == ("queued", False)
    assert db.session.get_one(Message, old.id).state == "sent"


@for_each(
    ("kind", "state"), [("confirmation", "queued"), ("confirmation", "superseded")]
)
def test_what_waits_or_was_replaced_is_not_sent_again(client, ada, kind, state):
    message = mail_of(register(make_upcoming_event(), now=utcnow()), kind)
    set_mail(message, state=state)
    before = all_rows()

    answer = again(client, message)

    assert answer.status_code == 409
    assert f"/organize/messages/{message.uuid}" in answer.text
    assert all_rows() == before
    page = client.get(f"/organize/messages/{message.uuid}").text
    assert "/again" not in page


@for_each("state", ["failed", "sent"])
def test_what_is_not_so_any_more_is_not_sent_again(client, ada, state):
    event = make_upcoming_event()
    outcome = register(event, now=utcnow())
    message = mail_of(outcome, "confirmation")
    set_mail(message, state=state)
    write(cancellation.cancel, outcome.registration_id, actor="user:1", now=utcnow())

    assert again(client, message).status_code == 409
    assert "/again" not in client.get(f"/organize/messages/{message.uuid}").text
    # That it is cancelled is so, and may be told again.
    off = mail_of(outcome, "cancelled")
    set_mail(off, state="failed")
    assert again(client, off).status_code == 303


def test_mails_of_an_event_that_is_off_or_erased_rest(client, ada):
    event = make_upcoming_event()
    outcome = register(event, now=utcnow())
    message = mail_of(outcome, "confirmation")
    for values in ({"status": "cancelled"}, {"erased_at": utcnow()}):
        with writing() as session:
            session.execute(update(Event).values(**values))
        for state in ("failed", "sent"):
            set_mail(message, state=state)
            assert again(client, message).status_code == 409
            page = client.get(f"/organize/messages/{message.uuid}").text
            assert "/again" not in page
        with writing() as session:
            session.execute(update(Event).values(status="published", erased_at=None))


def offered_until(event, outcome, until) -> Message:
    """The mail about an offer until then, which the registration is made to have."""
    message = mail_of(outcome, "waitlisted")
    with writing() as session:
        session.execute(
            update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(state="offered", decide_by=until, offered_seats=1)
        )
    facts = message.facts | {"until": until.isoformat(), "offered": 1}
    set_mail(message, kind="offer", state="failed", facts=facts)
    return message


def test_an_offer_is_mailed_again_while_it_is_that_offer(client, ada):
    event = make_upcoming_event({"capacity": 1})
    register(event, now=utcnow())
    outcome = register(event, now=utcnow())
    until = utcnow() + timedelta(hours=5)
    message = offered_until(event, outcome, until)
    assert relevance.is_still_true(db.session.get_one(Message, message.id))

    with writing() as session:
        session.execute(
            update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(decide_by=until + timedelta(hours=19))
        )

    assert not relevance.is_still_true(db.session.get_one(Message, message.id))
    assert again(client, message).status_code == 409


def test_nothing_goes_again_to_an_address_that_has_it_no_more(client, ada):
    event = make_upcoming_event()
    outcome = register(event, email="mistyped@example.org", now=utcnow())
    message = mail_of(outcome, "confirmation")
    with writing() as session:
        session.execute(
            update(Registration).values(
                email="right@example.org", email_key="right@example.org"
            )
        )
    set_mail(message, state="failed")
    assert again(client, message).status_code == 409

    # That it was passed on is told to the old address, and stays so.
    set_mail(message, kind="passed_on")
    assert relevance.is_still_true(db.session.get_one(Message, message.id))
    set_mail(message, state="sent")
    assert again(client, message).status_code == 409


@for_each("kind", ATTENDEE_KINDS)
def test_every_kind_of_mail_can_be_looked_at(client, ada, kind):
    event = make_upcoming_event()
    message = mail_of(register(event, "Zoë", now=utcnow()), "confirmation")
    facts = message.facts | {
        "until": (utcnow() + timedelta(hours=5)).isoformat(),
        "offered": 1,
        "was": "waitlisted",
        "what": KNOWN_WHATS.get(kind),
        "why": None,
        "who": "Ben",
    }
    set_mail(message, kind=kind, facts=facts)

    listed = client.get(f"/organize/events/{event.slug}/messages")
    page = client.get(f"/organize/messages/{message.uuid}")

    assert listed.status_code == page.status_code == 200
    assert str(rows.KIND_LABELS[kind]) in listed.text
    preview = client.get(f"/organize/messages/{message.uuid}/preview")
    assert preview.status_code == 200


KNOWN_WHATS = {
    "promoted": "promote",
    "changed": "guest_cancelled",
    "released": "not_there",
    "ticket_again": "sent_again",
}
