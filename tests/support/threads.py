"""Threads: a call in the background, held until it waits for a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import text

from rsvp.extensions import db

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
SECONDS = 60


class BackgroundCall:
    """Something done in a thread of its own; `result()` once it has ended."""

    def __init__(self, app: Flask, do: Callable[..., Any], *args: Any) -> None:
        self.came: list[Any] = []
        self.raised: list[BaseException] = []
        self.thread = threading.Thread(target=self.run, args=(app, do, *args))
        self.thread.start()

    def run(self, app: Flask, do: Callable[..., Any], *args: Any) -> None:
        with app.app_context():
            try:
                self.came.append(do(*args))
            except BaseException as error:
                self.raised.append(error)
            finally:
                db.session.remove()

    def until_it_waits(self, waiting: int = 1) -> None:
        """Until it (and others: so many in all) waits for a lock that another
        transaction has, or has ended.

        On SQLite whoever writes has the database alone: there is nothing to wait for.
        """
        if db.engine.dialect.name == "sqlite":
            return
        ends_at = time.monotonic() + SECONDS
        with db.engine.connect() as looking:
            while (
                self.thread.is_alive()
                and (looking.execute(WAITING).scalar() or 0) < waiting
            ):
                looking.rollback()
                assert time.monotonic() < ends_at, "it neither waits nor ends"
                time.sleep(0.005)

    def result(self) -> Any:
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        if self.raised:
            raise self.raised[0]
        return self.came[0]
