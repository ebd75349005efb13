"""Serving: web processes and the worker beside them, all ended by one signal.

The application is loaded once and then forked, so that the processes share its memory.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from rsvp.cli.base import Mistake
from rsvp.extensions import db

log = logging.getLogger("rsvp.serve")

GRACE = 10
"""Seconds that requests and mails under way get to finish when the site is stopped."""
LONGEST_PAUSE = 60.0
ENDING = (signal.SIGINT, signal.SIGTERM)
fork = multiprocessing.get_context("fork")


def serve(
    app: Flask, work: Callable[[], None] | None, ready: Callable[[], None]
) -> None:
    """Serve `app` until SIGINT or SIGTERM, with a process beside it that runs `work`
    (None: without one).

    `ready` is called once the site answers. Must be called from the main thread, with
    no other threads running. Raises Mistake where the port can't be had.
    """
    host, port = app.config["HOST"], app.config["PORT"]
    refuse_taken(host, port)
    lifeline = Lifeline()
    server = Server(
        "rsvp",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=app.config["WEB_PROCESSES"],
        blocking_threads=app.config["WEB_THREADS"],
        http=HTTPModes.http1,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
    )
    server.on_startup(end_on_hangup)
    if work is not None:
        worker = Beside(work, lifeline)
        server.on_startup(worker.start)
        server.on_shutdown(worker.stop)
    server.on_startup(lambda: when_it_answers(host, port, ready))

    def load() -> Any:
        lifeline.follow_parent()
        return app

    share_memory()
    os.register_at_fork(after_in_child=heed_the_parent_alone)
    server.serve(target_loader=load, wrap_loader=False)


LOGGING = {
    "formatters": {"generic": {"format": "%(levelname)s %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {
        "_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}
    },
}


def share_memory() -> None:
    """What is loaded by now stays shared: no collection touches it after the fork."""
    # Connections must not be shared: each process opens its own.
    db.session.remove()
    db.engine.dispose()
    gc.collect()
    gc.freeze()


def heed_the_parent_alone() -> None:
    """In each child, at once: Ctrl-C is the parent's, which ends its children in order.

    A SIGTERM that comes before the child is ready ends it; the handler it inherited
    would swallow it.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def refuse_taken(host: str, port: int) -> None:
    # The server would share a taken port with whoever has it, and answer half the time.
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Mistake(
            f"port {port} on {host} can't be used: {error.strerror}; "
            "RSVP_PORT sets another"
        ) from error


def end_on_hangup() -> None:
    """A closed terminal ends the site as Ctrl-C does; under nohup it goes on."""
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def when_it_answers(host: str, port: int, ready: Callable[[], None]) -> None:
    # Where "::" is all networks there may be IPv4 alone, or IPv6 alone.
    wildcards = {"0.0.0.0": ["127.0.0.1"], "::": ["127.0.0.1", "::1"]}  # noqa: S104

    def wait() -> None:
        for _ in range(600):
            for address in wildcards.get(host, [host]):
                with contextlib.suppress(OSError):
                    socket.create_connection((address, port), 1).close()
                    ready()
                    return
            time.sleep(0.05)

    threading.Thread(target=wait, name="ready", daemon=True).start()


class Lifeline:
    """A pipe that closes when the parent is gone, however it went."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def follow_parent(self) -> None:
        """In a child: end when the parent has."""
        os.close(self.writing)
        threading.Thread(target=self.wait, name="lifeline", daemon=True).start()

    def wait(self) -> None:
        os.read(self.reading, 1)
        # To the main thread: handlers run there, and it may be asleep. Again, since one
        # that is only about to sleep does not wake from the first.
        for _ in range(GRACE):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)


class Beside:
    """A process kept running beside the server: started again when it dies."""

    def __init__(self, work: Callable[[], None], lifeline: Lifeline) -> None:
        self.work = work
        self.lifeline = lifeline
        self.stopping = threading.Event()
        self.process: Any = None

    def start(self) -> None:
        self.process = self.started()
        threading.Thread(target=self.watch, name="beside", daemon=True).start()

    def started(self) -> Any:
        process = fork.Process(target=self.run, name="worker", daemon=True)
        process.start()
        return process

    def run(self) -> None:
        """In the child: the work, until SIGTERM."""
        self.lifeline.follow_parent()
        self.work()

    def watch(self) -> None:
        for pause in growing_pauses():
            began = time.monotonic()
            self.process.join()
            if self.stopping.is_set():
                return
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = 1.0
            log.error(
                "the worker ended (exit %s); starting it again in %.0f s",
                self.process.exitcode,
                pause,
            )
            if self.stopping.wait(pause):
                return
            self.process = self.started()

    def stop(self) -> None:
        self.stopping.set()
        self.process.terminate()
        self.process.join(GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def growing_pauses() -> Iterator[float]:
    pause = 1.0
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE)


def until_told_to_stop() -> threading.Event:
    """An event that SIGINT and SIGTERM set: whoever waits on it then ends its work.

    Must be called from the main thread.
    """
    stop = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    # Not by a handler's own code: that runs in the main thread alone, which may have
    # just gone to sleep on the event, or hold its lock.
    def listen() -> None:
        while os.read(reading, 1)[0] not in ENDING:
            pass
        stop.set()

    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in ENDING:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=listen, name="signals", daemon=True).start()
    return stop
