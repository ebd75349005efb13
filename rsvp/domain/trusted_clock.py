"""The trusted clock: whether what can't be undone may be done by a server's clock.

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

from rsvp.clocks import Steady
from rsvp.db import current_session, table_of
from rsvp.models import Clock, ClockLook

A_DAY = timedelta(days=1)
LOOKS_APART = timedelta(hours=1)
ALIKE = timedelta(minutes=1)
"""By how much a clock may move otherwise than the steady one: it is set right in small
steps."""
NOTED_EVERY = timedelta(minutes=10)

# A conflict means that the row is there: each run but the first finds one.
FIRST_ROW = {
    "sqlite": sqlite.insert(table_of(Clock)).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table_of(Clock)).on_conflict_do_nothing(),
}


@dataclass(frozen=True)
class Standing:
    """How a clock stands: `apart` from that of the last run by more than a day, with
    `left` until it is trusted; or trusted (None). `is_new`: nobody knew until now."""

    apart: timedelta | None = None
    left: timedelta = timedelta()
    is_new: bool = False

    @property
    def is_trusted(self) -> bool:
        return self.apart is None


# --- what is known ------------------------------------------------------------------


def last_trusted() -> Clock | None:
    return current_session().get(Clock, 1, populate_existing=True)


def looks() -> list[ClockLook]:
    """The clocks that stand apart, the first to be seen first."""
    wanted = select(ClockLook).order_by(ClockLook.at, ClockLook.boot)
    return list(current_session().scalars(wanted))


def trusted_instant(now: datetime) -> datetime | None:
    """Where `now` stands apart from the last run: when that was; None where it does
    not."""
    row = last_trusted()
    return row.trusted_at if row and abs(now - row.trusted_at) > A_DAY else None


def is_noted(now: datetime, steady: Steady) -> bool:
    """Whether the clock is the trusted one, and there is nothing to note."""
    row = last_trusted()
    if row is None or row.boot != steady.boot or looks():
        return False
    return abs(now - row.trusted_at) < NOTED_EVERY


# --- a look at the clock ------------------------------------------------------------


def look(now: datetime, steady: Steady) -> Standing:
    """Look at the clock of a run that begins, and note what it says.

    The first run ever is trusted: nothing tells otherwise.
    """
    row = locked(now, steady)
    apart = abs(now - row.trusted_at)
    if apart <= A_DAY or went_alike(row.boot, row.steady, row.trusted_at, now, steady):
        trust(row, now, steady)
        return Standing()
    mine = None
    for each in looks():
        if each.boot == steady.boot and went_alike(
            each.boot, each.steady, each.at, now, steady
        ):
            mine = each
        elif each.boot == steady.boot or not goes_with(each, now):
            # That clock was set meanwhile, or another one is at work: both begin anew.
            current_session().delete(each)
    if mine is None:
        current_session().flush()
        first = ClockLook(boot=steady.boot, at=now, steady=steady.seconds)
        current_session().add(first)
        return Standing(apart, LOOKS_APART, is_new=True)
    stood = timedelta(seconds=steady.seconds - mine.steady)
    if stood < LOOKS_APART:
        return Standing(apart, LOOKS_APART - stood)
    trust(row, now, steady)
    return Standing()


def locked(now: datetime, steady: Steady) -> Clock:
    """The row of the clock, which lets others that look wait for us."""
    session = current_session()
    read = {"trusted_at": now, "steady": steady.seconds, "boot": steady.boot}
    session.execute(FIRST_ROW[session.get_bind().dialect.name], {"id": 1} | read)
    fresh = {"populate_existing": True}
    wanted = select(Clock).where(Clock.id == 1).with_for_update()
    return session.scalars(wanted, execution_options=fresh).one()


def went_alike(
    boot: str | None,
    seconds: float | None,
    at: datetime,
    now: datetime,
    steady: Steady,
) -> bool:
    """Whether since a reading (`seconds` at `at`) the clock moved as the steady one."""
    if boot != steady.boot or seconds is None or steady.seconds < seconds:
        return False
    passed = timedelta(seconds=steady.seconds - seconds)
    return abs((now - at) - passed) <= ALIKE


def goes_with(other: ClockLook, now: datetime) -> bool:
    """Whether another machine, which looks as well, may have the same time as we."""
    return other.at - ALIKE <= now <= other.at + 2 * LOOKS_APART


def trust(row: Clock, now: datetime, steady: Steady) -> None:
    row.trusted_at, row.steady, row.boot = now, steady.seconds, steady.boot
    current_session().execute(delete(ClockLook))
