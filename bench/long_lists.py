"""Long lists: an event with very many registrations, and what reading them takes.

`fill` is a fast way to a full database that `rsvp check` finds nothing wrong with. By
itself it prints what `measure` finds: `python -m bench.long_lists`.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import itertools
import re
import statistics
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask

from rsvp import create_app
from rsvp.db import table_of, utcnow, writing
from rsvp.domain.registrations import create
from rsvp.domain.registrations.create import RegistrationRequest, RequestedAttendee
from rsvp.models import (
    Admission,
    Attendee,
    AuditEntry,
    Event,
    GivenConsent,
    Message,
    Registration,
)
from rsvp.models.event import QuestionScope, QuestionType
from rsvp.models.message import MessageKind, MessageState
from rsvp.models.registration import State
from rsvp.queries import events as event_queries
from tests.support.factories import PASSWORD, make_user
from tests.support.live_site import Site, run_rsvp, run_site
from tests.support.process_memory import memory_mib

ORGANIZER = "ada@example.org"
DOMAINS = 8
"""Among how many mail servers the attendees are spread."""
SHORT, LONG = 100, 100_000
"""Registrations of the event that is measured, and of the one it is compared with."""

EVENT = """
slug: {}
title: Letters by the Lamp
timezone: Europe/Amsterdam
starts: 2035-01-29 18:00
ends: 2035-01-29 21:30
venue: {{name: The Boat House, address: Quay 1}}
admissions: [{{key: seat, name: In person, mode: in_person, capacity: null}}]
registration: {{required: true, party_max: 2}}
questions:
  - {{key: diet, ask: "Is there anything you don't eat?", type: text}}
  - {{key: group, ask: "Which group?", type: choice, options: [Tides, Lamps]}}
consents: [{{key: photos, text: I am fine with being in photographs.}}]
contact: hello@reading-room.example.org
"""

BATCH = 2000
"""Registrations written by one statement."""

GIVEN = ("Ada", "Zoë", "Øyvind", "Țvetana", "Li", "Amélie", "Yusuf", "Ngozi", "Søren")
FAMILY = ("Marsh", "Winter", "Quill", "Sloe", "Lindqvist", "Okafor", "Núñez", "Abe")


# --- measuring ----------------------------------------------------------------------


def measure(engine: str, count: int, times: int = 3) -> dict[str, Any]:
    """What an event with that many registrations takes of a running site: its files as
    an organizer downloads them, and its list beside that of an event with a hundred."""
    figures: dict[str, Any] = {"registrations": count}
    with run_site(engine, WEB_PROCESSES="1") as here:
        app = create_app(here.settings)
        with app.app_context():
            make_user(ORGANIZER)
        for slug, size in (("short", SHORT), ("long", count)):
            run_rsvp(
                "event", "import", "-", environ=here.environ, stdin=EVENT.format(slug)
            )
            with app.app_context():
                event = event_queries.find_event(slug)
                assert event
                add_registrations(app, event, size)
        visitor = Organizer(here)
        for kind in ("csv", "xlsx"):
            path = f"/organize/events/long/registrations.{kind}"
            figures[kind] = visitor.download(path, times)
        paths = [f"/organize/events/{slug}/registrations" for slug in ("short", "long")]
        pages = [visitor.page_time(path, times=20 * times) for path in paths]
        figures["list page"] = dict(zip(("short_ms", "long_ms"), pages, strict=True))
        short_ms, long_ms = pages
        if short_ms is not None and long_ms is not None:
            figures["list page"]["ratio"] = round(long_ms / short_ms, 2)
        figures["check"] = run_rsvp("check", environ=here.environ).strip()
    return figures


class Organizer:
    """Somebody signed in to a running site, who times what it answers."""

    def __init__(self, here: Site, email: str = ORGANIZER) -> None:
        self.here = here
        jar = http.cookiejar.CookieJar()
        cookies = urllib.request.HTTPCookieProcessor(jar)
        self.opener = urllib.request.build_opener(cookies)
        path = "/organize/sign-in"
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.ask(path).decode())
        assert found
        sent = {"email": email, "password": PASSWORD, "csrf_token": found[1]}
        self.ask(path, urlencode(sent).encode())

    def ask(self, path: str, sent: bytes | None = None) -> bytes:
        with self.opener.open(self.here.url + path, sent, timeout=600) as answer:
            body: bytes = answer.read()
            return body

    def page_time(self, path: str, times: int) -> float | None:
        """Milliseconds that a page takes, the median; None where there is no page."""
        try:
            self.ask(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            self.ask(path)
            taken.append((time.perf_counter() - start) * 1000)
        return round(statistics.median(taken), 2)

    def download(self, path: str, times: int) -> dict[str, float]:
        """Seconds to the first byte and to the last, and how far the site's memory rose
        meanwhile (MiB), each the median."""
        runs = [self.one_download(path) for _ in range(times)]
        names = runs[0].keys()
        return {n: round(statistics.median(run[n] for run in runs), 2) for n in names}

    def one_download(self, path: str) -> dict[str, float]:
        with Watch(self.here.process.pid) as watch:
            start = time.perf_counter()
            size = 0
            with self.opener.open(self.here.url + path, timeout=600) as answer:
                size += len(answer.read(1))
                first = time.perf_counter() - start
                while piece := answer.read(1 << 20):
                    size += len(piece)
            seconds = time.perf_counter() - start
        return {
            "first_byte_s": first,
            "seconds": seconds,
            "mib": size / 2**20,
            "memory_mib": watch.rise,
        }


class Watch:
    """How far the memory of a process and its children rises while something runs."""

    def __init__(self, pid: int) -> None:
        self.pid, self.rise, self.over = pid, 0.0, threading.Event()
        self.before = memory_mib(pid)
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.over.wait(0.1):
            self.rise = max(self.rise, memory_mib(self.pid) - self.before)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


# --- filling ------------------------------------------------------------------------


def add_registrations(
    app: Flask, event: Event, count: int, now: datetime | None = None
) -> None:
    """That many people register for the event's first admission, each alone, answering
    every question and ticking every box; commits. Their mails count as sent."""
    now = now or utcnow()
    references: set[str] = set()
    with app.app_context():
        people = (
            plan_new(app, event, number, now, references) for number in range(count)
        )
        for batch in batches(people, BATCH):
            with writing() as session:
                write(session, batch, now)
        # As PostgreSQL would by itself, a minute after so many rows.
        with writing() as session:
            session.execute(sa.text("ANALYZE"))


def plan_new(
    app: Flask, event: Event, number: int, now: datetime, references: set[str]
) -> create.PreparedRegistration:
    """Plan a registration whose reference is not in `references` yet, and add it: of a
    hundred thousand two are the same now and then, and here nobody tries again."""
    while (planned := plan(app, event, number, now)).row["reference"] in references:
        pass
    references.add(planned.row["reference"])
    return planned


def plan(
    app: Flask, event: Event, number: int, now: datetime
) -> create.PreparedRegistration:
    name = f"{GIVEN[number % len(GIVEN)]} {FAMILY[number % len(FAMILY)]} {number}"
    asked = {question.key: answer(question, number) for question in event.questions}
    shared = {q.key for q in event.questions if q.per == QuestionScope.REGISTRATION}
    email = f"{uuid4().hex}@{number % DOMAINS}.example.org"
    return create.prepare(
        event,
        RegistrationRequest(
            admission_id=event.admissions[0].id,
            email=email,
            email_key=email,
            party=(
                RequestedAttendee(
                    name, {k: v for k, v in asked.items() if k not in shared}
                ),
            ),
            answers={k: v for k, v in asked.items() if k in shared},
            consents={consent.id: number % 3 > 0 for consent in event.consents},
        ),
        code_key=app.config["CODE_KEY"],
        now=now,
    )


def answer(question: Any, number: int) -> Any:
    if question.type == QuestionType.YES_NO:
        return number % 2 == 0
    if question.options:
        option = question.options[number % len(question.options)]
        return [option] if question.type == QuestionType.CHOICES else option
    return f"Nothing with nuts, and table {number % 40}, please"


def write(
    session: Any, plans: list[create.PreparedRegistration], now: datetime
) -> None:
    rows = [each.row for each in plans]
    made = table_of(Registration)
    ids = session.execute(
        sa.insert(made).returning(made.c.id, sort_by_parameter_order=True), rows
    ).scalars()
    links = [{"registration_id": row_id} for row_id in ids]
    event_id = rows[0]["event_id"]
    about = [link | {"event_id": event_id} for link in links]

    def insert(model: Any, values: Iterable[dict[str, Any]]) -> None:
        if values := list(values):
            session.execute(sa.insert(table_of(model)), values)

    each = list(zip(links, plans, strict=True))
    insert(Attendee, (link | row for link, p in each for row in p.attendees))
    insert(GivenConsent, (link | row for link, p in each for row in p.consents))
    insert(
        AuditEntry,
        (
            link
            | {
                "at": now,
                "actor": "attendee",
                "verb": "register",
                "to_state": State.CONFIRMED,
                "details": {"seats": 1},
            }
            for link in about
        ),
    )
    insert(
        Message,
        (
            link
            | {
                "uuid": uuid4(),
                "kind": MessageKind.CONFIRMATION,
                "recipient": row["email"],
                "recipient_key": row["email_key"],
                "facts": {},
                "state": MessageState.SENT,
                "created_at": now,
                "due_at": now,
                "sent_at": now,
                "attempts": 1,
                "from_form": True,
            }
            for link, row in zip(about, rows, strict=True)
        ),
    )
    session.execute(
        sa.update(Admission)
        .where(Admission.id == rows[0]["admission_id"])
        .values(seats_taken=Admission.seats_taken + len(rows))
    )


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


# --- by itself ----------------------------------------------------------------------


def print_figures(figures: dict[str, dict[str, Any]]) -> None:
    """`figures` is `{engine: what measure found}`."""
    for engine, found in figures.items():
        print(f"\nlists, {engine}")
        for what, values in found.items():
            print(f"{what}: {values}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--count", type=int, default=LONG)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    for engine in chosen.engine or ["sqlite", "postgresql"]:
        print_figures({engine: measure(engine, chosen.count, chosen.times)})


if __name__ == "__main__":
    main()
