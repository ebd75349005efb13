"""The registration form: what people type, in any script and with any mistake."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from rsvp.extensions import db
from rsvp.models import Event
from rsvp.web.forms.registration import RegistrationForm
from tests.conftest import empty_database
from tests.support.factories import make_event
from tests.support.for_each import for_each


@pytest.fixture
def app(sqlite_app: Flask) -> Iterator[Flask]:
    """One engine will do: a form reads and checks what it was given."""
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        yield sqlite_app
        db.session.remove()


HALL = {"key": "hall", "name": "In person"}
WEBINAR = {"key": "webinar", "name": "Webinar", "mode": "online", "capacity": None}


def bound(event: Event, *pairs: tuple[str, str], **values: str) -> RegistrationForm:
    typed = {"name": "Ada Bell", "email": "ada@example.org"} | values
    return RegistrationForm(
        event, MultiDict([*((key, text) for key, text in typed.items()), *pairs])
    )


def mistakes(form: RegistrationForm) -> dict[str, list[str]]:
    assert not form.validate()
    return {field.name: list(field.errors) for field in form if field.errors}


# --- names --------------------------------------------------------------------------


def test_names_are_read_and_judged_as_everywhere(app: Flask):
    form = bound(make_event(), name="  Dr.Dev\u200b \u2800 Anand\n")

    assert form.validate()
    assert form.to_request().party[0].name == "Dr.Dev Anand"


@for_each(
    "name", ["", " ", "\u200d", "\u2800", "x" * 201, "x" * 100_000, "t.me/win500"]
)
def test_what_is_no_name_is_refused_beside_the_field(app: Flask, name):
    found = mistakes(bound(make_event(), name=name))

    assert list(found) == ["name"]
    assert len(found["name"]) == 1


# --- addresses ----------------------------------------------------------------------


def test_an_address_is_kept_as_written_and_compared_by_its_key(app: Flask):
    form = bound(make_event(), email=" Ada.Bell＠Bücher.Example, ")

    assert form.validate()
    assert form.to_request().email == "Ada.Bell@bücher.example"
    assert form.to_request().email_key == "ada.bell@xn--bcher-kva.example"


@for_each("typed", ["", " ", "ada@", f"{'a' * 400}@example.org"])
def test_what_is_no_address_is_refused_beside_the_field(app: Flask, typed):
    assert list(mistakes(bound(make_event(), email=typed))) == ["email"]


# --- admission, party, guests -------------------------------------------------------


def test_the_only_admission_needs_no_choice(app: Flask):
    event = make_event(HALL)
    form = bound(event)

    assert form.validate()
    assert form.to_request().admission_id == event.admissions[0].id


@for_each("choice", [{}, {"admission": ""}, {"admission": "balcony"}])
def test_of_several_admissions_one_must_be_chosen(app: Flask, choice):
    assert list(mistakes(bound(make_event(HALL, WEBINAR), **choice))) == ["admission"]


def test_the_chosen_admission_is_wanted(app: Flask):
    event = make_event(HALL, WEBINAR)
    form = bound(event, admission="webinar")

    assert form.validate()
    assert form.to_request().admission_id == event.admissions[1].id


@for_each(
    ("typed", "names"),
    [
        ({}, ["Ada Bell"]),
        ({"party": ""}, ["Ada Bell"]),
        ({"party": "1"}, ["Ada Bell"]),
        ({"party": "3"}, ["Ada Bell", None, None]),
        ({"party": "2", "guests-0-name": "Bo"}, ["Ada Bell", "Bo"]),
        ({"guests-0-name": "Bo"}, ["Ada Bell", "Bo"]),
        ({"party": "1", "guests-1-name": "Cy"}, ["Ada Bell", None, "Cy"]),
        ({"party": "4", "guests-0-name": "Bo"}, ["Ada Bell", "Bo", None, None]),
        ({"guests-7-name": "Nobody asked"}, ["Ada Bell"]),
    ],
)
def test_a_party_is_as_large_as_it_says_or_as_its_last_guest(app: Flask, typed, names):
    form = bound(make_event(party_max=4), **typed)

    assert form.validate()
    assert [person.name for person in form.to_request().party] == names


@for_each("party", ["0", "-1", "5", "99999999999999999999", "two", "1.5", "²"])
def test_what_is_no_party_is_refused_beside_the_field(app: Flask, party):
    assert list(mistakes(bound(make_event(party_max=4), party=party))) == ["party"]


def test_more_people_than_blocks_are_named_later(app: Flask):
    form = bound(make_event(party_max=20), party="20")

    assert form.validate()
    assert len(form.guest_numbers) == 9
    assert len(form.to_request().party) == 20


def test_a_guest_with_a_web_address_is_refused_beside_the_guest(app: Flask):
    form = bound(make_event(), **{"guests-1-name": "prizes.com"})

    assert list(mistakes(form)) == ["guests-1-name"]


# --- answers ------------------------------------------------------------------------

QUESTIONS = (
    {
        "key": "group",
        "ask": "Which group?",
        "type": "choice",
        "options": ["Routes", "Fares"],
        "required": True,
        "only_for": ["hall"],
    },
    {"key": "diet", "type": "text", "required": True, "per": "attendee"},
    {"key": "topics", "type": "choices", "options": ["Trams", "Buses", "Ferries"]},
    {"key": "first", "ask": "Your first time?", "type": "yes_no", "per": "attendee"},
    {"key": "more", "ask": "Anything else?", "type": "long_text"},
)


def test_answers_reach_whom_they_are_asked_of(app: Flask):
    form = bound(
        make_event(HALL, WEBINAR, questions=QUESTIONS),
        ("answers-topics", "Ferries"),
        ("answers-topics", "Trams"),
        **{
            "admission": "hall",
            "answers-group": "Fares",
            "answers-diet": "no nuts",
            "answers-first": "yes",
            "answers-more": " one\r\ntwo ",
            "guests-0-name": "Bo",
            "guests-0-answers-diet": "none",
            "guests-0-answers-first": "no",
        },
    )

    assert form.validate(), form.summary
    wanted = form.to_request()
    assert wanted.answers == {
        "group": "Fares",
        "topics": ["Trams", "Ferries"],
        "more": "one\ntwo",
    }
    assert [person.answers for person in wanted.party] == [
        {"diet": "no nuts", "first": True},
        {"diet": "none", "first": False},
    ]


def test_a_question_of_another_admission_is_not_asked(app: Flask):
    form = bound(
        make_event(HALL, WEBINAR, questions=QUESTIONS),
        **{"admission": "webinar", "answers-diet": "-", "answers-group": "Fares"},
    )

    assert form.validate()
    assert form.to_request().answers == {}


@for_each(
    ("typed", "wrong"),
    [
        ({"answers-diet": ""}, ["answers-diet"]),
        ({"answers-diet": "x" * 501}, ["answers-diet"]),
        ({"answers-diet": "\u0000"}, ["answers-diet"]),
        ({"answers-group": "Tariffs"}, ["answers-group"]),
        ({"answers-group": ""}, ["answers-group"]),
        ({"answers-topics": "Zeppelins"}, ["answers-topics"]),
        ({"answers-first": "perhaps"}, ["answers-first"]),
        ({"answers-more": "x" * 5001}, ["answers-more"]),
        ({"guests-0-name": "Bo"}, ["guests-0-answers-diet"]),
        ({"party": "2"}, []),
        (
            {"guests-0-name": "Bo", "guests-0-answers-diet": "x" * 501},
            ["guests-0-answers-diet"],
        ),
        ({"guests-0-answers-first": "maybe"}, ["guests-0-answers-first"]),
        ({"guests-0-answers-first": "yes"}, []),
    ],
)
def test_a_wrong_answer_is_named_beside_its_question(app: Flask, typed, wrong):
    event = make_event(HALL, WEBINAR, questions=QUESTIONS)
    right = {"admission": "hall", "answers-group": "Fares", "answers-diet": "none"}
    form = bound(event, **right | typed)
    form.validate()

    assert [field.name for field in form if field.errors] == wrong


# --- consents, submission, the rest -------------------------------------------------


def test_each_box_is_kept_as_ticked_or_not(app: Flask):
    event = make_event(consents=({"key": "photos"}, {"key": "rules", "required": True}))
    photos, rules = event.consents

    form = bound(event, **{"consent-rules": "on"})
    assert form.validate()
    assert form.to_request().consents == {photos.id: False, rules.id: True}
    assert list(mistakes(bound(event, **{"consent-photos": "on"}))) == ["consent-rules"]


@for_each("typed", ["", "1", "x" * 500, "not-a-uuid", "\u0000"])
def test_a_submission_that_is_no_uuid_is_ignored(app: Flask, typed):
    form = bound(make_event(), submission=typed)

    assert form.validate()
    assert form.to_request().submission is None


def test_unknown_fields_are_ignored(app: Flask):
    form = bound(
        make_event(), **{"is_admin": "1", "answers-nothing": "x", "consent-none": "on"}
    )

    assert form.validate()
    assert form.to_request().answers == {}


def test_what_was_typed_is_kept_and_every_mistake_is_in_the_summary(app: Flask):
    form = bound(
        make_event(HALL, WEBINAR, questions=QUESTIONS),
        ("answers-topics", "Trams"),
        ("answers-topics", "Buses"),
        **{
            "admission": "hall",
            "email": "ada@",
            "party": "9",
            "answers-diet": "x" * 501,
            "guests-2-name": "Cy",
            "nickname": "Win now",
        },
    )
    found = mistakes(form)

    assert form["email"].typed == "ada@"
    assert form["answers-topics"].data == ["Trams", "Buses"]
    assert form["answers-diet"].data == "x" * 501
    assert form["guests-2-name"].data == "Cy"
    assert form["nickname"].data == ""
    assert [field for field, _label, _ in form.summary] == list(found)
    assert not form.is_blank


def test_a_blank_form_holds_no_mistakes_and_shows_what_is_asked(app: Flask):
    event = make_event(HALL, WEBINAR, questions=QUESTIONS, party_max=3)
    form = RegistrationForm(event, form_token="stamp")

    assert form.is_blank
    assert form.summary == []
    assert form["form_token"].data == "stamp"
    assert form["party"].data == 1
    assert form["name"].flags.required
    assert form["answers-group"].only_for == ("hall",)
    assert [question.key for question in form.own_questions] == [
        question["key"] for question in QUESTIONS
    ]
    assert [question.key for question in form.guest_questions] == ["diet", "first"]
    assert list(form.guest_numbers) == [0, 1]


def test_the_fields_of_an_event_are_made_once(app: Flask, monkeypatch):
    event = make_event()
    RegistrationForm(event)
    monkeypatch.setattr("rsvp.web.forms.registration.build_fields", None)

    assert bound(event).validate()
