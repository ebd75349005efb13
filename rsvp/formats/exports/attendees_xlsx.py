"""Attendee list as an XLSX file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from rsvp.formats.exports.attendees import (
    COLUMNS,
    AttendeeRow,
    answer_text,
    column_headers,
)
from rsvp.text.cleaning import normalize_newlines

MAX_SHEET_ROWS = 1_048_576
"""Rows of a sheet, its header too; those beyond go to another sheet."""
MAX_CELL_LENGTH = 32_767
"""What a cell holds, in UTF-16 units. Source: Excel specifications and limits."""

COLUMN_WIDTHS = dict(
    zip(COLUMNS, (11, 12, 18, 28, 32, 7, 22, 22), strict=True),
)
DEFAULT_WIDTH = 24
"""In characters, as Excel counts."""

# Texts stay what they are: no formula, link or number is made of one.
WORKBOOK_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "use_zip64": True,
}


class Sheet(Worksheet):
    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        """Write `<r>…</r>` as the text it is. The library takes it for XML of its own
        making, so that whoever gave it as a name could write into the file."""
        self._xml_inline_string(string, True, attributes)


def write_xlsx(
    rows: Iterable[AttendeeRow],
    questions: Sequence[str],
    consents: Sequence[str] = (),
    *,
    zone: ZoneInfo,
) -> IO[bytes]:
    """Return the table as a file that begins at its start and is gone once it is
    closed.

    The columns are those of the CSV. Times are dates to calculate with, by the clocks
    of `zone`, which each of them shows; everything else but the party's size is text.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller, who closes it
    try:
        # What the library puts aside names people: it goes whatever happens.
        with tempfile.TemporaryDirectory(prefix="rsvp-") as folder:
            book = Workbook(file, WORKBOOK_OPTIONS | {"tmpdir": folder})
            AttendeeSheets(book, column_headers(questions, consents), zone).write(
                rows, questions, consents
            )
            book.close()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


class AttendeeSheets:
    """The sheets of one workbook: each has the header on top, frozen, with filters."""

    def __init__(self, book: Workbook, header: list[str], zone: ZoneInfo) -> None:
        self.book, self.header, self.zone = book, header, zone
        self.bold = book.add_format({"bold": True})
        self.date_formats: dict[str, Any] = {}

    def write(
        self,
        rows: Iterable[AttendeeRow],
        questions: Sequence[str],
        consents: Sequence[str],
    ) -> None:
        sheet, line = self.new_sheet(), 1
        for row in rows:
            if line == MAX_SHEET_ROWS:
                self.finish(sheet, line)
                sheet, line = self.new_sheet(), 1
            answers, ticked = row.answers, row.consents
            texts = (row.reference, row.status, row.admission, row.name, row.email)
            for column, text in enumerate(texts):
                self.write_text(sheet, line, column, text or "")
            sheet.write_number(line, 5, row.party)
            self.write_date(sheet, line, 6, row.registered_at)
            if row.checked_in_at:
                self.write_date(sheet, line, 7, row.checked_in_at)
            values = [*map(answers.get, questions), *map(ticked.get, consents)]
            for column, value in enumerate(values, len(COLUMNS)):
                self.write_text(sheet, line, column, answer_text(value))
            line += 1
        self.finish(sheet, line)

    def new_sheet(self) -> Sheet:
        number = len(self.book.worksheets()) + 1
        name = "Attendees" if number == 1 else f"Attendees {number}"
        sheet: Sheet = self.book.add_worksheet(name, Sheet)
        for column, name in enumerate(self.header):
            sheet.set_column(column, column, COLUMN_WIDTHS.get(name, DEFAULT_WIDTH))
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(self.header):
            sheet.write_string(0, column, name, self.bold)
        return sheet

    def finish(self, sheet: Sheet, lines: int) -> None:
        sheet.autofilter(0, 0, lines - 1, len(self.header) - 1)

    def write_text(self, sheet: Sheet, line: int, column: int, text: str) -> None:
        if text:
            sheet.write_string(line, column, fit_cell(text))

    def write_date(self, sheet: Sheet, line: int, column: int, at: datetime) -> None:
        """Write a date as the zone's clocks show it, and their name (`CET`) as
        decoration: Excel's dates have no zone of their own."""
        local = at.astimezone(self.zone)
        letters = f"{local:%Z}"
        look = self.date_formats.get(letters)
        if look is None:
            name = letters if letters.isalpha() else f"UTC{letters}"
            look = self.book.add_format({"num_format": f'yyyy-mm-dd hh:mm "{name}"'})
            self.date_formats[letters] = look
        sheet.write_datetime(line, column, local.replace(tzinfo=None), look)


def fit_cell(text: str) -> str:
    """Return the text with Excel's line ends and within a cell's length, `…` where it
    is cut; half a character, which no file can hold, becomes a question mark."""
    if text.isascii() and len(text) <= MAX_CELL_LENGTH and "\r" not in text:
        return text
    text = normalize_newlines(text)
    text = text.encode("utf-8", "replace").decode()
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL_LENGTH:
        return text
    return units[: 2 * (MAX_CELL_LENGTH - 1)].decode("utf-16-le", "ignore") + "…"
