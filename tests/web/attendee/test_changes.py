"""Changing one's own registration from its page, and asking for a lost mail again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp.db import utcnow
from rsvp.domain.messages import mail_limits
from rsvp.extensions import db
from rsvp.models import Admission, GivenConsent, Message
from rsvp.models.message import MessageState
from tests.support.factories import cancel, register
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.attendee import (
    action_paths,
    page_text,
    registration_link,
    registration_named,
    request_resend,
)
from tests.support.pages.registration_form import (
    HALL,
    WEBINAR,
    all_rows,
    change_event,
    mails_sent,
    make_upcoming_event,
    printed_codes,
    register_as,
    states_by_name,
    ticket_path,
)

pytestmark = pytest.mark.one_engine

DIET = {"key": "diet", "per": "attendee", "ask": "What don’t you eat?"}
GROUP = {
    "key": "group",
    "type": "choice",
    "options": ["Fares", "Parks"],
    "required": True,
}
STREAM = {
    "key": "stream",
    "type": "yes_no",
    "ask": "Do you need captions?",
    "required": True,
    "only_for": ["webinar"],
}


def whys() -> list[Any]:
    """What each mail says was done."""
    rows = db.session.scalars(select(Message).order_by(Message.id))
    return [(message.kind, message.facts.get("what")) for message in rows]


# --- names and answers --------------------------------------------------------------


def test_names_and_answers_are_changed(client: FlaskClient):
    event = make_upcoming_event(
        questions=(DIET, GROUP, {"key": "first", "type": "yes_no"})
    )
    path = register_as(
        client,
        event,
        "ada",
        **{
            "party": "3",
            "guests-0-name": "Bo",
            "answers-diet": "nuts",
            "answers-group": "Fares",
            "answers-first": "yes",
        },
    )
    form = client.get(f"{path}/details").text
    for shown in ('value="Ada"', 'value="Bo"', 'value="nuts"', 'value="yes" checked'):
        assert shown in form

    answer = client.post(
        f"{path}/details",
        data={
            "name": "Ada Bell",
            "answers-diet": "",
            "guests-0-name": "Bo Adeyemi",
            "guests-0-answers-diet": "fish",
            "guests-1-name": "Cy",
            "answers-group": "Parks",
            "answers-first": "no",
        },
    )

    assert (answer.status_code, answer.location) == (303, path)
    mine = registration_named("Ada Bell")
    assert [a.name for a in mine.attendees] == ["Ada Bell", "Bo Adeyemi", "Cy"]
    assert [a.answers for a in mine.attendees] == [{}, {"diet": "fish"}, {}]
    assert mine.answers == {"group": "Parks", "first": False}
    assert whys()[-1] == ("changed", "details")


WRONG = [
    ({"name": ""}, "Enter your name."),
    ({"name": "Win at prizes.com"}, "without a web address"),
    ({"name": "x" * 10_000}, "Shorten this name"),
    ({"guests-0-name": "www.prizes.example"}, "without a web address"),
    ({"answers-group": "Zeppelins"}, "Choose one of the options."),
    ({"answers-group": ""}, "Choose an answer."),
    ({"answers-diet": "x" * 100_000}, "Shorten this to"),
    ({"guests-0-answers-meal": ""}, "Choose an answer."),
]


@for_each(("values", "words"), WRONG, fresh=True)
def test_mistakes_in_details_come_back_beside_their_fields(
    client: FlaskClient, values, words
):
    meal = {"key": "meal", "type": "choice", "options": ["Soup"], "required": True}
    event = make_upcoming_event(questions=(DIET, GROUP, meal | {"per": "attendee"}))
    right = {
        "answers-group": "Fares",
        "answers-meal": "Soup",
        "guests-0-name": "Bo",
        "guests-0-answers-meal": "Soup",
    }
    path = register_as(client, event, "ada", **right)
    right |= {"name": "Ada"}
    before = all_rows()
    answer = client.post(f"{path}/details", data=right | values)

    assert answer.status_code == 422
    assert words in answer.text
    assert all_rows() == before
    assert client.post(f"{path}/details", data=right).status_code == 303


def test_a_guest_named_later_answers_later(client: FlaskClient):
    meal = {"key": "meal", "type": "choice", "options": ["Soup"], "required": True}
    event = make_upcoming_event(questions=(meal | {"per": "attendee"},))
    path = register_as(client, event, "ada", party="2", **{"answers-meal": "Soup"})
    mine = {"name": "Ada", "answers-meal": "Soup"}

    assert client.post(f"{path}/details", data=mine).status_code == 303
    named = mine | {"guests-0-name": "Bo"}
    assert client.post(f"{path}/details", data=named).status_code == 422
    answered = named | {"guests-0-answers-meal": "Soup"}
    assert client.post(f"{path}/details", data=answered).status_code == 303


# --- guests -------------------------------------------------------------------------


def test_a_guest_is_added_with_a_ticket_of_their_own(client: FlaskClient):
    path = register_as(client, make_upcoming_event(questions=(DIET,)), "ada")
    assert "if one is free" in page_text(client, f"{path}/guests")
    sent = {"name": "Bo", "answers-diet": "nuts"}
    answer = client.post(f"{path}/guests", data=sent)

    assert (answer.status_code, answer.location) == (303, path)
    assert len(printed_codes(client.get(path))) == 2
    assert registration_named("Ada").coming_attendees[1].answers == {"diet": "nuts"}
    assert whys()[-1] == ("changed", "guest_added")
    # And given up again, as any other.
    client.post(f"{path}/guests/1/cancellation")
    assert len(printed_codes(client.get(path))) == 1


def test_in_line_a_guest_more_means_the_end_of_it(client: FlaskClient):
    event = make_upcoming_event({"capacity": 2})
    register_as(client, event, "ada", party="2")
    path, behind = register_as(client, event, "bo"), register_as(client, event, "cy")

    assert "end of the line" in page_text(client, f"{path}/guests")
    client.post(f"{path}/guests", data={"name": "Dov"})

    assert "2nd in line" in page_text(client, path)
    assert "1st in line" in page_text(client, behind)


def test_without_a_free_seat_no_guest_is_added(client: FlaskClient):
    path = register_as(client, make_upcoming_event({"capacity": 2}), "ada", party="2")
    assert "/guests" not in action_paths(client, path)
    other = register_as(
        client, make_upcoming_event({"capacity": 3}, party_max=3), "bo", party="2"
    )
    event = make_upcoming_event({"capacity": 3})
    path = register_as(client, event, "cy", party="2")
    register_as(client, event, "di")
    before = all_rows()
    answer = client.post(f"{path}/guests", data={"name": "Eva"})

    assert answer.status_code == 409
    assert "Nothing is free there" in answer.text
    assert all_rows() == before
    assert client.post(f"{other}/guests", data={}).status_code == 303
    assert client.get(f"{other}/guests").location == other


# --- another way of coming ----------------------------------------------------------


def test_one_comes_another_way_and_answers_what_is_asked_there(client: FlaskClient):
    event = make_upcoming_event(
        HALL, WEBINAR, questions=(STREAM,), join_url="https://meet.example.org"
    )
    path = register_as(client, event, "ada", admission="hall")
    form = client.get(f"{path}/admission").text
    assert "Do you need captions?" in form
    assert 'value="webinar"' in form
    assert 'value="hall"' not in form

    missing = client.post(f"{path}/admission", data={"admission": "webinar"})
    assert missing.status_code == 422
    assert "Choose an answer." in missing.text
    sent = {"admission": "webinar", "answers-stream": "yes"}
    answer = client.post(f"{path}/admission", data=sent)

    assert (answer.status_code, answer.location) == (303, path)
    mine = registration_named("Ada")
    assert (mine.admission.key, mine.answers) == ("webinar", {"stream": True})
    assert "https://meet.example.org" in client.get(path).text
    taken = dict(db.session.execute(select(Admission.key, Admission.seats_taken)).all())
    assert taken == {"hall": 0, "webinar": 1}
    assert whys()[-1] == ("changed", "moved")


@for_each("key", ["hall", "balcony", "", "x" * 5000, "garden"])
def test_only_another_way_of_this_event_is_one(client: FlaskClient, key):
    make_upcoming_event(HALL | {"key": "garden"})
    third = HALL | {"key": "porch", "name": "Porch"}
    path = register_as(
        client, make_upcoming_event(HALL, WEBINAR, third), "ada", admission="hall"
    )
    before = all_rows()
    answer = client.post(f"{path}/admission", data={"admission": key})

    assert answer.status_code == 422
    assert "Choose how you would like to come." in answer.text
    assert all_rows() == before


def test_where_nothing_is_free_one_stays_where_one_is(client: FlaskClient):
    porch = HALL | {"key": "porch", "capacity": 1}
    event = make_upcoming_event(HALL, porch)
    register_as(client, event, "bo", admission="porch")
    path = register_as(client, event, "ada", admission="hall")
    before = all_rows()
    answer = client.post(f"{path}/admission", data={"admission": "porch"})

    assert answer.status_code == 409
    assert "Nothing is free there" in answer.text
    assert all_rows() == before


# --- whose it is --------------------------------------------------------------------


def test_a_mistyped_address_is_corrected(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")
    codes = printed_codes(client.get(path))
    answer = client.post(f"{path}/address", data={"email": "Ada.Bell@Example.org"})

    assert answer.status_code == 303
    assert answer.location == registration_link(client, "Ada") != path
    assert registration_named("Ada").email_key == "ada.bell@example.org"
    assert client.get(path).status_code == 404
    assert printed_codes(client.get(answer.location)) != codes
    assert mails_sent()[-1] == ("confirmation", "Ada.Bell@example.org")


@for_each("values", [{"discreet": True}, {"confirm_address": True}])
def test_where_mail_alone_answers_the_new_link_is_mailed(client: FlaskClient, values):
    event = make_upcoming_event()
    path = register_as(client, event, "ada")
    change_event(**values)
    answer = client.post(f"{path}/address", data={"email": "bell@example.org"})

    assert answer.status_code == 200
    assert "Look in the mail of the new address" in answer.text
    assert not re.search(r"/[rt]/[\w-]{22}", answer.text)
    assert "bell@" not in answer.text


@for_each(
    ("page", "values"), [("address", {}), ("successor", {"name": "Bo"})], fresh=True
)
def test_an_address_that_is_registered_or_none_comes_back(
    client: FlaskClient, page, values
):
    event = make_upcoming_event()
    path = register_as(client, event, "ada")
    register_as(client, event, "cy")
    before = all_rows()
    for email, status, words in (
        ("", 422, "Enter your email address."),
        ("cy", 422, "Check it for typos."),
        ("x" * 5000 + "@example.org", 422, "Check it for typos."),
        ("cy@example.org", 409, "has a registration here already"),
    ):
        answer = client.post(f"{path}/{page}", data=values | {"email": email})
        assert answer.status_code == status
        assert words in answer.text
    assert all_rows() == before


@for_each("quiet", [{"discreet": True}, {"confirm_address": True}])
@for_each("page", ["address", "successor"], fresh=True)
def test_where_mails_answer_no_page_tells_what_an_address_has(
    client: FlaskClient, page, quiet
):
    """Who comes, who had many mails and who had none are answered alike."""
    event = make_upcoming_event()
    for _ in range(mail_limits.MAX_PER_HOUR_AND_EVENT):
        dee = register(event, "Dee", email="dee@example.org", now=utcnow())
        cancel(dee, now=utcnow())
    paths = [register_as(client, event, who) for who in ("ada", "bo", "eve", "cy")]
    change_event(**quiet)
    before = mails_sent()

    answers = [
        client.post(
            f"{path}/{page}", data={"name": "Fay", "email": f"{who}@example.org"}
        )
        for path, who in zip(paths[:3], ("cy", "dee", "new"), strict=True)
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert "Look in the mail of the new address" in answers[0].text
    # What can't belong to an address stays; what is not mailed changes all the same.
    assert client.get(paths[0]).status_code == 200
    assert client.get(paths[1]).status_code == 404
    told = [to for _kind, to in mails_sent()[len(before) :]]
    assert ("dee@example.org" in told, "new@example.org" in told) == (False, True)


def test_a_place_is_passed_on(client: FlaskClient):
    event = make_upcoming_event(questions=(DIET,), consents=({"key": "photos"},))
    path = register_as(
        client,
        event,
        "ada",
        **{"guests-0-name": "Cy", "answers-diet": "nuts", "consent-photos": "yes"},
    )
    mine = ticket_path("Ada")
    before = printed_codes(client.get(path))
    sent = {"name": "Bo", "email": "bo@example.org"}
    answer = client.post(f"{path}/successor", data=sent)

    assert answer.status_code == 200
    assert "Your places are passed on" in answer.text
    assert "bo@example.org" not in answer.text
    assert not re.search(r"/[rt]/[\w-]{22}", answer.text)
    assert client.get(path).status_code == client.get(mine).status_code == 404
    theirs = client.get(registration_link(client, "Bo"))
    assert "Cy" in theirs.text
    assert set(printed_codes(theirs)).isdisjoint(before)
    assert registration_named("Bo").attendees[0].answers == {}
    assert db.session.scalars(select(GivenConsent)).all() == []
    assert ("passed_on", "ada@example.org") in mails_sent()
    assert ("confirmation", "bo@example.org") in mails_sent()


@for_each(
    ("values", "words"),
    [
        ({"name": ""}, "Enter their name."),
        ({"name": "Win at prizes.com"}, "without a web address"),
        ({"name": "x" * 201}, "Shorten this name"),
    ],
)
def test_who_is_to_come_instead_has_a_name(client: FlaskClient, values, words):
    path = register_as(client, make_upcoming_event(), "ada")
    before = all_rows()
    sent = {"name": "Bo", "email": "bo@example.org"} | values
    answer = client.post(f"{path}/successor", data=sent)

    assert answer.status_code == 422
    assert words in answer.text
    assert all_rows() == before


@for_each("values", [{"allocation": "approval"}, {}])
def test_places_given_to_somebody_are_not_passed_on(client: FlaskClient, values):
    path = register_as(client, make_upcoming_event(), "ada")
    change_event(**values or {"visibility": "invitation"})
    assert client.get(f"{path}/successor").location == path
    before = all_rows()
    sent = {"name": "Bo", "email": "bo@example.org"}
    answer = client.post(f"{path}/successor", data=sent)

    assert answer.status_code == 409
    assert "This place can’t be passed on" in answer.text
    assert all_rows() == before


# --- not me -------------------------------------------------------------------------


def test_whoever_was_not_meant_deletes_it_all(client: FlaskClient):
    event = make_upcoming_event({"capacity": 1})
    path = register_as(client, event, "ada")
    register_as(client, event, "bo")
    shown = page_text(client, f"{path}/erasure")
    assert "at once and for good" in shown
    assert "/erasure" in action_paths(client, path)
    assert states_by_name() == {"Ada": "confirmed", "Bo": "waitlisted"}
    answer = client.post(f"{path}/erasure")

    assert answer.status_code == 200
    assert "The data is deleted" in answer.text
    assert not has_word(answer.text, "Ada")
    assert "ada@" not in answer.text
    assert states_by_name() == {"": "cancelled", "Bo": "confirmed"}
    assert "'Ada'" not in str(all_rows())
    assert "ada@example.org" not in str(all_rows())
    # The link still opens, and shows nothing.
    left = client.get(path)
    assert left.status_code == 200
    assert "Nothing is kept here any more" in left.text
    assert "<form" not in left.text
    before = all_rows()
    assert client.post(f"{path}/erasure").status_code == 200
    assert client.get(f"{path}/erasure").location == path
    assert all_rows()["registrations"] == before["registrations"]


# --- lost mail ----------------------------------------------------------------------


def test_a_lost_mail_is_sent_again_and_any_address_hears_the_same(client: FlaskClient):
    first, second = make_upcoming_event(), make_upcoming_event({"capacity": 1})
    register_as(client, first, "ada")
    register_as(client, second, "bo")
    register_as(client, second, "ada")
    assert "/lost-mail" in client.get(f"/events/{first.slug}").text
    known = request_resend(client, email="ADA@example.org")
    unknown = request_resend(client, email="nobody@example.org")

    assert known.status_code == unknown.status_code == 200
    assert known.data == unknown.data
    again = [("ticket_again", "ada@example.org")] * 2
    assert mails_sent()[3:] == again
    assert whys()[3:] == [("ticket_again", "lost")] * 2


def test_a_lost_mail_is_sent_as_often_as_the_limits_allow(client: FlaskClient):
    register_as(client, make_upcoming_event(), "ada")
    answers = [request_resend(client, email="ada@example.org") for _ in range(5)]

    assert len({(answer.status_code, answer.data) for answer in answers}) == 1
    sent = select(Message).where(Message.state != MessageState.SUPERSEDED)
    assert len(db.session.scalars(select(Message)).all()) == 3
    assert db.session.scalars(sent).all()


@for_each(
    ("values", "words"),
    [
        ({"email": ""}, "Enter your email address."),
        ({"email": "ada"}, "Check it for typos."),
        ({"email": "x" * 100_000}, "Check it for typos."),
        ({"email": "ada@example.org", "form_token": ""}, "had been open for long"),
        ({"email": "ada@example.org", "nickname": "Win"}, "did not reach us well"),
    ],
)
def test_what_is_no_question_for_a_mail_comes_back(client: FlaskClient, values, words):
    register_as(client, make_upcoming_event(), "ada")
    before = all_rows()
    answer = request_resend(client, **values)

    assert answer.status_code == 422
    assert words in answer.text
    assert all_rows() == before


def test_another_site_asks_for_no_mails(client: FlaskClient):
    register_as(client, make_upcoming_event(), "ada")
    before = all_rows()
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post("/lost-mail", data={"email": "ada@x.org"}, headers=headers)

    assert answer.status_code == 403
    assert all_rows() == before


def test_a_dead_link_leads_to_the_lost_mail(client: FlaskClient):
    assert "/lost-mail" in client.get(f"/r/{'x' * 21}Q").text
    assert "/lost-mail" not in client.get("/events/nothing-here").text
