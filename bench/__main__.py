"""`make bench`: how fast it is, as shares of what the machine could do at best.

Everything is measured in one run on the same machine, three times, by medians: the
event page beside a hello-world page on the same server, registrations and check-ins
beside the same SQL through the bare driver. Figures go to bench-results/ as JSON, and
here as tables.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from bench import (
    checkins,
    consistency_check,
    long_lists,
    mail_delivery,
    slow_peers,
    sql_baseline,
)
from bench.load import (
    Timing,
    get_page,
    median_timing,
    register_and_look,
    run_clients,
    submit_form,
)
from rsvp import create_app
from rsvp.extensions import db
from tests.conftest import TEST_SETTINGS, new_postgresql_database
from tests.paths import ROOT
from tests.support import services
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.live_site import Site, publish_event, run_rsvp, run_site
from tests.support.ports import free_port
from tests.support.process_memory import memory_mib

Replay = Callable[[list[list[tuple[str, Any]]]], Timing]

STATES = ("waitlisted", "confirmed")
RESULTS = ROOT / "bench-results"


def repeated(times: int, measure: Any) -> Timing:
    return median_timing([measure() for _ in range(times)])


# --- the parts ----------------------------------------------------------------------


def measure_site(engine: str, seconds: float, times: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with run_site(engine) as here:
        figures["memory_mib"] = round(memory_mib(here.process.pid), 1)
        publish_event(here, "unlimited", "null")
        token = form_token(Connection(here.port).get("/events/unlimited").body)
        for clients in (8, 32):
            figures[f"event page, {clients} clients"] = repeated(
                times,
                lambda n=clients: run_clients(
                    here.port, get_page("/events/unlimited"), n, seconds
                ),
            ).figures()
        for clients in (8, 32):
            figures[f"POST alone, {clients} clients"] = repeated(
                times,
                lambda n=clients: run_clients(
                    here.port, submit_form("unlimited", "seat", token), n, seconds
                ),
            ).figures()
        for clients in (1, 8, 32):
            figures[f"whole registration, {clients} clients"] = repeated(
                times,
                lambda n=clients: run_clients(
                    here.port, register_and_look("unlimited", "seat"), n, seconds
                ),
            ).figures()
        figures |= rushes(here)
        figures |= checkins.measure(here, times)
        problems = run_rsvp("check", environ=here.environ).strip()
        figures["check"] = problems
    return figures


CHAIRS = 30
PATIENCE = 300
"""Seconds; a busy machine is slow, but nobody goes without an answer."""
# People, and the seconds until the last chair is given: first bar, goal.
RUSHES = ((500, 3.0, 0.7), (2000, 8.0, 2.5))


def rushes(here: Site) -> dict[str, Any]:
    figures = {}
    for people, bar, goal in RUSHES:
        slug = f"rush-{people}"
        publish_event(here, slug, str(CHAIRS))
        found = rush(here, slug, people)
        wrong = {"confirmed": CHAIRS, "waitlisted": people - CHAIRS} != found["answers"]
        figures[f"rush of {people} on {CHAIRS}"] = found | {
            "bar": f"last chair ≤ {bar:g} s, goal {goal:g} s",
            "verdict": f"WRONG: {found['answers']}" if wrong else "exactly the chairs",
        }
    return figures


def rush(here: Site, slug: str, people: int) -> dict[str, Any]:
    """So many people want the same 30 chairs at once; when was the last one given?"""
    lock, ready = threading.Lock(), threading.Barrier(people + 1)
    answers: Counter[str] = Counter()
    seated_at: list[float] = []
    latencies: list[float] = []
    begin = [0.0]

    def client() -> None:
        connection = Connection(here.port, patience=PATIENCE)
        ready.wait()
        start = time.perf_counter()
        try:
            state, answered = press(connection)
        except OSError as error:
            state, answered = type(error).__name__, time.perf_counter()
        with lock:
            answers[state] += 1
            latencies.append(time.perf_counter() - start)
            if state == "confirmed":
                seated_at.append(answered - begin[0])
        connection.close()

    def press(connection: Connection) -> tuple[str, float]:
        """What came of it, and when that was answered."""
        token = form_token(connection.get(f"/events/{slug}").body)
        path = f"/events/{slug}/registrations"
        answer = connection.post(path, form_fields(token, "seat"))
        answered = time.perf_counter()
        if answer.status != 303 or answer.location is None:
            return f"status {answer.status}", answered
        ticket = connection.get(answer.location).body
        states = [s for s in STATES if f'data-state="{s}"'.encode() in ticket]
        return states[0] if states else "a page without a state", answered

    threads = [threading.Thread(target=client) for _ in range(people)]
    for thread in threads:
        thread.start()
    begin[0] = time.perf_counter()
    ready.wait()
    for thread in threads:
        thread.join()
    timing = Timing(latencies, time.perf_counter() - begin[0])
    return timing.figures() | {
        "last_chair_s": round(max(seated_at, default=0.0), 3),
        "all_answered_s": round(timing.seconds, 3),
        "answers": dict(answers),
    }


def measure_hello(seconds: float, times: int) -> dict[str, Any]:
    """The same server with a page that does nothing."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "granian",
            "--interface=wsgi",
            f"--port={port}",
            "--workers=2",
            "--blocking-threads=4",
            "--no-access-log",
            "--log-level=error",
            "bench.hello_world:app",
        ],
        cwd=ROOT,
    )
    try:
        wait_for(port)
        return {
            f"hello, {clients} clients": repeated(
                times, lambda n=clients: run_clients(port, get_page("/"), n, seconds)
            ).figures()
            for clients in (8, 32)
        }
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def bare(engine: str) -> Iterator[tuple[Flask, Replay]]:
    """An application on an empty database, and what sends recorded transactions to that
    database again through the bare driver."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = TEST_SETTINGS | {"INSTANCE_PATH": str(folder)}
        if engine == "postgresql":
            name = f"rsvp_floor_{os.getpid()}"
            uri = stack.enter_context(new_postgresql_database(name))
            settings["SQLALCHEMY_DATABASE_URI"] = uri
        app = create_app(settings)
        with app.app_context():
            from rsvp import startup

            startup.initialise()
        if engine == "sqlite":
            yield app, lambda sql: sql_baseline.on_sqlite(str(folder / "rsvp.db"), sql)
        else:
            yield app, lambda sql: sql_baseline.on_postgresql(uri, sql)


def measure_floor(engine: str, count: int, times: int) -> dict[str, Any]:
    """What the driver alone does of the same SQL: registrations, then check-ins."""
    with bare(engine) as (app, replay):
        transactions = sql_baseline.record(app, count)
        timings = []
        for _ in range(times):
            with app.app_context():
                forget_registrations()
            timings.append(replay(transactions))
    with bare(engine) as (app, replay):
        checked_in = checkins.measure_floor(app, count // 3, times, replay)
    return {
        "floor": median_timing(timings).figures(),
        "check-in floor": median_timing(checked_in).figures(),
    }


def forget_registrations() -> None:
    """Back to before the recording, so that the same rows can be written again."""
    import sqlalchemy as sa

    from rsvp.db import writing
    from rsvp.models import Admission, Attendee, AuditEntry, Message, Registration

    with writing() as session:
        for table in (Message, AuditEntry, Attendee, Registration):
            session.execute(sa.delete(table))
        session.execute(sa.update(Admission).values(seats_taken=0))
    db.session.remove()
    db.engine.dispose()


def measure_start(times: int = 5) -> float:
    """Seconds that `create_app` takes in a new process, its imports included."""
    code = (
        "import time; t=time.perf_counter(); from rsvp import create_app; create_app();"
        "print(time.perf_counter()-t)"
    )
    with tempfile.TemporaryDirectory() as instance:
        environ = os.environ | {"RSVP_INSTANCE_PATH": instance}
        seconds = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code],
                    env=environ,
                    cwd=ROOT,
                    capture_output=True,
                    check=True,
                ).stdout
            )
            for _ in range(times)
        ]
    return round(statistics.median(seconds), 3)


def wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            if Connection(port).get("/").status == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not answer")


# --- the whole ----------------------------------------------------------------------


def shares(figures: dict[str, Any]) -> list[tuple[str, str, float, str]]:
    """(engine, what, ratio, first bar and goal) for each goal of the design."""
    rows = []
    hello = figures["hello"]
    for engine in figures["engines"]:
        here, bottom = figures[engine], figures[engine]["floor"]["per_second"]
        for clients in (8, 32):
            shown = here[f"event page, {clients} clients"]["per_second"]
            rows.append(
                (
                    engine,
                    f"event page ÷ hello, {clients} clients",
                    shown / hello[f"hello, {clients} clients"]["per_second"],
                    "≥ 0.10, goal 0.50",
                )
            )
            posted = here[f"POST alone, {clients} clients"]["per_second"]
            rows.append(
                (
                    engine,
                    f"POST ÷ floor, {clients} clients",
                    posted / bottom,
                    "≥ 0.10, goal 0.25",
                )
            )
            whole = here[f"whole registration, {clients} clients"]["per_second"]
            bar = "≥ 0.03, goal 0.07" if engine == "sqlite" else "≥ 0.05, goal 0.10"
            rows.append(
                (
                    engine,
                    f"whole registration ÷ floor, {clients} clients",
                    whole / bottom,
                    bar,
                )
            )
        rows += [
            (
                engine,
                f"check-ins ÷ floor, {words}",
                here[f"check-ins, {words}"]["per_second"]
                / here["check-in floor"]["per_second"],
                "≥ 0.10, goal 0.25",
            )
            for words in ("1 door", "8 doors")
        ]
        tail = (
            here["whole registration, 32 clients"]["p99_ms"]
            / here["whole registration, 1 clients"]["p50_ms"]
        )
        rows.append((engine, "p99 at 32 ÷ p50 at 1 client", tail, "≤ 50, goal 25"))
    return rows


def print_tables(figures: dict[str, Any]) -> None:
    line = "{:<38} {:>10} {:>9} {:>9} {:>9}"
    for name in ("hello", *figures["engines"]):
        print(f"\n{name}")
        print(line.format("", "a second", "p50 ms", "p95 ms", "p99 ms"))
        for what, values in figures[name].items():
            if isinstance(values, dict):
                numbers = (
                    values[k] for k in ("per_second", "p50_ms", "p95_ms", "p99_ms")
                )
                print(line.format(what, *numbers))
            else:
                print(f"{what}: {values}")
            if isinstance(values, dict) and "answers" in values:
                print(
                    f"    last chair {values['last_chair_s']} s, all answered "
                    f"{values['all_answered_s']} s, {values['verdict']} "
                    f"({values['bar']})"
                )
    long_lists.print_figures(figures["lists"])
    for engine, found in figures["check"].items():
        whole, bar = found["seconds"]["rsvp check"], found["bar_s"]
        count = found["registrations"]
        print(
            f"\nrsvp check, {engine}: {whole} s of {count} registrations (≤ {bar:g} s)"
        )
    for engine, found in figures["drain"].items():
        print(f"\ndraining, {engine}: {json.dumps(found)}")
    for engine, found in figures["slow"].items():
        print(f"\n{engine}, among slow clients")
        for what, values in found.items():
            numbers = (values[k] for k in ("per_second", "p50_ms", "p95_ms", "p99_ms"))
            print(line.format(what, *numbers))
    print(f"\ncreate_app: {figures['create_app_s']} s\n")
    for engine, what, ratio, bar in shares(figures):
        print(f"{engine:<11} {what:<44} {ratio:>7.3f}   {bar}")


def only_rushes(engine: str) -> dict[str, Any]:
    with run_site(engine) as here:
        return rushes(here) | {"check": run_rsvp("check", environ=here.environ).strip()}


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "rush": only_rushes,
    "check": consistency_check.measure,
    "drain": mail_delivery.measure,
    "slow": slow_peers.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="a measurement")
    parser.add_argument(
        "--times", type=int, default=3, help="of which the median counts"
    )
    parser.add_argument("--engine", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--count", type=int, default=3000, help="floor transactions")
    parser.add_argument("--long", type=int, default=long_lists.LONG, help="a long list")
    parser.add_argument("--only", choices=[*PARTS], help="a part, by itself")
    chosen = parser.parse_args()
    engines = chosen.engine or ["sqlite", "postgresql"]
    if "postgresql" in engines and (why := services.missing("postgresql")):
        print(f"skipped: {why}")
        engines.remove("postgresql")
    if chosen.only:
        for engine in engines:
            print(engine, json.dumps(PARTS[chosen.only](engine), indent=1))
        return
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "engines": engines,
        "create_app_s": measure_start(),
        "hello": measure_hello(chosen.seconds, chosen.times),
    }
    for engine in engines:
        figures[engine] = measure_floor(engine, chosen.count, chosen.times)
        figures[engine] |= measure_site(engine, chosen.seconds, chosen.times)
    figures["lists"] = {
        engine: long_lists.measure(engine, chosen.long, chosen.times)
        for engine in engines
    }
    figures["check"] = {engine: consistency_check.measure(engine) for engine in engines}
    figures["drain"] = {engine: mail_delivery.measure(engine) for engine in engines}
    figures["slow"] = {engine: slow_peers.measure(engine) for engine in engines}
    print_tables(figures)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(figures, indent=1))
    shutil.copy(file, RESULTS / "latest.json")
    print(f"\nwritten to {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
