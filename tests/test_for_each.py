"""Loops of tests: every wrong row is named, a fresh one finds nothing of another."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from rsvp.extensions import db
from rsvp.models import Event
from tests.support.factories import make_event
from tests.support.for_each import Offenders, for_each

SEEN: list[int] = []


@pytest.fixture
def numbers() -> Iterator[list[int]]:
    yield SEEN
    SEEN.clear()


@for_each("number", [1, 2, 3], fresh=True)
@for_each("word", ["one", "other"])
def test_a_fresh_row_begins_with_fixtures_of_its_own(app, numbers, number, word):
    assert numbers == ([] if word == "one" else [number])
    assert db.session.scalar(select(func.count(Event.id))) == len(numbers)
    make_event()
    numbers.append(number)


@for_each("word", ["one", "other"], fresh=True)
def test_a_fresh_row_has_a_folder_and_a_log_of_its_own(tmp_path, caplog, word):
    assert (list(tmp_path.iterdir()), caplog.records) == ([], [])
    (tmp_path / word).touch()
    logging.getLogger("rsvp").warning(word)


def test_every_wrong_row_is_named_with_what_is_wrong(request):
    @for_each("pair", [(1, 1), (1, 2), (3, 4)])
    @for_each("side", [0, 1], ids=["left", "right"])
    def is_one(pair, side):
        assert pair[side] == 1

    with pytest.raises(Offenders) as caught:
        is_one(request=request)

    told = str(caught.value)
    assert told.startswith("3 offenders:")
    rows = [line for line in told.splitlines() if line[0] == "("]
    names = [row.partition(": ")[0] for row in rows]
    assert names == ["(1, 2), right", "(3, 4), left", "(3, 4), right"]
    assert "assert 2 == 1" in rows[0]


def test_a_loop_over_nothing_is_none():
    with pytest.raises(AssertionError, match="proves nothing"):
        for_each("row", [])
