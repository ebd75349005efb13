"""Repeat: with `-p tests.support.repeat --times 20` each chosen test runs 20 times."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="how often each test runs")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    # Tests ask for one once only, so each has to be made anew.
    items[:] = [again(item) for item in items for _ in range(config.option.times)]


def again(item: pytest.Item) -> pytest.Item:
    assert isinstance(item, pytest.Function)
    made: pytest.Function = pytest.Function.from_parent(
        item.parent,
        name=item.name,
        callspec=getattr(item, "callspec", None),
        callobj=item.obj,
        fixtureinfo=item._fixtureinfo,
        keywords=dict(item.keywords),
        originalname=item.originalname,
    )
    made.own_markers[:] = item.own_markers
    return made
