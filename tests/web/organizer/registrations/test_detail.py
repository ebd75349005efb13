"""Registration: what its page tells to whom, and each act an organizer has."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain import invariants, privacy
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.formats.mail import render
from rsvp.models import Event, Message, Question, RetiredCode
from rsvp.models.team import Role
from tests.support.door import make_phone, record_scan
from tests.support.factories import (
    CODE_KEY,
    NOON,
    load_registration,
    make_event,
    make_user,
)
from tests.support.for_each import for_each
from tests.support.pages.organizer import (
    detail_text,
    post_action,
    register_now,
    registration_path,
)
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import all_rows, make_upcoming_event
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

ACTS = ["cancellation", "guests/1/cancellation", "seat", "place", "tickets", "codes"]


def a_party(**values):
    """An event of three seats with a party of three in it and a party that waits."""
    event = make_upcoming_event(
        {"capacity": 3},
        questions=(
            {"key": "diet", "ask": "What don't you eat?", "per": "attendee"},
            {"key": "news", "ask": "How did you hear of us?"},
        ),
        consents=({"text": "Photographs are fine."},),
        **values,
    )
    party = register_now(
        event,
        email="zoe@example.org",
        people=(
            RequestedAttendee("Zoë Marsh", {"diet": "Nuts"}),
            RequestedAttendee("Ben Marsh", {"diet": "Fish"}),
            RequestedAttendee(None),
        ),
        answers={"news": "From a friend", "gone": ["Red", "Blue"]},
        consents={event.consents[0].id: True},
    )
    waits = register_now(event, "Cleo Winter", "Dan", email="cleo@example.org")
    return event, party, waits


# --- who is turned away -------------------------------------------------------------


def test_nobody_gets_in_without_signing_in(client, app):
    _event, party, _waits = a_party()

    answer = client.get(registration_path(party))
    assert urlsplit(answer.location).path == SIGN_IN_PATH
    before = all_rows()
    for noun in ACTS:
        answer = client.post(
            f"{registration_path(party)}/{noun}", data={"why": "x", "place": 1}
        )
        assert answer.status_code == 302, noun
        assert urlsplit(answer.location).path == SIGN_IN_PATH
    assert all_rows() == before


SECRETS = ["zoe@example.org", "Nuts", "From a friend", "Photographs", "Registered ·"]


@for_each(
    ("team", "role", "status"),
    [
        ("default", Role.VIEWER, 404),
        ("default", Role.DOOR_HOST, 200),
        ("bakers", Role.OWNER, 404),
    ],
    fresh=True,
)
def test_who_does_not_manage_sees_little_and_does_nothing(
    client, app, team, role, status
):
    _event, party, waits = a_party()
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")

    for outcome in (party, waits):
        answer = client.get(registration_path(outcome))
        assert answer.status_code == status
        assert ("Marsh" in answer.text or "Cleo" in answer.text) is (status == 200)
        for secret in SECRETS:
            assert secret not in visible_text(answer.text), secret
    token = csrf_token(client, "/organize/")
    before = all_rows()
    for noun in ACTS:
        for outcome in (party, waits):
            answer = client.post(
                f"{registration_path(outcome)}/{noun}",
                data={"csrf_token": token, "why": "x", "place": "1"},
            )
            assert answer.status_code == 404, noun
    assert all_rows() == before


def test_a_form_without_its_sessions_token_does_nothing(client, ada):
    _event, party, _waits = a_party()
    before = all_rows()

    for noun in ACTS:
        for typed in ({}, {"csrf_token": "made up"}):
            answer = client.post(f"{registration_path(party)}/{noun}", data=typed)
            assert answer.status_code == 400, noun
    assert all_rows() == before


def test_a_reference_leads_only_to_its_own_event(client, ada):
    _event, party, _waits = a_party()
    other = make_event()
    reference = load_registration(party).reference
    token = csrf_token(client, "/organize/")

    for wrong in (reference.lower(), "00000000", "%00", "x" * 2000, "%25", "..%2F"):
        slug = load_registration(party).event.slug
        path = f"/organize/events/{slug}/registrations/{wrong}"
        assert client.get(path).status_code == 404, wrong
    elsewhere = f"/organize/events/{other.slug}/registrations/{reference}"
    assert client.get(elsewhere).status_code == 404
    for noun in ACTS:
        sent = client.post(f"{elsewhere}/{noun}", data={"csrf_token": token})
        assert sent.status_code == 404, noun
    assert load_registration(party).state == "confirmed"


# --- what it shows ------------------------------------------------------------------


def test_the_page_tells_all_there_is_to_know(client, ada):
    _event, party, waits = a_party()

    text = detail_text(client, party)

    for words in (
        "Confirmed",
        "Zoë Marsh + 2",
        "3 places, In person",
        "zoe@example.org",
        "Guest 2",
        "What don&#39;t you eat?",
        "Nuts",
        "Fish",
        "How did you hear of us?",
        "From a friend",
        "gone",
        "Red, Blue",
        "Photographs are fine.",
        "Confirmation",
        "Registered · by the attendee",
        load_registration(party).reference,
    ):
        assert words in text, words
    text = detail_text(client, waits)
    assert "Waitlisted, 1st" in text
    assert "Waits for 2 places" in text
    assert "Registered, and waits in line · by the attendee" in text


def test_what_was_answered_is_told_in_words_and_as_text(client, ada):
    event = make_upcoming_event(
        questions=({"key": "help", "ask": "Will you help?", "type": "yes_no"},)
    )
    party = register_now(
        event, "<b>Eve</b>", answers={"help": True, "note": "<script>1</script>"}
    )

    html = client.get(registration_path(party)).text

    assert "&lt;b&gt;Eve&lt;/b&gt;" in html
    assert "<script>1" not in html
    assert re.search(r"Will you help\?</dt>\s*<dd[^>]*>Yes</dd>", html)


def test_who_was_let_in_is_told_with_when(client, ada):
    event = make_upcoming_event()
    party = register_now(event, "Ada", "Bo")
    doors = event.doors_open_at
    phone = make_phone(event, now=doors)
    record_scan(phone, load_registration(party).attendees[1], now=doors)

    html = client.get(registration_path(party)).text

    assert len(re.findall(r'data-state="in"', html)) == 1
    assert "Let in" in html


def test_an_erased_registration_shows_only_its_states(client, ada):
    event, party, _waits = a_party()
    with writing() as session:
        session.execute(update(Question).values(keep_days=None))
        privacy.erase_due(event.id, actor="worker", now=NOON.replace(year=2032))

    text = detail_text(client, party)

    assert "Erased" in text
    for secret in ("Zoë", *SECRETS[:3]):
        assert secret not in text
    assert "Cancel" not in text


@for_each("key", ["cancelled", "nothing", "<b>", "%00", "x" * 5000])
def test_the_address_chooses_among_sentences_and_writes_none(client, ada, key):
    _event, party, _waits = a_party()

    answer = client.get(f"{registration_path(party)}?done={key}")

    assert answer.status_code == 200
    assert ("It is cancelled, and a mail says so." in answer.text) is (
        key == "cancelled"
    )
    assert "<b>" not in answer.text


# --- the acts -----------------------------------------------------------------------


def test_cancelling_tells_why_and_seats_the_next(client, ada):
    _event, party, waits = a_party()

    answer = post_action(client, party, "cancellation", why="  Twice \n by mistake ")

    assert (answer.status_code, answer.location) == (
        303,
        f"{registration_path(party)}?done=cancelled",
    )
    ended = load_registration(party)
    assert (ended.state, ended.ended_by) == ("cancelled", f"user:{ada.id}")
    assert ended.ended_why == "Twice by mistake"
    assert load_registration(waits).state == "confirmed"
    text = detail_text(client, party)
    assert "Cancelled: Twice by mistake · by ada@example.org" in text
    assert "Got a place that came free" in detail_text(client, waits)
    assert post_action(client, party, "cancellation").status_code == 409
    assert invariants.find_problems(utcnow()) == []


def test_a_guest_is_cancelled_by_their_position(client, ada):
    _event, party, _waits = a_party()

    answer = post_action(client, party, "guests/1/cancellation")

    assert answer.status_code == 303
    assert load_registration(party).seats == 2
    text = detail_text(client, party)
    assert "The place of Ben Marsh cancelled · by ada@example.org" in text
    for position in (0, 3, 99):
        noun = f"guests/{position}/cancellation"
        assert post_action(client, party, noun).status_code == 404
    refused = post_action(client, party, "guests/1/cancellation")
    assert refused.status_code == 409
    assert registration_path(party) in refused.text
    assert "Its page shows who" in refused.text


def test_who_is_in_is_not_cancelled(client, ada):
    event, party, _waits = a_party()
    phone = make_phone(event, now=event.doors_open_at)
    record_scan(phone, load_registration(party).attendees[1], now=event.doors_open_at)

    for noun in ("cancellation", "guests/1/cancellation"):
        answer = post_action(client, party, noun)
        assert answer.status_code == 409
        assert "already in" in answer.text
    assert load_registration(party).state == "confirmed"
    assert "Cancel the place of Ben" not in detail_text(client, party)


def test_a_place_above_the_cap_has_its_reason(client, ada):
    event, _party, waits = a_party()
    assert "it will be over by 2" in detail_text(client, waits)

    for why in ("", "   ", "\0\n", "x" * 201):
        answer = post_action(client, waits, "seat", why=why)
        assert answer.status_code == 422, why
        assert 'aria-invalid="true"' in answer.text
        assert '<details class="disclosure disclosure--action" open>' in answer.text
    assert load_registration(waits).state == "waitlisted"
    answer = post_action(client, waits, "seat", why="x" * 199 + "é")

    assert answer.status_code == 303
    assert load_registration(waits).exception_why == "x" * 199 + "é"
    text = detail_text(client, waits)
    assert "Above the cap:" in text
    assert "Given a place above the cap: xxx" in text
    assert "over by 2" in client.get(f"/organize/events/{event.slug}").text
    assert post_action(client, waits, "seat", why="again").status_code == 409
    assert post_action(client, waits, "place", place="1").status_code == 409
    assert invariants.find_problems(utcnow()) == []


def test_a_place_in_line_is_changed(client, ada):
    event, _party, first = a_party()
    second = register_now(event, "Edgar")

    answer = post_action(client, second, "place", place=" 1 ")

    assert answer.status_code == 303
    assert "Waitlisted, 1st" in detail_text(client, second)
    assert "Waitlisted, 2nd" in detail_text(client, first)
    assert "Moved from 2nd to 1st in line · by ada@example.org" in detail_text(
        client, second
    )


@for_each("typed", ["", "0", "-1", "3", "x", "1.5", "１", "1e1", "9" * 400, "\0", " "])
def test_a_bad_place_is_answered_beside_its_field(client, ada, typed):
    event, _party, first = a_party()
    register_now(event, "Edgar")
    before = all_rows()

    answer = post_action(client, first, "place", place=typed)

    assert answer.status_code == 422
    assert "Please give a number from 1 to 2." in answer.text
    assert 'aria-describedby="place-mistake"' in answer.text
    assert all_rows() == before


def test_a_ticket_is_mailed_again(client, ada):
    _event, party, waits = a_party()

    for outcome in (party, waits):
        assert post_action(client, outcome, "tickets").status_code == 303
        assert "The ticket again" in detail_text(client, outcome)
        assert "Mailed again · by ada@example.org" in detail_text(client, outcome)
    again = db.session.scalars(select(Message).filter_by(kind="ticket_again")).all()
    assert [message.recipient for message in again] == [
        "zoe@example.org",
        "cleo@example.org",
    ]


def test_new_codes_make_the_old_link_lead_nowhere(client, ada):
    _event, party, _waits = a_party()
    one = load_registration(party)
    old_code = tokens.code_id(tokens.attendee_code(CODE_KEY, one.attendees[0].uuid, 0))
    old_ticket = tokens.ticket_token(CODE_KEY, one.attendees[1].uuid, 0)

    assert post_action(client, party, "codes").status_code == 303

    one = load_registration(party)
    assert client.get(f"/r/{party.token}").status_code == 404
    assert client.get(f"/t/{old_ticket}").status_code == 404
    new = tokens.manage_token(CODE_KEY, one.uuid, one.link_version)
    page = client.get(f"/r/{new}")
    assert page.status_code == 200
    code = tokens.attendee_code(CODE_KEY, one.attendees[0].uuid, 1)
    assert tokens.group_code(tokens.code_text(code)) in page.text
    assert old_code in set(db.session.scalars(select(RetiredCode.code_id)))
    again = db.session.scalars(select(Message).filter_by(kind="ticket_again")).one()
    mail = render.compose(again, code_key=CODE_KEY, public_url="https://h.example")
    assert f"/r/{tokens.mailed_token(CODE_KEY, one.uuid, 1)}" in mail.text
    assert tokens.group_code(tokens.code_text(code)) in mail.text
    assert "New codes and links made and mailed · by ada@example.org" in detail_text(
        client, party
    )


def test_what_is_over_offers_nothing_and_does_nothing(client, ada):
    _event, party, waits = a_party()
    post_action(client, waits, "cancellation")
    assert "Send new codes" not in detail_text(client, waits)
    before = all_rows()

    for noun in ACTS:
        answer = post_action(client, waits, noun, why="x", place="1")
        assert answer.status_code == 409, noun
        assert registration_path(waits) in answer.text
    with writing() as session:
        session.execute(update(Event).values(status="cancelled"))
    assert "Send new codes" not in detail_text(client, party)
    for noun in ("cancellation", "tickets", "codes"):
        assert post_action(client, party, noun).status_code == 409
    with writing() as session:
        session.execute(update(Event).values(status="published"))
    assert all_rows() == before


def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada):
    _event, party, _waits = a_party()
    before = all_rows()

    for noun in ACTS:
        answer = client.get(f"{registration_path(party)}/{noun}")
        assert (answer.status_code, answer.location) == (
            303,
            registration_path(party),
        ), noun
    assert all_rows() == before
