"""Pagination: some rows of a list, and whether more follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select

from rsvp.db import current_session

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list; `is_last` says whether more follow."""

    rows: list[Row]
    is_last: bool


def page_of(query: Select[Any], size: int = PAGE_SIZE) -> Page[Any]:
    rows = current_session().scalars(query.limit(size + 1)).all()
    return Page(list(rows[:size]), is_last=len(rows) <= size)
