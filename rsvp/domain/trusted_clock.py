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

from rsvp.clocks import SteadyTime
from rsvp.db import current_session, fresh, insert_or_ignore
from rsvp.models import Clock, ClockLook

A_DAY = timedelta(days=1)
OBSERVATION_TIME = timedelta(hours=1)
TOLERANCE = timedelta(minutes=1)
"""By how much a clock may move otherwise than the steady one: it is set right in small
steps."""
NOTE_INTERVAL = timedelta(minutes=10)

# A conflict means that the row is there: each run but the first finds one.
INSERT_IGNORE = insert_or_ignore(Clock)


@dataclass(frozen=True)
class ClockTrust:
    """Whether a clock is trusted: `difference` from that of the last run by more than a
    day, with `remaining` until it is trusted; or trusted (None). `is_first_seen`:
    nobody knew until now."""

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
    """Return the clocks that are not trusted yet, the first to be seen first."""
    query = select(ClockLook).order_by(ClockLook.at, ClockLook.boot)
    return list(current_session().scalars(query))


def last_run_if_apart(now: datetime) -> datetime | None:
    """Return when the last run was if `now` is more than a day from it, else None."""
    clock = find_trusted_clock()
    return clock.trusted_at if clock and abs(now - clock.trusted_at) > A_DAY else None


def is_up_to_date(now: datetime, steady: SteadyTime) -> bool:
    """Whether the clock is the trusted one, and there is nothing to note."""
    clock = find_trusted_clock()
    if clock is None or clock.boot != steady.boot or untrusted_clocks():
        return False
    return abs(now - clock.trusted_at) < NOTE_INTERVAL


# --- a look at the clock ------------------------------------------------------------


def check_clock(now: datetime, steady: SteadyTime) -> ClockTrust:
    """Check the clock of a run that begins, and note what it says.

    The first run ever is trusted: nothing tells otherwise.
    """
    clock = lock_clock(now, steady)
    difference = abs(now - clock.trusted_at)
    if difference <= A_DAY or moved_like_steady(
        clock.boot, clock.steady, clock.trusted_at, now, steady
    ):
        trust_clock(clock, now, steady)
        return ClockTrust()
    own_look = None
    for look in untrusted_clocks():
        if look.boot == steady.boot and moved_like_steady(
            look.boot, look.steady, look.at, now, steady
        ):
            own_look = look
        elif look.boot == steady.boot or not may_agree(look, now):
            # That clock was set meanwhile, or another one is at work: both begin anew.
            current_session().delete(look)
    if own_look is None:
        current_session().flush()
        first_look = ClockLook(boot=steady.boot, at=now, steady=steady.seconds)
        current_session().add(first_look)
        return ClockTrust(difference, OBSERVATION_TIME, is_first_seen=True)
    observed_for = timedelta(seconds=steady.seconds - own_look.steady)
    if observed_for < OBSERVATION_TIME:
        return ClockTrust(difference, OBSERVATION_TIME - observed_for)
    trust_clock(clock, now, steady)
    return ClockTrust()


def lock_clock(now: datetime, steady: SteadyTime) -> Clock:
    """Lock the row of the clock: others that look wait for us."""
    session = current_session()
    read = {"trusted_at": now, "steady": steady.seconds, "boot": steady.boot}
    session.execute(INSERT_IGNORE[session.get_bind().dialect.name], {"id": 1} | read)
    query = select(Clock).where(Clock.id == 1).with_for_update()
    return session.scalars(fresh(query)).one()


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


def may_agree(look: ClockLook, now: datetime) -> bool:
    """Whether another machine, which looks as well, may have the same time as we."""
    return look.at - TOLERANCE <= now <= look.at + 2 * OBSERVATION_TIME


def trust_clock(clock: Clock, now: datetime, steady: SteadyTime) -> None:
    clock.trusted_at, clock.steady, clock.boot = now, steady.seconds, steady.boot
    current_session().execute(delete(ClockLook))
