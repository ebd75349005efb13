"""The attendee list as a file: safe for spreadsheets, whole for programs."""

import csv
import io
import itertools
import json
import tracemalloc
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from rsvp.formats.exports import attendees as attendee_exports
from tests.support import spreadsheet_texts
from tests.support.for_each import for_each


@dataclass(frozen=True)
class Row:
    reference: str = "K7M2QX"
    status: str = "confirmed"
    admission: str = "In person"
    name: str | None = "Ada Lindqvist"
    email: str = "ada@example.org"
    party: int = 2
    registered_at: datetime = datetime(2027, 1, 15, 12, 0, 5, 250, tzinfo=UTC)
    checked_in_at: datetime | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)


ADA = Row()


def written(*rows, questions=()):
    return b"".join(attendee_exports.write_csv(rows, questions))


def read(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_columns_are_the_fixed_ones_then_one_per_question():
    row = replace(ADA, answers={"diet": "vegan", "days": ["Fri", "Sat"], "photo": True})
    content = written(row, questions=["diet", "days", "photo", "other"])

    assert read(content) == [
        {
            "reference": "K7M2QX",
            "status": "confirmed",
            "admission": "In person",
            "name": "Ada Lindqvist",
            "email": "ada@example.org",
            "party": "2",
            "registered_at": "2027-01-15T12:00:05+00:00",
            "checked_in_at": "",
            "diet": "vegan",
            "days": "Fri, Sat",
            "photo": "yes",
            "other": "",
        }
    ]


def test_consents_follow_the_questions_each_in_a_column_of_its_own():
    asked = replace(ADA, answers={"photos": "no thanks"}, consents={"photos": True})
    not_asked = replace(ADA, consents={"list": False})
    questions, consents = ["photos", "consent-list"], ["photos", "list"]
    content = b"".join(
        attendee_exports.write_csv([asked, not_asked], questions, consents)
    )

    first, second = read(content)
    assert list(first)[len(attendee_exports.COLUMNS) :] == [
        "photos",
        "answers-consent-list",
        "consent-photos",
        "consent-list",
    ]
    assert [*first.values()][-4:] == ["no thanks", "", "yes", ""]
    assert [*second.values()][-4:] == ["", "", "", "no"]


def test_excel_finds_its_byte_order_mark_and_line_ends():
    content = written(replace(ADA, name="Zoë Țurcanu 李娜"))

    assert content.startswith(b"\xef\xbb\xbfreference,status,")
    assert content.endswith(b"\r\n")
    assert content.count(b"\r\n") == 2
    assert "Zoë Țurcanu 李娜" in content.decode("utf-8")


@for_each("text", spreadsheet_texts.FORMULAS)
def test_a_cell_that_would_run_as_a_formula_is_disarmed(text):
    row = replace(ADA, name=text, admission=text, answers={"q": text, "r": [text]})
    (found,) = read(written(row, questions=["q", "r"]))

    for column in ("name", "admission", "q", "r"):
        assert found[column].startswith("'" + text[0])
        assert found[column].replace("'", "") == text.replace("'", "")


@for_each("text", spreadsheet_texts.HIDDEN_FORMULAS)
def test_a_formula_hidden_behind_another_separator_is_disarmed(text):
    """Where Excel splits at semicolons, the second half would become a cell."""
    (found,) = read(written(replace(ADA, name=text)))

    halves = found["name"].replace("\t", ";").split(";")
    assert not halves[1].lstrip().startswith(("=", "+", "-", "@"))
    assert found["name"].replace("'", "") == text


@for_each(
    "text",
    [*spreadsheet_texts.HARMLESS, *spreadsheet_texts.CONTROL_CHARACTERS, "x\x00"],
)
def test_any_other_text_comes_back_as_it_was(text):
    (found,) = read(written(replace(ADA, name=text)))

    assert found["name"] == text


def test_nobody_and_half_a_character_are_no_trouble():
    assert read(written()) == []
    (found,) = read(written(replace(ADA, name="\ud83d", email="")))
    assert found["name"] == "?"


def test_a_question_named_like_a_column_keeps_apart_from_it():
    row = replace(ADA, answers={"name": "what friends call me"})
    (found,) = read(written(row, questions=["name"]))

    assert found["name"] == "Ada Lindqvist"
    assert found["answers-name"] == "what friends call me"


def test_json_keeps_answers_as_they_were_given():
    answers = {"days": ["Fri"], "photo": False, "q": "=1"}
    guest = replace(ADA, name=None, answers=answers)
    content = b"".join(attendee_exports.write_json([ADA, guest]))
    first, second = json.loads(content)

    assert first["registered_at"] == "2027-01-15T12:00:05+00:00"
    assert first["checked_in_at"] is None
    assert second["name"] is None
    assert second["answers"] == answers
    assert json.loads(b"".join(attendee_exports.write_json([]))) == []


@for_each(
    "write",
    [lambda r: attendee_exports.write_csv(r, ["q"]), attendee_exports.write_json],
)
def test_memory_stays_flat_however_many_come(write):
    rows = itertools.repeat(replace(ADA, answers={"q": "x" * 1000}), 4_000)
    tracemalloc.start()
    try:
        size = sum(map(len, write(rows)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 4_000_000
    assert peak < 1_000_000
