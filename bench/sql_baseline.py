"""The SQL baseline: the same SQL as a registration's, through the bare driver."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from flask import Flask

from bench.load import Timing
from rsvp.db import PRAGMAS
from rsvp.extensions import db
from tests.support.factories import make_event, register


@dataclass
class RecordedConnection:
    """Transactions that write, each a list of (statement, parameters) as sent."""

    transactions: list[list[tuple[str, Any]]] = field(default_factory=list)

    def watch(self, engine: sa.Engine) -> None:
        sa.event.listen(engine, "before_cursor_execute", self.note)
        sa.event.listen(engine, "begin", self.begin)

    def forget(self, engine: sa.Engine) -> None:
        sa.event.remove(engine, "before_cursor_execute", self.note)
        sa.event.remove(engine, "begin", self.begin)

    def begin(self, connection: sa.Connection) -> None:
        if connection.get_execution_options().get("rsvp_writing"):
            self.transactions.append([])

    def note(
        self,
        connection: sa.Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        many: bool,
    ) -> None:
        if connection.get_execution_options().get("rsvp_writing"):
            if statement.startswith("BEGIN"):
                return
            rows = parameters if many else [parameters]
            self.transactions[-1] += [(statement, row) for row in rows]


def record(app: Flask, count: int) -> list[list[tuple[str, Any]]]:
    """The SQL of that many registrations for an event without limit."""
    with app.app_context():
        event = make_event({"capacity": None})
        recorded = RecordedConnection()
        recorded.watch(db.engine)
        for _ in range(count):
            register(event, email=f"{uuid4().hex}@example.org")
        recorded.forget(db.engine)
    return recorded.transactions


def on_sqlite(path: str, transactions: list[list[tuple[str, Any]]]) -> Timing:
    """Send them again, one after the other, each its own FULL commit."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")
    timing = Timing()
    begin = time.perf_counter()
    for statements in transactions:
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for statement, parameters in statements:
            connection.execute(statement, parameters).fetchall()
        connection.execute("COMMIT")
        timing.latencies.append(time.perf_counter() - start)
    timing.seconds = time.perf_counter() - begin
    connection.close()
    return timing


def on_postgresql(
    uri: str, transactions: list[list[tuple[str, Any]]], clients: int = 8
) -> Timing:
    """Send them again over several connections, a thread each."""
    timing, lock = Timing(), threading.Lock()
    todo = iter(transactions)
    ready = threading.Barrier(clients + 1)

    def client() -> None:
        latencies = []
        with psycopg.connect(uri) as connection:
            ready.wait()
            while True:
                with lock:
                    statements = next(todo, None)
                if statements is None:
                    break
                start = time.perf_counter()
                new_id = None
                for statement, parameters in statements:
                    if new_id is not None and "registration_id" in parameters:
                        parameters = parameters | {"registration_id": new_id}
                    cursor = connection.execute(statement, parameters)
                    if cursor.description:
                        row = cursor.fetchone()
                        if "RETURNING registrations.id" in statement:
                            new_id = row[0] if row else None
                connection.commit()
                latencies.append(time.perf_counter() - start)
        with lock:
            timing.latencies += latencies

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    timing.seconds = time.perf_counter() - begin
    return timing
