"""Registration: what its page tells to whom, and each act an organizer has."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain import invariants, privacy
from rsvp.domain.registrations.create import Person
from rsvp.extensions import db
from rsvp.formats.mail import render
from rsvp.models import Event, Message, Question, RetiredCode
from rsvp.models.team import Role
from tests.support.door import make_phone, scan
from tests.support.factories import CODE_KEY, NOON, make_event, make_user, stored
from tests.support.pages.organizer import act, now_register, path_of, shown
from tests.support.pages.public import text_of
from tests.support.pages.registration_form import everything, soon
from tests.support.pages.sign_in import SIGN_IN, form_token, sign_in

pytestmark = pytest.mark.one_engine

ACTS = ["cancellation", "guests/1/cancellation", "seat", "place", "tickets", "codes"]


def a_party(**values):
    """An event of three seats with a party of three in it and a party that waits."""
    event = soon(
        {"capacity": 3},
        questions=(
            {"key": "diet", "ask": "What don't you eat?", "per": "attendee"},
            {"key": "news", "ask": "How did you hear of us?"},
        ),
        consents=({"text": "Photographs are fine."},),
        **values,
    )
    party = now_register(
        event,
        email="zoe@example.org",
        people=(
            Person("Zoë Marsh", {"diet": "Nuts"}),
            Person("Ben Marsh", {"diet": "Fish"}),
            Person(None),
        ),
        answers={"news": "From a friend", "gone": ["Red", "Blue"]},
        consents={event.consents[0].id: True},
    )
    waits = now_register(event, "Cleo Winter", "Dan", email="cleo@example.org")
    return event, party, waits


# --- who is turned away -------------------------------------------------------------


def test_nobody_gets_in_without_signing_in(client, app):
    _event, party, _waits = a_party()

    answer = client.get(path_of(party))
    assert urlsplit(answer.location).path == SIGN_IN
    before = everything()
    for noun in ACTS:
        answer = client.post(f"{path_of(party)}/{noun}", data={"why": "x", "place": 1})
        assert answer.status_code == 302, noun
        assert urlsplit(answer.location).path == SIGN_IN
    assert everything() == before


SECRETS = ["zoe@example.org", "Nuts", "From a friend", "Photographs", "Registered ·"]


@pytest.mark.parametrize(
    ("team", "role", "status"),
    [
        ("default", Role.VIEWER, 404),
        ("default", Role.DOOR_HOST, 200),
        ("bakers", Role.OWNER, 404),
    ],
)
def test_who_does_not_manage_sees_little_and_does_nothing(
    client, app, team, role, status
):
    _event, party, waits = a_party()
    make_user("vera@example.org", team=team, role=role)
    sign_in(client, "vera@example.org")

    for outcome in (party, waits):
        answer = client.get(path_of(outcome))
        assert answer.status_code == status
        assert ("Marsh" in answer.text or "Cleo" in answer.text) is (status == 200)
        for secret in SECRETS:
            assert secret not in text_of(answer.text), secret
    token = form_token(client, "/organize/")
    before = everything()
    for noun in ACTS:
        for outcome in (party, waits):
            answer = client.post(
                f"{path_of(outcome)}/{noun}",
                data={"csrf_token": token, "why": "x", "place": "1"},
            )
            assert answer.status_code == 404, noun
    assert everything() == before


def test_a_form_without_its_sessions_token_does_nothing(client, ada):
    _event, party, _waits = a_party()
    before = everything()

    for noun in ACTS:
        for typed in ({}, {"csrf_token": "made up"}):
            answer = client.post(f"{path_of(party)}/{noun}", data=typed)
            assert answer.status_code == 400, noun
    assert everything() == before


def test_a_reference_leads_only_to_its_own_event(client, ada):
    _event, party, _waits = a_party()
    other = make_event()
    reference = stored(party).reference
    token = form_token(client, "/organize/")

    for wrong in (reference.lower(), "00000000", "%00", "x" * 2000, "%25", "..%2F"):
        path = f"/organize/events/{stored(party).event.slug}/registrations/{wrong}"
        assert client.get(path).status_code == 404, wrong
    elsewhere = f"/organize/events/{other.slug}/registrations/{reference}"
    assert client.get(elsewhere).status_code == 404
    for noun in ACTS:
        sent = client.post(f"{elsewhere}/{noun}", data={"csrf_token": token})
        assert sent.status_code == 404, noun
    assert stored(party).state == "confirmed"


# --- what it shows ------------------------------------------------------------------


def test_the_page_tells_all_there_is_to_know(client, ada):
    _event, party, waits = a_party()

    text = shown(client, party)

    for words in (
        *("Confirmed", "Zoë Marsh + 2", "3 places, In person", "zoe@example.org"),
        *("Guest 2", "What don&#39;t you eat?", "Nuts", "Fish"),
        *("How did you hear of us?", "From a friend", "gone", "Red, Blue"),
        *("Photographs are fine.", "Confirmation", "Registered · by the attendee"),
        stored(party).reference,
    ):
        assert words in text, words
    text = shown(client, waits)
    assert "Waitlisted, 1st" in text
    assert "Waits for 2 places" in text
    assert "Registered, and waits in line · by the attendee" in text


def test_what_was_answered_is_told_in_words_and_as_text(client, ada):
    event = soon(
        questions=({"key": "help", "ask": "Will you help?", "type": "yes_no"},)
    )
    party = now_register(
        event, "<b>Eve</b>", answers={"help": True, "note": "<script>1</script>"}
    )

    html = client.get(path_of(party)).text

    assert "&lt;b&gt;Eve&lt;/b&gt;" in html
    assert "<script>1" not in html
    assert re.search(r"Will you help\?</dt>\s*<dd[^>]*>Yes</dd>", html)


def test_who_was_let_in_is_told_with_when(client, ada):
    event = soon()
    party = now_register(event, "Ada", "Bo")
    doors = event.doors_open_at
    phone = make_phone(event, now=doors)
    scan(phone, stored(party).attendees[1], now=doors)

    html = client.get(path_of(party)).text

    assert len(re.findall(r'data-state="in"', html)) == 1
    assert "Let in" in html


def test_an_erased_registration_shows_only_its_states(client, ada):
    event, party, _waits = a_party()
    with writing() as session:
        session.execute(update(Question).values(keep_days=None))
        privacy.erase(event.id, actor="worker", now=NOON.replace(year=2032))

    text = shown(client, party)

    assert "Erased" in text
    for secret in ("Zoë", *SECRETS[:3]):
        assert secret not in text
    assert "Cancel" not in text


@pytest.mark.parametrize("key", ["cancelled", "nothing", "<b>", "%00", "x" * 5000])
def test_the_address_chooses_among_sentences_and_writes_none(client, ada, key):
    _event, party, _waits = a_party()

    answer = client.get(f"{path_of(party)}?done={key}")

    assert answer.status_code == 200
    assert ("It is cancelled, and a mail says so." in answer.text) is (
        key == "cancelled"
    )
    assert "<b>" not in answer.text


# --- the acts -----------------------------------------------------------------------


def test_cancelling_tells_why_and_seats_the_next(client, ada):
    _event, party, waits = a_party()

    answer = act(client, party, "cancellation", why="  Twice \n by mistake ")

    assert (answer.status_code, answer.location) == (
        303,
        f"{path_of(party)}?done=cancelled",
    )
    ended = stored(party)
    assert (ended.state, ended.ended_by) == ("cancelled", f"user:{ada.id}")
    assert ended.ended_why == "Twice by mistake"
    assert stored(waits).state == "confirmed"
    text = shown(client, party)
    assert "Cancelled: Twice by mistake · by ada@example.org" in text
    assert "Got a place that came free" in shown(client, waits)
    assert act(client, party, "cancellation").status_code == 409
    assert invariants.problems(utcnow()) == []


def test_a_guest_is_cancelled_by_their_position(client, ada):
    _event, party, _waits = a_party()

    answer = act(client, party, "guests/1/cancellation")

    assert answer.status_code == 303
    assert stored(party).seats == 2
    text = shown(client, party)
    assert "The place of Ben Marsh cancelled · by ada@example.org" in text
    for position in (0, 3, 99):
        noun = f"guests/{position}/cancellation"
        assert act(client, party, noun).status_code == 404
    refused = act(client, party, "guests/1/cancellation")
    assert refused.status_code == 409
    assert path_of(party) in refused.text
    assert "Its page shows who" in refused.text


def test_who_is_in_is_not_cancelled(client, ada):
    event, party, _waits = a_party()
    phone = make_phone(event, now=event.doors_open_at)
    scan(phone, stored(party).attendees[1], now=event.doors_open_at)

    for noun in ("cancellation", "guests/1/cancellation"):
        answer = act(client, party, noun)
        assert answer.status_code == 409
        assert "already in" in answer.text
    assert stored(party).state == "confirmed"
    assert "Cancel the place of Ben" not in shown(client, party)


def test_a_place_above_the_cap_has_its_reason(client, ada):
    event, _party, waits = a_party()
    assert "it will be over by 2" in shown(client, waits)

    for why in ("", "   ", "\0\n", "x" * 201):
        answer = act(client, waits, "seat", why=why)
        assert answer.status_code == 422, why
        assert 'aria-invalid="true"' in answer.text
        assert '<details class="second-thoughts act" open>' in answer.text
    assert stored(waits).state == "waitlisted"
    answer = act(client, waits, "seat", why="x" * 199 + "é")

    assert answer.status_code == 303
    assert stored(waits).exception_why == "x" * 199 + "é"
    text = shown(client, waits)
    assert "Above the cap:" in text
    assert "Given a place above the cap: xxx" in text
    assert "over by 2" in client.get(f"/organize/events/{event.slug}").text
    assert act(client, waits, "seat", why="again").status_code == 409
    assert act(client, waits, "place", place="1").status_code == 409
    assert invariants.problems(utcnow()) == []


def test_a_place_in_line_is_changed(client, ada):
    event, _party, first = a_party()
    second = now_register(event, "Edgar")

    answer = act(client, second, "place", place=" 1 ")

    assert answer.status_code == 303
    assert "Waitlisted, 1st" in shown(client, second)
    assert "Waitlisted, 2nd" in shown(client, first)
    assert "Moved from 2nd to 1st in line · by ada@example.org" in shown(client, second)


@pytest.mark.parametrize(
    "typed", ["", "0", "-1", "3", "x", "1.5", "１", "1e1", "9" * 400, "\0", " "]
)
def test_a_bad_place_is_answered_beside_its_field(client, ada, typed):
    event, _party, first = a_party()
    now_register(event, "Edgar")
    before = everything()

    answer = act(client, first, "place", place=typed)

    assert answer.status_code == 422
    assert "Please give a number from 1 to 2." in answer.text
    assert 'aria-describedby="place-mistake"' in answer.text
    assert everything() == before


def test_a_ticket_is_mailed_again(client, ada):
    _event, party, waits = a_party()

    for outcome in (party, waits):
        assert act(client, outcome, "tickets").status_code == 303
        assert "The ticket again" in shown(client, outcome)
        assert "Mailed again · by ada@example.org" in shown(client, outcome)
    again = db.session.scalars(select(Message).filter_by(kind="ticket_again")).all()
    assert [message.recipient for message in again] == [
        "zoe@example.org",
        "cleo@example.org",
    ]


def test_new_codes_make_the_old_link_lead_nowhere(client, ada):
    _event, party, _waits = a_party()
    one = stored(party)
    old_code = tokens.code_id(tokens.attendee_code(CODE_KEY, one.attendees[0].uuid, 0))
    old_ticket = tokens.ticket_token(CODE_KEY, one.attendees[1].uuid, 0)

    assert act(client, party, "codes").status_code == 303

    one = stored(party)
    assert client.get(f"/r/{party.token}").status_code == 404
    assert client.get(f"/t/{old_ticket}").status_code == 404
    new = tokens.manage_token(CODE_KEY, one.uuid, one.link_version)
    page = client.get(f"/r/{new}")
    assert page.status_code == 200
    code = tokens.attendee_code(CODE_KEY, one.attendees[0].uuid, 1)
    assert tokens.grouped(tokens.code_text(code)) in page.text
    assert old_code in set(db.session.scalars(select(RetiredCode.code_id)))
    again = db.session.scalars(select(Message).filter_by(kind="ticket_again")).one()
    mail = render.compose(again, code_key=CODE_KEY, public_url="https://h.example")
    assert f"/r/{tokens.mailed_token(CODE_KEY, one.uuid, 1)}" in mail.text
    assert tokens.grouped(tokens.code_text(code)) in mail.text
    assert "New codes and links made and mailed · by ada@example.org" in shown(
        client, party
    )


def test_what_is_over_offers_nothing_and_does_nothing(client, ada):
    _event, party, waits = a_party()
    act(client, waits, "cancellation")
    assert "Send new codes" not in shown(client, waits)
    before = everything()

    for noun in ACTS:
        answer = act(client, waits, noun, why="x", place="1")
        assert answer.status_code == 409, noun
        assert path_of(waits) in answer.text
    with writing() as session:
        session.execute(update(Event).values(status="cancelled"))
    assert "Send new codes" not in shown(client, party)
    for noun in ("cancellation", "tickets", "codes"):
        assert act(client, party, noun).status_code == 409
    with writing() as session:
        session.execute(update(Event).values(status="published"))
    assert everything() == before


def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada):
    _event, party, _waits = a_party()
    before = everything()

    for noun in ACTS:
        answer = client.get(f"{path_of(party)}/{noun}")
        assert (answer.status_code, answer.location) == (303, path_of(party)), noun
    assert everything() == before
