"""Scan input: scans as phones send them, validated, and results as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rsvp import tokens
from rsvp.domain.checkin.results import ScanResult
from rsvp.domain.checkin.scans import ScanInput
from rsvp.models.checkin import Direction, Verdict
from rsvp.text import keyboard_layouts

MAX_SCANS = 200
"""Scans in one batch."""

MAX_BATCH_BYTES = 128 * 1024

MAX_INTEGER = 2**31 - 1
"""What a column of whole numbers holds; some 24 days, for `offset_ms`."""

MAX_CODE_LENGTH = 200

UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I | re.A)
CLOCK_RANGE = (datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""Phones that lost their clock begin at 1970; nothing honest is outside of this."""


class InvalidBatch(ValueError):
    """The body is no batch of scans at all."""


class MalformedScan(ValueError):
    """A scan can't be read; the message is the field that is wrong."""


def read_batch(body: bytes) -> tuple[list[Any], Any]:
    """The scans in a body and when it was sent, unread yet. Raises InvalidBatch."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBatch from error
    scans = data.get("scans") if isinstance(data, dict) else None
    if not isinstance(scans, list) or len(scans) > MAX_SCANS:
        raise InvalidBatch
    return scans, data.get("sent_at")


def read_scan_or_error(sent: Any, sent_at: Any) -> ScanInput | dict[str, Any]:
    """One scan, or the entry that says what is wrong with it."""
    try:
        return read_scan(sent, sent_at)
    except MalformedScan as error:
        # Its id comes back where it had one.
        scan_id = sent.get("id") if isinstance(sent, dict) else None
        scan_id = scan_id if type(scan_id) is str else None
        return {"id": scan_id, "error": "malformed", "field": str(error)}


def read_scan(sent: Any, sent_at: Any = None) -> ScanInput:
    """One scan as a phone sends it, in a batch that it sent at `sent_at` by its clock
    (None: an older page). Raises Malformed.

    A code that can't be one of ours is nobody's, and is kept like that.
    """
    if not isinstance(sent, dict):
        raise MalformedScan("scan")
    scan_id = read_uuid(sent, "id")
    direction = read_direction(sent)
    code, of = sent.get("code"), None
    if direction == Direction.UNDO:
        of = read_uuid(sent, "of")
    elif sent.get("of") is not None:
        raise MalformedScan("of")
    if code is not None and not (type(code) is str and len(code) <= MAX_CODE_LENGTH):
        raise MalformedScan("code")
    if not is_index(sent.get("index")):
        raise MalformedScan("index")
    if direction != Direction.UNDO and code is None and sent.get("index") is None:
        raise MalformedScan("code")
    return ScanInput(
        id=scan_id,
        code=tokens.read_code(code) if code is not None else None,
        direction=direction,
        undone_scan_id=of,
        seq=read_number(sent, "seq"),
        epoch=read_number(sent, "epoch"),
        phone_at=read_instant(sent.get("at"), "at"),
        offset_ms=read_number(sent, "offset_ms", lowest=-MAX_INTEGER),
        sent_at=None if sent_at is None else read_instant(sent_at, "sent_at"),
        shown_verdict=read_shown(sent),
    )


def read_uuid(sent: dict[str, Any], name: str) -> UUID:
    text = sent.get(name)
    if type(text) is not str or not UUID_PATTERN.fullmatch(text):
        raise MalformedScan(name)
    return UUID(text)


def read_direction(sent: dict[str, Any]) -> Direction:
    try:
        return Direction(sent.get("direction"))  # type: ignore[arg-type]
    except ValueError as error:
        raise MalformedScan("direction") from error


def is_index(value: Any) -> bool:
    """Whether it could be an entry of the sealed list (16 bytes), or none is given."""
    return value is None or (
        type(value) is str and re.fullmatch(r"[A-Za-z0-9_-]{22}", value) is not None
    )


def read_number(sent: dict[str, Any], name: str, lowest: int = 0) -> int:
    number = sent.get(name)
    # Not isinstance: true and false are integers to it.
    if type(number) is not int or not lowest <= number <= MAX_INTEGER:
        raise MalformedScan(name)
    return number


def read_shown(sent: dict[str, Any]) -> Verdict | None:
    shown = sent.get("shown")
    try:
        return None if shown is None else Verdict(shown)
    except ValueError as error:
        raise MalformedScan("shown") from error


def read_instant(text: Any, name: str) -> datetime:
    if type(text) is not str or "T" not in text:
        raise MalformedScan(name)
    try:
        at = datetime.fromisoformat(text)
        if (
            at.tzinfo is None
            or not CLOCK_RANGE[0] <= at.astimezone(UTC) <= CLOCK_RANGE[1]
        ):
            raise MalformedScan(name)
    except (ValueError, OverflowError) as error:
        raise MalformedScan(name) from error
    return at.astimezone(UTC)


# --- a typed code -------------------------------------------------------------------


def codes_in(typed: str) -> list[str]:
    """The codes that were typed, as they are printed.

    A scanner types one after the other into the same field while the page is still to
    come. Several codes are several; what was cut short, or left there, before the last
    one is none.
    """
    length = tokens.CODE_LENGTH
    readings = list(keyboard_layouts.possible_readings(typed))
    for text in readings:
        codes = [text[at : at + length] for at in range(0, len(text), length)]
        if all(tokens.read_printed_code(code) for code in codes):
            return codes
    last = [text[-length:] for text in readings]
    return [code for code in last if tokens.read_printed_code(code)][:1]


def code_mistake(typed: str) -> str | None:
    """What is wrong with a typed code, as a key of `verdicts.CODE_MISTAKES`; None:
    nothing.

    static/js/door/code.js says the same, by tests/cases/codes.json.
    """
    if tokens.read_code(typed):
        return None
    text = keyboard_layouts.without_gaps(typed)
    if not text:
        return "empty"
    if text[0] != "1" or any(c not in keyboard_layouts.ALPHABET for c in text):
        return "other"
    if len(text) != tokens.CODE_LENGTH:
        return "short" if len(text) < tokens.CODE_LENGTH else "long"
    return "typo"


# --- answers ------------------------------------------------------------------------


def result_json(answer: ScanResult) -> dict[str, Any]:
    return {
        "id": str(answer.scan_id),
        "verdict": answer.verdict,
        "name": answer.name,
        "admission": answer.admission,
        "party": [
            {
                "name": member.name,
                "position": member.position,
                "is_in": member.is_in,
                "is_this": member.is_this,
            }
            for member in answer.party
        ],
        "party_key": answer.party_key,
        "at": answer.at.isoformat(),
        "door": answer.door,
        "rehearsal": answer.is_rehearsal,
    }


def reply_entry(reading: ScanInput, answer: ScanResult | None) -> dict[str, Any]:
    """The entry of a scan in the reply to a batch; None: it could not be kept."""
    if answer is None:
        return {"id": str(reading.id), "error": "not_stored"}
    return result_json(answer)
