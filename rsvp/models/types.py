"""Column types that several tables share."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import CheckConstraint, String


def enum_check(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """The check that keeps an enumeration, stored as text, within its values."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


Word = String(20)
Key = String(64)
Line = String(200)
Url = String(2000)
"""Lengths: a code word, a key or slug, one line of text, an address on the web."""
