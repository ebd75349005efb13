"""Mail delivery: how fast a worker sends many reminders, beside a bare SMTP loop with
the same bytes into the same sink; what it holds meanwhile, and what visitors notice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import smtplib
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from flask import Flask

from bench import long_lists
from bench.load import Timing, get_page, run_clients
from rsvp import create_app
from rsvp.db import current_session, table_of, utcnow, writing
from rsvp.jobs import tasks
from rsvp.jobs.delivery import render
from rsvp.jobs.delivery.claims import Claim
from rsvp.models import Message
from rsvp.models.message import MessageKind, MessageState
from rsvp.queries import events as event_queries
from tests.paths import ROOT
from tests.support.live_site import RSVP_COMMAND, Site, run_rsvp, run_site
from tests.support.ports import free_port
from tests.support.process_memory import memory_mib

MANY = 10_000
SAMPLE = 200
"""How many different mails the bare loop sends, again and again."""
SECONDS = 5.0
FORK = multiprocessing.get_context("fork")

EVENT = """
slug: reminded
title: Letters by the Lamp
description: We eat together first, then read a few short texts and talk.
timezone: {zone}
starts: 2035-01-29 18:00
ends: 2035-01-29 21:30
venue: {name: The Boat House, address: Quay 1}
hosts: [{name: Reading Room}]
admissions: [{key: seat, name: In person, mode: in_person, waitlist: true}]
reminders: [{key: two-days, before: 2 days}]
contact: hello@reading-room.example.org
"""


# --- the sink -----------------------------------------------------------------------


class Sink(Controller):
    """A mail server that takes every mail and keeps none; `taken` is how many."""

    def __init__(self) -> None:
        super().__init__(self, "127.0.0.1", free_port())
        self.taken = FORK.Value("i", 0)
        self.is_up = FORK.Event()

    async def handle_DATA(self, *_: object) -> str:
        with self.taken.get_lock():
            self.taken.value += 1
        return "250 OK"

    def serve(self) -> None:
        self.start()
        self.is_up.set()
        threading.Event().wait()


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """In a process of its own, as it would be on another machine."""
    server = Sink()
    process = FORK.Process(target=server.serve, daemon=True)
    process.start()
    try:
        assert server.is_up.wait(10)
        yield server
    finally:
        process.kill()
        process.join()


# --- measuring ----------------------------------------------------------------------


def at_midday() -> str:
    """In a zone where it is midday: at night nobody is reminded."""
    return EVENT.replace("{zone}", f"Etc/GMT{utcnow().hour - 12:+d}")


def measure(engine: str, count: int = MANY) -> dict[str, Any]:
    with sink() as mails, run_site(engine) as here:
        app = create_app(here.settings)
        run_rsvp("event", "import", "-", environ=here.environ, stdin=at_midday())
        write_reminders(app, count)
        visits(here)  # until all is warm
        idle = visits(here)
        with working(here, mails) as worker:
            drained = drain(worker, mails, count, here)
        bare = bare_loop(mails, some_letters(app))
        busy = drained.pop("web")
        return {
            "mails": count,
            "bare_per_s": round(bare, 1),
            **drained,
            "ratio": round(drained["per_s"] / bare, 3),
            "web_p95_ms": {"idle": p95(idle), "draining": p95(busy)},
        }


def write_reminders(app: Flask, count: int) -> None:
    """What the product's own job writes, at its time, but due now."""
    with app.app_context():
        event = event_queries.find_event("reminded")
        assert event is not None
        (reminder,) = event.reminders
        due_at = reminder.due_at
        long_lists.add_registrations(app, event, count)
        current_session().rollback()
        assert tasks.send_reminders(due_at) == count
        with writing() as session:
            mine = sa.update(table_of(Message)).values(due_at=utcnow())
            queued = Message.state == MessageState.QUEUED
            session.execute(mine.where(queued))


@contextlib.contextmanager
def working(here: Site, mails: Sink) -> Iterator[subprocess.Popen[bytes]]:
    server = {"RSVP_MAIL_SERVER": "127.0.0.1", "RSVP_MAIL_PORT": str(mails.port)}
    quiet = subprocess.DEVNULL
    command = [*RSVP_COMMAND, "worker"]
    worker = subprocess.Popen(
        command, env=here.environ | server, cwd=ROOT, stdout=quiet, stderr=quiet
    )
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


def drain(
    worker: subprocess.Popen[bytes], mails: Sink, count: int, here: Site
) -> dict[str, Any]:
    """The rate without visitors, over the second half; memory at a tenth and at the
    end. Visitors come in the first half."""
    wait_for(mails, count // 10)
    early = memory_mib(worker.pid)
    busy: list[Timing] = []
    visitor = threading.Thread(target=lambda: busy.append(visits(here)))
    visitor.start()
    visitor.join()
    began_at, began = mails.taken.value, time.monotonic()
    assert began_at < count, "it was done before the visitors were"
    wait_for(mails, count)
    seconds = time.monotonic() - began
    return {
        "per_s": round((count - began_at) / seconds, 1),
        "memory_mib": {"at a tenth": round(early, 1), "at the end": end_of(worker)},
        "web": busy[0],
    }


def end_of(worker: subprocess.Popen[bytes]) -> float:
    return round(memory_mib(worker.pid), 1)


def wait_for(mails: Sink, number: int) -> None:
    last, since = -1, time.monotonic()
    while (taken := mails.taken.value) < number:
        if taken != last:
            last, since = taken, time.monotonic()
        assert time.monotonic() - since < 60, f"it stopped at {taken} of {number}"
        time.sleep(0.01)


def visits(here: Site) -> Timing:
    return run_clients(here.port, get_page("/events/reminded"), 1, SECONDS)


def p95(timing: Timing) -> float:
    return round(timing.percentile(95), 2)


def some_letters(app: Flask) -> list[bytes]:
    with app.app_context():
        wanted = (
            sa.select(Message.id)
            .where(Message.kind == MessageKind.REMINDER)
            .order_by(Message.id)
            .limit(SAMPLE)
        )
        ids = current_session().scalars(wanted).all()
        with writing() as session:
            back = sa.update(Message).where(Message.id.in_(ids))
            session.execute(back.values(state=MessageState.QUEUED, attempts=1))
        letters = []
        for number in ids:
            message = render.load_message(Claim(number, 1))
            assert message is not None
            letters.append(render.build_mail(message, utcnow()).as_bytes())
        current_session().rollback()
        return letters


def bare_loop(mails: Sink, letters: list[bytes], seconds: float = SECONDS) -> float:
    """How many a second smtplib hands over by itself, on one connection."""
    sent, began = 0, time.monotonic()
    with smtplib.SMTP("127.0.0.1", mails.port) as host:
        while time.monotonic() - began < seconds:
            for data in letters:
                host.sendmail("rsvp@example.org", ["ada@example.org"], data)
            sent += len(letters)
    return sent / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=MANY)
    parser.add_argument("--engine", default="sqlite", choices=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.engine, chosen.count), indent=1))


if __name__ == "__main__":
    main()
