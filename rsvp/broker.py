"""Broker: notifies Celery workers right after a mail is enqueued.

It is no more than that. What there is to do stands in the database, and workers look
there by themselves: a notification that is lost delays a mail by seconds.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
import time
from typing import Any

from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Connection

from rsvp.config import UnsafeStart
from rsvp.extensions import db

log = logging.getLogger("rsvp.doorbell")

SCHEMES = ("redis://", "rediss://", "amqp://", "amqps://")
NOTIFY_PAUSE = 0.2
ERROR_PAUSE = 5.0
TASK_EXPIRES = 60
"""Seconds after which a notification that nobody took is forgotten."""


def init_app(app: Flask) -> None:
    """Notify workers after each commit that wrote a mail, if RSVP_CELERY_BROKER_URL is
    set.

    Raises UnsafeStart where that can't be a broker, or Celery is not installed.
    """
    url = app.config["CELERY_BROKER_URL"]
    if not url:
        return
    if not url.startswith(SCHEMES):
        raise UnsafeStart(
            "RSVP_CELERY_BROKER_URL must start with redis:// or amqp:// "
            "(rediss:// or amqps:// where it is encrypted)"
        )
    if not is_installed():
        raise UnsafeStart(
            "RSVP_CELERY_BROKER_URL is set but Celery is not installed: "
            "pip install 'rsvp[scale]'"
        )
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note_new_mails)
        db.engine.__dict__["rsvp_after_mails"] = WorkerNotifier(url).notify


def is_installed() -> bool:
    try:
        return importlib.util.find_spec("celery") is not None
    except ValueError:
        return False


def note_new_mails(
    connection: Connection,
    _cursor: Any,
    statement: str,
    _parameters: Any,
    _context: Any,
    _many: bool,
) -> None:
    if statement.startswith("INSERT INTO messages"):
        connection.info["rsvp_mails"] = True


class WorkerNotifier:
    """Notifies workers from a thread of its own: callers never wait, and notifications
    that come close together are one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requested = threading.Event()
        self.starting = threading.Lock()
        self.started_by: int | None = None

    def notify(self) -> None:
        if self.started_by != os.getpid():
            self.start()
        self.requested.set()

    def start(self) -> None:
        with self.starting:
            # Threads don't outlive a fork, so each process has its own.
            if self.started_by != os.getpid():
                self.requested = threading.Event()
                self.started_by = os.getpid()
                threading.Thread(
                    target=self.run_thread, name="doorbell", daemon=True
                ).start()

    def run_thread(self) -> None:
        celery = make_celery(self.url, **notifier_settings(self.url))
        is_broken = False
        while True:
            self.requested.wait()
            self.requested.clear()
            try:
                celery.send_task("rsvp.deliver", expires=TASK_EXPIRES, retry=False)
                is_broken = False
                time.sleep(NOTIFY_PAUSE)
            except Exception as error:
                # Whatever it is: mails go out all the same, a little later.
                if not is_broken:
                    name = type(error).__name__
                    log.warning("the broker can't be reached (%s)", name)
                is_broken = True
                time.sleep(ERROR_PAUSE)


BROKER_TIMEOUT = 2
"""Seconds within which a broker answers, or is left alone."""


def notifier_settings(url: str) -> dict[str, Any]:
    """Return the settings for whoever only notifies: each step of it ends soon, also
    where a broker takes the connection and says nothing, or its machine has
    vanished."""
    if url.startswith("amqp"):
        ends = {"read_timeout": BROKER_TIMEOUT, "write_timeout": BROKER_TIMEOUT}
    else:
        ends = {
            "socket_timeout": BROKER_TIMEOUT,
            "socket_connect_timeout": BROKER_TIMEOUT,
        }
    return {
        "broker_connection_timeout": BROKER_TIMEOUT,
        "broker_transport_options": {
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.2,
            **ends,
        },
    }


def make_celery(url: str, **more: Any) -> Any:
    """Make the Celery application on that broker, as all who notify or listen must have
    it."""
    from celery import Celery

    celery = Celery("rsvp", broker=url, set_as_current=False)
    celery.conf.update(
        task_default_queue="rsvp",
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        **more,
    )
    return celery
