"""Evenings: asking whether people still come fills the room, and breaks no promise."""

from __future__ import annotations

import statistics

import pytest

from bench import reconfirmation_simulation

ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@ON_SQLITE
def test_asking_fills_chairs_that_would_stay_empty(app):
    """The promises are held to on the way: see `evenings.check`."""
    [result] = reconfirmation_simulation.run(
        2, seed=1, rules=reconfirmation_simulation.RULES[-1:]
    )

    for seen in result.evenings:
        assert seen.said_yes > 10
        assert seen.given_on > 5
        assert 24 <= seen.sit <= reconfirmation_simulation.CHAIRS


@pytest.mark.soak
@ON_SQLITE
def test_over_many_evenings_each_rule_seats_more_than_the_one_before(app):
    results = reconfirmation_simulation.run(40, seed=2)

    plain, standby, asked, both = (
        statistics.mean(seen.sit for seen in result.evenings) for result in results
    )
    assert plain < standby < both
    assert plain + 5 < asked < both
    assert both > 27
