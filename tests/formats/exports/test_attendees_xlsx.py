"""The attendee list as a workbook: re-read with another library, text stays text."""

import io
import itertools
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from rsvp.formats.exports import attendees as attendee_exports
from rsvp.formats.exports import attendees_xlsx
from tests.formats.exports.test_attendees import ADA
from tests.support import spreadsheet_texts
from tests.support.for_each import for_each

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def written(*rows, questions=(), consents=(), zone=AMSTERDAM) -> bytes:
    with attendees_xlsx.write_xlsx(rows, questions, consents, zone=zone) as file:
        return file.read()


def read(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content))


def only_row(content: bytes) -> dict:
    """The one row under the header, as cells by column name."""
    header, row = read(content).worksheets[0].iter_rows()
    return dict(zip((cell.value for cell in header), row, strict=True))


def test_the_columns_are_those_of_the_csv():
    row = replace(
        ADA,
        answers={"diet": "vegan", "days": ["Fri", "Sat"], "lift": True},
        consents={"photos": False},
    )
    questions, consents = ["diet", "days", "lift", "other"], ["photos"]
    found = only_row(written(row, questions=questions, consents=consents))

    assert list(found) == attendee_exports.column_headers(questions, consents)
    assert {name: cell.value for name, cell in found.items()} == {
        "reference": "K7M2QX",
        "status": "confirmed",
        "admission": "In person",
        "name": "Ada Lindqvist",
        "email": "ada@example.org",
        "party": 2,
        "registered_at": datetime(2027, 1, 15, 13, 0, 5),
        "checked_in_at": None,
        "diet": "vegan",
        "days": "Fri, Sat",
        "lift": "yes",
        "other": None,
        "consent-photos": "no",
    }


def test_the_header_is_bold_stays_in_view_and_has_filters():
    sheet = read(written(ADA, ADA, questions=["diet"])).worksheets[0]

    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:I3"
    assert sheet.column_dimensions["E"].width > sheet.column_dimensions["F"].width


@for_each(
    "text",
    [
        *spreadsheet_texts.FORMULAS,
        *spreadsheet_texts.HIDDEN_FORMULAS,
        *spreadsheet_texts.HARMLESS,
        *spreadsheet_texts.CONTROL_CHARACTERS,
    ],
)
def test_text_stays_whole_and_inert(text):
    row = replace(ADA, name=text, admission=text, email=text, answers={"q": text})
    content = written(row, questions=["q"])
    found = only_row(content)

    for column in ("name", "admission", "email", "q"):
        cell = found[column]
        assert unescape(cell.value) == text.replace("\r", "\n")
        assert cell.data_type == "s"
        assert cell.hyperlink is None
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet
    assert read(content).worksheets[0].max_row == 2


def test_lines_end_as_excel_has_it():
    found = only_row(written(replace(ADA, name="one\r\ntwo\rthree")))

    assert found["name"].value == "one\ntwo\nthree"


@for_each("letter", ["x", "ü", "😀"])
def test_what_no_cell_can_hold_is_cut_with_a_sign(letter):
    """Excel counts UTF-16 units, of which an emoji has two."""
    units = len(letter.encode("utf-16-le")) // 2
    fits = letter * (32_767 // units)
    for text, whole in ((fits, True), (fits + letter, False)):
        value = only_row(written(replace(ADA, name=text)))["name"].value

        assert len(value.encode("utf-16-le")) <= 2 * 32_767
        assert (value == text) is whole
        assert value.endswith("…") is not whole
        assert text.startswith(value.removesuffix("…"))


def test_nobody_and_half_a_character_are_no_trouble():
    assert read(written()).worksheets[0].max_row == 1
    assert read(written()).worksheets[0].auto_filter.ref == "A1:H1"
    assert only_row(written(replace(ADA, name="a\ud83db")))["name"].value == "a?b"
    assert only_row(written(replace(ADA, name=None)))["name"].value is None


@for_each(
    ("zone", "at", "shown", "name"),
    [
        ("Europe/Amsterdam", (2027, 1, 15, 12, 0), (2027, 1, 15, 13, 0), "CET"),
        ("Europe/Amsterdam", (2027, 7, 15, 12, 0), (2027, 7, 15, 14, 0), "CEST"),
        # The same hour of the clock twice, an hour apart.
        ("Europe/Amsterdam", (2027, 10, 31, 0, 30), (2027, 10, 31, 2, 30), "CEST"),
        ("Europe/Amsterdam", (2027, 10, 31, 1, 30), (2027, 10, 31, 2, 30), "CET"),
        ("America/Sao_Paulo", (2027, 1, 1, 1, 0), (2026, 12, 31, 22, 0), "UTC-03"),
        ("Asia/Kathmandu", (2027, 1, 1, 1, 0), (2027, 1, 1, 6, 45), "UTC+0545"),
    ],
)
def test_times_are_dates_by_the_clocks_of_the_event(zone, at, shown, name):
    at = datetime(*at, tzinfo=UTC)
    row = replace(ADA, registered_at=at, checked_in_at=at)
    found = only_row(written(row, zone=ZoneInfo(zone)))

    for column in ("registered_at", "checked_in_at"):
        cell = found[column]
        assert cell.is_date
        assert cell.value == datetime(*shown)
        assert cell.number_format == f'yyyy-mm-dd hh:mm "{name}"'


def test_more_than_a_sheet_holds_goes_to_another(monkeypatch):
    monkeypatch.setattr(attendees_xlsx, "MAX_SHEET_ROWS", 4)
    rows = [replace(ADA, name=f"Guest {number}") for number in range(7)]
    book = read(written(*rows))

    assert book.sheetnames == ["Attendees", "Attendees 2", "Attendees 3"]
    assert [sheet.max_row for sheet in book] == [4, 4, 2]
    assert [cell.value for sheet in book for cell in sheet["D"][1:]] == [
        row.name for row in rows
    ]
    assert all(sheet["A1"].value == "reference" for sheet in book)
    assert len(read(written(*rows[:3])).sheetnames) == 1


def test_nothing_is_left_lying_about(monkeypatch, tmp_path):
    """What is put aside while a workbook is written names people."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: set[Path] = set()

    def rows(fail: bool):
        for number in range(2000):
            seen.update(tmp_path.rglob("*"))
            yield ADA
            if fail and number == 1000:
                raise OSError("the database is gone")

    with pytest.raises(OSError, match="gone"):
        attendees_xlsx.write_xlsx(rows(fail=True), [], zone=AMSTERDAM)
    file = attendees_xlsx.write_xlsx(rows(fail=False), [], zone=AMSTERDAM)

    assert seen
    assert list(tmp_path.iterdir()) == []
    file.close()


def test_memory_stays_flat_however_many_come():
    peaks = []
    for count in (500, 3_000):
        rows = itertools.repeat(replace(ADA, answers={"q": "x" * 400}), count)
        tracemalloc.start()
        try:
            attendees_xlsx.write_xlsx(rows, ["q"], zone=AMSTERDAM).close()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert peaks[1] < peaks[0] + 1_000_000
