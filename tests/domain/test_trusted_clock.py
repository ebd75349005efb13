"""Whether a clock is trusted with what can't be undone: by two looks, an hour apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from rsvp import clocks
from rsvp.clocks import SteadyTime
from rsvp.db import writing
from rsvp.domain import trusted_clock
from rsvp.domain.trusted_clock import OBSERVATION_TIME, check_clock
from rsvp.extensions import db
from rsvp.models import Clock
from tests.support.factories import NOON
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LEAPS = [2 * DAY, 60 * DAY, 366 * DAY, -2 * DAY, -60 * DAY, -366 * DAY]

leaps = for_each("leap", LEAPS, ids=lambda leap: f"{leap.days} days")


@dataclass
class Machine:
    """A machine whose clock is `ahead` of the true time; it was started `up` before
    noon."""

    boot: str = "first start"
    ahead: timedelta = timedelta()
    up: timedelta = 400 * DAY

    def run(self, at: timedelta) -> bool:
        """A worker's run, so long after noon; whether its clock is trusted."""
        steady = SteadyTime((self.up + at).total_seconds(), self.boot)
        with writing():
            standing = check_clock(NOON + at + self.ahead, steady)
        assert standing.is_trusted is (standing.remaining == timedelta())
        return standing.is_trusted


@pytest.fixture
def machine(app):
    """One that has run jobs by a clock that was right."""
    machine = Machine()
    assert machine.run(-MINUTE)
    return machine


def runs(machine: Machine, *minutes: int) -> list[bool]:
    return [machine.run(at * MINUTE) for at in minutes]


@leaps
def test_a_clock_that_is_wrong_for_seconds_is_never_trusted(machine, leap):
    machine.ahead = leap
    assert runs(machine, 0, 1, 2) == [False] * 3
    machine.ahead = timedelta()
    assert runs(machine, 3, 4, 70) == [True] * 3
    machine.ahead = leap  # again, and what was seen before is forgotten
    assert runs(machine, 71) == [False]


@leaps
def test_one_that_goes_on_like_that_is_trusted_after_an_hour(machine, leap):
    machine.ahead = leap
    assert runs(machine, 0, 30, 59, 60, 61) == [False, False, False, True, True]


def test_two_runs_by_a_timer_will_do(machine):
    machine.ahead = 60 * DAY
    assert runs(machine, 0, 24 * 60) == [False, True]


@for_each("ahead", [DAY, -DAY, 23 * 60 * MINUTE], fresh=True)
def test_within_a_day_of_the_last_run_a_clock_is_trusted(machine, ahead):
    machine.ahead = ahead - MINUTE  # the last run was a minute ago
    assert runs(machine, 0) == [True]


def test_one_that_is_set_meanwhile_is_looked_at_anew(machine):
    machine.ahead = 60 * DAY
    assert runs(machine, 0) == [False]
    machine.ahead += 5 * MINUTE
    assert runs(machine, 60, 119, 120) == [False, False, True]


def test_small_steps_do_not_matter(machine):
    machine.ahead = 60 * DAY
    assert runs(machine, 0) == [False]
    machine.ahead -= MINUTE / 2
    assert runs(machine, 60) == [True]


def test_after_a_restart_of_the_machine_it_is_looked_at_anew(machine):
    machine.ahead = 60 * DAY
    assert runs(machine, 0) == [False]
    machine.boot, machine.up = "second start", timedelta()
    assert runs(machine, 59, 61, 119) == [False, False, True]


def test_so_it_is_where_starts_have_no_names(machine):
    machine.ahead = 60 * DAY
    assert runs(machine, 0) == [False]
    machine.up = timedelta()
    assert runs(machine, 59, 61, 119) == [False, False, True]


def test_on_a_machine_that_stayed_on_a_timer_may_be_as_slow_as_it_likes(machine):
    assert runs(machine, 7 * 24 * 60) == [True]


def test_a_site_that_was_off_for_a_week_waits_for_an_hour(machine):
    later = Machine("second start", up=-7 * DAY)
    week = 7 * 24 * 60
    assert runs(later, week, week + 59, week + 60) == [False, False, True]


def test_of_two_machines_the_wrong_one_waits_as_long_as_the_other_works(machine):
    wrong = Machine("elsewhere", ahead=60 * DAY)
    for minutes in range(0, 180, 10):
        assert runs(machine, minutes) == [True]
        assert runs(wrong, minutes + 1) == [False]
    # Nobody is left who says otherwise.
    assert runs(wrong, 230, 231) == [False, True]


@pytest.mark.both_engines
def test_two_that_agree_do_not_keep_each_other_waiting(app, machine):
    first, second = (Machine(name, up=-7 * DAY) for name in ("first", "second"))
    week = 7 * 24 * 60
    for minutes in range(0, 60, 10):
        assert runs(first, week + minutes) == [False]
        assert runs(second, week + minutes + 1) == [False]
    assert runs(first, week + 60) == [True]
    assert runs(second, week + 60) == [True]


def test_two_that_do_not_agree_wait_until_one_of_them_gives_way(app, machine):
    first = Machine("first", up=-7 * DAY)
    second = Machine("second", up=-7 * DAY, ahead=60 * DAY)
    week = 7 * 24 * 60
    for minutes in range(0, 180, 10):
        assert runs(first, week + minutes) == [False]
        assert runs(second, week + minutes + 1) == [False]
    assert runs(first, week + 180, week + 240) == [False, True]


def test_where_no_job_ever_ran_there_is_nothing_to_tell_by(app):
    assert runs(Machine(ahead=60 * DAY), 0) == [True]


def test_what_is_noted_takes_no_write_again_for_a_while(machine):
    steady = SteadyTime((machine.up + MINUTE).total_seconds(), machine.boot)
    assert trusted_clock.is_up_to_date(NOON + MINUTE, steady)
    assert not trusted_clock.is_up_to_date(NOON + 20 * MINUTE, steady)
    assert not trusted_clock.is_up_to_date(NOON, SteadyTime(1, "another"))
    assert not trusted_clock.is_up_to_date(NOON + 60 * DAY, steady)


def test_the_hour_that_is_left_is_told(machine):
    machine.ahead = 60 * DAY
    runs(machine, 0)
    steady = SteadyTime((machine.up + 20 * MINUTE).total_seconds(), machine.boot)
    with writing():
        standing = check_clock(NOON + 60 * DAY + 20 * MINUTE, steady)
    assert (standing.remaining, standing.is_first_seen) == (
        OBSERVATION_TIME - 20 * MINUTE,
        False,
    )
    assert standing.difference == 60 * DAY + 21 * MINUTE
    db.session.rollback()
    assert db.session.get(Clock, 1).trusted_at == NOON - MINUTE


def test_the_steady_clock_only_passes_and_has_a_name(monkeypatch, tmp_path):
    first, second = clocks.read_steady_clock(), clocks.read_steady_clock()
    assert 0 < first.seconds <= second.seconds
    assert first.boot == second.boot != ""
    monkeypatch.setattr(clocks, "BOOT_ID_PATH", tmp_path / "none")
    assert clocks.read_steady_clock().boot
