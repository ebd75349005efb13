"""The trusted clock: whether the server's clock is trusted for irreversible jobs.

A clock that is sixty days ahead for a second would erase people of events to come. So
each run notes what its clock said. One that stands more than a day from the last run
is not trusted at once: it is looked at twice, an hour of the machine's steady clock
apart, and must have gone on like that one, with nobody at work by another clock in
between. It is kept in the database, so that runs by a timer, and several machines, go
by the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rsvp.clocks import SteadyTime
from rsvp.db import current_session, table_of
from rsvp.models import Clock, ClockLook

A_DAY = timedelta(days=1)
OBSERVATION_TIME = timedelta(hours=1)
TOLERANCE = timedelta(minutes=1)
"""By how much a clock may move otherwise than the steady one: it is set right in small
steps."""
NOTE_INTERVAL = timedelta(minutes=10)

# A conflict means that the row is there: each run but the first finds one.
INSERT_IGNORE = {
    "sqlite": sqlite.insert(table_of(Clock)).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table_of(Clock)).on_conflict_do_nothing(),
}


@dataclass(frozen=True)
class ClockTrust:
    """How a clock stands: `difference` from that of the last run by more than a day,
    with `remaining` until it is trusted; or trusted (None). `is_first_seen`: nobody
    knew until now."""

    difference: timedelta | None = None
    remaining: timedelta = timedelta()
    is_first_seen: bool = False

    @property
    def is_trusted(self) -> bool:
        return self.difference is None


# --- what is known ------------------------------------------------------------------


def find_trusted_clock() -> Clock | None:
    return current_session().get(Clock, 1, populate_existing=True)


def untrusted_clocks() -> list[ClockLook]:
    """The clocks that stand apart, the first to be seen first."""
    wanted = select(ClockLook).order_by(ClockLook.at, ClockLook.boot)
    return list(current_session().scalars(wanted))


def last_run_if_apart(now: datetime) -> datetime | None:
    """Where `now` stands apart from the last run: when that was; None where it does
    not."""
    row = find_trusted_clock()
    return row.trusted_at if row and abs(now - row.trusted_at) > A_DAY else None


def is_up_to_date(now: datetime, steady: SteadyTime) -> bool:
    """Whether the clock is the trusted one, and there is nothing to note."""
    row = find_trusted_clock()
    if row is None or row.boot != steady.boot or untrusted_clocks():
        return False
    return abs(now - row.trusted_at) < NOTE_INTERVAL


# --- a look at the clock ------------------------------------------------------------


def check_clock(now: datetime, steady: SteadyTime) -> ClockTrust:
    """Look at the clock of a run that begins, and note what it says.

    The first run ever is trusted: nothing tells otherwise.
    """
    row = lock_clock(now, steady)
    apart = abs(now - row.trusted_at)
    if apart <= A_DAY or moved_like_steady(
        row.boot, row.steady, row.trusted_at, now, steady
    ):
        trust_clock(row, now, steady)
        return ClockTrust()
    mine = None
    for each in untrusted_clocks():
        if each.boot == steady.boot and moved_like_steady(
            each.boot, each.steady, each.at, now, steady
        ):
            mine = each
        elif each.boot == steady.boot or not may_agree(each, now):
            # That clock was set meanwhile, or another one is at work: both begin anew.
            current_session().delete(each)
    if mine is None:
        current_session().flush()
        first = ClockLook(boot=steady.boot, at=now, steady=steady.seconds)
        current_session().add(first)
        return ClockTrust(apart, OBSERVATION_TIME, is_first_seen=True)
    stood = timedelta(seconds=steady.seconds - mine.steady)
    if stood < OBSERVATION_TIME:
        return ClockTrust(apart, OBSERVATION_TIME - stood)
    trust_clock(row, now, steady)
    return ClockTrust()


def lock_clock(now: datetime, steady: SteadyTime) -> Clock:
    """The row of the clock, which lets others that look wait for us."""
    session = current_session()
    read = {"trusted_at": now, "steady": steady.seconds, "boot": steady.boot}
    session.execute(INSERT_IGNORE[session.get_bind().dialect.name], {"id": 1} | read)
    fresh = {"populate_existing": True}
    wanted = select(Clock).where(Clock.id == 1).with_for_update()
    return session.scalars(wanted, execution_options=fresh).one()


def moved_like_steady(
    boot: str | None,
    seconds: float | None,
    at: datetime,
    now: datetime,
    steady: SteadyTime,
) -> bool:
    """Whether since a reading (`seconds` at `at`) the clock moved as the steady one."""
    if boot != steady.boot or seconds is None or steady.seconds < seconds:
        return False
    passed = timedelta(seconds=steady.seconds - seconds)
    return abs((now - at) - passed) <= TOLERANCE


def may_agree(other: ClockLook, now: datetime) -> bool:
    """Whether another machine, which looks as well, may have the same time as we."""
    return other.at - TOLERANCE <= now <= other.at + 2 * OBSERVATION_TIME


def trust_clock(row: Clock, now: datetime, steady: SteadyTime) -> None:
    row.trusted_at, row.steady, row.boot = now, steady.seconds, steady.boot
    current_session().execute(delete(ClockLook))
