"""Deciding: requests approved or declined, alone or together; offers by hand; what is
over brought back; whoever stands at the door seated."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from rsvp.db import utcnow, write, writing
from rsvp.domain import invariants, privacy, registrations
from rsvp.extensions import db
from rsvp.models import Event, Invitation, Message, Registration, User
from rsvp.models.team import Role
from tests.factories import cancel, make_user, register, stored
from tests.web.shown import text_of
from tests.web.signing_in import SIGN_IN, form_token, sign_in
from tests.web.visits import WEBINAR, everything, soon

ALONE = ["approval", "decline", "reinstatement", "offer", "presence", "admission"]


@pytest.fixture
def ada(app, client) -> User:
    user = make_user("ada@example.org")
    sign_in(client, user.email)
    return user


def now_register(event, *names, **wanted):
    return register(event, *names, now=utcnow(), **wanted)


def by_approval(*admissions, **values) -> Event:
    return soon(*admissions, allocation="approval", **values)


def list_of(event) -> str:
    return f"/organize/events/{event.slug}/registrations"


def path_of(outcome) -> str:
    one = stored(outcome)
    return f"{list_of(one.event)}/{one.reference}"


def act(client, outcome, noun, **typed):
    path = path_of(outcome)
    typed = {"csrf_token": form_token(client, path)} | typed
    return client.post(f"{path}/{noun}", data=typed)


def shown(client, outcome) -> str:
    answer = client.get(path_of(outcome))
    assert answer.status_code == 200
    return text_of(answer.text)


def decide(client, event, decision, /, *outcomes, **typed):
    path = f"{list_of(event)}?state=requested"
    return client.post(
        f"{list_of(event)}/decisions?state=requested",
        data={
            "csrf_token": form_token(client, path),
            "decision": decision,
            "reference": [stored(one).reference for one in outcomes],
        }
        | typed,
    )


def last_mail(outcome) -> Message:
    mine = Message.registration_id == outcome.registration_id
    return db.session.scalars(
        select(Message).where(mine).order_by(Message.id.desc())
    ).first()


# --- one request --------------------------------------------------------------------


def test_a_request_is_approved_with_a_line_of_text(client, ada):
    event = by_approval({"capacity": 1})
    first = now_register(event, "Cleo Winter")
    second = now_register(event, "Dora Quill")
    text = shown(client, first)
    assert "Requested Cleo Winter Asks for 1 place, In person." in text
    assert "Approve" in text
    assert "Move in line" not in text

    answer = act(client, first, "approval", why=" See you \n there ")

    assert (answer.status_code, stored(first).state) == (303, "confirmed")
    assert answer.location == f"{path_of(first)}?done=approved"
    assert "they have a place" in text_of(client.get(answer.location).text)
    mail = last_mail(first)
    assert (mail.kind, mail.facts["why"]) == ("confirmation", "See you there")
    assert "Approved · by ada@example.org" in shown(client, first)
    answer = act(client, second, "approval")
    assert stored(second).state == "waitlisted"
    assert "so they wait in line" in text_of(client.get(answer.location).text)
    assert "Approved, and waits in line" in shown(client, second)
    assert act(client, first, "approval").status_code == 409
    assert invariants.problems(utcnow()) == []


def test_a_request_is_declined_with_a_line_of_text(client, ada):
    one = now_register(by_approval(), "Cleo Winter")

    answer = act(client, one, "decline", why="We are too many")

    assert answer.status_code == 303
    text = shown(client, one)
    assert stored(one).ended_why == "We are too many"
    assert "Declined Cleo Winter" in text
    assert "Before that Requested Ended by ada@example.org Why We are too many" in text
    assert "Declined: We are too many · by ada@example.org" in text
    refused = act(client, one, "decline")
    assert refused.status_code == 409
    assert "decided already" in refused.text
    assert path_of(one) in refused.text


@pytest.mark.parametrize("noun", ["approval", "decline"])
def test_a_line_that_is_too_long_is_answered_beside_its_field(client, ada, noun):
    one = now_register(by_approval(), "Cleo Winter")
    before = everything()

    answer = act(client, one, noun, why="x" * 201)

    assert answer.status_code == 422
    assert "Please use at most 200 characters." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert everything() == before


def test_without_a_line_a_request_that_finds_no_place_stays(client, ada):
    event = by_approval({"capacity": 1, "waitlist": False})
    one, first = now_register(event, "Cleo Winter"), now_register(event)
    act(client, first, "approval")

    answer = act(client, one, "approval")

    assert answer.status_code == 409
    assert "No place is free, and there is no line" in answer.text
    assert stored(one).state == "requested"


# --- several at once ----------------------------------------------------------------


def test_requests_are_approved_together_in_the_order_they_came(client, ada):
    event = by_approval({"capacity": 2})
    made = [now_register(event, f"Guest {name}") for name in "ABCD"]
    path = f"{list_of(event)}?state=requested"
    html = client.get(path).text
    assert html.index("Guest A") < html.index("Guest D")
    assert html.count('name="reference"') == 4
    assert client.get(f"{path}&ticked=all").text.count(" checked") == 4

    # Whatever order they are sent in.
    answer = decide(client, event, "approve", *reversed(made[:3]), why="Welcome")

    assert answer.status_code == 303
    states = [stored(one).state for one in made]
    assert states == ["confirmed", "confirmed", "waitlisted", "requested"]
    text = text_of(client.get(answer.location).text)
    assert "2 are approved and have a place." in text
    assert "1 is approved and waits in line, since no place is free." in text
    assert last_mail(made[2]).facts["why"] == "Welcome"
    assert invariants.problems(utcnow()) == []


def test_one_that_changed_meanwhile_keeps_nobody_from_an_answer(client, ada):
    event = by_approval()
    gone, stays = now_register(event, "Cleo Winter"), now_register(event, "Dora Quill")
    cancel(gone, now=utcnow())

    answer = decide(client, event, "decline", gone, stays)

    assert [stored(gone).state, stored(stays).state] == ["cancelled", "declined"]
    text = text_of(client.get(answer.location).text)
    assert "1 is declined. Each was mailed." in text
    assert "These had changed meanwhile, so they are as they were: Cleo Winter" in text


def test_those_for_whom_nothing_is_free_are_named(client, ada):
    event = by_approval({"capacity": 1, "waitlist": False})
    first, second = now_register(event, "Cleo"), now_register(event, "Dora Quill")

    answer = decide(client, event, "approve", first, second)

    assert [stored(first).state, stored(second).state] == ["confirmed", "requested"]
    text = text_of(client.get(answer.location).text)
    assert "there is no line for them to wait in: Dora Quill" in text


def test_a_decision_that_makes_no_sense_changes_nothing(client, ada):
    event = by_approval()
    one = now_register(event, "Cleo Winter")
    elsewhere = now_register(by_approval(), "Dora Quill")
    reference = stored(one).reference
    before = everything()

    for typed, status, words in (
        ({"reference": []}, 422, "Please tick at least one request."),
        ({"reference": ["x", "%00", "\0", "x" * 9000]}, 422, "at least one"),
        ({"why": "x" * 201}, 422, "at most 200 characters"),
        ({"decision": "approved"}, 400, ""),
        ({"decision": ""}, 400, ""),
        ({"reference": [stored(elsewhere).reference]}, 303, ""),
        (
            {"reference": [f"{number:08}" for number in range(101)]},
            422,
            "tick at most 100 at a time",
        ),
    ):
        answer = decide(client, event, "approve", one, **typed)
        assert answer.status_code == status, typed
        assert words in answer.text
    assert everything() == before
    html = decide(client, event, "approve", one, why="x" * 201).text
    assert f'value="{reference}" checked' in html


@pytest.mark.parametrize(
    "query",
    [
        "approved=x",
        "approved=-1",
        "approved=999999999",
        "changed=%00",
        "changed=<b>.x",
        "full=" + "A" * 5000,
    ],
)
def test_the_address_of_a_list_writes_no_words(client, ada, query):
    event = by_approval()

    answer = client.get(f"{list_of(event)}?{query}")

    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_only_who_manages_registrations_decides(client, app):
    event = by_approval()
    one = now_register(event, "Cleo Winter")
    paths = [f"{path_of(one)}/{noun}" for noun in ALONE]
    paths += [f"{list_of(event)}/decisions"]
    sent = {"decision": "approve", "reference": stored(one).reference, "why": "x"}
    before = everything()
    for path in paths:
        for answer in (client.get(path), client.post(path, data=sent)):
            assert urlsplit(answer.location).path == SIGN_IN, path
    for team, role in (("default", Role.DOOR_HOST), ("bakers", Role.OWNER)):
        someone = app.test_client()
        make_user(f"{role}@example.org", team=team, role=role)
        sign_in(someone, f"{role}@example.org")
        token = form_token(someone, "/organize/")
        for path in paths:
            answer = someone.post(path, data=sent | {"csrf_token": token})
            assert answer.status_code == 404, path
            assert someone.post(path, data=sent).status_code == 400, path
    assert everything()["registrations"] == before["registrations"]
    make_user("host@example.org", role=Role.DOOR_HOST)
    host = app.test_client()
    sign_in(host, "host@example.org")
    html = host.get(f"{list_of(event)}?state=requested").text
    assert "Cleo Winter" in html
    assert 'name="reference"' not in html


def test_whoever_opens_the_address_of_a_button_finds_its_page(client, ada):
    event = by_approval()
    one = now_register(event)

    for noun in ALONE:
        answer = client.get(f"{path_of(one)}/{noun}")
        assert (answer.status_code, answer.location) == (303, path_of(one)), noun
    answer = client.get(f"{list_of(event)}/decisions")
    assert (answer.status_code, answer.location) == (
        303,
        f"{list_of(event)}?state=requested",
    )


# --- bringing back ------------------------------------------------------------------


def test_what_is_over_is_brought_back_by_the_rules(client, ada):
    event = soon({"capacity": 1})
    one = now_register(event, "Cleo Winter")
    cancel(one, now=utcnow())
    text = shown(client, one)
    assert "Before that Confirmed Ended by the attendee" in text
    assert "Cancel the registration" not in text

    answer = act(client, one, "reinstatement")

    assert stored(one).state == "confirmed"
    assert "They have a place again" in client.get(answer.location).text
    assert "Brought back, with a place · by ada@example.org" in shown(client, one)
    cancel(one, now=utcnow())
    now_register(event, "Dora Quill")
    # Words that were not asked for make no exception.
    answer = act(client, one, "reinstatement", why="please")
    assert stored(one).state == "waitlisted"
    assert "at the end of the line" in client.get(answer.location).text
    assert act(client, one, "reinstatement").status_code == 409
    assert invariants.problems(utcnow()) == []


def test_what_is_over_is_brought_back_above_the_cap_with_a_reason(client, ada):
    event = soon({"capacity": 1})
    one = now_register(event, "Cleo Winter")
    cancel(one, now=utcnow())
    now_register(event, "Dora Quill")
    assert "it will be over by 1" in shown(client, one)

    for why in ("", " \n", "x" * 201):
        answer = act(client, one, "reinstatement", above="yes", why=why)
        assert answer.status_code == 422, why
    assert stored(one).state == "cancelled"
    answer = act(client, one, "reinstatement", above="yes", why="Our mistake")

    assert answer.status_code == 303
    assert stored(one).exception_why == "Our mistake"
    text = shown(client, one)
    assert "Above the cap: Our mistake" in text
    assert "Brought back, with a place above the cap: Our mistake" in text
    assert invariants.problems(utcnow()) == []


def test_a_place_that_was_given_on_is_brought_back_or_cancelled(client, ada):
    event = soon({"capacity": 1})
    one = now_register(event, "Cleo Winter")
    write(
        lambda _: registrations.release(
            one.registration_id, what="no_answer", actor="worker", now=utcnow()
        )
    )
    text = shown(client, one)
    assert "Given on Cleo Winter Given on since" in text
    assert "Before that Confirmed Ended by itself" in text
    assert "Given on: no answer came" in text
    assert "Cancel the registration" in text

    assert act(client, one, "reinstatement").status_code == 303

    assert stored(one).state == "confirmed"
    assert invariants.problems(utcnow()) == []


def test_what_was_erased_on_request_is_not_offered_to_come_back(client, ada):
    one = now_register(soon(), "Cleo Winter")
    write(
        lambda _: privacy.erase_registration(
            one.registration_id, actor="attendee", now=utcnow()
        )
    )

    text = shown(client, one)

    assert "Erased" in text
    assert "Bring back" not in text
    assert act(client, one, "reinstatement").status_code == 409


def test_an_address_has_one_registration_when_another_comes_back(client, ada):
    event = soon()
    one = now_register(event, "Cleo", email="cleo@example.org")
    cancel(one, now=utcnow())
    now_register(event, "Cleo again", email="cleo@example.org")

    answer = act(client, one, "reinstatement")

    assert answer.status_code == 409
    assert "Their address is registered again" in answer.text
    assert stored(one).state == "cancelled"


# --- offers -------------------------------------------------------------------------


def an_open_seat(**values):
    """A party of two waits first, one alone behind it; one seat is free for nobody but
    who is asked out of turn."""
    event = soon({"capacity": 2}, promotion="offer", **values)
    taken = now_register(event, "Cleo Winter", "Dan")
    party = now_register(event, "Dora Quill", "Ed")
    write(
        lambda _: registrations.cancel_guest(
            taken.registration_id, 1, actor="attendee", now=utcnow()
        )
    )
    return event, party


def test_a_place_is_offered_by_hand(client, ada):
    event, party = an_open_seat()
    assert "Offer a place out of turn" not in shown(client, party)
    assert act(client, party, "offer").status_code == 409
    with writing() as session:
        session.get_one(Registration, party.registration_id).fewer_ok = True
    assert "Fewer is fine" in shown(client, party)

    answer = act(client, party, "offer")

    assert answer.status_code == 303
    one = stored(party)
    assert (one.state, one.offered_seats) == ("offered", 1)
    text = shown(client, party)
    assert "1 of the 2 places they wait for is offered, In person." in text
    assert "Offered until" in text
    assert "Offered 1 place · by ada@example.org" in text
    assert "Cancel this guest" not in text
    assert "Mail the offer again" in text
    row = text_of(client.get(f"{list_of(event)}?state=offered").text)
    assert "Offered until" in row
    assert invariants.problems(utcnow()) == []


def test_who_made_room_for_an_offer_is_not_told(client, ada):
    event = soon({"capacity": 1}, promotion="offer")
    first = now_register(event, "Cleo Winter")
    second = now_register(event, "Dora Quill")
    act(client, first, "cancellation")

    text = shown(client, second)

    assert stored(second).state == "offered"
    assert "Offered 1 place · by" not in text
    assert "Offered 1 place ·" in text
    act(client, second, "cancellation")
    assert "Before that Offered" in shown(client, second)


def test_an_address_still_to_be_confirmed_says_until_when(client, ada):
    event = soon(confirm_address=True)
    one = now_register(event, "Cleo Winter")

    text = shown(client, one)

    assert "Address to be confirmed Cleo Winter" in text
    assert "kept until the address is confirmed. To be confirmed until" in text
    assert "Mail the link to confirm again" in text


def test_what_has_ended_by_the_clock_is_said_to_have_ended(client, ada):
    event = soon({"capacity": 1}, promotion="offer")
    first = now_register(event, "Cleo Winter")
    second = now_register(event, "Dora Quill")
    act(client, first, "cancellation")
    with writing() as session:
        mine = session.get_one(Registration, second.registration_id)
        mine.decide_by = utcnow()

    assert "That ended" in shown(client, second)
    assert "Offered until" not in shown(client, second)


# --- another way to attend ----------------------------------------------------------


def test_a_party_is_moved_to_another_admission(client, ada):
    event = soon({"capacity": 3}, WEBINAR | {"capacity": 1, "waitlist": True})
    party = now_register(event, "Cleo Winter", "Dan")
    alone = now_register(event, "Dora Quill")
    assert "If as many places are free there" in shown(client, party)

    refused = act(client, party, "admission", admission="webinar")
    assert refused.status_code == 409
    assert "Not enough places are free" in refused.text
    answer = act(client, alone, "admission", admission="webinar")

    assert answer.status_code == 303
    assert "They are moved" in client.get(answer.location).text
    assert stored(alone).admission.key == "webinar"
    text = shown(client, alone)
    assert "1 place, Webinar." in text
    assert "Moved to Webinar · by ada@example.org" in text
    assert invariants.problems(utcnow()) == []


@pytest.mark.parametrize("key", ["", "in-person", "balcony", "\0", "x" * 5000, "1"])
def test_an_admission_that_is_none_is_answered_beside_its_field(client, ada, key):
    event = soon({"capacity": 3}, WEBINAR)
    one = now_register(event, "Cleo Winter")
    before = everything()

    answer = act(client, one, "admission", admission=key)

    assert answer.status_code == 422
    assert "Please choose one of these." in answer.text
    assert everything() == before


def test_where_there_is_one_admission_nobody_is_moved(client, ada):
    one = now_register(soon(), "Cleo Winter")

    assert "Move to another admission" not in shown(client, one)
    assert act(client, one, "admission", admission="in-person").status_code == 422


# --- at the door --------------------------------------------------------------------


def test_from_doors_on_whoever_stands_there_is_given_a_free_place(client, ada):
    now = utcnow().replace(tzinfo=None, microsecond=0)
    tonight = {"starts": now + timedelta(minutes=10), "timezone": "UTC"}
    event = soon({"capacity": 2}, **tonight)
    gone = now_register(event, "Cleo Winter", "Dan")
    waits = now_register(event, "Dora Quill")
    assert "They stand here" in shown(client, waits)
    refused = act(client, waits, "presence")
    assert refused.status_code == 409
    assert "Not enough places are free" in refused.text
    act(client, gone, "guests/1/cancellation")
    assert stored(waits).state == "waitlisted"

    answer = act(client, waits, "presence")

    assert stored(waits).state == "confirmed"
    assert "can be let in" in client.get(answer.location).text
    assert "Given a place at the door · by ada@example.org" in shown(client, waits)
    assert act(client, waits, "presence").status_code == 409
    assert invariants.problems(utcnow()) == []


def test_before_doors_presence_decides_nothing(client, ada):
    _event, party = an_open_seat()
    assert "They stand here" not in shown(client, party)

    answer = act(client, party, "presence")

    assert answer.status_code == 409
    assert "Doors are not open yet" in answer.text


# --- where it came from -------------------------------------------------------------


def test_the_invitation_is_named_by_its_label(client, ada):
    event = soon()
    one = now_register(event, "Cleo Winter")
    with writing() as session:
        invitation = Invitation(
            event_id=event.id,
            code_id=b"x" * 32,
            label="Neighbours",
            created_at=utcnow(),
            created_by="user:1",
        )
        session.add(invitation)
        session.flush()
        mine = session.get_one(Registration, one.registration_id)
        mine.invitation_id = invitation.id

    assert "Invitation Neighbours" in shown(client, one)
