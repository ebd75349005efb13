"""Invitation export: an event's invitation codes as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from rsvp.formats.exports.attendees import (
    CHUNK_BYTES,
    disarm_formula,
    drain,
    instant_text,
)


class InvitationRow(NamedTuple):
    """One invitation. `state` is `works`, `used_up`, `ended` or `revoked`; without a
    `limit` it may be used any number of times."""

    code: str
    link: str
    label: str | None
    used: int
    limit: int | None
    expires_at: datetime | None
    state: str


def write_csv(codes: Iterable[InvitationRow]) -> Iterator[bytes]:
    """Yield a line for each code, in pieces; in shape as `attendees.write_csv`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(InvitationRow._fields)
    for row in codes:
        writer.writerow(
            (
                row.code,
                row.link,
                disarm_formula(row.label or ""),
                row.used,
                "" if row.limit is None else row.limit,
                instant_text(row.expires_at),
                row.state,
            )
        )
        if buffer.tell() > CHUNK_BYTES:
            yield drain(buffer)
    yield drain(buffer)
