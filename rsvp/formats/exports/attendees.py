"""Attendee list as CSV and JSON, streamed.

The same as an Excel workbook is in formats/workbook.py.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

COLUMNS = (
    "reference",
    "status",
    "admission",
    "name",
    "email",
    "party",
    "registered_at",
    "checked_in_at",
)

# What makes a spreadsheet take a cell for a formula, at its start or, where the program
# splits lines at another separator than ours, after that. Source: OWASP, CSV Injection.
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
FORMULA_AFTER_SEPARATOR = re.compile(r"([;\t]\s*)(?=[=+\-@])")

CHUNK_BYTES = 64 * 1024


class AttendeeRow(Protocol):
    """One attendee; `answers` is `{question key: answer}`, `consents` is `{consent key:
    whether the box was ticked}`."""

    @property
    def reference(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def admission(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def email(self) -> str: ...
    @property
    def party(self) -> int: ...
    @property
    def registered_at(self) -> datetime: ...
    @property
    def checked_in_at(self) -> datetime | None: ...
    @property
    def answers(self) -> Mapping[str, Any]: ...
    @property
    def consents(self) -> Mapping[str, bool]: ...


def write_csv(
    rows: Iterable[AttendeeRow], questions: Sequence[str], consents: Sequence[str] = ()
) -> Iterator[bytes]:
    """Yield the table in pieces: a header, a line per row, a column per question key
    and per consent key.

    UTF-8 with a byte order mark (Excel asks for it) and CRLF (RFC 4180). A cell that a
    spreadsheet would run as a formula gets a leading apostrophe. Instants are ISO 8601
    in UTC; several choices are joined with commas.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(
        [disarm_formula(header) for header in column_headers(questions, consents)]
    )
    for row in rows:
        answers, ticked = row.answers, row.consents
        writer.writerow(
            (
                row.reference,
                row.status,
                disarm_formula(row.admission),
                disarm_formula(row.name or ""),
                disarm_formula(row.email),
                row.party,
                row.registered_at.isoformat(timespec="seconds"),
                instant_text(row.checked_in_at),
                *[disarm_formula(answer_text(answers.get(key))) for key in questions],
                *[answer_text(ticked.get(key)) for key in consents],
            )
        )
        if buffer.tell() > CHUNK_BYTES:
            yield drain(buffer)
    yield drain(buffer)


def write_json(rows: Iterable[AttendeeRow]) -> Iterator[bytes]:
    """Yield a JSON array in pieces, one object per row; answers by question key, as
    given."""
    buffer = io.StringIO()
    buffer.write("[")
    for number, row in enumerate(rows):
        buffer.write(",\n" if number else "\n")
        values = {
            "reference": row.reference,
            "status": row.status,
            "admission": row.admission,
            "name": row.name,
            "email": row.email,
            "party": row.party,
            "registered_at": row.registered_at.isoformat(timespec="seconds"),
            "checked_in_at": instant_text(row.checked_in_at) or None,
            "answers": dict(row.answers),
            "consents": dict(row.consents),
        }
        json.dump(values, buffer, ensure_ascii=False)
        if buffer.tell() > CHUNK_BYTES:
            yield drain(buffer)
    buffer.write("\n]\n")
    yield drain(buffer)


def column_headers(questions: Sequence[str], consents: Sequence[str] = ()) -> list[str]:
    """Return the fixed columns, the question keys, the consents (`consent-<key>`); a
    question named like another column gets a prefix."""
    boxes = [f"consent-{key}" for key in consents]
    others = {*COLUMNS, *boxes}
    asked = [f"answers-{q}" if q in others else q for q in questions]
    return [*COLUMNS, *asked, *boxes]


def answer_text(answer: Any) -> str:
    if answer is None:
        return ""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, list):
        return ", ".join(map(str, answer))
    return str(answer)


def disarm_formula(text: str) -> str:
    """Return the text, disarmed where a spreadsheet would take it for a formula."""
    starts = text[:1] in FORMULA_STARTS
    if ";" in text or "\t" in text:
        text = FORMULA_AFTER_SEPARATOR.sub(r"\1'", text)
    return "'" + text if starts else text


def instant_text(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def drain(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")
