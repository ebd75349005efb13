"""`rsvp check` on a long list: what each rule takes, and all of them together.

By itself it prints what it finds: `python -m bench.consistency_check`.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import sqlalchemy as sa

from bench import long_lists
from rsvp import create_app
from rsvp.db import utcnow, writing
from rsvp.domain import invariants
from rsvp.extensions import db
from rsvp.queries import events as event_queries
from tests.support.live_site import run_rsvp, run_site

LONG = 100_000
BAR = 10.0
"""Seconds that so many registrations may take."""

# Every fourth of those who were written as confirmed is turned into one who waits, and
# what they were told and what is counted with them.
INTO_LINE = (
    "UPDATE registrations SET state = 'waitlisted', line_number = id WHERE id % 4 = 0",
    "UPDATE audit_entries SET to_state = 'waitlisted' WHERE registration_id % 4 = 0",
    "UPDATE messages SET kind = 'waitlisted' WHERE registration_id % 4 = 0",
    "UPDATE admissions SET waitlist = true, "
    "waiting = (SELECT count(*) FROM registrations WHERE state = 'waitlisted'), "
    "seats_taken = (SELECT count(*) FROM registrations WHERE state = 'confirmed')",
    "UPDATE admissions SET capacity = seats_taken",
)


def measure(engine: str, count: int = LONG) -> dict[str, Any]:
    """Seconds by rule, and of the command from its start to its end."""
    with run_site(engine, WEB_PROCESSES="1") as here:
        run_rsvp(
            "event",
            "import",
            "-",
            environ=here.environ,
            stdin=long_lists.EVENT.format("long"),
        )
        app = create_app(here.settings)
        with app.app_context():
            event = event_queries.find_event("long")
            assert event
            long_lists.add_registrations(app, event, count)
            for statement in INTO_LINE:
                with writing() as session:
                    session.execute(sa.text(statement))
            now, figures = utcnow(), {}
            for rule in invariants.RULES:
                start = time.perf_counter()
                assert list(rule(now)) == []
                figures[rule.__name__] = round(time.perf_counter() - start, 2)
            db.session.remove()
        start = time.perf_counter()
        assert run_rsvp("check", environ=here.environ).strip() == "All is well."
        figures["rsvp check"] = round(time.perf_counter() - start, 2)
    return {"registrations": count, "bar_s": BAR, "seconds": figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--count", type=int, default=LONG)
    chosen = parser.parse_args()
    for engine in chosen.engine or ["sqlite", "postgresql"]:
        print(engine, measure(engine, chosen.count))


if __name__ == "__main__":
    main()
