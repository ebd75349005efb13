"""Fields: what each kind reads, refuses, keeps and shows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import lxml.html
import pytest
from flask import Flask, render_template_string
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import ValidationError

from rsvp.web.forms import file_kinds
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import (
    Box,
    Choice,
    Choices,
    Email,
    File,
    Hidden,
    Line,
    LocalTime,
    Option,
    PersonName,
    Text,
    WebAddress,
    WholeNumber,
    YesNo,
)
from tests.support.for_each import for_each

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
COLOURS = [Option("red", "Red", "Warm"), Option("blue", "Blue", "Cold")]
PNG_BYTES = b"\x89PNG\r\n\x1a\n" + b"x" * 20


class EveryKind(Form):
    title = Line("Title", required=True, max_length=20)
    about = Text("About", max_length=40)
    places = WholeNumber("Places", low=1, high=500, required=True)
    limit = WholeNumber("Limit", low=0, high=100_000)
    begins = LocalTime("Begins", in_future=True)
    colour = Choice("Colour", options=COLOURS, as_list=True, empty_label="Any")
    size = Choice("Size", options=[Option("s", "Small"), Option("l", "Large")])
    tags = Choices("Tags", options=COLOURS)
    online = YesNo("Online")
    agreed = Box("Agreed")
    contact = Email("Contact")
    host = PersonName("Host")
    page = WebAddress("Page")
    picture = File("Picture", kinds=(file_kinds.PNG, file_kinds.JPEG), max_bytes=1000)
    token = Hidden(max_length=20)

    def validate_title(self, field: Line) -> None:
        if field.data == "Taken":
            raise ValidationError("There is one of this title.")

    def check(self) -> None:
        if self.limit.data and self.places.data and self.limit.data < self.places.data:
            self.refuse("Fewer than places.", "limit")


@pytest.fixture(autouse=True)
def _request(sqlite_app: Flask) -> Iterator[None]:
    with sqlite_app.test_request_context():
        yield


def sent(**typed: str | list[str] | tuple[str, bytes]) -> EveryKind:
    files = MultiDict(
        (name, FileStorage(io.BytesIO(value[1]), value[0]))
        for name, value in typed.items()
        if isinstance(value, tuple)
    )
    texts = MultiDict({"title": "Concert", "places": "5"})
    for name, value in typed.items():
        if not isinstance(value, tuple):
            texts.setlist(name, [value] if isinstance(value, str) else value)
    return EveryKind(texts, files=files, zone=AMSTERDAM, now=NOW)


def mistakes(form: Form) -> dict[str, str]:
    form.validate()
    return {field.name: str(field.errors[0]) for field in form if field.errors}


def rendered(form: Form, name: str, **how: object) -> str:
    template = (
        "{% from 'macros/fields.html' import field %}{{ field(form[name], **how) }}"
    )
    return render_template_string(template, form=form, name=name, how=how)


# --- reading ------------------------------------------------------------------------


@for_each(
    ("name", "typed", "meant"),
    [
        ("title", " A \n  night\u2028out ", "A night out"),
        ("about", "One\r\n\r\ntwo\x07 ", "One\n\ntwo"),
        ("limit", " 1000 ", 1000),
        ("limit", "", None),
        ("begins", "2030-07-01T20:00", datetime(2030, 7, 1, 18, tzinfo=UTC)),
        ("begins", "", None),
        ("colour", "red", "red"),
        ("tags", ["blue", "red", "blue"], ["red", "blue"]),
        ("online", "no", False),
        ("online", "yes", True),
        ("agreed", "yes", True),
        ("contact", "Ada <ada@example.org>", "ada@example.org"),
        ("host", " Ada\u200b  Bell ", "Ada Bell"),
        ("page", " https://example.org/a?b=c#d ", "https://example.org/a?b=c#d"),
        ("page", "HTTP://example.org:8080", "HTTP://example.org:8080"),
    ],
)
def test_what_is_right_is_read(name, typed, meant):
    form = sent(**{name: typed})

    assert mistakes(form) == {}
    assert form.values()[name] == meant


def test_an_empty_form_means_nothing_and_says_what_it_needs():
    form = EveryKind(MultiDict(), zone=AMSTERDAM, now=NOW)

    assert mistakes(form) == {
        "title": "Please write something here.",
        "places": "Write a whole number from 1 to 500.",
    }
    assert not any(form.values().values())
    assert "token" not in form.values()


@for_each(
    ("name", "typed", "words"),
    [
        ("title", "x" * 21, "Please use at most 20 characters."),
        ("title", "\u200b \u2800", "Please write something here."),
        ("title", "Taken", "There is one of this title."),
        ("about", "x" * 41, "Please use at most 40 characters."),
        ("places", "many", "Write a whole number from 1 to 500."),
        ("places", "0", "Write a whole number from 1 to 500."),
        ("places", "501", "Write a whole number from 1 to 500."),
        ("places", "1.5", "Write a whole number from 1 to 500."),
        ("places", "٣", "Write a whole number from 1 to 500."),
        ("limit", "9" * 5000, "Write a whole number from 0 to 100,000."),
        ("limit", "-1", "Write a whole number from 0 to 100,000."),
        ("limit", "4", "Fewer than places."),
        ("begins", "tomorrow", "Write a day and a time."),
        ("begins", "2030-06-01T10:00+02:00", "Write a day and a time."),
        ("begins", "2029-12-31T10:00", "This time is over. Choose a later one."),
        ("begins", "0001-01-01T00:00", "This time is over. Choose a later one."),
        ("begins", "9999-12-31T23:59", "This is too far off. Choose an earlier time."),
        ("begins", "2030-03-31T02:30", "The clocks skip this time. Choose an hour"),
        ("begins", "2030-10-27T02:30", "The clocks show this time twice. Choose an"),
        ("colour", "green", "Choose one of the options."),
        ("tags", ["red", "green"], "Choose one of the options."),
        ("online", "maybe", "Choose an answer."),
        ("contact", "ada@", "What stands after the @ is not complete."),
        ("host", "x" * 5000, "Shorten this name to 200 characters."),
        ("host", "t.me/win", "Enter a name without a web address in it."),
        ("page", "example.org", "Begin this address with https:// or http://."),
        ("page", "javascript:alert(1)", "Begin this address with https:// or http://"),
        ("page", "data:text/html,x", "Begin this address with https:// or http://."),
        ("page", "https://", "Enter a web address like https://example.org/page."),
        ("page", "https://x.org:99999", "Enter a web address like https://example.org"),
        ("page", "https://a b", "Enter a web address like https://example.org/page."),
        ("page", "https://u:p@x.org", "Take out what stands before the @."),
    ],
)
def test_what_is_wrong_is_refused_in_words_and_kept(name, typed, words):
    form = sent(**{name: typed})

    assert list(mistakes(form)) == [name]
    assert mistakes(form)[name].startswith(words)
    (summed,) = form.summary
    assert summed[0] == name
    if isinstance(typed, str) and typed.isprintable() and len(typed) < 100:
        assert form[name].typed == typed
    assert len(form[name].typed) < 1000


# --- times --------------------------------------------------------------------------


def test_a_time_that_stood_there_is_shown_by_the_clocks_of_the_zone_and_stays():
    """The second 02:30 of the night the clocks go back: typed, it would be refused."""
    second = datetime(2030, 10, 27, 1, 30, tzinfo=UTC)
    zone = {"zone": AMSTERDAM, "now": NOW, "saved": {"begins": second}}
    typed = MultiDict({"title": "Concert", "places": "5"})

    shown = EveryKind(**zone)
    typed["begins"] = shown.begins.typed
    again = EveryKind(typed, **zone)

    assert shown.begins.typed == "2030-10-27T02:30"
    assert again.validate()
    assert again.begins.data == second


# --- files --------------------------------------------------------------------------


def test_a_file_is_known_by_its_content():
    form = sent(picture=("notes.txt", PNG_BYTES))

    assert form.validate()
    assert form.picture.data.kind == file_kinds.PNG
    assert form.picture.data.content == PNG_BYTES
    assert form.has_files
    assert "“notes.txt” was not kept" in rendered(form, "picture")


@for_each(
    ("content", "words"),
    [
        (
            b"<svg onload=alert(1)>",
            "This is no such file. Choose one of this kind: PNG",
        ),
        (b"MZ\x90\x00", "This is no such file."),
        (b"", "This file is empty."),
        (PNG_BYTES + b"x" * 1000, "This file is too big. Choose one of at most 1 kB."),
    ],
)
def test_another_file_is_refused_whatever_its_name(content, words):
    form = sent(picture=("picture.png", content))

    assert mistakes(form)["picture"].startswith(words)
    assert form.picture.data is None


def test_files_that_browsers_send_where_none_is_chosen_are_none():
    assert sent(picture=("", b"")).validate()


@for_each(
    ("kind", "content", "is_one"),
    [
        (file_kinds.PNG, PNG_BYTES, True),
        (file_kinds.PNG, b"PNG", False),
        (file_kinds.JPEG, b"\xff\xd8\xff\xe0", True),
        (file_kinds.WEBP, b"RIFF\x00\x00\x00\x00WEBPVP8 ", True),
        (file_kinds.WEBP, b"RIFF\x00\x00\x00\x00WAVEfmt ", False),
        (file_kinds.YAML, "title: Café\n".encode(), True),
        (file_kinds.CSV, b"\xef\xbb\xbfname;mail\r\n", True),
        (file_kinds.YAML, b"title: \x00", False),
        (file_kinds.YAML, b"caf\xe9", False),
    ],
)
def test_kinds_of_files(kind, content, is_one):
    assert kind.matches(content) is is_one


# --- showing ------------------------------------------------------------------------


def test_each_kind_has_a_label_and_names_its_hint_and_its_mistake():
    """Collects all kinds that don't: what a screen reader says hangs on it."""
    form = EveryKind(MultiDict({"title": "<b>"}), zone=AMSTERDAM, now=NOW)
    offenders = []
    for field in form:
        if field.kind == "hidden":
            continue
        field.errors = ["Wrong."]
        page = lxml.html.fromstring(rendered(form, field.name, hint="A hint."))
        (described,) = page.xpath("//@aria-describedby")
        texts = [page.get_element_by_id(id_).text for id_ in described.split()]
        is_labelled = page.xpath(
            f"//label[@for='{field.id}'] | //label[.//*[@id='{field.id}']] | //legend"
        )
        is_invalid = page.xpath("//*[@aria-invalid='true']")
        if texts != ["A hint.", "Wrong."] or not is_labelled or not is_invalid:
            offenders.append(field.name)

    assert not offenders
    assert 'value="&lt;b&gt;"' in rendered(form, "title")


def test_mistakes_stand_on_top_in_the_order_of_the_page_and_take_the_focus():
    form = sent(title="", places="x", contact="ada@")
    form.validate()
    form.refuse("It was changed meanwhile.")
    template = "{% from 'macros/fields.html' import mistakes %}{{ mistakes(form) }}"

    html = render_template_string(template, form=form)

    page = lxml.html.fromstring(html)
    assert page.xpath("//@autofocus/../@id") == ["mistakes"]
    assert [item.text_content() for item in page.xpath("//li")] == [
        "It was changed meanwhile.",
        "Title: Please write something here.",
        "Places: Write a whole number from 1 to 500.",
        "What stands after the @ is not complete. It looks like example.org.",
    ]
    assert page.xpath("//a/@href") == ["#title", "#places", "#contact"]


def test_forms_of_one_page_have_ids_of_their_own():
    form = EveryKind(zone=AMSTERDAM, now=NOW, id_prefix="hall-")
    form.refuse("Wrong.", "title")

    html = rendered(form, "title", focus=True)

    assert 'id="hall-title" name="title"' in html
    assert 'aria-describedby="hall-title-mistake"' in html
    assert "autofocus" in html
    assert form.summary[0][0] == "hall-title"


def test_fields_that_only_the_data_knows_are_added_to_those_declared():
    form = EveryKind(
        MultiDict({"title": "A", "places": "1", "extra": "b"}),
        fields=[("extra", Line("Extra"))],
    )

    assert form.validate()
    assert form.values()["extra"] == "b"
