"""Loops: one test that goes through a table and names every row that is wrong."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from _pytest.tmpdir import tmppath_result_key
from flask import has_app_context

from rsvp.extensions import db

REQUEST = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
MAX_LINES = 12
"""Lines of what went wrong with one row; the first row's are shown in full."""


def for_each(
    names: str | Sequence[str],
    rows: Iterable[Any],
    *,
    ids: Callable[[Any], object] | Iterable[str] = repr,
    fresh: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`pytest.mark.parametrize` as one test: it fails with the list of all offenders.

    The rows share the test's fixtures, so it is for questions that leave nothing
    behind, or each row makes an event of its own. With `fresh` each has the fixtures
    anew: an empty database, a browser without cookies. `ids` names a value in that
    list, or is the rows' names. Of two that are stacked, the lower one turns faster.
    """
    keys = (names,) if isinstance(names, str) else tuple(names)
    table = [_values_of(row, keys) for row in rows]
    if not callable(ids):
        named = zip(ids, table, strict=True)
        table = [(name, values) for name, (_none, values) in named]
        ids = repr
    assert table, "a loop over nothing proves nothing"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        is_fresh = fresh or getattr(test, "is_fresh", False)

        @functools.wraps(test)
        def whole_table(request: pytest.FixtureRequest, **given: Any) -> None:
            if wants_request:
                given["request"] = request
            offenders: list[str] = []
            first: BaseException | None = None
            for number, (name, values) in enumerate(table):
                if is_fresh and number:
                    anew = renew(request)
                    given = {key: anew.get(key, given[key]) for key in given}
                name = name or ", ".join(_shortened(str(ids(v))) for v in values)
                try:
                    test(**given, **dict(zip(keys, values, strict=True)))
                except pytest.skip.Exception:
                    raise
                except Offenders as error:
                    offenders += [f"{name}, {line}" for line in error.offenders]
                    first = first or error.__cause__
                    roll_back()
                except (Exception, pytest.fail.Exception) as error:
                    offenders.append(f"{name}: {_what_is_wrong(error)}")
                    first = first or error
                    roll_back()
            if offenders:
                raise Offenders(offenders) from first

        signature = inspect.signature(test)
        left = [p for p in signature.parameters.values() if p.name not in keys]
        wants_request = any(p.name == "request" for p in left)
        if not wants_request:
            left.insert(0, REQUEST)
        whole_table.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        whole_table.is_fresh = is_fresh  # type: ignore[attr-defined]
        return whole_table

    return decorate


def renew(request: pytest.FixtureRequest) -> dict[str, Any]:
    """End the test's fixtures and begin them anew, as for another test; by their names.

    Those of a module or a session stay.
    """
    active = request._fixture_defs  # type: ignore[attr-defined]
    names = [
        name
        for name, fixture in active.items()
        if name != "request" and fixture.scope == "function"
    ]
    # A folder that goes asks how the test went, which nobody knows yet.
    request.node.stash.setdefault(tmppath_result_key, {})
    for name in reversed(names):
        active.pop(name).finish(request)
    anew = {name: request.getfixturevalue(name) for name in names}
    if "caplog" in anew:  # what was logged is the item's
        anew["caplog"].clear()
    return anew


def roll_back() -> None:
    """Leave the next row no transaction that has failed."""
    if has_app_context():
        db.session.rollback()


class Offenders(AssertionError):
    """The rows for which it does not hold, each with what is wrong."""

    def __init__(self, offenders: list[str]) -> None:
        super().__init__("\n".join([f"{len(offenders)} offenders:", *offenders]))
        self.offenders = offenders


def _values_of(row: Any, keys: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """A row's name, if it was given one, and its values."""
    values, name = getattr(row, "values", None), getattr(row, "id", None)
    if type(row).__name__ == "ParameterSet":
        return name or "", values
    return "", (row,) if len(keys) == 1 else tuple(row)


def _shortened(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:40]}…{name[-15:]}"


def _what_is_wrong(error: BaseException) -> str:
    """Where and what, in a few lines."""
    steps = traceback.extract_tb(error.__traceback__)
    where = [step for step in steps if "/tests/" in step.filename][-1]
    lines = (str(error) or type(error).__name__).splitlines()
    told = "\n    ".join(line[:300] for line in lines[:MAX_LINES])
    return f"line {where.lineno}, {told}"
